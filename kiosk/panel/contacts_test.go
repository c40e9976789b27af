package panel

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// play lets a machine hear "ms edge key" lines, and gives what it did, each with the
// moment of the step.
func play(t *testing.T, m *contacts, script string) string {
	t.Helper()
	edges := map[string]edge{"down": closes, "up": opens, "tap": taps, "found": found, "gone": leaves, "-": passes}
	kinds := map[deedKind]string{pressed: "press", tooMany: "two", stuck: "stuck", freed: "free"}
	var out []string
	for _, step := range strings.Split(script, ",") {
		var ms float64
		var what string
		var key int
		if n, _ := fmt.Sscan(step, &ms, &what, &key); n < 2 {
			t.Fatalf("what is %q?", step)
		}
		e, known := edges[what]
		if !known {
			t.Fatalf("what is %q?", step)
		}
		at := time.Duration(ms * float64(time.Millisecond))
		for _, d := range m.step(at, e, key) {
			s := fmt.Sprintf("%s %d", kinds[d.kind], d.key)
			if d.kind == pressed {
				s += fmt.Sprintf("@%d", d.down.Milliseconds())
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

func TestWhatIsAPress(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
	}{
		{"a key down and up", "0 down 1, 80 up 1, 500 -", "press 1@0"},
		{"a key that stays down", "0 down 1, 500 -", "press 1@0"},
		{"not before its window has passed", "0 down 1, 39.9 -", ""},
		{"but then", "0 down 1, 40 -", "press 1@0"},
		{"a tap shorter than the window", "0 down 1, 5 up 1, 500 -", "press 1@0"},
		{"bounces going down", "0 down 1, 1 up 1, 3 down 1, 9 up 1, 11 down 1, 120 up 1, 500 -", "press 1@0"},
		{"bounces coming up", "0 down 1, 90 up 1, 92 down 1, 93 up 1, 110 down 1, 111 up 1, 500 -", "press 1@0"},
		{"bounces around the end of the window", "0 down 1, 38 up 1, 42 down 1, 44 up 1, 500 -", "press 1@0"},
		{"a tremor of 80 ms, and a finger that is quick", "0 down 1, 35 up 1, 80 down 1, 115 up 1, 500 -", "press 1@0, press 1@80"},
		{"a tremor of 80 ms, and a finger that hardly leaves", "0 down 1, 55 up 1, 80 down 1, 135 up 1, 500 -", "press 1@0, press 1@80"},
		{"a tremor of 80 ms with bounces", "0 down 1, 2 up 1, 3 down 1, 50 up 1, 51 down 1, 52 up 1, 80 down 1, 81 up 1, 82 down 1, 130 up 1, 131 down 1, 132 up 1, 500 -", "press 1@0, press 1@82"},
		{"two keys together", "0 down 1, 39 down 2, 100 up 1, 110 up 2, 500 -", "two 2"},
		{"two keys just not together", "0 down 1, 40 down 2, 100 up 1, 110 up 2, 500 -", "press 1@0, press 2@40"},
		{"two, the first quicker than its window", "0 down 1, 10 up 1, 20 down 2, 60 up 2, 500 -", "two 2"},
		{"a third while two are down", "0 down 1, 5 down 2, 400 down 3, 480 up 3, 600 up 1, 700 up 2, 900 -", "two 2"},
		{"one alone after two are up", "0 down 1, 5 down 2, 100 up 1, 110 up 2, 150 down 3, 240 up 3, 500 -", "two 2, press 3@150"},
		{"one before the second of two is up for long enough", "0 down 1, 5 down 2, 100 up 1, 110 up 2, 149 down 3, 240 up 3, 500 -", "two 2"},
		{"one while another is held", "0 down 1, 300 down 2, 380 up 2, 900 up 1, 1500 -", "press 1@0, press 2@300"},
		{"a release without a press", "0 up 1, 500 -", ""},
		{"a key that was down before", "0 found 1, 300 up 1, 600 down 1, 700 up 1, 900 -", "press 1@600"},
		{"a device that goes while a key goes down", "0 down 1, 10 gone, 500 -", "press 1@0"},
		{"and one that goes later", "0 down 1, 60 gone, 500 -", "press 1@0"},
		{"a device that goes under a palm", "0 down 1, 9 down 2, 10 gone, 500 -, 600 down 3, 700 -", "two 2, press 3@600"},
		{"a stuck key", "0 down 1, 29999 -, 30000 -, 45000 up 1, 46000 down 1, 47000 up 1", "press 1@0, stuck 1, free 1, press 1@46000"},
		{"a key that was stuck before the start", "0 found 1, 31000 -, 45000 up 1", "stuck 1, free 1"},
		{"others beside a stuck one", "0 down 1, 31000 down 2, 31100 up 2, 32000 -", "press 1@0, stuck 1, press 2@31000"},
		{"two together beside a stuck one, and then one", "0 down 1, 31000 down 2, 31010 down 3, 31100 up 2, 31110 up 3, 32000 down 2, 32100 up 2, 33000 -", "press 1@0, stuck 1, two 3, press 2@32000"},
		{"a palm that stays", "0 down 1, 10 down 2, 31000 -, 32000 down 3, 32100 up 3, 33000 -", "two 2, stuck 1, stuck 2, press 3@32000"},
		{"a box's words", "0 tap 1, 500 tap 2, 900 -", "press 1@0, press 2@500"},
		{"a box that bounces", "0 tap 1, 10 tap 1, 39 tap 1, 500 -", "press 1@0"},
		{"a box and a tremor", "0 tap 1, 80 tap 1, 500 -", "press 1@0, press 1@80"},
		{"a box and two buttons at once", "0 tap 1, 20 tap 2, 35 tap 1, 500 tap 2, 900 -", "two 2, press 2@500"},
	} {
		if got := play(t, machine(40*time.Millisecond), c.script); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Without a window every time that a contact closes is a press: what the window is for.
func TestWithoutAWindow(t *testing.T) {
	for script, want := range map[string]string{
		"0 down 1, 1 up 1, 3 down 1, 9 up 1, 11 down 1, 120 up 1":      "press 1@0, press 1@3, press 1@11",
		"0 down 1, 12 down 2, 80 up 1, 90 up 2":                        "press 1@0, press 2@12",
		"0 tap 1, 10 tap 1":                                            "press 1@0, press 1@10",
		"0 down 1, 31000 -, 32000 up 1, 32001 down 1":                  "press 1@0, stuck 1, free 1, press 1@32001",
		"0 down 1, 0 down 1, 5 up 1, 5 up 1, 10 gone, 11 up 1, 12 - 0": "press 1@0",
	} {
		if got := play(t, machine(0), script); got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

// Each press has a key of its own, drawn when the contact closed.
func TestEachPressHasItsKey(t *testing.T) {
	m := machine(40 * time.Millisecond)
	first := m.step(0, closes, 1)
	first = append(first, m.step(80*time.Millisecond, opens, 1)...)
	second := append(m.step(time.Second, closes, 1), m.step(2*time.Second, passes, 0)...)
	if len(first) != 1 || len(second) != 1 || first[0].random != "1" || second[0].random != "2" {
		t.Errorf("first %+v, second %+v", first, second)
	}
}
