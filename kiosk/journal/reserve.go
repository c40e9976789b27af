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

func (j *Journal) openIssued(chain survey.Chain) (*counter, error) {
	return openCounter(filepath.Join(j.opts.Reserve, issuedFile+"-"+chain.String()[:8]))
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

// reserveAhead does it while nobody waits.
func (j *Journal) reserveAhead() error {
	head := j.Head().Sequence
	if head+block/2 <= j.issued.value {
		return nil
	}
	return j.reserve(j.issued.value + 1)
}
