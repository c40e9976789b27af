package panel_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/panel"
	"hailong/survey"
)

var layouts = map[string]panel.Layout{"64 bit": panel.Layout64, "32 bit": panel.Layout32}

// Every recorded stream makes exactly these records in the journal, on either machine.
func TestRecordedStreamsMakeExactlyThesePresses(t *testing.T) {
	for _, c := range []struct {
		stream string
		held   []uint16 // what the kernel says when it is asked
		want   []string
		told   string
	}{
		{"keypad", nil, []string{"1", "2", "3", "4", "5"}, ""},
		{"held", nil, []string{"5"}, ""},
		{"bounce", nil, []string{"1", "5", "3"}, ""},
		{"tremor", nil, []string{"4", "4 too_soon", "2", "2 too_soon", "3", "3 too_soon", "4", "4 too_soon"}, ""},
		{"palm", nil, []string{"2", "4", "5 for #2"}, "two keys went down together"},
		{"mind", nil, []string{"5", "2 for #1", "3", "3 too_soon", "1 for #3"}, ""},
		{"dropped", []uint16{75}, []string{"1", "4", "2"}, "the system dropped events"},
		{"stuck", nil, []string{"3", "5", "3"}, "KEY_KP3 has been down for more than 30s"},
		{"strange", nil, []string{"1"}, "KEY_NUMLOCK was pressed and is not in keys"},
	} {
		for name, layout := range layouts {
			t.Run(c.stream+", "+name, func(t *testing.T) {
				atDesk(t, keypad(), func(s *desk) {
					k := s.plug(layout)
					s.hold(c.held...)
					k.play(c.stream, layout, 0)
					s.want(c.want...)
					if c.told != "" {
						s.said(c.told, 1)
					}
					if n := len(s.thanks()); n != len(c.want) {
						t.Errorf("%d thanks for %d records", n, len(c.want))
					}
				})
			})
		}
	}
}

// With a disk that takes 400 ms for each record the presses are the same, each is thanked
// once, and not before it is on disk.
func TestADiskThatTakes400Milliseconds(t *testing.T) {
	for name, want := range map[string][]string{
		"tremor": {"4", "4 too_soon", "2", "2 too_soon", "3", "3 too_soon", "4", "4 too_soon"},
		"mind":   {"5", "2 for #1", "3", "3 too_soon", "1 for #3"},
		"palm":   {"2", "4", "5 for #2"},
	} {
		atDesk(t, keypad(), func(s *desk) {
			s.disk(func(d *slow) { d.takes = 400 * time.Millisecond })
			k := s.plug(panel.OwnLayout)
			k.play(name, panel.OwnLayout, 0)
			s.want(want...)
			for i, at := range s.thanks() {
				e, _, err := s.journal.Get(survey.RecordID{Chain: s.journal.Chain(), Sequence: uint64(i + 1)})
				if err != nil || s.began.Add(at).Before(e.At) {
					t.Errorf("%s: thanks %d at %s, before its record (%v)", name, i+1, at, err)
				}
			}
			if n := len(s.thanks()); n != len(want) {
				t.Errorf("%s: %d thanks for %d records", name, n, len(want))
			}
		})
	}
}

// The light comes on after the disk has answered, never before.
func TestTheLightWaitsForTheDisk(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		s.disk(func(d *slow) { d.takes = 400 * time.Millisecond })
		looks := 0
		s.slow.before = func() {
			looks++
			if s.lit() {
				t.Error("the light is on while the press is not on disk")
			}
		}
		k := s.plug(panel.Layout64)
		k.play("keypad", panel.Layout64, 1500*time.Millisecond)
		synctest.Wait()
		if looks < 40 || !s.lit() {
			t.Errorf("after the disk: light %v, %d looks", s.lit(), looks)
		}
		time.Sleep(400 * time.Millisecond)
		if s.lit() {
			t.Error("the light stays on")
		}
	})
}

// Whatever the level, the light and the keypad's own signs come at the same time after the
// key, stay as long, and are the same: nobody who watches learns which key it was.
func TestEveryLevelLooksAlike(t *testing.T) {
	seen := map[string][]survey.Level{}
	for level := survey.Level(1); level <= 5; level++ {
		d := keypad()
		d.Kept = panel.Signal{Light: "LED_NUML", Tone: 880}
		atDesk(t, d, func(s *desk) {
			k := s.plug(panel.Layout64)
			press(k, fmt.Sprintf("KEY_KP%d", level))
			var line strings.Builder
			for range 600 {
				time.Sleep(time.Millisecond)
				fmt.Fprintf(&line, "%x;", k.sent())
			}
			s.want(fmt.Sprint(level))
			if len(k.sent()) == 0 {
				t.Error("the keypad got no sign")
			}
			seen[line.String()] = append(seen[line.String()], level)
		})
	}
	if len(seen) != 1 {
		t.Errorf("levels that look alike: %v", seen)
	}
}

