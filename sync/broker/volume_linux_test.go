package broker_test

import (
	"syscall"
	"testing"

	"hailong/sync/broker"
)

// smallVolume is a volume of 4 MiB in memory. Only root may make one.
func smallVolume(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("SKIPPED: no small volume can be mounted here (root is needed): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// The stream never takes more than a quarter of its volume, whatever is set.
func TestTheStreamLeavesRoomOnTheVolume(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *broker.Options) { o.Dir = smallVolume(t) })
	if got := maxBytes(t, b); got != 1<<20 {
		t.Errorf("of a volume of 4 MiB the stream may take %d bytes", got)
	}
	small := start(t, func(o *broker.Options) { o.MaxBytes = 1 << 16 })
	if got := maxBytes(t, small); got != 1<<16 {
		t.Errorf("where 64 KiB are set the stream may take %d bytes", got)
	}
}
