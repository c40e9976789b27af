package panel

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hailong/survey"
)

// Kind says how a panel speaks.
type Kind string

// The kinds of panels.
const (
	Keys   Kind = "keys"   // a keypad or GPIO keys: an evdev device of Linux
	Serial Kind = "serial" // a button box on a serial line, such as USB gives it
)

// Frame says what a word of a button box is.
type Frame string

// The frames.
const (
	Line Frame = "line" // a line of text, of at most 64 bytes
	Byte Frame = "byte" // every byte
)

// What holds where the settings say nothing.
const (
	defaultDebounce = 40 * time.Millisecond
	defaultStuck    = 30 * time.Second
	defaultBaud     = 9600
	defaultSignal   = 300 * time.Millisecond
)

// Device is one panel of buttons in the settings.
type Device struct {
	// Path of the device: /dev/input/by-id/… or …/by-path/… for keys, /dev/serial/by-id/…
	// for a box (COM3 on Windows). It may come and go.
	Path string `yaml:"path"`
	// Kind is how it speaks.
	Kind Kind `yaml:"kind"`
	// Counter is whose buttons they are; "" = the kiosk's first.
	Counter survey.CounterCode `yaml:"counter"`
	// Keys says which level each key means: for keys by the kernel's name or number
	// (KEY_1, KEY_KP1, BTN_0, 79), for a box by the word that it sends.
	Keys map[string]survey.Level `yaml:"keys"`
	// Frame is what a word of a box is; "" = a line.
	Frame Frame `yaml:"frame"`
	// Baud is the speed of a box's line; 0 = 9600. 8 bits, no parity, 1 stop bit.
	Baud int `yaml:"baud"`
	// Debounce is the window in which the bounces of a contact are one press, and two keys
	// none; nil = 40 ms, 0 = off, at most 200 ms.
	Debounce *time.Duration `yaml:"debounce"`
	// Stuck is how long a key may be down until the alarm; 0 = 30 s.
	Stuck time.Duration `yaml:"stuck"`
	// Kept is the signal for a press that is on stable storage.
	Kept Signal `yaml:"kept"`
	// Failed is the signal for a press that was not kept, or meant two keys at once.
	Failed Signal `yaml:"failed"`
}

// Signal is how a panel says something, whatever the level was. All that is named here is
// done together; nothing named is no signal.
type Signal struct {
	// LED is the brightness file of a light of the box, /sys/class/leds/NAME/brightness.
	LED string `yaml:"led"`
	// Light is a light of the keypad itself, by the kernel's name (LED_NUML).
	Light string `yaml:"light"`
	// Tone is a tone of the device's own beeper, in Hz.
	Tone int `yaml:"tone"`
	// Send is what a button box is sent, line end and all.
	Send string `yaml:"send"`
	// For is how long lights and tones last; 0 = 300 ms.
	For time.Duration `yaml:"for"`
}

// none reports whether the signal says nothing.
func (s Signal) none() bool { return s.LED == "" && s.Light == "" && s.Tone == 0 && s.Send == "" }

// Check adds what is wrong with the settings of a panel that stand at path. Levels are
// judged by [Device.CheckLevels], when the questionnaire is known.
func (d *Device) Check(path string, ps *survey.Problems) {
	if d.Path == "" {
		ps.Add(path+".path", "", "cần đường dẫn của thiết bị, như /dev/input/by-id/…-event-kbd", "the device's path is needed, such as /dev/input/by-id/…-event-kbd")
	}
	if d.Kind != Keys && d.Kind != Serial {
		ps.Add(path+".kind", string(d.Kind), "phải là keys hoặc serial", "must be keys or serial")
	}
	if d.Counter != "" {
		ps.Check(survey.CodeProblem(path+".counter", string(d.Counter)))
	}
	if len(d.Keys) == 0 {
		ps.Add(path+".keys", "", "cần ít nhất một nút với mức của nó", "at least one key with its level is needed")
	}
	if d.Kind == Serial {
		d.checkBox(path, ps)
	} else {
		d.checkKeypad(path, ps)
	}
	within(path+".debounce", d.debounce(), 0, 200*time.Millisecond, ps)
	within(path+".stuck", d.stuck(), 5*time.Second, 10*time.Minute, ps)
	d.Kept.check(path+".kept", d.Kind, ps)
	d.Failed.check(path+".failed", d.Kind, ps)
	k, f := d.Kept, d.Failed
	if f.LED != "" && f.LED == k.LED || f.Light != "" && f.Light == k.Light || f.Tone != 0 && f.Tone == k.Tone || f.Send != "" && f.Send == k.Send {
		ps.Add(path+".failed", "", "phải khác kept ở mọi tín hiệu: lượt bấm không ghi được không được trông như lời cảm ơn", "must differ from kept in every sign: a press that was not kept must not look like thanks")
	}
}

