package kioskapp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/cmd/internal/kioskapp"
)

// A journal of which both files were damaged goes on under a new chain. What its old
// chain still has to send counts as unsent, and what is wrong with it is told beside what
// is wrong with the new one: here the card was copied before, and the copy was quicker.
func TestAnEarlierChainIsPartOfTheStatus(t *testing.T) {
	t.Parallel()
	centre := startCentre(t)
	copied, dir := enrolled(t, centre.base, 2), filepath.Join(t.TempDir(), "card")
	if err := os.CopyFS(dir, os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	old := chainOf(t, dir)
	k := goesOn(t, settings(copied, centre.base), 3)
	until(t, "the copy has sent its record", func() error {
		if st := k.status(t); st.Unsent != 0 || st.Receipted != 3 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	k.stop()

	lonely := settings(dir, centre.base)
	lonely.Centre.NATS = "nats://127.0.0.1:1"
	k = goesOn(t, lonely, 3)
	k.press(t, "4")
	k.press(t, "5")
	k.stop()
	damage(t, filepath.Join(dir, "journal")) // loses the fifth
	k = inService(t, lonely)
	st := k.status(t)
	if st.Chain == old.String() || st.Receipted != 0 || st.Unsent != st.Last+4 || st.Oldest <= 0 {
		t.Errorf("with four salvaged records its status is %+v", st)
	}
	k.stop()

	k = inService(t, settings(dir, centre.base))
	until(t, "the status tells that the old chain is disputed", func() error {
		st := k.status(t)
		if st.Link.Problem == nil || !strings.Contains(*st.Link.Problem, "chuỗi cũ "+old.String()+": trung tâm đang giữ một bản ghi khác") {
			return fmt.Errorf("%+v %v", st, st.Link.Problem)
		}
		if st.Last != st.Receipted {
			return fmt.Errorf("the new chain is not sent: %+v", st)
		}
		return nil
	})
	until(t, "the diary tells so, too", func() error {
		list, err := kioskapp.ReadDiary(dir)
		for _, e := range list {
			if e.Kind == kioskapp.DiaryAlarm && strings.Contains(e.Words.In("en"), "earlier chain "+old.String()) {
				return nil
			}
		}
		return fmt.Errorf("%v %v", told(t, dir), err)
	})
}

// damage makes of a journal's two files one whose last record cannot be read.
func damage(t *testing.T, folder string) {
	t.Helper()
	if err := os.Remove(filepath.Join(folder, "000001.db")); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(folder, "000001.log")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
