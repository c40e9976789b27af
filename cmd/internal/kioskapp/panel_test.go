package kioskapp_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/panel"
	"hailong/survey"
)

// buttonBox is a panel on a serial line.
func buttonBox(path string) panel.Device {
	return panel.Device{Path: path, Kind: panel.Serial, Keys: map[string]survey.Level{"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}, Kept: panel.Signal{Send: "OK\n"}}
}

// The example's section on buttons, its # taken away, is good and says what it says.
func TestTheExampleOfButtonsIsGood(t *testing.T) {
	b, err := os.ReadFile(configs + "kiosk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, from, _ := strings.Cut(string(b), "\n# buttons:\n")
	section, _, ok := strings.Cut(from, "\nbuttons: []\n")
	if !ok {
		t.Fatal("there is no such section")
	}
	text := "buttons:\n"
	for line := range strings.Lines(section + "\n") {
		text += strings.TrimPrefix(line, "#")
	}
	c, err := kioskapp.Load(write(t, text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	forty := 40 * time.Millisecond
	keypad, box := c.Buttons[0], c.Buttons[1]
	if *keypad.Debounce != forty || keypad.Stuck != 30*time.Second || keypad.Keys["KEY_KP4"] != 4 || len(keypad.Keys) != 5 || keypad.Kept.Tone != 880 || keypad.Failed.For != 600*time.Millisecond {
		t.Errorf("the keypad is %+v", keypad)
	}
	if box.Keys["5"] != 5 || len(box.Keys) != 5 || box.Baud != 9600 || box.Frame != panel.Line || box.Kept.Send != "OK\n" || box.Debounce != nil {
		t.Errorf("the box is %+v", box)
	}
	for _, key := range []string{"path", "kind", "counter", "keys", "frame", "baud", "debounce", "stuck", "kept", "failed", "led", "light", "tone", "send", "for"} {
		if !strings.Contains(text, key+":") {
			t.Errorf("the key %s is not shown", key)
		}
	}
}

const onlyOneSide = `code: side
title: {vi: Một mặt, en: One side}
scales:
  - code: two
    levels:
      - {value: 1, words: {vi: Không, en: No}}
      - {value: 2, words: {vi: Có, en: Yes}, satisfied: true}
questions:
  - {code: A1, kind: satisfaction, scale: two, words: {vi: Chỗ ngồi?, en: Seats?}}
`

func TestBadButtons(t *testing.T) {
	with := func(change func(*panel.Device)) func(*kioskapp.Config) {
		return func(c *kioskapp.Config) {
			d := buttonBox("/dev/ttyUSB0")
			change(&d)
			c.Buttons = []panel.Device{buttonBox("/dev/ttyUSB1"), d}
		}
	}
	for _, c := range []struct {
		change              func(*kioskapp.Config)
		path, value, en, vi string
	}{
		{with(func(d *panel.Device) { d.Kind = "mouse" }), "buttons[1].kind", "mouse", "must be keys or serial", "phải là keys hoặc serial"},
		{with(func(d *panel.Device) { d.Path = "/dev/ttyUSB1" }), "buttons[1].path", "/dev/ttyUSB1", "is there already", "đã có ở trên"},
		{with(func(d *panel.Device) { d.Keys["9"] = 9 }), "buttons[1].keys.9", "9", "no such level; it has: 1, 2, 3, 4, 5", "không có mức này; có: 1, 2, 3, 4, 5"},
		{
			func(c *kioskapp.Config) {
				with(func(*panel.Device) {})(c)
				c.Role = survey.OnlineGateway
			}, "buttons", "", "has no buttons", "không có nút bấm",
		},
		{
			func(c *kioskapp.Config) {
				with(func(*panel.Device) {})(c)
				c.Questionnaires, c.Screen.Questionnaire = []string{write(t, onlyOneSide)}, "side"
			}, "screen.questionnaire", "side", "no overall question", "không có câu hỏi chung",
		},
	} {
		config := kioskapp.Defaults()
		config.Data, config.Listen = t.TempDir(), "127.0.0.1:0"
		c.change(&config)
		app, err := kioskapp.New(config, kioskapp.Options{})
		if err == nil {
			t.Fatalf("%s: New took it: %v", c.path, app.Close())
		}
		said(t, err, c.path, c.value, c.en, c.vi)
	}
	if _, err := kioskapp.Load(write(t, "buttons:\n  - path: x\n    kind: keys\n    keys: {KEY_ONE: 1}\n    bounce: 40ms\n")); err == nil || !strings.Contains(err.Error(), "buttons[0].bounce") {
		t.Errorf("an unknown key: %v", err)
	}
	if _, err := kioskapp.Load(write(t, "buttons:\n  - path: x\n    kind: keys\n    keys: {KEY_ONE: 1}\n")); err == nil || !strings.Contains(err.Error(), "buttons[0].keys.KEY_ONE") {
		t.Errorf("an unknown name: %v", err)
	}
	if c, err := kioskapp.Load(write(t, "buttons:\n  - {path: x, kind: serial, debounce: 0s, keys: {1: 1, 5: 5}}\n")); err != nil || c.Buttons[0].Keys["5"] != 5 || *c.Buttons[0].Debounce != 0 {
		t.Errorf("keys without quotes: %+v, %v", c.Buttons, err)
	}
}