// A light that is not there is told of at the start. Presses are kept and thanked without.
func TestALightThatIsNotThere(t *testing.T) {
	d := keypad()
	d.Kept.LED = "/sys/class/leds/none-of-that-name/brightness"
	atDesk(t, d, func(s *desk) {
		time.Sleep(time.Second)
		s.said("a signal cannot be given: turn the light: open /sys/class/leds/none-of-that-name/brightness", 1)
		press(s.plug(panel.Layout64), "KEY_KP5")
		time.Sleep(time.Second)
		s.want("5")
		if len(s.thanks()) != 1 {
			t.Error("nobody was thanked")
		}
	})
}

// press lets a key go down for 80 ms.
func press(k *socket, name string) {
	k.desk.t.Helper()
	codes := map[string]uint16{"KEY_KP1": 79, "KEY_KP2": 80, "KEY_KP3": 81, "KEY_KP4": 75, "KEY_KP5": 76}
	code, known := codes[name]
	if !known {
		k.desk.t.Fatalf("no key %s", name)
	}
	k.key(code, 1)
	time.Sleep(80 * time.Millisecond)
	k.key(code, 0)
}

// key lets a key go down (1) or up (0), with its report.
func (k *socket) key(code uint16, value byte) {
	k.desk.t.Helper()
	for _, e := range [][]byte{{1, 0, byte(code), byte(code >> 8), value, 0, 0, 0}, make([]byte, 8)} {
		if _, err := k.Write(stamp(append(make([]byte, 16), e...), k.desk.Now())); err != nil {
			k.desk.t.Fatal(err)
		}
	}
}

// A keypad that is unplugged in the middle of a press and plugged in again loses nothing,
// counts nothing twice, and people hear of it.
func TestUnpluggedAndPluggedInAgain(t *testing.T) {
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			atDesk(t, keypad(), func(s *desk) {
				time.Sleep(5 * time.Second)
				s.said("the device is not there", 1)
				k := s.plug(layout)
				k.play("keypad", layout, 13020*time.Millisecond) // KP3 has just gone down
				k.unplug()
				time.Sleep(30 * time.Second)
				s.said("was unplugged, or failed (no such device)", 1)
				if st := s.State(); st.Open || len(st.Worries) != 1 || !strings.Contains(st.Worries[0].In(survey.Vietnamese), "không thấy thiết bị") {
					t.Errorf("unplugged: %+v", st)
				}
				k = s.plug(layout)
				k.play("keypad", layout, 8*time.Second)
				s.want("1", "2", "3", "1", "2")
				s.said(`the device ("USB Keypad") is there, and its buttons are recorded`, 2)
				if st := s.State(); !st.Open || len(st.Worries) != 0 || st.Kept != 5 || st.Refused != 0 {
					t.Errorf("plugged in again: %+v", st)
				}
			})
		})
	}
}

// A key that is down when the device comes is no press; it may be stuck, and is again
// after the device went and came.
func TestAKeyThatIsDownWhenTheDeviceComes(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		k := s.plug(panel.Layout64, 81, 30) // KP3, and a key that is not in the mapping
		time.Sleep(31 * time.Second)
		s.said("KEY_KP3 has been down", 1)
		if st := s.State(); len(st.Worries) != 1 {
			t.Errorf("worries %v", st.Worries)
		}
		press(k, "KEY_KP5")
		k.unplug()
		if st := s.State(); len(st.Worries) != 1 || strings.Contains(st.Worries[0].In(survey.English), "KP3") {
			t.Errorf("of a device that is gone: %v", st.Worries)
		}
		k = s.plug(panel.Layout64)
		press(k, "KEY_KP3")
		time.Sleep(time.Second)
		s.want("5", "3 for #1")
		if st := s.State(); len(st.Worries) != 0 {
			t.Errorf("worries %v", st.Worries)
		}
	})
}

// A keypad that another program holds is not used: its keys would reach the browser, too.
func TestAKeypadThatIsNotOursAlone(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		s.mu.Lock()
		s.why = fmt.Errorf("%w: device or resource busy", panel.ErrNotGrabbed)
		s.mu.Unlock()
		time.Sleep(time.Minute)
		s.said("a press would count twice", 1)
		if st := s.State(); st.Open || len(st.Worries) != 1 || !strings.Contains(st.Worries[0].In(survey.English), "cannot be had alone") {
			t.Errorf("%+v", st)
		}
		press(s.plug(panel.Layout64), "KEY_KP4")
		time.Sleep(time.Second)
		s.want("4")
	})
}

