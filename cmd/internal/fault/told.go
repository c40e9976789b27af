//go:build linux

package fault

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"hailong/kiosk/journal"
)

// Told asks the running aggregator for its closings and for what may be lost.
func (s *Site) Told() (*Told, error) {
	t := &Told{}
	var closings struct{ Items []Closing }
	if err := s.ask("/api/v1/closings", &closings); err != nil {
		return nil, err
	}
	t.Closings = closings.Items
	kiosks, err := s.kiosks()
	for _, k := range kiosks {
		for _, l := range k.Losses {
			l.Kiosk = k.ID
			t.Losses = append(t.Losses, l)
		}
	}
	return t, err
}

// ask gets something from the aggregator's API.
func (s *Site) ask(path string, into any) error {
	_, err := Call(http.MethodGet, s.Centre.URL+path, s.token, nil, into)
	return err
}

// kioskSeen is how the aggregator sees a kiosk.
type kioskSeen struct {
	ID       string      `json:"id"`
	Forks    int         `json:"forks"`
	Trouble  *string     `json:"trouble"`
	Refused  *uint64     `json:"refused"`
	Problems []string    `json:"problems"`
	Losses   []KnownLoss `json:"losses"`
}

func (s *Site) kiosks() ([]kioskSeen, error) {
	var list struct{ Items []kioskSeen }
	err := s.ask("/api/v1/kiosks", &list)
	return list.Items, err
}

// keeps checks, in a copy of a stopped kiosk's journal, that it has every record that no
// verified backup holds: I5. It may lack what lies in a declared loss, and a clone what
// its original has.
func (s *Stored) keeps(data, scratch string) (err error) {
	copied := filepath.Join(scratch, "journal.copy")
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	if err := CopyFolder(filepath.Join(data, "journal"), copied); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(copied, "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		b, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(commentMark)) {
			s.wrong("I10: the text of a comment stands in a kiosk's log")
		}
	}
	holding, err := journal.Inspect(copied, journal.Options{})
	if err != nil {
		return fmt.Errorf("look into a kiosk's journal: %w", err)
	}
	for i := range holding.Chains {
		h := &holding.Chains[i]
		chain := h.Chain.String()
		if backed := s.Backed[chain]; h.Kept > backed+1 && !s.lossOf(h.Chain) {
			s.wrong("I5: a kiosk let chain %s go up to %d, a verified backup holds it up to %d", chain, h.Kept-1, backed)
		}
		if n := h.Missing(); n > 0 && !s.lossOf(h.Chain) {
			s.wrong("I5: a kiosk lacks %d records of chain %s", n, chain)
		}
		if head := s.Heads[chain]; h.Last() < head && !s.lossOf(h.Chain) && !s.Contradicted[chain] {
			s.wrong("I5: a kiosk has chain %s up to %d, the store up to %d", chain, h.Last(), head)
		}
	}
	return nil
}
