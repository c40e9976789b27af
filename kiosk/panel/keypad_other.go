//go:build !linux || !(amd64 || arm64 || arm || 386 || riscv64)

package panel

import (
	"fmt"
	"time"
)

// openKeypad says that there are no keypads on this system.
func openKeypad(path string) (*Port, error) { return nil, fmt.Errorf("open %s: %w", path, ErrNotHere) }

// monotonic is a clock that never goes back.
func monotonic() time.Duration { return time.Since(began) }

var began = time.Now()