func (d *Device) checkKeypad(path string, ps *survey.Problems) {
	if d.Frame != "" {
		ps.Add(path+".frame", string(d.Frame), "chỉ dùng với kind: serial", "is for kind: serial only")
	}
	if d.Baud != 0 {
		ps.Add(path+".baud", strconv.Itoa(d.Baud), "chỉ dùng với kind: serial", "is for kind: serial only")
	}
	seen := map[uint16]string{}
	for _, name := range d.names() {
		code, ok := keyCode(name)
		if !ok {
			ps.Add(path+".keys."+name, "", "không có phím nào tên này; tên như trong lệnh evtest: KEY_1, KEY_KP1, BTN_0, hoặc số của phím, 1 đến 767",
				"there is no key of that name; names are as evtest shows them: KEY_1, KEY_KP1, BTN_0, or the key's number, 1 to 767")
			continue
		}
		twice(path, seen, code, name, ps)
	}
}

func (d *Device) checkBox(path string, ps *survey.Problems) {
	if d.Frame != "" && d.Frame != Line && d.Frame != Byte {
		ps.Add(path+".frame", string(d.Frame), "phải là line hoặc byte", "must be line or byte")
	}
	if d.Baud < 0 || d.Baud > 4_000_000 {
		ps.Add(path+".baud", strconv.Itoa(d.Baud), "phải là tốc độ của cổng, như 9600 hoặc 115200", "must be a line's speed, such as 9600 or 115200")
	}
	seen := map[string]string{}
	for _, name := range d.names() {
		word, ok := d.word(name)
		switch {
		case ok:
			twice(path, seen, word, name, ps)
		case d.Frame == Byte:
			ps.Add(path+".keys."+name, "", "cần đúng một ký tự ASCII, hoặc số của byte: 0x00 đến 0xff", "one ASCII character is needed, or the byte's number: 0x00 to 0xff")
		default:
			ps.Add(path+".keys."+name, "", "cần một dòng chữ không có khoảng trắng ở hai đầu, 1 đến 64 byte", "a line of text without space at its ends is needed, 1 to 64 bytes")
		}
	}
}

func twice[K comparable](path string, seen map[K]string, key K, name string, ps *survey.Problems) {
	if other, is := seen[key]; is {
		ps.Add(path+".keys."+name, "", "cùng một nút với "+other, "the same key as "+other)
	}
	seen[key] = name
}

func within(path string, v, least, most time.Duration, ps *survey.Problems) {
	if v < least || v > most {
		ps.Add(path, v.String(), fmt.Sprintf("phải từ %s đến %s", least, most), fmt.Sprintf("must lie between %s and %s", least, most))
	}
}

