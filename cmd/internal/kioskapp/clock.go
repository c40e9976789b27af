package kioskapp

import (
	"os"
	"runtime"
)

// hasHardwareClock reports whether the box has a clock that goes on while it is off.
// Small boards mostly have none; personal computers and virtual machines always have.
func hasHardwareClock() bool {
	if runtime.GOOS != "linux" || runtime.GOARCH == "amd64" || runtime.GOARCH == "386" {
		return true
	}
	clocks, err := os.ReadDir("/sys/class/rtc")
	return err == nil && len(clocks) > 0
}
