package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

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
	sum, text, _ := bytes.Cut(b, []byte("\n"))
	var list []descent
	if err != nil || string(sum) != checksum(text) || json.Unmarshal(text, &list) != nil {
		return nil, nil
	}
	return list, nil
}

// writeLineage replaces the lineage, durably.
func (j *Journal) writeLineage(list []descent) error {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("write the journal's lineage: %w", err)
	}
	err = disk.Write(filepath.Join(j.opts.Reserve, lineageFile), fmt.Appendf(nil, "%s\n%s", checksum(text), text))
	if err != nil {
		return fmt.Errorf("write the journal's lineage: %w", err)
	}
	return nil
}

func checksum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }
