package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"hailong/survey"
	"hailong/survey/custody"
)

// A kiosk lets records go once a verified backup holds them. If the centre is then
// restored from an older backup, it asks for records that nobody has here any more, and
// takes none of those behind them: a chain has no gaps. So the journal leaves that chain
// as it leaves a damaged one: what it still has goes up inside a new one, and what was let
// go, as far as the centre lacks it, is declared as lost. Where it is an earlier chain that
// the centre lacks a part of, the one that is written is left, too: only the beginning of a
// chain speaks of others.

// errLetGo says that a record is wanted that was let go.
var errLetGo = errors.New("was let go when a backup held it, and is wanted again: the centre was restored from an older backup")

// stranded says why the chain that is written is left although it is whole: the centre
// wants what was let go of it, or of an earlier one whose records are still here.
type stranded struct {
	chain survey.Chain // the one that the centre lacks a part of
	mark  uint64       // what the centre has of it
	first uint64       // the first record of it that is kept
	kept  uint64       // how many are
	leaf  survey.Chain // the chain that is written
	head  uint64       // its last record
}

// Error implements error.
func (s *stranded) Error() string {
	return fmt.Sprintf("the centre was restored from a backup that lacks what was let go: it ends with record %d, here they begin with %d", s.mark, s.first)
}

// Unwrap makes it a kind of damage: the journal is opened anew.
func (s *stranded) Unwrap() error { return ErrDamaged }

// words are for people.
func (s *stranded) words(next survey.Chain) survey.Words {
	return survey.Words{
		survey.Vietnamese: fmt.Sprintf("trung tâm được khôi phục từ bản sao lưu chỉ có chuỗi %s đến bản ghi %d; thiết bị đã xóa đến bản ghi %d theo bản sao lưu mới hơn; số bản ghi mất nếu không khôi phục bản mới hơn đó: %d; số bản ghi còn giữ được gửi lại trong chuỗi mới %s: %d",
			s.chain, s.mark, s.first-1, s.first-1-s.mark, next, s.kept),
		survey.English: fmt.Sprintf("the centre was restored from a backup that holds chain %s up to record %d; the kiosk let records up to %d go when a newer one held them; unless that newer one is brought back these are lost: %d; records that are kept and go up again in the new chain %s: %d",
			s.chain, s.mark, s.first-1, s.first-1-s.mark, next, s.kept),
	}
}

func (j *Journal) strandedPath(chain survey.Chain) string {
	return filepath.Join(j.dir, strandedFile+"-"+chain.String()[:8])
}

// strand ends the life of a journal of which the centre wants what was let go, and sees to
// it that the next one leaves the chain that is written. Without a word of the centre about
// the chain that it asked for it does not know that.
func (j *Journal) strand(chain survey.Chain, durable uint64) error {
	s := j.strandedAt(chain, durable)
	if j.marks.get(chain) == nil || durable+1 >= s.first {
		return fmt.Errorf("record %d of chain %s %w", durable+1, chain, errLetGo)
	}
	c, err := openCounter(j.strandedPath(chain))
	if err != nil {
		return err
	}
	if err := errors.Join(c.set(durable+1), c.f.Close()); err != nil {
		return fmt.Errorf("note what the centre lacks: %w", err)
	}
	return j.met(s)
}

// strandedAt is a chain of which the centre has the records up to mark.
func (j *Journal) strandedAt(chain survey.Chain, mark uint64) *stranded {
	s := &stranded{chain: chain, mark: mark, first: 1, leaf: j.chain, head: j.Head().Sequence}
	list := j.segments()
	for i, in := range list {
		if in.chain != chain {
			continue
		}
		if s.kept == 0 {
			s.first = in.first
		}
		last := s.head
		if i < len(list)-1 {
			last = in.last.Sequence
		}
		s.kept += last - (in.first - 1)
	}
	return s
}

// wants is the record that the centre wanted of a chain, and that was let go; 0 = none.
func (j *Journal) wants(chain survey.Chain) (uint64, error) {
	return readCounter(j.strandedPath(chain))
}

// left is an error where the chain that is written must be left: see [stranded]. For an
// earlier chain it was left before if the chain says that nothing of that one can be sent.
func (j *Journal) left() error {
	seen := map[survey.Chain]bool{}
	for _, s := range j.segments() {
		if seen[s.chain] {
			continue
		}
		seen[s.chain] = true
		wanted, err := j.wants(s.chain)
		if err != nil {
			return err
		}
		if wanted > 0 && wanted < s.first && (s.chain == j.chain || j.pastHead(s.chain).Sequence > 0) {
			return j.strandedAt(s.chain, wanted-1)
		}
	}
	return nil
}

// unsendable makes a succession say that nothing of its predecessor is here.
func unsendable(s *custody.Succession) {
	s.Last, s.LastSum, s.From, s.Salvaged = 0, survey.Hash{}, 0, 0
}
