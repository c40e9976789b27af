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
		f, err := n.settings.Audio.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the audio file %s: %w", name, err)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxSound+1))
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("read the audio file %s: %w", name, err)
		}
		if len(b) > maxSound {
			return fmt.Errorf("the audio file %s is larger than %d MiB", name, maxSound>>20)
		}
		n.sounds[name] = file{name: name, media: "audio/mpeg", tag: `"` + digest(b) + `"`, content: b}
	}
	if len(n.sounds) == 0 {
		return fmt.Errorf("the audio folder has none of these files: %s", strings.Join(n.soundNames(), ", "))
	}
	return nil
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
