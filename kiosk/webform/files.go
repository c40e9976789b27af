package webform

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"hailong/assets"
	"hailong/survey"
)

// bundle is the program's own: the page with its style and script inside, and its words.
type bundle struct {
	page            *template.Template
	words           map[string]survey.Words
	style           template.HTML
	script          template.HTML
	busy, busySmall []byte // the page for whoever is over a limit, in both languages, and compressed
	policy          string // the content security policy: this style and this script, by their hashes
}

// languages are those of the word list. The first is spoken where nothing else is asked.
var languages = []survey.Lang{survey.Vietnamese, survey.English}

func load() (*bundle, error) {
	f := &bundle{}
	read := func(name string) []byte {
		b, err := assets.Webform.ReadFile("webform/" + name)
		if err != nil {
			panic("webform: " + err.Error()) // a program without its files does not pass its tests
		}
		return b
	}
	var err error
	if f.page, err = template.New("page.html").Parse(string(read("page.html"))); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(read("words.json"), &f.words); err != nil {
		return nil, fmt.Errorf("words.json: %w", err)
	}
	style, script := slim(read("style.css")), slim(read("script.js"))
	f.style = template.HTML("<style>" + style + "</style>")
	f.script = template.HTML("<script>" + script + "</script>")
	f.policy = "default-src 'none'; style-src " + hashOf(style) + "; script-src " + hashOf(script) +
		"; img-src data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	f.busy = f.busyPage()
	f.busySmall, err = squeeze(f.busy)
	return f, err
}

// busyPage is made once: whoever is over a limit costs no more work.
func (f *bundle) busyPage() []byte {
	var b bytes.Buffer
	b.WriteString(`<!doctype html><html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>` +
		f.words["busy"].In(survey.Vietnamese) + `</title>` + string(f.style) + `</head><body data-webform="busy"><main>`)
	for _, lang := range languages {
		title, text := f.words["busy"].In(lang), f.words["busy.more"].In(lang)
		if lang == survey.Vietnamese {
			title = "<h1>" + title + "</h1>"
		} else {
			title = "<h2>" + title + "</h2>"
		}
		fmt.Fprintf(&b, `<div class="bad" lang="%s">%s<p>%s</p></div>`, lang, title, text)
	}
	b.WriteString("</main></body></html>\n")
	return b.Bytes()
}

// slim leaves out of a style or script the blanks before lines and the lines that are
// comments alone.
func slim(b []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

var squeezers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// squeeze compresses a page.
func squeeze(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(z)
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, fmt.Errorf("compress the page: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress the page: %w", err)
	}
	return out.Bytes(), nil
}
