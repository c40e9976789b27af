package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"hailong/survey"
)

// A kiosk lets records go once a verified backup holds them. If the centre is then
// restored from an older backup, it asks for records that nobody has here any more, and
// takes none of those behind them: a chain has no gaps. So the journal leaves that chain
// as it leaves a damaged one: what it still has goes up inside a new one, and what was let
// go, as far as the centre lacks it, is declared as lost.

// errLetGo says that a record is wanted that was let go.
var errLetGo = errors.New("was let go when a backup held it, and is wanted again: the centre was restored from an older backup")

// stranded says why a chain is left that is whole.
type stranded struct {
	chain survey.Chain
	mark  uint64 // what the centre has of it
	first uint64 // the first record that is kept
	last  uint64 // the last one
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
			s.chain, s.mark, s.first-1, s.first-1-s.mark, next, s.last-s.first+1),
		survey.English: fmt.Sprintf("the centre was restored from a backup that holds chain %s up to record %d; the kiosk let records up to %d go when a newer one held them; unless that newer one is brought back these are lost: %d; records that are kept and go up again in the new chain %s: %d",
			s.chain, s.mark, s.first-1, s.first-1-s.mark, next, s.last-s.first+1),
	}
}

func (j *Journal) strandedPath(chain survey.Chain) string {
	return filepath.Join(j.dir, strandedFile+"-"+chain.String()[:8])
}

// strand ends the life of a journal of which the centre wants what was let go, and sees to
// it that the next one leaves the chain. Without a word of the centre about this chain it
// does not know that.
func (j *Journal) strand(durable uint64) error {
	s := &stranded{chain: j.chain, mark: durable, last: j.Head().Sequence}
	s.first = j.firstKept()
	if j.Receipt() == nil || durable+1 >= s.first {
		return fmt.Errorf("record %d of chain %s %w", durable+1, j.chain, errLetGo)
	}
	c, err := openCounter(j.strandedPath(j.chain))
	if err != nil {
		return err
	}
	if err := errors.Join(c.set(durable+1), c.f.Close()); err != nil {
		return fmt.Errorf("note what the centre lacks: %w", err)
	}
	return j.met(s)
}

// firstKept is the first record of the journal's chain that is still here.
func (j *Journal) firstKept() uint64 {
	for _, s := range j.segments() {
		if s.chain == j.chain {
			return s.first
		}
	}
	return 1
}

// wants is the record that the centre wanted of a chain, and that was let go; 0 = none.
func (j *Journal) wants(chain survey.Chain) (uint64, error) {
	return readCounter(j.strandedPath(chain))
}

// left is an error where the chain that is written must be left: see [stranded].
func (j *Journal) left() error {
	wanted, err := j.wants(j.chain)
	if first := j.firstKept(); err == nil && wanted > 0 && wanted < first {
		return &stranded{chain: j.chain, mark: wanted - 1, first: first, last: j.Head().Sequence}
	}
	return err
}
