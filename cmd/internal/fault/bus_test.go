//go:build linux

package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// ballast fills a small volume to the last byte.
func ballast(t *testing.T, folder string) (free func()) {
	t.Helper()
	path := filepath.Join(folder, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, blockSize, 1} {
		for piece := bytes.Repeat([]byte{1}, size); err == nil; {
			_, err = f.Write(piece)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// smallVolume mounts a volume of some MB, in memory, on a folder of a new one.
func smallVolume(t *testing.T, name string, megabytes int) (parent, path string) {
	t.Helper()
	needRoot(t)
	parent = t.TempDir()
	path = filepath.Join(parent, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("small", path, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%dm,mode=700", megabytes)); err != nil {
		t.Fatalf("mount a small volume: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) }) // a folder of the test
	return parent, path
}

// busFull fills the volume of the message server's files and frees it again. Nobody
// touches the aggregator.
func busFull(t *testing.T, seed uint64) Result {
	data, nats := smallVolume(t, "nats", 8)
	s := newStage(t, seed, SiteOptions{CentreData: data})
	s.while(300 * time.Millisecond)
	free := ballast(t, nats)
	told := s.unready(s.Centre)
	free()
	s.repair = time.Now()
	r := s.end()
	if told != nil {
		r.Violations = append(r.Violations, "I9: "+told.Error())
	}
	return r
}

// unwellWithin is how long an aggregator may take to notice that its message server takes
// nothing: some canaries must go unanswered.
const unwellWithin = 45 * time.Second

// unready waits until a program says that it is not ready, or has ended by itself.
func (s *stage) unready(b *Box) error {
	return poll(unwellWithin, func() error {
		if !b.Process.Running() {
			return nil
		}
		status, err := Call(http.MethodGet, b.URL+"/readyz", "", nil, nil)
		if err == nil {
			return fmt.Errorf("%s goes on saying that it is ready", filepath.Base(b.Command.Path))
		}
		if status == 0 {
			return err
		}
		return nil
	})
}

// storeFull fills the aggregator's disk, and makes room again. A supervisor starts the
// aggregator if it ends.
func storeFull(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{CentreData: data})
	s.while(300 * time.Millisecond)
	m.disk.SetLimit(m.disk.Used() + s.rnd.Int64N(4)*blockSize)
	told := s.unready(s.Centre)
	missed := m.disk.Full() == 0
	m.disk.SetLimit(0)
	s.restartIfEnded(s.Centre)
	r := s.end().but(missed)
	if told != nil {
		r.Violations = append(r.Violations, "I9: "+told.Error())
	}
	return r
}

// streamHarmed does something to the message server's files while it is down.
func streamHarmed(do func(s *stage, folder string)) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{Kiosks: 2})
		s.while(300 * time.Millisecond)
		s.Centre.Process.Kill()
		do(s, filepath.Join(s.Centre.Data, "nats"))
		s.while(100 * time.Millisecond)
		s.again(s.Centre)
		return s.end()
	}
}

func streamDeleted(s *stage, folder string) {
	if err := os.RemoveAll(folder); err != nil {
		s.t.Fatal(err)
	}
}

// streamFlipped flips bits in every file, or cuts it short.
func streamFlipped(s *stage, folder string) {
	harmed := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		harmed++
		if s.rnd.IntN(3) == 0 {
			return os.Truncate(path, s.rnd.Int64N(info.Size()))
		}
		return flip(s, path)
	})
	if err != nil || harmed == 0 {
		s.t.Fatalf("%d files of the message server were harmed: %v", harmed, err)
	}
}
