package console

import (
	"strings"
	"testing"

	"hailong/survey"
)

// Damage implements [Backups].
func (s *shelf) Damage() *survey.Problem { return nil }

// illShelf is one whose store is damaged.
type illShelf struct {
	shelf
	damage *survey.Problem
}

func (s *illShelf) Damage() *survey.Problem { return s.damage }

// That the store is damaged is told wherever people look, with the cure and in their
// language, instead of that no backup could be made; and so it is to whoever asks for a
// backup. It ends with the damage.
func TestADamagedStoreIsToldWithItsCure(t *testing.T) {
	ill := survey.Problem{Path: "store.db", Vi: "kho hỏng; hailong restore", En: "store damaged; hailong restore"}
	s := &illShelf{damage: &ill, shelf: shelf{err: ill, list: []Backup{{Name: "a", State: BackupFailed, At: noon, Error: "page 7"}}}}
	c := open(t, Settings{Backups: s})
	const failed = "Không tạo được bản sao lưu"
	for _, path := range []string{"/", "/kiosks", "/closings"} {
		if page := c.page(path); !strings.Contains(page, ill.Text(survey.Vietnamese)) || strings.Contains(page, failed) {
			t.Errorf("%s does not say it, or says two things", path)
		}
	}
	got := c.ask("POST", "/api/v1/backups", "")
	p := got.problem(t)
	if got.StatusCode != 503 || !strings.Contains(p.Detail, ill.Text(survey.Vietnamese)) || strings.Contains(p.Detail, "thử lại") {
		t.Errorf("whoever asks for a backup hears %d %s", got.StatusCode, p.Detail)
	}
	s.damage = nil
	if page := c.page("/"); strings.Contains(page, "kho hỏng") || !strings.Contains(page, failed) {
		t.Error("the damage is told for ever")
	}
}