// Where it is not known whether a press was kept it is tried again with the same key: once
// in the journal, once thanked.
func TestAnUnknownOutcomeIsSettledWithTheSameKey(t *testing.T) {
	for name, kept := range map[string]bool{"it was kept": true, "it was not kept": false} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, keypad(), func(s *desk) {
				s.slow.fail = func(n int, keep func() (survey.Entry, bool, error)) (survey.Entry, bool, error) {
					switch {
					case n == 1 && kept:
						if _, _, err := keep(); err != nil {
							t.Error(err)
						}
						fallthrough
					case n == 1:
						return survey.Entry{}, false, fmt.Errorf("sync: %w", kiosk.ErrUnknown)
					case !kept && n < 45: // the journal is closed, and looked at: this settles nothing
						return survey.Entry{}, false, errBroken
					}
					return keep()
				}
				k := s.plug(panel.Layout64)
				press(k, "KEY_KP5")
				time.Sleep(time.Second)
				press(k, "KEY_KP1")
				time.Sleep(20 * time.Second)
				s.want("5", "1 for #1")
				if st := s.State(); st.Kept != 2 || st.Refused != 0 || len(s.thanks()) != 2 {
					t.Errorf("%+v, thanked %v", st, s.thanks())
				}
			})
		})
	}
}

// A press that was not kept is told, and shown by a sign of its own that is not thanks.
func TestAPressThatIsNotKept(t *testing.T) {
	d := keypad()
	d.Failed = panel.Signal{Tone: 220}
	atDesk(t, d, func(s *desk) {
		s.slow.fail = func(int, func() (survey.Entry, bool, error)) (survey.Entry, bool, error) {
			return survey.Entry{}, false, kiosk.ErrFull
		}
		s.slow.before = func() {
			if s.lit() {
				t.Error("the light of thanks is on")
			}
		}
		k := s.plug(panel.Layout64)
		press(k, "KEY_KP5")
		time.Sleep(200 * time.Millisecond)
		if len(k.sent()) != 48 || s.lit() {
			t.Errorf("the keypad was sent %x, light %v", k.sent(), s.lit())
		}
		time.Sleep(10 * time.Second)
		k.key(79, 1) // two keys at once get the same sign: on, and off
		k.key(80, 1)
		time.Sleep(10 * time.Second)
		if got := k.sent(); len(got) != 4*48 || !slices.Equal(got[:2*48], got[2*48:]) {
			t.Errorf("the keypad was sent %x", got)
		}
		k.key(79, 0)
		k.key(80, 0)
		s.disk(func(d *slow) { d.fail, d.before = nil, nil })
		time.Sleep(time.Second)
		press(k, "KEY_KP4")
		time.Sleep(10 * time.Second)
		s.want("4")
		s.said("a press was not kept: keep the answer: the disk is full", 1)
		if st := s.State(); st.Kept != 1 || st.Refused != 1 || len(s.thanks()) != 1 || s.failures() != 1 {
			t.Errorf("%+v, thanked %v, told of %d", st, s.thanks(), s.failures())
		}
	})
}

// While the disk hangs presses wait, up to 32; those beyond are counted, told and not
// thanked. A repeat is judged by when it was pressed, not by when the disk got to it, and
// who has gone is not thanked.
func TestADiskThatHangs(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		s.disk(func(d *slow) { d.takes = 7 * time.Second })
		k := s.plug(panel.Layout64)
		for range 40 {
			press(k, "KEY_KP5")
			time.Sleep(70 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		want := append([]string{"5"}, slices.Repeat([]string{"5 too_soon"}, 32)...)
		s.want(want...)
		if st := s.State(); st.Kept != 33 || st.Refused != 7 {
			t.Errorf("%+v", st)
		}
		if got := s.thanks(); len(got) != 1 {
			t.Errorf("thanks at %v", got)
		}
		s.said("a press was not kept: 32 presses wait for the disk already", 4)
		press(k, "KEY_KP1")
		time.Sleep(10 * time.Minute)
		s.want(append(want, "1")...)
		s.disk(func(d *slow) { d.takes = 0 })
		for range 40 { // one by one they are all taken
			press(k, "KEY_KP1")
			time.Sleep(6 * time.Second)
		}
		if st := s.State(); st.Kept != 74 || st.Refused != 7 {
			t.Errorf("%+v", st)
		}
	})
}

