package screen

import (
	"strings"
	"testing"
	"testing/fstest"
)

// withSounds has the Vietnamese question, thank-you and first further question.
func withSounds(_ *Options, set *Settings) {
	set.Audio = fstest.MapFS{
		"vi/question.mp3": {Data: []byte("question")}, "vi/thanks.mp3": {Data: []byte("thanks")},
		"vi/R1.mp3": {Data: []byte("reason")}, "vi/5.mp3": {Data: []byte("nobody asks for it")}, "secret.mp3": {Data: []byte("secret")},
	}
}

func TestOnlyKnownSoundsAreServed(t *testing.T) {
	s := newStand(t, withFollowUp, withSounds)
	for path, want := range map[string]string{"/audio/vi/question.mp3": "question", "/audio/vi/thanks.mp3": "thanks", "/audio/vi/R1.mp3": "reason"} {
		a := s.get(t, path)
		if a.StatusCode != 200 || a.text != want || a.Header.Get("Content-Type") != "audio/mpeg" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
		if again := s.get(t, path, "If-None-Match", a.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
	}
	for _, path := range []string{"/audio/vi/5.mp3", "/audio/en/question.mp3", "/audio/vi/..%2f..%2fsecret.mp3", "/audio/../secret.mp3", "/audio/secret.mp3", "/audio/vi/question"} {
		if a := s.get(t, path); a.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	if a := s.get(t, "/audio/vi/question.mp3", "X-Forwarded-For", "10.0.0.9"); a.StatusCode != 403 {
		t.Errorf("a stranger: %d", a.StatusCode)
	}
	if csp := s.get(t, "/").Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; media-src 'self'") {
		t.Errorf("the page may not play: %s", csp)
	}
	page := s.get(t, "/").text
	if !strings.Contains(page, `data-hear="question" data-langs="vi" hidden`) || !strings.Contains(page, `<noscript><audio controls preload="none" src="/audio/vi/question.mp3">`) {
		t.Errorf("no button to listen: %s", page)
	}
	quiet := newStand(t)
	if a := quiet.get(t, "/"); strings.Contains(a.Header.Get("Content-Security-Policy"), "media-src") || strings.Contains(a.text, "data-hear") {
		t.Error("sound is off, and the page has a button, or may play")
	}
	if a := quiet.get(t, "/audio/vi/question.mp3"); a.StatusCode != 404 {
		t.Errorf("sound is off: %d", a.StatusCode)
	}
}

func TestAFolderWithoutSoundsIsAMistake(t *testing.T) {
	s := newStand(t)
	set := s.settings
	set.Audio = fstest.MapFS{"vi/hoi.mp3": {Data: []byte("x")}}
	if err := s.Show(set, s.recorder); err == nil || !strings.Contains(err.Error(), "the folder has none of: vi/question.mp3, vi/thanks.mp3, en/") {
		t.Errorf("%v", err)
	}
	set.Audio = fstest.MapFS{"vi/question.mp3": {Data: make([]byte, maxSound+1)}}
	if err := s.Show(set, s.recorder); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Errorf("%v", err)
	}
}
