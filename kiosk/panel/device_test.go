package panel_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"hailong/kiosk/panel"
	"hailong/survey"
)

func TestGoodSettingsPass(t *testing.T) {
	off := time.Duration(0)
	for name, d := range map[string]panel.Device{
		"a keypad":                {Path: "/dev/input/event3", Kind: panel.Keys, Keys: map[string]survey.Level{"KEY_1": 1, "KEY_KP1": 1, "80": 1, "0x101": 2, "BTN_2": 3}},
		"a keypad with all":       {Path: "x", Kind: panel.Keys, Counter: "H-1", Keys: map[string]survey.Level{"KEY_A": 1}, Debounce: &off, Stuck: time.Minute, Kept: panel.Signal{LED: "/sys/class/leds/ok/brightness", Light: "LED_NUML", Tone: 880, For: time.Second}, Failed: panel.Signal{LED: "/sys/class/leds/no/brightness", Light: "LED_CAPSL", Tone: 220}},
		"a box of lines":          {Path: "COM3", Kind: panel.Serial, Keys: map[string]survey.Level{"1": 1, "nút 5": 5}, Baud: 115200, Kept: panel.Signal{Send: "OK\n"}, Failed: panel.Signal{Send: "NO\n"}},
		"a box of bytes":          {Path: "/dev/ttyUSB0", Kind: panel.Serial, Frame: panel.Byte, Keys: map[string]survey.Level{"1": 1, "0x00": 2, "0xff": 3, " ": 4}},
		"one key for every level": keypadAt("/dev/input/event0"),
	} {
		var ps survey.Problems
		if d.Check("buttons[0]", &ps); len(ps) > 0 {
			t.Errorf("%s: %v", name, ps.Err())
		}
	}
}

func keypadAt(path string) panel.Device { return named(keypad(), path) }

// What is wrong is named with its place, in both languages.
func TestBadSettings(t *testing.T) {
	ms := func(n time.Duration) *time.Duration { n *= time.Millisecond; return &n }
	for _, c := range []struct {
		change       func(*panel.Device)
		path, en, vi string
	}{
		{func(d *panel.Device) { d.Path = "" }, "buttons[2].path", "the device's path is needed", "cần đường dẫn"},
		{func(d *panel.Device) { d.Kind = "usb" }, `buttons[2].kind = "usb"`, "must be keys or serial", "phải là keys hoặc serial"},
		{func(d *panel.Device) { d.Counter = "quầy 1" }, "buttons[2].counter", "1 to 64 characters", "1 đến 64 ký tự"},
		{func(d *panel.Device) { d.Keys = nil }, "buttons[2].keys", "at least one key", "ít nhất một nút"},
		{func(d *panel.Device) { d.Keys = map[string]survey.Level{"KEY_KP11": 1} }, "buttons[2].keys.KEY_KP11", "no key of that name", "không có phím nào tên này"},
		{func(d *panel.Device) { d.Keys = map[string]survey.Level{"key_1": 1} }, "buttons[2].keys.key_1", "no key of that name", "không có phím nào tên này"},
		{func(d *panel.Device) { d.Keys = map[string]survey.Level{"768": 1} }, "buttons[2].keys.768", "1 to 767", "1 đến 767"},
		{func(d *panel.Device) { d.Keys = map[string]survey.Level{"0": 1} }, "buttons[2].keys.0", "1 to 767", "1 đến 767"},
		{func(d *panel.Device) { d.Keys = map[string]survey.Level{"KEY_1": 1, "2": 2} }, "buttons[2].keys.KEY_1", "the same key as 2", "cùng một nút với 2"},
		{func(d *panel.Device) { d.Frame = panel.Line }, `buttons[2].frame = "line"`, "kind: serial only", "chỉ dùng với kind: serial"},
		{func(d *panel.Device) { d.Baud = 9600 }, `buttons[2].baud = "9600"`, "kind: serial only", "chỉ dùng với kind: serial"},
		{func(d *panel.Device) { d.Debounce = ms(201) }, `buttons[2].debounce = "201ms"`, "between 0s and 200ms", "từ 0s đến 200ms"},
		{func(d *panel.Device) { d.Debounce = ms(-1) }, `buttons[2].debounce = "-1ms"`, "between 0s and 200ms", "từ 0s đến 200ms"},
		{func(d *panel.Device) { d.Stuck = time.Second }, `buttons[2].stuck = "1s"`, "between 5s and 10m0s", "từ 5s đến 10m0s"},
		{func(d *panel.Device) { d.Kept.LED = "leds/ok" }, `buttons[2].kept.led = "leds/ok"`, "whole path", "đường dẫn đầy đủ"},
		{func(d *panel.Device) { d.Kept.Light = "LED_RED" }, `buttons[2].kept.light = "LED_RED"`, "LED_CAPSL, LED_COMPOSE", "phải là một trong"},
		{func(d *panel.Device) { d.Kept.Tone = 20001 }, `buttons[2].kept.tone = "20001"`, "20000 Hz", "20000 Hz"},
		{func(d *panel.Device) { d.Kept.Send = "OK" }, `buttons[2].kept.send = "OK"`, "kind: serial only", "chỉ dùng với kind: serial"},
		{func(d *panel.Device) { d.Failed.For = time.Minute }, `buttons[2].failed.for = "1m0s"`, "between 50ms and 3s", "từ 50ms đến 3s"},
		{func(d *panel.Device) { d.Kept.Tone, d.Failed.Tone = 440, 440 }, "buttons[2].failed", "must not look like thanks", "không được trông như lời cảm ơn"},
		{func(d *panel.Device) { box(d); d.Frame = "word" }, `buttons[2].frame = "word"`, "must be line or byte", "phải là line hoặc byte"},
		{func(d *panel.Device) { box(d); d.Baud = -1 }, `buttons[2].baud = "-1"`, "9600", "9600"},
		{func(d *panel.Device) { box(d); d.Keys = map[string]survey.Level{" 1": 1} }, "buttons[2].keys. 1", "without space at its ends", "khoảng trắng"},
		{func(d *panel.Device) { box(d); d.Keys = map[string]survey.Level{strings.Repeat("x", 65): 1} }, "buttons[2].keys.xxx", "1 to 64 bytes", "1 đến 64 byte"},
		{func(d *panel.Device) { box(d); d.Frame = panel.Byte; d.Keys = map[string]survey.Level{"12": 1} }, "buttons[2].keys.12", "one ASCII character", "một ký tự ASCII"},
		{func(d *panel.Device) {
			box(d)
			d.Frame = panel.Byte
			d.Keys = map[string]survey.Level{"A": 1, "0x41": 2}
		}, "buttons[2].keys.A", "the same key as 0x41", "cùng một nút với 0x41"},
		{func(d *panel.Device) { box(d); d.Kept.Light = "LED_NUML" }, "buttons[2].kept.light", "kind: keys only", "chỉ dùng với kind: keys"},
		{func(d *panel.Device) { box(d); d.Kept.Tone = 1 }, "buttons[2].kept.tone", "kind: keys only", "chỉ dùng với kind: keys"},
	} {
		d := keypadAt("/dev/input/event0")
		c.change(&d)
		var ps survey.Problems
		if d.Check("buttons[2]", &ps); len(ps) != 1 {
			t.Errorf("%s: %d problems: %v", c.path, len(ps), ps.Err())
			continue
		}
		if en := ps.Text(survey.English); !strings.HasPrefix(en, c.path) || !strings.Contains(en, c.en) {
			t.Errorf("it says %q, want %s … %s", en, c.path, c.en)
		}
		if vi := ps.Text(survey.Vietnamese); !strings.HasPrefix(vi, c.path) || !strings.Contains(vi, c.vi) {
			t.Errorf("it says %q, want %s … %s", vi, c.path, c.vi)
		}
	}
}

