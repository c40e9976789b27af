package journal

import (
	"fmt"
	"path/filepath"

	"hailong/survey"
)

// Numbers are reserved before they are given out, a block at a time, in a small file of
// its own. Where both of the journal's files are lost, it says how many records there
// can have been, at most.

// block is how many numbers are reserved at a time.
const block = 256

// mostAhead is how far the reserved numbers lie before the last record at most: a group that
// was never written, and the block behind it.
const mostAhead = maxGroup + block

func (j *Journal) issuedPath(chain survey.Chain) string {
	return filepath.Join(j.opts.Reserve, issuedFile+"-"+chain.String()[:8])
}

func (j *Journal) openIssued(chain survey.Chain) (*counter, error) {
	return openCounter(j.issuedPath(chain))
}

// giveBack gives the numbers back that were reserved and not used: after a clean stop the
// file says exactly which was the last, so that whatever is then missing is missed.
func (j *Journal) giveBack() error {
	if err := j.issued.lower(j.Head().Sequence); err != nil {
		return fmt.Errorf("give reserved numbers back: %w", err)
	}
	return nil
}

// notOlder is an error where more numbers were reserved than the journal can have needed:
// what it holds is whole, but it is not all, as in an older copy of its folder.
func (j *Journal) notOlder() error {
	head := j.Head().Sequence
	ahead := uint64(mostAhead)
	if j.well {
		ahead = 0
	}
	reserved, err := readCounter(j.issuedPath(j.chain))
	if err == nil && reserved > head+ahead {
		err = fmt.Errorf("%w: it ends with record %d, and numbers up to %d were reserved", ErrDamaged, head, reserved)
	}
	return err
}

// reserve makes sure that the file covers sequence last before it is used.
func (j *Journal) reserve(last uint64) error {
	if last <= j.issued.value {
		return nil
	}
	if err := j.issued.set(last + block); err != nil {
		return fmt.Errorf("reserve numbers: %w", err)
	}
	return nil
}

// reserveAnew does it where a life begins, and writes the number into both slots in any case:
// what the life before wrote may stand in the system's memory only, after a sync that failed
// or was never done, and a slot may be bad.
func (j *Journal) reserveAnew(last uint64) error {
	upTo := j.issued.value
	if upTo < last {
		upTo = last + block
	}
	if err := j.issued.lower(upTo); err != nil {
		return fmt.Errorf("reserve numbers: %w", err)
	}
	return nil
}

// reserveAhead does it while nobody waits.
func (j *Journal) reserveAhead() error {
	head := j.Head().Sequence
	if head+block/2 <= j.issued.value {
		return nil
	}
	return j.reserve(j.issued.value + 1)
}
