package panel

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every recorded stream, as a C compiler laid its events out for 64 and for 32 bits, is
// read as the text beside it says, on any machine.
func TestRecordedStreamsAreReadInBothLayouts(t *testing.T) {
	texts, err := filepath.Glob("testdata/*.events")
	if err != nil || len(texts) < 9 {
		t.Fatalf("%d streams: %v", len(texts), err)
	}
	for _, text := range texts {
		want := eventsOf(t, text)
		for layout, word := range map[Layout]string{Layout64: ".64.hex", Layout32: ".32.hex"} {
			b := bytesOf(t, strings.TrimSuffix(text, ".events")+word)
			d := events{layout: layout}
			if got := d.feed(b); !reflect.DeepEqual(got, want) {
				t.Errorf("%s%s: read %v\nwant %v", text, word, got, want)
			}
		}
	}
}

func eventsOf(t testing.TB, path string) (out []event) {
	for line := range strings.Lines(string(bytesOf(t, path))) {
		var sec, usec int64
		var e event
		if n, _ := fmt.Sscanf(line, "E: %d.%d %x %x %d", &sec, &usec, &e.kind, &e.code, &e.value); n == 5 {
			e.at = time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
			out = append(out, e)
		}
	}
	return out
}

// bytesOf are a file's bytes, out of hexadecimal where it is so named.
func bytesOf(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".hex") {
		b, err = hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheOwnLayoutIsThatOfTheMachine(t *testing.T) {
	if want := map[int]Layout{64: Layout64, 32: Layout32}[strconv.IntSize]; OwnLayout != want {
		t.Errorf("it is %d on a machine of %d bits", OwnLayout, strconv.IntSize)
	}
}

// A time that no kernel gives is none: the event counts as read.
func TestATimeThatIsNoneIsNoTime(t *testing.T) {
	for name, hexed := range map[string]string{
		"more microseconds than a second has": "0100000000000000" + "40420f0000000000" + "01004f0001000000",
		"a second before time began":          "ffffffffffffffff" + "0000000000000000" + "01004f0001000000",
	} {
		b, _ := hex.DecodeString(hexed)
		if got := Layout64.decode(b); got != (event{at: -1, kind: evKey, code: 79, value: keyDown}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWordsOfABox(t *testing.T) {
	long := strings.Repeat("x", maxFrame)
	for _, c := range []struct {
		name, in string
		single   bool
		want     []string
		overlong int
	}{
		{"lines", "1\n2\r\n 3 \n", false, []string{"1", "2", "3"}, 0},
		{"lines that end as old machines end them", "A\rB\r", false, []string{"A", "B"}, 0},
		{"nothing but ends", "\r\n\n\r \n", false, nil, 0},
		{"a line without its end", "1\n2", false, []string{"1"}, 0},
		{"the longest line", long + "\n", false, []string{long}, 0},
		{"one that is longer, and one after it", long + "x\n5\n", false, []string{"5"}, 1},
		{"two that are longer", long + long + long + "\n" + long + "yy\n", false, nil, 2},
		{"bytes", "1\x00\n", true, []string{"1", "\x00", "\n"}, 0},
	} {
		d := frames{single: c.single}
		got, overlong := d.feed([]byte(c.in))
		if !reflect.DeepEqual(got, c.want) || overlong != c.overlong {
			t.Errorf("%s: %q and %d too long, want %q and %d", c.name, got, overlong, c.want, c.overlong)
		}
	}
}

// However the bytes are cut, the words are the same, and what is kept of them is bounded.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("1\n22\r\n"), uint8(1), false)
	f.Add(bytes.Repeat([]byte("ab"), 80), uint8(7), false)
	f.Add([]byte{0, 255, '\n'}, uint8(2), true)
	f.Fuzz(func(t *testing.T, b []byte, cut uint8, single bool) {
		whole, parts := frames{single: single}, frames{single: single}
		words, overlong := whole.feed(b)
		var inParts []string
		n := 0
		for rest := b; len(rest) > 0; {
			k := min(len(rest), int(cut)+1)
			w, o := parts.feed(rest[:k])
			inParts, n, rest = append(inParts, w...), n+o, rest[k:]
			if len(parts.rest) > maxFrame {
				t.Fatalf("%d bytes are kept", len(parts.rest))
			}
		}
		if !reflect.DeepEqual(words, inParts) || overlong != n {
			t.Errorf("whole %q %d, in parts %q %d", words, overlong, inParts, n)
		}
		for _, w := range words {
			if len(w) > maxFrame || w == "" {
				t.Errorf("the word %q", w)
			}
		}
	})
}

// However the bytes are cut, the events are the same; and whatever they say, the machine
// makes no press that no key going down began.
func FuzzEvents(f *testing.F) {
	for _, name := range []string{"bounce", "palm", "dropped"} {
		f.Add(bytesOf(f, "testdata/"+name+".64.hex"), uint8(5), false)
		f.Add(bytesOf(f, "testdata/"+name+".32.hex"), uint8(23), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint8, short bool) {
		layout := Layout64
		if short {
			layout = Layout32
		}
		whole, parts := events{layout: layout}, events{layout: layout}
		list := whole.feed(b)
		var inParts []event
		for rest := b; len(rest) > 0; {
			k := min(len(rest), int(cut)+1)
			inParts, rest = append(inParts, parts.feed(rest[:k])...), rest[k:]
		}
		if !reflect.DeepEqual(list, inParts) || len(list) != len(b)/int(layout) {
			t.Fatalf("%d bytes: %d events, in parts %d", len(b), len(list), len(inParts))
		}
		m := machine(40 * time.Millisecond)
		downs, presses, now := 0, 0, time.Duration(0)
		count := func(deeds []deed) {
			for _, d := range deeds {
				if d.kind == pressed {
					presses++
				}
			}
		}
		for _, e := range list {
			now = max(now, e.at)
			switch {
			case e.kind == evKey && e.value == keyDown:
				downs++
				count(m.step(now, closes, int(e.code)))
			case e.kind == evKey && e.value == keyUp:
				count(m.step(now, opens, int(e.code)))
			default:
				count(m.step(now, passes, 0))
			}
			if at, waits := m.next(); waits && at <= now {
				t.Fatalf("at %s something was due at %s", now, at)
			}
		}
		if count(m.step(now, leaves, 0)); presses > downs {
			t.Errorf("%d presses of %d times that a key went down", presses, downs)
		}
	})
}

// machine is one whose random keys are numbers.
func machine(window time.Duration) *contacts {
	n := 0
	return &contacts{window: window, stuck: 30 * time.Second, random: func() string { n++; return strconv.Itoa(n) }}
}