func box(d *panel.Device) { d.Kind, d.Keys = panel.Serial, map[string]survey.Level{"1": 1} }

func TestLevelsThatTheQuestionDoesNotHave(t *testing.T) {
	d := panel.Device{Kind: panel.Keys, Keys: map[string]survey.Level{"KEY_1": 1, "KEY_2": 6, "KEY_3": 0, "KEY_5": 5}}
	var ps survey.Problems
	d.CheckLevels("buttons[0]", &quick().Scales[0], &ps)
	if got := ps.Text(survey.English); got != `buttons[0].keys.KEY_2 = "6": the questionnaire's overall question has no such level; it has: 1, 2, 3, 4, 5
buttons[0].keys.KEY_3 = "0": the questionnaire's overall question has no such level; it has: 1, 2, 3, 4, 5` {
		t.Errorf("it says %s", got)
	}
	if got := d.Missing(&quick().Scales[0]); got != "2, 3, 4" {
		t.Errorf("missing are %q", got)
	}
}

// The names are those of the kernel: all that its header has, where it is installed.
func TestKeyNamesAreTheKernels(t *testing.T) {
	want := map[string]int{
		"KEY_ESC": 1, "KEY_1": 2, "KEY_0": 11, "KEY_ENTER": 28, "KEY_KP7": 71, "KEY_KP1": 79, "KEY_KP0": 82, "KEY_KPENTER": 96, "KEY_UP": 103,
		"KEY_MICMUTE": 248, "BTN_0": 0x100, "BTN_9": 0x109, "BTN_LEFT": 0x110, "BTN_TRIGGER": 0x120, "KEY_OK": 0x160, "KEY_NUMERIC_0": 0x200,
		"BTN_DPAD_UP": 0x220, "BTN_TRIGGER_HAPPY1": 0x2c0, "BTN_TRIGGER_HAPPY40": 0x2e7,
	}
	if header, err := os.ReadFile("/usr/include/linux/input-event-codes.h"); err == nil {
		for _, m := range regexp.MustCompile(`(?m)^#define\s+((?:KEY|BTN)_\w+)\s+(0x[0-9a-f]+|\d+)\b`).FindAllStringSubmatch(string(header), -1) {
			if n, err := strconv.ParseInt(m[2], 0, 32); err == nil && n > 0 && n < 0x2ff && !heads[m[1]] {
				want[m[1]] = int(n)
			}
		}
	}
	for name, code := range want {
		var ps survey.Problems
		d := panel.Device{Path: "x", Kind: panel.Keys, Keys: map[string]survey.Level{name: 1, strconv.Itoa(code): 1}}
		if d.Check("b", &ps); len(ps) != 1 || !strings.Contains(ps[0].En, "the same key as") {
			t.Errorf("%s is not %d: %v", name, code, ps.Err())
		}
	}
}

// heads are second names, of the first button of a range.
var heads = map[string]bool{
	"BTN_MISC": true, "BTN_MOUSE": true, "BTN_JOYSTICK": true, "BTN_GAMEPAD": true, "BTN_DIGI": true, "BTN_WHEEL": true, "BTN_TRIGGER_HAPPY": true,
}
