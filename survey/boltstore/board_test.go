package boltstore_test

import (
	"path/filepath"
	"testing"

	"hailong/survey/boltstore"
)

// TestTheBoardOutlivesARestart keeps what the live page shows over a closing.
func TestTheBoardOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	var want string
	for _, next := range []string{"one", "two", "two"} {
		s, err := boltstore.Open(path, boltstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Board(t.Context()); err != nil || string(got) != want {
			t.Errorf("kept %q, %v; want %q", got, err, want)
		}
		if err := s.PutBoard(t.Context(), []byte(next)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want = next
	}
}
