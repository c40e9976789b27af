//go:build !windows

package centreapp

import (
	"errors"
	"os"
	"syscall"
)

// holdFile takes the lock by which a store keeps other programs out; held is false where
// another program has it.
func holdFile(path string) (release func() error, held bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f.Close, true, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, false, errors.Join(err, f.Close())
}