func (s Signal) check(path string, kind Kind, ps *survey.Problems) {
	if s.LED != "" && !filepath.IsAbs(s.LED) {
		ps.Add(path+".led", s.LED, "cần đường dẫn đầy đủ của tệp, như /sys/class/leds/TÊN/brightness", "the file's whole path is needed, such as /sys/class/leds/NAME/brightness")
	}
	if _, known := lights[s.Light]; s.Light != "" && (!known || kind != Keys) {
		ps.Add(path+".light", s.Light, "chỉ dùng với kind: keys; phải là một trong: "+lightNames(), "is for kind: keys only; must be one of: "+lightNames())
	}
	if s.Tone < 0 || s.Tone > 20_000 || s.Tone != 0 && kind != Keys {
		ps.Add(path+".tone", strconv.Itoa(s.Tone), "chỉ dùng với kind: keys; phải từ 1 đến 20000 Hz, 0 là không có", "is for kind: keys only; must lie between 1 and 20000 Hz, 0 is none")
	}
	if len(s.Send) > maxFrame || s.Send != "" && kind != Serial {
		ps.Add(path+".send", s.Send, "chỉ dùng với kind: serial; nhiều nhất 64 byte", "is for kind: serial only; at most 64 bytes")
	}
	within(path+".for", s.length(), 50*time.Millisecond, 3*time.Second, ps)
}

func lightNames() string { return strings.Join(slices.Sorted(maps.Keys(lights)), ", ") }

// CheckLevels adds what is wrong with the levels of a panel, whose settings stand at path,
// on the scale of the question that it answers.
func (d *Device) CheckLevels(path string, scale *survey.Scale, ps *survey.Problems) {
	for _, name := range d.names() {
		if _, ok := scale.Level(d.Keys[name]); !ok {
			have := levels(scale.Levels)
			ps.Add(path+".keys."+name, strconv.Itoa(int(d.Keys[name])), "câu hỏi chung của phiếu không có mức này; có: "+have, "the questionnaire's overall question has no such level; it has: "+have)
		}
	}
}

// Missing are the levels of a scale that no key of the panel means, as text; "" = none.
// Whoever presses there cannot choose them.
func (d *Device) Missing(scale *survey.Scale) string {
	var none []survey.ScaleLevel
	for _, l := range scale.Levels {
		if !slices.Contains(slices.Collect(maps.Values(d.Keys)), l.Value) {
			none = append(none, l)
		}
	}
	return levels(none)
}

func levels(list []survey.ScaleLevel) string {
	var out []string
	for _, l := range list {
		out = append(out, strconv.Itoa(int(l.Value)))
	}
	return strings.Join(out, ", ")
}

// names are the keys' names in the settings, in order.
func (d *Device) names() []string { return slices.Sorted(maps.Keys(d.Keys)) }

// word is what a box sends for a key of that name.
func (d *Device) word(name string) (string, bool) {
	if d.Frame != Byte {
		return name, name != "" && len(name) <= maxFrame && strings.TrimSpace(name) == name && !strings.ContainsAny(name, "\r\n")
	}
	if len(name) == 1 && name[0] < 0x80 {
		return name, true
	}
	n, err := strconv.ParseUint(name, 0, 8)
	return string([]byte{byte(n)}), err == nil && strings.HasPrefix(name, "0x")
}

func (d *Device) debounce() time.Duration {
	if d.Debounce == nil {
		return defaultDebounce
	}
	return *d.Debounce
}

func (d *Device) stuck() time.Duration {
	if d.Stuck == 0 {
		return defaultStuck
	}
	return d.Stuck
}

func (s Signal) length() time.Duration {
	if s.For == 0 {
		return defaultSignal
	}
	return s.For
}

// key is one key of a panel, worked out from the settings.
type key struct {
	name  string
	level survey.Level
}

// keypad are a keypad's keys by their codes.
func (d *Device) keypad() map[int]key {
	out := map[int]key{}
	for _, name := range d.names() {
		code, _ := keyCode(name)
		out[int(code)] = key{keyName(code), d.Keys[name]}
	}
	return out
}

// box are a button box's keys by numbers of our own, and the numbers by the words.
func (d *Device) box() (map[int]key, map[string]int) {
	keys, words := map[int]key{}, map[string]int{}
	for i, name := range d.names() {
		word, _ := d.word(name)
		keys[i], words[word] = key{name, d.Keys[name]}, i
	}
	return keys, words
}
