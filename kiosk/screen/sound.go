package screen

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// maxSound is the largest audio file that is taken, in bytes.
const maxSound = 4 << 20

// The audio files that every language may have, besides one for each follow-up question.
const (
	questionSound = "question"
	thanksSound   = "thanks"
)

// Sound is the name of a step's audio file, without its ending: the question, and the
// names of its answers in their order.
func (st step) Sound() string {
	if st.Number == 0 {
		return questionSound
	}
	return string(st.Code)
}

// soundNames are the audio files that are read and served, and no others are.
func (n *shown) soundNames() (names []string) {
	for _, lang := range n.settings.Languages {
		for _, name := range append([]string{questionSound, thanksSound}, n.codes()...) {
			names = append(names, string(lang)+"/"+name+".mp3")
		}
	}
	return names
}

func (n *shown) codes() (codes []string) {
	for _, st := range n.steps {
		codes = append(codes, string(st.Code))
	}
	return codes
}

// loadSounds reads the audio files into memory. A folder without any of them is a mistake.
func (n *shown) loadSounds() error {
	if n.settings.Audio == nil {
		return nil
	}
	n.sounds = map[string]file{}
	for _, name := range n.soundNames() {
		b, err := readSound(n.settings.Audio, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return badSound(name, "không đọc được: "+err.Error(), "cannot be read: "+err.Error())
		case len(b) > maxSound:
			return badSound(name, fmt.Sprintf("tệp lớn hơn %d MiB", maxSound>>20), fmt.Sprintf("the file is larger than %d MiB", maxSound>>20))
		}
		n.sounds[name] = file{name: name, media: "audio/mpeg", tag: `"` + digest(b) + `"`, content: b}
	}
	if len(n.sounds) == 0 {
		all := strings.Join(n.soundNames(), ", ")
		return badSound("", "thư mục không có tệp nào trong số: "+all, "the folder has none of: "+all)
	}
	return nil
}

// readSound reads a little more than the largest file that is taken.
func readSound(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSound+1))
	return b, errors.Join(err, f.Close())
}

func badSound(name, vi, en string) error {
	return survey.Problem{Path: "screen.audio", Value: name, Vi: vi, En: en}
}

// spoken are the languages, divided by spaces, that have an audio file of that name.
func (n *shown) spoken(name string) string {
	var langs []string
	for _, lang := range n.settings.Languages {
		if _, ok := n.sounds[string(lang)+"/"+name+".mp3"]; ok {
			langs = append(langs, string(lang))
		}
	}
	return strings.Join(langs, " ")
}

// sound is GET /audio/LANG/NAME.mp3.
func (s *Screen) sound(c *fiber.Ctx) error {
	now := s.shown.Load()
	if now == nil {
		return s.whyOut()
	}
	f, ok := now.sounds[c.Params("lang")+"/"+c.Params("name")]
	if !ok {
		return &failure{kind: notFound}
	}
	return f.serve(c)
}

// audible lets the page play what the screen itself serves, where it serves anything.
func (v view) audible(c *fiber.Ctx) {
	if v.Sound {
		c.Set(fiber.HeaderContentSecurityPolicy, policy+"; media-src 'self'")
	}
}

// Listen says where the question can be heard, by language; "" = nowhere.
func (v stepView) Listen() string { return v.spoken[v.Step.Sound()] }

// Heard is the address of the question's sound in the language shown; "" = there is none.
func (v stepView) Heard() string {
	for lang := range strings.FieldsSeq(v.Listen()) {
		if survey.Lang(lang) == v.Lang {
			return "/audio/" + lang + "/" + v.Step.Sound() + ".mp3"
		}
	}
	return ""
}
