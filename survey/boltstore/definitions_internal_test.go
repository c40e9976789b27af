package boltstore

import (
	"fmt"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// A settings file may name several versions of one questionnaire. Each start adds the whole
// list again: it changes nothing once all are known and the last of each is in force.
func TestTheSameListChangesNothing(t *testing.T) {
	s := openNew(t)
	version := func(code survey.QuestionnaireCode, n int) *survey.Questionnaire {
		return &survey.Questionnaire{
			Code: code, Title: survey.Words{"vi": fmt.Sprint("bản ", n)},
			Scales: []survey.Scale{{Code: "yes", Levels: []survey.ScaleLevel{
				{Value: 1, Words: survey.Words{"vi": "không"}}, {Value: 2, Words: survey.Words{"vi": "có"}, Satisfied: true},
			}}},
			Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "yes", Words: survey.Words{"vi": "Hài lòng?"}}},
		}
	}
	a1, a2, a3, b1 := version("a", 1), version("a", 2), version("a", 3), version("b", 1)
	for i, step := range []struct {
		list    []*survey.Questionnaire
		inForce *survey.Questionnaire // of code a
		rows    int                   // that say what came into force
	}{
		{[]*survey.Questionnaire{a1, b1, a2}, a2, 3},
		{[]*survey.Questionnaire{a1, b1, a2}, a2, 3},
		{[]*survey.Questionnaire{a1, a2}, a2, 3},
		{[]*survey.Questionnaire{a3, a2}, a2, 5}, // a3 is new, but not the last
		{[]*survey.Questionnaire{a3, a2}, a2, 5},
		{[]*survey.Questionnaire{a2, a1}, a1, 6}, // back to an old one
		{[]*survey.Questionnaire{a2, a1}, a1, 6},
	} {
		if err := s.AddQuestionnaires(t.Context(), step.list...); err != nil {
			t.Fatal(err)
		}
		rows := 0
		if err := s.view(t.Context(), func(tx *bbolt.Tx) error {
			rows = tx.Bucket(forceBucket).Stats().KeyN
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		catalogue, err := s.Catalogue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := catalogue.InForce("a"); !ok || v.Hash != step.inForce.Hash() || rows != step.rows {
			t.Errorf("step %d: %s is in force, %d rows, want %s and %d", i, v.Title["vi"], rows, step.inForce.Title["vi"], step.rows)
		}
		for _, q := range step.list {
			if _, known := catalogue.ByHash(q.Hash()); !known {
				t.Errorf("step %d: %s is not known", i, q.Title["vi"])
			}
		}
	}
}
