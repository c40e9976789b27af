package screen

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

func TestTheDiaryIsForTheKioskItself(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 30, 0, 0, survey.Zone)
	events := []Event{{At: at, Sure: true, Kind: "started", Words: both("bắt đầu", "started")}, {At: at.Add(time.Second), Kind: "stopped", Words: both("dừng", "stopped")}}
	s := newStand(t, func(o *Options, _ *Settings) { o.Diary = func() ([]Event, error) { return events, nil } })
	want := `{"items":[{"at":"2026-11-20T08:30:00.000+07:00","clock_sure":true,"kind":"started","text":"started"},` +
		`{"at":"2026-11-20T08:30:01.000+07:00","clock_sure":false,"kind":"stopped","text":"stopped"}],"next":null}`
	if a := s.get(t, "/api/v1/diary", "Accept-Language", "en"); a.StatusCode != 200 || a.text != want {
		t.Errorf("%d %s\nwant %s", a.StatusCode, a.text, want)
	}
	if a := s.get(t, "/api/v1/diary"); !strings.Contains(a.text, `"text":"bắt đầu"`) {
		t.Errorf("in Vietnamese: %s", a.text)
	}
	events = nil
	if a := s.get(t, "/api/v1/diary"); a.text != `{"items":[],"next":null}` {
		t.Errorf("an empty diary: %s", a.text)
	}

	away := newStand(t, func(o *Options, _ *Settings) {
		o.Diary = func() ([]Event, error) { return events, nil }
	})
	fromAfar(away.Screen)
	if a := away.get(t, "/api/v1/diary"); a.StatusCode != 403 {
		t.Errorf("from 0.0.0.0: %d %s", a.StatusCode, a.text)
	}
	if a := newStand(t).get(t, "/api/v1/diary"); a.StatusCode != 404 {
		t.Errorf("without a diary: %d", a.StatusCode)
	}
	broken := newStand(t, func(o *Options, _ *Settings) {
		o.Diary = func() ([]Event, error) { return nil, errors.New("/secret/path") }
	})
	if a := broken.get(t, "/api/v1/diary"); a.StatusCode != 500 || strings.Contains(a.text, "secret") {
		t.Errorf("a diary that cannot be read: %d %s", a.StatusCode, a.text)
	}
}
