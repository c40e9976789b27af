//go:build !linux

package centreapp

import (
	"path/filepath"
	"strings"
)

// sameDevice reports whether two folders lie on the same device, as far as their paths
// tell: on systems other than Linux only drives are told apart.
func sameDevice(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX != nil || errY != nil || strings.EqualFold(filepath.VolumeName(x), filepath.VolumeName(y))
}

// freeBytes is not known here.
func freeBytes(string) (free int64, known bool) { return 0, false }
