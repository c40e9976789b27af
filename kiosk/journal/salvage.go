package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// haul is what can be read of a damaged journal, whatever file it stood in.
type haul struct {
	chains   map[survey.Chain]map[uint64]custody.Record
	found    map[survey.Hash]place  // where each record lay
	comments map[survey.Hash][]byte // commitment → salt, text
	receipts map[survey.Chain][]byte
	origins  map[survey.Chain]origin // where the oldest segment of each chain begins
	contact  contact
	lineage  []descent
}

// place is where a record lay, the most trusted one first. But at home a commit that was never
// finished leaves records, too, whose numbers were given again.
type place uint8

const (
	home   place = iota // the journal's files, or those that a rescue moved away
	beside              // a file that was put aside whole while the chain went on
	adrift              // the end that was cut off a log, or a page that nothing leads to
)

// placeOf is where the records of a file lie.
func placeOf(path string) place {
	switch name := filepath.Base(path); {
	case strings.Contains(name, ".log.cut-"):
		return adrift
	case strings.Contains(name, ".damaged-"):
		return beside
	}
	return home
}

func newHaul() *haul {
	return &haul{
		chains: map[survey.Chain]map[uint64]custody.Record{}, found: map[survey.Hash]place{}, comments: map[survey.Hash][]byte{}, receipts: map[survey.Chain][]byte{},
		origins: map[survey.Chain]origin{},
	}
}

// add takes in a record's bytes, wherever they were found. Of two that claim one number
// the one that lay nearer home stays, or the first found.
func (h *haul) add(b []byte, at place) bool {
	r := custody.DecodeRecord(bytes.Clone(b))
	if r.Fault != nil {
		return false
	}
	c := h.chains[r.Chain]
	if c == nil {
		c = map[uint64]custody.Record{}
		h.chains[r.Chain] = c
	}
	if other, ok := c[r.Sequence]; !ok || at < h.found[other.Hash] {
		c[r.Sequence], h.found[r.Hash] = r, at
	}
	return true
}

// addComment takes in a comment's row, known by what its record commits to.
func (h *haul) addComment(row []byte) {
	if len(row) > 16 {
		c := custody.Comment{Salt: [16]byte(row), Text: string(row[16:])}
		h.comments[c.Commit()] = bytes.Clone(row)
	}
}

// begins takes in where a segment begins.
func (h *haul) begins(o origin) {
	if known, ok := h.origins[o.chain]; !ok || o.first < known.first {
		h.origins[o.chain] = o
	}
}

// The kinds of a dump's frames. A frame's bytes begin with one of them.
const (
	dumpRecord  = 'r'
	dumpComment = 'c'
	dumpReceipt = 'p'
	dumpContact = 'k'
	dumpOrigin  = 'o'
)

// dumpDB writes what a bbolt file holds as frames, like the log's, as far as it can be
// read. It runs in a child process: the file may be damaged.
func dumpDB(path string, out io.Writer) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	err = (&segment{db: db}).view(func(tx *bbolt.Tx) error {
		put := func(kind byte, b []byte) error {
			_, err := w.Write(appendFrame(nil, append([]byte{kind}, b...)))
			return errors.Join(err, w.Flush()) // what was read stays read if the next page kills this process
		}
		var all error
		bucket := func(name []byte, visit func(k, v []byte) error) {
			all = errors.Join(all, guarded(func() error {
				if b := tx.Bucket(name); b != nil {
					return b.ForEach(visit)
				}
				return nil
			}))
		}
		if _, o, err := readOrigin(tx); err == nil && o.first > 0 {
			all = put(dumpOrigin, encodeOrigin(o))
		}
		bucket(bucketMeta, func(k, v []byte) error {
			if chain, ok := bytes.CutPrefix(k, keyReceipt); ok {
				return put(dumpReceipt, append(bytes.Clone(chain), v...))
			}
			if bytes.Equal(k, keyContact) {
				return put(dumpContact, v)
			}
			return nil
		})
		bucket(bucketComments, func(_, v []byte) error { return put(dumpComment, v) })
		bucket(bucketRecords, func(k, v []byte) error {
			r, err := readRow(k, v)
			if err == nil {
				return put(dumpRecord, r.Bytes)
			}
			all = errors.Join(all, err) // an older copy may stand elsewhere in the file
			return nil
		})
		if back, err := fellBack(path, db.Info().PageSize); back || err != nil { // its records may still stand in the file
			all = errors.Join(all, err, errors.New(faultBehind))
		}
		return all
	})
	return errors.Join(err, w.Flush())
}

// readDump takes in a child's dump, as far as it goes.
func (h *haul) readDump(r io.Reader, at place) {
	for {
		b, err := readFrame(r)
		if err != nil {
			return
		}
		switch kind, b := b[0], b[1:]; {
		case kind == dumpRecord:
			h.add(b, at)
		case kind == dumpComment:
			h.addComment(b)
		case kind == dumpReceipt && len(b) > 16:
			h.receipts[survey.Chain(b)] = bytes.Clone(b[16:])
		case kind == dumpContact:
			h.contact = decodeContact(b)
		case kind == dumpOrigin:
			if o, err := readLogHeader(bytes.NewReader(b)); err == nil {
				h.begins(o)
			}
		}
	}
}

// recordMark are the bytes that follow the first one of every record: its version, and
// the head of its chain.
var recordMark = []byte{0x01, custody.RecordVersion, 0x02, 0x50}

// nextFrame finds the first whole frame with a record in a part of a log: where it begins,
// and the record's bytes; nil if there is none.
func nextFrame(b []byte) (at int, record []byte) {
	const ahead = frameHeader + 1 // what stands before the mark in a frame
	for from := min(ahead, len(b)); ; {
		i := bytes.Index(b[from:], recordMark)
		if i < 0 {
			return 0, nil
		}
		at, from = from+i-ahead, from+i+1
		if record, err := readFrame(bytes.NewReader(b[at:])); err == nil && custody.DecodeRecord(record).Fault == nil {
			return at, record
		}
	}
}

// scan takes in every whole frame of a log, in whatever order they stand, also behind
// damage.
func (h *haul) scan(b []byte, at place) {
	for i, record := nextFrame(b); record != nil; i, record = nextFrame(b) {
		h.add(record, at)
		b = b[i+frameHeader+len(record):]
	}
}

// carve takes in records from the raw bytes of a file whose structure is gone. Each
// begins with the same few bytes and its chain; how long it is, its own form says, and the
// checksum before it whether it was altered.
func (h *haul) carve(b []byte) {
	for at := 0; at+24 < len(b); at++ {
		i := bytes.Index(b[at:], recordMark)
		if i < 1 {
			if i < 0 {
				return
			}
			continue
		}
		at += i - 1
		if whole := custody.CutRecord(b[at:]); whole != nil && at >= sumSize && summed(b[at-sumSize:at+len(whole)]) != nil {
			h.add(whole, adrift)
		}
	}
}

// collect reads everything in the folder that may hold a part of the journal: first the
// logs, whose checksums tell what was altered, then what only bbolt has.
func (j *Journal) collect() (*haul, error) {
	h := newHaul()
	for _, pass := range []struct {
		part string
		read func(*haul, string) error
	}{{".log", collectLog}, {".db", j.collectDB}} {
		err := filepath.WalkDir(j.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(d.Name(), pass.part) {
				return err
			}
			return pass.read(h, path)
		})
		if err != nil {
			return nil, fmt.Errorf("salvage the journal: %w", err)
		}
	}
	h.disprove()
	var err error
	h.lineage, err = j.readLineage()
	return h, err
}

// disprove takes records out where one carries the hash of another than the one before
// it. That proves the one before false; but what lay farther from home than that one, or
// adrift, may be of a commit that was never finished: then it goes, with what follows it.
func (h *haul) disprove() {
	for _, records := range h.chains {
		numbers := slices.Sorted(maps.Keys(records))
		dead := map[survey.Hash]bool{}
		for _, seq := range numbers {
			r := records[seq]
			before, ok := records[seq-1]
			at := h.found[r.Hash]
			farther := at == adrift || at > h.found[before.Hash]
			if at > home && (dead[r.Previous] || ok && r.Previous != before.Hash && farther) {
				dead[r.Hash] = true
				delete(records, seq)
			}
		}
		for _, seq := range slices.Backward(numbers) {
			if next, ok := records[seq+1]; ok && next.Previous != records[seq].Hash {
				delete(records, seq)
			}
		}
	}
}

func collectLog(h *haul, path string) error {
	b, err := readPast(path)
	if err != nil {
		return err
	}
	if o, err := readLogHeader(bytes.NewReader(b)); err == nil {
		h.begins(o)
	}
	h.scan(b, placeOf(path))
	return nil
}

// maxCarve is the largest file that is read whole to be carved: several times what a
// segment's bbolt file ever has.
const maxCarve = 1 << 30

func (j *Journal) collectDB(h *haul, path string) error {
	err := j.dump(h, path)
	if err == nil || errors.Is(err, errNotDumped) {
		return err
	}
	b, err := readPast(path)
	h.carve(b)
	return err
}

// errNotDumped says that a file was not read although it may be readable.
var errNotDumped = errors.New("the salvage was interrupted")

// dump reads a bbolt file, in a child process if there can be one: what that could not read
// before it died is carved.
func (j *Journal) dump(h *haul, path string) error {
	if j.opts.Child == nil {
		return h.dumpHere(path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), childWait)
	defer cancel()
	cmd := j.opts.Child(ctx, childDump, path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil { // there is no child: too many processes, or the program is gone
		return h.dumpHere(path)
	}
	h.readDump(bufio.NewReaderSize(out, 1<<20), placeOf(path))
	err = cmd.Wait()
	var ended *exec.ExitError
	switch {
	case !errors.As(err, &ended):
		return err
	case ended.ExitCode() == childHindered:
		return fmt.Errorf("%w: %w", errNotDumped, hindrance(path, err.Error()))
	case endedFromOutside(ctx, ended):
		return fmt.Errorf("%w: %w", errNotDumped, notLooked(path, err))
	}
	return err
}

// dumpHere is dump in this process.
func (h *haul) dumpHere(path string) error {
	var b bytes.Buffer
	err := guarded(func() error { return dumpDB(path, &b) })
	h.readDump(&b, placeOf(path))
	if hindered(err) {
		return fmt.Errorf("%w: %w", errNotDumped, unread(path, err))
	}
	return err
}

// run is an unbroken row of records.
type chainRun []custody.Record

func (r chainRun) last() custody.Head {
	if len(r) == 0 {
		return custody.Head{}
	}
	return custody.Head{Sequence: r[len(r)-1].Sequence, Hash: r[len(r)-1].Hash}
}

// runs are a chain's records as unbroken rows, in order.
func (h *haul) runs(chain survey.Chain) []chainRun {
	records := h.chains[chain]
	var list []chainRun
	for _, seq := range slices.Sorted(maps.Keys(records)) {
		r := records[seq]
		if n := len(list); n > 0 && list[n-1].last() == (custody.Head{Sequence: seq - 1, Hash: r.Previous}) {
			list[n-1] = append(list[n-1], r)
			continue
		}
		list = append(list, chainRun{r})
	}
	return list
}
