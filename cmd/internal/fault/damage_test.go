//go:build linux

package fault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// harm is done to a file while nobody has it open.
type harm struct {
	name string
	do   func(s *stage, path string) error
}

var harms = []harm{
	{"empty", func(_ *stage, path string) error { return os.Truncate(path, 0) }},
	{"cut short", func(s *stage, path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, s.rnd.Int64N(info.Size()))
	}},
	{"zeroed at its beginning", func(_ *stage, path string) error { return overwrite(path, 0, make([]byte, 3*blockSize)) }},
	{"zeroed in the middle", func(s *stage, path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return overwrite(path, s.rnd.Int64N(info.Size()), make([]byte, blockSize))
	}},
	{"with flipped bits", flip},
	{"another file", func(s *stage, path string) error {
		b, err := os.ReadFile(filepath.Join(s.Centre.Data, "store.db")) // bbolt, and not a journal
		if err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o600)
	}},
	{"missing", func(_ *stage, path string) error { return os.Remove(path) }},
}

// overwrite writes into a file, which does not grow.
func overwrite(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && at < info.Size() {
		_, err = f.WriteAt(b[:min(int64(len(b)), info.Size()-at)], at)
	}
	return errors.Join(err, f.Close())
}

// flip turns one bit in each of some places of a file.
func flip(s *stage, path string) error {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return err
	}
	for range 1 + s.rnd.IntN(20) {
		b[s.rnd.IntN(len(b))] ^= 1 << s.rnd.IntN(8)
	}
	return os.WriteFile(path, b, 0o600)
}

// damaged harms a kiosk's journal with presses in it that nobody else has. They are
// counted, or lie in the loss that the kiosk declares and the aggregator tells of.
func damaged(patterns ...string) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{})
		k := s.Kiosks[0]
		s.while(300 * time.Millisecond)
		s.crowd.Stop()
		s.resolve()
		s.settled() // the crowd's comments, too, which the log does not hold
		s.Centre.Process.Kill()
		for n := range 1 + s.rnd.IntN(20) {
			s.thanked(fmt.Sprint("unsent-", n))
		}
		if s.rnd.IntN(2) == 0 {
			k.Process.Kill()
		} else if err := k.Process.Stop(stopWithin); err != nil {
			t.Fatal(err)
		}
		missed := false
		for _, pattern := range patterns {
			missed = !s.harm(filepath.Join(k.Data, "journal", pattern)) || missed
		}
		if len(patterns) == 0 {
			t.Log("the journal's folder is removed")
			if err := os.RemoveAll(filepath.Join(k.Data, "journal")); err != nil {
				t.Fatal(err)
			}
		}
		s.again(s.Centre)
		s.again(k)
		for n := range 3 {
			s.press(fmt.Sprint("after-", n)) // it may meet the damage only now
		}
		return s.calm().but(missed)
	}
}

// harm harms the newest file that fits a pattern, and reports whether it is another one
// than before.
func (s *stage) harm(pattern string) bool {
	s.t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no file %s: %v", pattern, err)
	}
	h := harms[s.rnd.IntN(len(harms))]
	path := slices.Max(files)
	before, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for range 20 { // what stands in the middle may be zeros already
		if err := h.do(s, path); err != nil {
			s.t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			s.t.Logf("%s is %s", filepath.Base(path), h.name)
			return true
		}
	}
	return false
}
