package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// The lineage says which chain followed which, and what was lost between, in a small file
// outside the journal's folder: a journal that is damaged twice must not take the memory
// of the first time with it.

// lineageFile is the lineage's name.
const lineageFile = "lineage"

// descent is one chain that followed a damaged one.
type descent struct {
	Chain      survey.Chain
	Succession custody.Succession
}

// readLineage reads the lineage, the oldest first. One that cannot be read is none: what
// it said stands in the chains as well.
func (j *Journal) readLineage() ([]descent, error) {
	b, err := os.ReadFile(filepath.Join(j.opts.Reserve, lineageFile))
	if hindered(err) {
		return nil, fmt.Errorf("read the journal's lineage: %w", err)
	}
	var list []descent
	if err != nil || !readNote(b, &list) {
		return nil, nil
	}
	return list, nil
}

// writeLineage replaces the lineage, durably.
func (j *Journal) writeLineage(list []descent) error {
	b, err := note(list)
	if err == nil {
		err = disk.Write(filepath.Join(j.opts.Reserve, lineageFile), b)
	}
	if err != nil {
		return fmt.Errorf("write the journal's lineage: %w", err)
	}
	return nil
}

// note is what a small file says, for a person to read, behind a line with its CRC-32C: an
// altered digit would be believed.
func note(of any) ([]byte, error) {
	text, err := json.MarshalIndent(of, "", "  ")
	return fmt.Appendf(nil, "%s\n%s", checksum(text), text), err
}

// readNote reads a note, and reports whether it is what was written.
func readNote(b []byte, to any) bool {
	sum, text, _ := bytes.Cut(b, []byte("\n"))
	return string(sum) == checksum(text) && json.Unmarshal(text, to) == nil
}

func checksum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }

// memory holds no more than what the chains that are here, and the lineage, say of those
// before them.
func (j *Journal) memory() (*haul, error) {
	h := newHaul()
	for _, s := range j.segments() {
		for seq := uint64(1); s.first == 1; seq++ { // the successions stand at the beginning
			r, err := s.record(seq)
			if err != nil || r.Kind != custody.SuccessionRecord {
				break
			}
			h.add(r.Bytes, home)
		}
	}
	var err error
	h.lineage, err = j.readLineage()
	return h, err
}

// keepLineage writes the lineage anew where it is gone, or lacks what the chains say: their
// beginnings may be what is damaged next. It is a copy of theirs, so where it cannot be
// written now the next start tries again.
func (j *Journal) keepLineage() {
	h, err := j.memory()
	if err != nil {
		return
	}
	chains, known := append(h.before(j.chain), j.chain), len(h.lineage)
	if want := j.opts.Chain; !want.IsZero() && !slices.Contains(chains, want) {
		return // it is not this kiosk's
	}
	h.remember(chains)
	if len(h.lineage) > known {
		_ = j.writeLineage(h.lineage)
	}
}
