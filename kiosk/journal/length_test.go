package journal

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"hailong/survey"
)

// One bit of the length of a comment's row goes bad, so that the row reaches past the file's
// end. The file is made anew from the log before anything is sent: else each life would end
// where that comment is read, and nothing behind it would ever go up.
func TestARowThatReachesPastTheFile(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	d := draft("with a comment")
	d.Comment = "cán bộ rất tận tình"
	if _, _, err := j.Append(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	press(t, j, "next")
	chain, head := j.Chain(), j.Head()
	dir = copyFolder(t, dir)
	path := filepath.Join(dir, segmentDB)
	// What bbolt notes of a row: 4 bytes each of flags, place, length of the key and of the value.
	note := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 8), uint32(16+len(d.Comment)))
	with := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 8), uint32(16+len(d.Comment))|1<<28)
	replace(t, path, note, with)

	again := openTest(t, dir, withChild, func(o *Options) { o.Chain = chain })
	if again.Chain() != chain || again.Head() != head {
		t.Fatalf("chain %s to %d, want %s to %d", again.Chain(), again.Head().Sequence, chain, head.Sequence)
	}
	_, key := testKey(t)
	sent, err := again.Batch(1, 0, 10, 1<<16, testKiosk, key)
	if err != nil || len(sent.Records) != 2 {
		t.Fatalf("it sends %v, %v", sent, err)
	}
	if _, ok, err := again.Find(survey.KeyNonce("with a comment")); err != nil || !ok {
		t.Fatalf("the press is found: %v, %v", ok, err)
	}
}
