package panel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/kiosk/panel"
	"hailong/survey"
)

// desk is a counter with one panel of buttons, a recorder with the repeat rule, and a real
// journal. It lives inside a bubble of synctest: its time is the bubble's, which begins
// at 0, and nobody waits for it.
type desk struct {
	*panel.Panel
	t       *testing.T
	slow    *slow
	led     string // a file in place of the light's
	journal *journal.Journal
	began   time.Time
	ending  func() // ends the panel
	stop    func() // ends everything

	mu      sync.Mutex
	plugged *panel.Port // nil = there is no device
	held    []uint16
	why     error // why it cannot be opened
	told    []string
	thanked []time.Duration
	refused int
}

// atDesk lets a story happen at a desk.
func atDesk(t *testing.T, d panel.Device, story func(*desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := sit(t, d)
		story(s)
		s.stop()
	})
}

func sit(t *testing.T, d panel.Device) *desk {
	s := &desk{t: t, led: filepath.Join(t.TempDir(), "brightness"), began: time.Now(), why: fs.ErrNotExist}
	// A program that was killed left the light on.
	if err := os.WriteFile(s.led, []byte("255"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Kiosk: "K-1"})
	if err != nil {
		t.Fatal(err)
	}
	s.journal, s.slow = j, &slow{Journal: j}
	recorder := kiosk.NewRecorder(kiosk.Settings{Catalogue: survey.NewCatalogue(quick()), Counters: []survey.CounterCode{"H-1", "H-2"}, Repeat: 5 * time.Second}, s.slow)
	if d.Path == "" {
		d.Path = "/dev/input/by-id/usb-keypad"
	}
	if d.Kept == (panel.Signal{}) {
		d.Kept.LED = s.led
	}
	s.Panel = panel.New(d, panel.Options{
		Record: recorder.Record, Clock: s, Open: s.open,
		Ask:       func() (string, survey.QuestionCode) { return "quick", "Z0" },
		Tell:      func(w survey.Words) { s.mu.Lock(); s.told = append(s.told, w.In(survey.English)); s.mu.Unlock() },
		OnRefused: func(survey.CounterCode) { s.mu.Lock(); s.refused++; s.mu.Unlock() },
		OnKept:    func(survey.CounterCode) { s.mu.Lock(); s.thanked = append(s.thanked, s.Now()); s.mu.Unlock() },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	s.ending = func() { cancel(); <-done }
	s.stop = sync.OnceFunc(func() {
		s.ending()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Now implements [panel.Clock].
func (s *desk) Now() time.Duration { return time.Since(s.began) }

// After implements [panel.Clock].
func (s *desk) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (s *desk) open(panel.Device) (*panel.Port, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plugged == nil {
		return nil, s.why
	}
	return s.plugged, nil
}

// wire is a device: what is written into it the panel reads, and what the panel writes is
// kept.
type wire struct {
	*io.PipeReader
	mu   sync.Mutex
	sent []byte
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, b...)
	return len(b), nil
}

// socket is where a device is plugged in.
type socket struct {
	*io.PipeWriter
	wire *wire
	desk *desk
}

// sent is what the panel has written.
func (k *socket) sent() []byte {
	synctest.Wait()
	k.wire.mu.Lock()
	defer k.wire.mu.Unlock()
	return slices.Clone(k.wire.sent)
}

// plug puts a device in, and waits until the panel has found it.
func (s *desk) plug(l panel.Layout, held ...uint16) *socket {
	s.t.Helper()
	r, w := io.Pipe()
	dev := &wire{PipeReader: r}
	p := &panel.Port{ReadWriteCloser: dev, Name: "USB Keypad", Layout: l, Held: s.heldNow}
	s.hold(held...)
	s.mu.Lock()
	s.plugged = p
	s.mu.Unlock()
	for !s.State().Open {
		time.Sleep(100 * time.Millisecond)
	}
	return &socket{w, dev, s}
}

// hold says which keys the device says are down, when it is asked.
func (s *desk) hold(codes ...uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = codes
}

func (s *desk) heldNow() ([]uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, nil
}

// unplug takes it out.
func (k *socket) unplug() {
	k.desk.mu.Lock()
	k.desk.plugged = nil
	k.desk.mu.Unlock()
	_ = k.CloseWithError(syscall.ENODEV)
	synctest.Wait()
}

// play lets a recorded stream happen, each event at its time after now, up to end (0 = all
// of it), and some seconds more.
func (k *socket) play(name string, l panel.Layout, end time.Duration) {
	k.desk.t.Helper()
	from := k.desk.Now()
	for _, m := range stream(k.desk.t, name, l) {
		if end > 0 && m.at >= end {
			time.Sleep(from + end - k.desk.Now())
			synctest.Wait()
			return
		}
		time.Sleep(from + m.at - k.desk.Now())
		if _, err := k.Write(stamp(m.bytes, from+m.at)); err != nil {
			k.desk.t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

// slow is a journal whose disk takes its time, or fails as it is told.
type slow struct {
	kiosk.Journal
	mu     sync.Mutex // protects the rest
	takes  time.Duration
	fail   func(n int, keep func() (survey.Entry, bool, error)) (survey.Entry, bool, error) // nil = it does not
	n      int
	hangs  bool   // it never answers
	forget bool   // it finds no record by its identity
	before func() // called all the time that a press is on its way to the disk
}

// disk changes how the disk is from now on.
func (s *desk) disk(change func(*slow)) {
	s.slow.mu.Lock()
	defer s.slow.mu.Unlock()
	change(s.slow)
}

// Append implements [kiosk.Journal].
func (j *slow) Append(ctx context.Context, d survey.Draft) (survey.Entry, bool, error) {
	j.mu.Lock()
	j.n++
	n, takes, hangs, fail, look := j.n, j.takes, j.hangs, j.fail, j.before
	j.mu.Unlock()
	for end := time.Now().Add(takes); look != nil; time.Sleep(10 * time.Millisecond) {
		synctest.Wait() // whatever happens at this moment has happened
		if look(); !time.Now().Before(end) {
			break
		}
	}
	if look == nil {
		time.Sleep(takes)
	}
	if hangs {
		<-ctx.Done()
		return survey.Entry{}, false, fmt.Errorf("sync: %w", kiosk.ErrUnknown)
	}
	keep := func() (survey.Entry, bool, error) { return j.Journal.Append(ctx, d) }
	if fail != nil {
		return fail(n, keep)
	}
	return keep()
}

// Get implements [kiosk.Journal].
func (j *slow) Get(id survey.RecordID) (survey.Entry, bool, error) {
	j.mu.Lock()
	forget := j.forget
	j.mu.Unlock()
	if forget {
		return survey.Entry{}, false, nil
	}
	return j.Journal.Get(id)
}

// list are the records in the journal, each in a few words, the first record first.
func (s *desk) list() (out []string) {
	s.t.Helper()
	for seq := uint64(1); seq <= s.journal.Head().Sequence; seq++ {
		e, ok, err := s.journal.Get(survey.RecordID{Chain: s.journal.Chain(), Sequence: seq})
		if err != nil || !ok {
			s.t.Fatalf("record %d: %v", seq, err)
		}
		r := e.Response
		if r.Channel != survey.Button || len(r.Answers) != 1 || r.Answers[0].Question != "Z0" || r.Answers[0].Kind != survey.AtLevel {
			s.t.Errorf("record %d is %+v", seq, r)
		}
		word := fmt.Sprint(r.Answers[0].Level)
		if r.Counter != "H-1" {
			word += " at " + string(r.Counter)
		}
		if !r.Replaces.IsZero() {
			word += fmt.Sprintf(" for #%d", r.Replaces.Sequence)
		}
		for _, f := range r.Flags {
			word += " " + string(f)
		}
		out = append(out, word)
	}
	return out
}

// want checks what the journal holds.
func (s *desk) want(records ...string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.list(); !slices.Equal(got, records) {
		s.t.Errorf("the journal holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(records, "\n"))
	}
}

// said checks that something was told, and how often.
func (s *desk) said(part string, times int) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, line := range s.told {
		if strings.Contains(line, part) {
			n++
		}
	}
	if n != times {
		s.t.Errorf("%q was said %d times, want %d; said was\n%s", part, n, times, strings.Join(s.told, "\n"))
	}
}

// lit is whether the light is on.
func (s *desk) lit() bool {
	b, err := os.ReadFile(s.led)
	if err != nil {
		s.t.Error(err)
	}
	return string(b) == "255"
}

// thanks are when the panel said that a press was kept.
func (s *desk) thanks() []time.Duration {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.thanked)
}

// keypad is the panel that the recorded streams are of.
func keypad() panel.Device {
	d := panel.Device{Kind: panel.Keys, Keys: map[string]survey.Level{}}
	for l := survey.Level(1); l <= 5; l++ {
		d.Keys[fmt.Sprintf("KEY_KP%d", l)], d.Keys[fmt.Sprintf("BTN_%d", l)] = l, l
	}
	return d
}

func quick() *survey.Questionnaire {
	s := survey.Scale{Code: "faces5"}
	for l := survey.Level(1); l <= 5; l++ {
		s.Levels = append(s.Levels, survey.ScaleLevel{Value: l, Words: survey.Words{"vi": fmt.Sprint(l)}, Satisfied: l > 3})
	}
	return &survey.Questionnaire{
		Code: "quick", Title: survey.Words{"vi": "Đánh giá nhanh"}, Scales: []survey.Scale{s},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "faces5", Words: survey.Words{"vi": "Nhìn chung?"}}},
	}
}

var errBroken = errors.New("the disk does not answer")

// failures is how many presses the screen heard that they are not kept.
func (s *desk) failures() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}
