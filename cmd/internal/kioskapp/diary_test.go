package kioskapp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
)

// told are the kinds of events that a kiosk's diary tells.
func told(t *testing.T, dir string) (kinds []kioskapp.DiaryKind) {
	t.Helper()
	list, err := kioskapp.ReadDiary(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func count(kinds []kioskapp.DiaryKind, kind kioskapp.DiaryKind) (n int) {
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}

// TestAKioskKeepsADiary: from enrolment to an outage, a repaired journal, and a stop.
func TestAKioskKeepsADiary(t *testing.T) {
	t.Parallel()
	centre := startCentre(t)
	dir := t.TempDir()
	k := inService(t, settings(dir, centre.base))
	k.press(t, "a press that the diary does not tell")
	hears := func(want ...kioskapp.DiaryKind) {
		t.Helper()
		until(t, fmt.Sprint("the diary tells ", want), func() error {
			kinds := told(t, dir)
			for _, w := range want {
				if !slices.Contains(kinds, w) {
					return fmt.Errorf("it tells %v", kinds)
				}
			}
			return nil
		})
	}
	hears(kioskapp.DiaryStarted, kioskapp.DiaryEnrolled, kioskapp.DiaryReached, kioskapp.DiaryClockSkew)
	centre.stop()
	hears(kioskapp.DiaryLost)
	k.stop()
	if kinds := told(t, dir); kinds[len(kinds)-1] != kioskapp.DiaryStopped {
		t.Errorf("it tells %v", kinds)
	}

	if err := os.Truncate(filepath.Join(dir, "journal", "000001.db"), 0); err != nil {
		t.Fatal(err)
	}
	k = inService(t, settings(dir, centre.base))
	hears(kioskapp.DiaryJournal)
	page(t, k)
	k.stop()
	b, err := os.ReadFile(filepath.Join(dir, "diary.jsonl"))
	if err != nil || strings.Contains(string(b), "Z0") || strings.Contains(string(b), "touch") {
		t.Errorf("the diary holds answers: %s %v", b, err)
	}
}

// page checks /api/v1/diary.
func page(t *testing.T, k *service) {
	t.Helper()
	for lang, want := range map[survey.Lang]string{survey.Vietnamese: "chương trình bắt đầu", survey.English: "the program starts"} {
		code, body, err := k.getIn(string(lang), "/api/v1/diary")
		var list struct {
			Items []struct {
				At   string `json:"at"`
				Sure bool   `json:"clock_sure"`
				Kind string `json:"kind"`
				Text string `json:"text"`
			} `json:"items"`
			Next *string `json:"next"`
		}
		if err != nil || code != http.StatusOK || json.Unmarshal([]byte(body), &list) != nil || len(list.Items) < 5 {
			t.Fatalf("%s: %d %s %v", lang, code, body, err)
		}
		if first := list.Items[0]; first.Kind != "started" || !strings.HasPrefix(first.Text, want) || first.At == "" {
			t.Errorf("%s: the first event is %+v", lang, first)
		}
	}
}

// A kiosk that was killed says so when it starts again.
func TestTheDiaryTellsOfAKill(t *testing.T) {
	centre := startCentre(t)
	dir := enrolled(t, centre.base, 0)
	path := filepath.Join(dir, "diary.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(b)), "\n")
	if err := os.WriteFile(path, []byte(strings.Join(lines[:len(lines)-1], "")), 0o600); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	inService(t, settings(dir, centre.base)).stop()
	list, err := kioskapp.ReadDiary(dir)
	if err != nil {
		t.Fatal(err)
	}
	var starts []string
	for _, e := range list {
		if e.Kind == kioskapp.DiaryStarted {
			starts = append(starts, e.Words.In(survey.English))
		}
	}
	if len(starts) != 2 || strings.Contains(starts[0], "not stopped") || !strings.Contains(starts[1], "not stopped") {
		t.Errorf("it tells %q", starts)
	}
}

// A diary that cannot be written keeps no kiosk from its work.
func TestAKioskWorksWithoutItsDiary(t *testing.T) {
	centre := startCentre(t)
	dir := enrolled(t, centre.base, 1)
	for _, name := range []string{"diary.jsonl", "diary.1.jsonl"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	k := goesOn(t, settings(dir, centre.base), 2)
	if code, body, err := k.get("/api/v1/diary"); err != nil || code != http.StatusInternalServerError {
		t.Errorf("the diary's page says %d %s %v", code, body, err)
	}
}