// A button box: its words are presses, its noise is not, and people hear of the noise
// without end being told.
func TestAButtonBox(t *testing.T) {
	d := panel.Device{Path: "/dev/serial/by-id/usb-box", Kind: panel.Serial, Counter: "H-2",
		Keys: map[string]survey.Level{"1": 1, "2": 2, "3": 3, "4": 4, "BEST": 5}, Kept: panel.Signal{Send: "OK\n"}}
	atDesk(t, d, func(s *desk) {
		k := s.plug(0)
		send := func(wait time.Duration, text string) {
			if _, err := k.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
		}
		send(20*time.Second, "BE")
		send(20*time.Second, "ST\r\n")
		send(150*time.Millisecond, "4\n") // a tremor
		send(20*time.Second, "4\n")
		send(10*time.Millisecond, "3\n") // a contact that bounces
		send(20*time.Second, "3\n")
		send(12*time.Millisecond, "1\n") // a palm
		send(20*time.Second, "2\n")
		send(1*time.Second, "2\n") // a change of mind
		send(20*time.Second, "1\n")
		for range 500 {
			send(time.Second, "hello\n")
		}
		send(time.Second, strings.Repeat("\x00\xff~", 4000)+"\n")
		send(time.Second, "5\n")
		send(20*time.Second, "BEST\n")
		s.want("5 at H-2", "4 at H-2", "4 at H-2 too_soon", "3 at H-2", "2 at H-2", "1 at H-2 for #5", "5 at H-2")
		s.said(`the box sent "hello", which is not in keys`, 4)
		s.said("two keys went down together", 1)
		if got := string(k.sent()); got != strings.Repeat("OK\n", 7) {
			t.Errorf("the box was sent %q", got)
		}
		time.Sleep(10 * time.Minute)
		send(time.Second, "x\n")
		s.said(`the box sent "x", which is not in keys (and 498 times more before this that were not told)`, 1)
	})
}

// Where what a change of mind replaces is out of reach, it is an answer all the same.
func TestAChangeOfMindAfterTheJournalWasLost(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		k := s.plug(panel.Layout64)
		press(k, "KEY_KP5")
		time.Sleep(time.Second)
		s.disk(func(d *slow) { d.forget = true })
		press(k, "KEY_KP1")
		time.Sleep(time.Second)
		s.want("5", "1 too_soon")
	})
}

// The program ends while presses wait for the disk: they are kept before it has ended.
func TestTheEndWaitsForThePresses(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		s.disk(func(d *slow) { d.takes = 3 * time.Second })
		k := s.plug(panel.Layout64)
		press(k, "KEY_KP5")
		time.Sleep(time.Second)
		k.key(75, 1) // KP4 has just gone down
		journal := s.journal
		s.ending()
		if n := journal.Head().Sequence; n != 2 {
			t.Errorf("%d records when the panel had ended", n)
		}
	})
}

// Whatever keeps a device from being opened is said in words that help.
func TestWhyADeviceIsNotUsed(t *testing.T) {
	for _, c := range []struct {
		err    error
		en, vi string
	}{
		{fs.ErrNotExist, "plug it in, or mend path", "hãy cắm lại"},
		{fs.ErrPermission, "group input", "nhóm input"},
		{panel.ErrNotHere, "on Linux only", "trên Linux"},
		{errBroken, "cannot be opened: open: the disk does not answer", "không mở được thiết bị"},
	} {
		atDesk(t, keypad(), func(s *desk) {
			s.mu.Lock()
			s.why = fmt.Errorf("open: %w", c.err)
			s.mu.Unlock()
			time.Sleep(5 * time.Second)
			s.said(c.en, 1)
			if st := s.State(); len(st.Worries) != 1 || !strings.Contains(st.Worries[0].In(survey.Vietnamese), c.vi) {
				t.Errorf("%v: %+v", c.err, st)
			}
		})
	}
}

// The control: without the window the same worn contacts count more often than they were
// pressed.
func TestWithoutDebounceWornContactsCountTooOften(t *testing.T) {
	d, off := keypad(), time.Duration(0)
	d.Debounce = &off
	atDesk(t, d, func(s *desk) {
		s.plug(panel.Layout64).play("bounce", panel.Layout64, 0)
		synctest.Wait()
		if got := s.list(); len(got) != 20 {
			t.Errorf("%d records of three presses: %q", len(got), got)
		}
	})
}

// A disk that never answers does not keep the program from ending: the press counts as not
// known, and is not thanked.
func TestADiskThatNeverAnswersDoesNotHoldTheEnd(t *testing.T) {
	atDesk(t, keypad(), func(s *desk) {
		s.disk(func(d *slow) { d.hangs = true })
		k := s.plug(panel.Layout64)
		press(k, "KEY_KP5")
		press(k, "KEY_KP1")
		time.Sleep(time.Second)
		asked := s.Now()
		s.ending()
		if took := s.Now() - asked; took > 6*time.Second {
			t.Errorf("the end took %s", took)
		}
		s.said("it is not known whether a press was kept", 2)
		if st := s.State(); st.Kept != 0 || st.Refused != 2 || len(s.thanks()) != 0 {
			t.Errorf("%+v, thanked %v", st, s.thanks())
		}
	})
}
