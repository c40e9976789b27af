package screen

import (
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/assets"
	"hailong/survey"
)

// wordlist holds the page's own words by name.
type wordlist map[string]survey.Words

// defaultLanguages are those that the word list has for sure.
var defaultLanguages = []survey.Lang{survey.Vietnamese, survey.English}

// Languages are those in which the screen's own words are, in no order of preference.
func Languages() []survey.Lang { return slices.Clone(defaultLanguages) }

// file is one public file: read once, served from memory.
type file struct {
	name, media, tag string
	content          []byte
}

// public are the files that a browser may fetch, with their media types.
var public = []file{
	{name: "screen.css", media: "text/css; charset=utf-8"},
	{name: "screen.js", media: "text/javascript; charset=utf-8"},
	{name: "hands.js", media: "text/javascript; charset=utf-8"},
	{name: "panel.js", media: "text/javascript; charset=utf-8"},
	{name: "operator.css", media: "text/css; charset=utf-8"},
	{name: "operator.js", media: "text/javascript; charset=utf-8"},
}

// load reads the page, its words and its public files out of the program.
func (s *Screen) load() ([]file, error) {
	var all []byte // everything that makes the page what it is
	read := func(name string) ([]byte, error) {
		b, err := assets.Kiosk.ReadFile("kiosk/" + name)
		all = append(all, b...)
		return b, err
	}
	page, err := read("page.html")
	if err != nil {
		return nil, err
	}
	if s.page, err = template.New("page.html").Parse(string(page)); err != nil {
		return nil, err
	}
	staff, err := read("operator.html")
	if err != nil {
		return nil, err
	}
	if _, err := s.page.Parse(string(staff)); err != nil {
		return nil, err
	}
	words, err := read("words.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(words, &s.words); err != nil {
		return nil, fmt.Errorf("words.json: %w", err)
	}
	files := make([]file, len(public))
	for i, f := range public {
		if f.content, err = read(f.name); err != nil {
			return nil, err
		}
		f.tag = `"` + digest(f.content) + `"`
		files[i] = f
	}
	s.build = digest(all)
	return files, nil
}

// serve answers with the file, or with 304 where the browser has it already.
func (f file) serve(c *fiber.Ctx) error {
	c.Set(fiber.HeaderETag, f.tag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if strings.Contains(string(c.Request().Header.Peek(fiber.HeaderIfNoneMatch)), f.tag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, f.media)
	return c.Send(f.content)
}
