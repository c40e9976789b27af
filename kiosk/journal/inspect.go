package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// Ending is how a journal's last life ended.
type Ending string

// The endings. A folder that does not say counts as Killed.
const (
	EndedWell   Ending = Ending(closed)  // a clean stop
	Killed      Ending = Ending(opening) // killed, or out of power
	DiedOpening Ending = Ending(trying)  // killed while the journal was being opened
	WriteFailed Ending = Ending(failed)  // a write failed: the disk may be bad
)

// Holding is what a journal's folder holds, as far as it can be read, in whatever file
// it stands.
type Holding struct {
	Ended    Ending
	Refused  uint64   // presses refused because the disk was full, ever
	Segments []Files  // oldest first
	Chains   []Held   // a chain stands behind those that it follows
	Aside    []string // files and folders of what was damaged, put out of the way
	owners   []owned  // of the segments' bbolt files
	reserve  string   // the folder of the numbers that were reserved, and of the lineage
	haul     *haul
}

// Files are one segment's two files.
type Files struct {
	Number int
	Chain  survey.Chain // zero, like First and Last, where its log does not say it
	First  uint64       // sequence of its first record
	Last   uint64       // where its log ends
	Size   int64        // bytes of both
	Fault  error        // what is wrong; nil = nothing. The next start mends what can be mended.
}

// Held is what is there of one chain.
type Held struct {
	Chain    survey.Chain
	Kept     uint64 // the first sequence that the journal should still hold; what came before was let go
	Runs     []Run  // in order
	Answers  int    // citizens' answers among the records, salvaged ones too
	Reserved uint64 // no number above this was ever given out; 0 = not known
	Receipt  []byte // the centre's last word about it, as signed; nil = none
}

// Run is an unbroken row of records.
type Run struct {
	First, Last uint64
	From, To    time.Time // when its first and last record were made, by the box's clock
}

// Missing is how many numbers are not there before and between the runs. Whether any are
// missing behind the last one, only Reserved can bound.
func (h *Held) Missing() (n uint64) {
	next := h.Kept
	for _, r := range h.Runs {
		n += r.First - next
		next = r.Last + 1
	}
	return n
}

// Last is the highest sequence that is there; 0 = none.
func (h *Held) Last() uint64 {
	if len(h.Runs) == 0 {
		return 0
	}
	return h.Runs[len(h.Runs)-1].Last
}

// Inspect reads everything in the folder dir, and in those of its folders in which
// damaged files were set aside, without changing any. It needs memory for all of it. Of
// the options it uses Child and Reserve. While a program has the journal open the error
// is [ErrLocked].
func Inspect(dir string, o Options) (*Holding, error) {
	o.fill(dir)
	j := &Journal{opts: o, dir: dir, was: trying} // any file may be deadly: who wrote it a child tells
	if err := j.holdStill(); err != nil {
		return nil, err
	}
	defer func() {
		if j.guard != nil {
			_ = j.guard.Close() // it was only held
		}
	}()
	haul, err := j.collect()
	if err != nil {
		return nil, err
	}
	h := &Holding{Ended: Ending(readState(dir)), reserve: o.Reserve, haul: haul}
	if h.owners, err = j.owners(); err != nil {
		return nil, err
	}
	if h.Refused, err = readCounter(filepath.Join(dir, refusedFile)); err != nil {
		return nil, err
	}
	if err := j.lookAtSegments(h); err != nil {
		return nil, err
	}
	if h.Aside, err = aside(dir); err != nil {
		return nil, err
	}
	for _, chain := range haul.inOrder() {
		held, err := j.held(haul, chain)
		if err != nil {
			return nil, err
		}
		h.Chains = append(h.Chains, held)
	}
	return h, nil
}

// holdStill keeps other programs away. A folder without a lock file is no running
// program's, nor is one on a disk that cannot be written.
func (j *Journal) holdStill() error {
	if _, err := os.Stat(filepath.Join(j.dir, lockFile)); err != nil {
		_, err = os.Stat(j.dir)
		return err
	}
	guard, err := lock(j.dir)
	if errors.Is(err, syscall.EROFS) {
		return nil
	}
	j.guard = guard
	return err
}

// readCounter reads a counter's file without making it; 0 where there is none, or none
// that the disk can read.
func readCounter(path string) (value uint64, err error) {
	s, err := slotsAt(path)
	return s.value, err
}

func slotsAt(path string) (slots, error) {
	b, err := os.ReadFile(path)
	if hindered(err) {
		return slots{}, unread(path, err)
	}
	return readSlots(b), nil
}

// aside are the files and folders in which something damaged, or another kiosk's, was put
// out of the way.
func aside(dir string) (list []string, err error) {
	beside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	for _, d := range beside {
		if strings.HasPrefix(d.Name(), filepath.Base(foreignFolder(dir))) {
			list = append(list, filepath.Join("..", d.Name()))
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := d.Name()
		if !strings.Contains(name, "damaged-") && !strings.Contains(name, ".log.cut-") {
			return nil
		}
		if name, err = filepath.Rel(dir, path); err == nil {
			list = append(list, name)
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return err
	})
	return list, err
}

// inOrder are all chains, each behind those that it follows.
func (h *haul) inOrder() (list []survey.Chain) {
	known := map[survey.Chain]bool{}
	for c := range h.chains {
		known[c] = true
	}
	for c := range h.origins {
		known[c] = true
	}
	byName := slices.SortedFunc(maps.Keys(known), func(a, b survey.Chain) int { return bytes.Compare(a[:], b[:]) })
	for _, c := range byName {
		for _, c := range append(h.before(c), c) {
			if known[c] && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	return list
}

// reservedOf is up to which number records of a chain may have been given out; 0 = not known.
func (j *Journal) reservedOf(chain survey.Chain) (uint64, error) {
	issued, err := slotsAt(j.issuedPath(chain))
	if issued.bad { // it may have been the newer one
		issued.value += mostAhead
	}
	return issued.value, err
}

// held is what was found of one chain.
func (j *Journal) held(h *haul, chain survey.Chain) (Held, error) {
	out := Held{Chain: chain, Kept: 1, Receipt: h.receipts[chain]}
	var err error
	if out.Reserved, err = j.reservedOf(chain); err != nil {
		return out, err
	}
	for _, r := range h.runs(chain) {
		first, last := &r[0], &r[len(r)-1]
		out.Runs = append(out.Runs, Run{First: first.Sequence, Last: last.Sequence, From: first.At(), To: last.At()})
		for i := range r {
			if _, answer := r[i].Issued(); answer {
				out.Answers++
			}
		}
	}
	if o, ok := h.origins[chain]; ok {
		out.Kept = o.first
	}
	if len(out.Runs) > 0 {
		out.Kept = min(out.Kept, out.Runs[0].First)
	}
	return out, nil
}

// lookAtSegments looks at each segment's two files.
func (j *Journal) lookAtSegments(h *Holding) error {
	numbers, err := numbersIn(j.dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		s := Files{Number: n}
		s.Fault = errors.Join(ofFile(dbName(n), j.check(filepath.Join(j.dir, dbName(n)))),
			ofFile(logName(n), h.haul.lookAtLog(filepath.Join(j.dir, logName(n)), &s)))
		for _, name := range []string{dbName(n), logName(n)} {
			info, err := os.Stat(filepath.Join(j.dir, name))
			if err != nil {
				s.Fault = errors.Join(s.Fault, fmt.Errorf("%w: %s is not there", ErrDamaged, name))
				continue
			}
			s.Size += info.Size()
		}
		h.Segments = append(h.Segments, s)
	}
	for i := range h.Segments {
		h.lookAtEnd(i)
	}
	return nil
}

// ofFile names the file in which a fault was found.
func ofFile(name string, fault error) error {
	if fault == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, fault)
}

// Words tell a fault to people; nil where there is none.
func (f *Files) Words() survey.Words {
	if f.Fault == nil {
		return nil
	}
	var vis, ens []string
	for fault := range strings.SplitSeq(f.Fault.Error(), "\n") {
		fault = strings.ReplaceAll(fault, ErrDamaged.Error()+": ", "")
		vi := inVietnamese(errors.New(fault))
		for _, known := range []struct{ fault, words string }{
			{"panic: ", "cấu trúc bên trong bị hỏng"}, {"is not there", "không có tệp này"},
			{"breaks off", "nhật ký bị đứt giữa chừng"}, {"before its time", "nhật ký kết thúc quá sớm"},
		} {
			if strings.Contains(fault, known.fault) {
				vi = known.words
			}
		}
		if file, why, ok := strings.Cut(fault, ": panic: "); ok {
			fault = fmt.Sprintf("%s: its structure is damaged (%s)", file, why)
		}
		vis, ens = append(vis, fmt.Sprintf("%s (chi tiết kỹ thuật: %s)", vi, fault)), append(ens, fault)
	}
	return survey.Words{survey.Vietnamese: strings.Join(vis, "; "), survey.English: strings.Join(ens, "; ")}
}

// lookAtLog compares a segment's log with what else was found under the same numbers.
func (h *haul) lookAtLog(path string, s *Files) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it is said elsewhere
	}
	if err != nil {
		return unread(path, err)
	}
	defer func() { _ = f.Close() }() // it is only read
	log, err := scanLog(source{f}, func(r *custody.Record) error {
		if h.chains[r.Chain][r.Sequence].Hash != r.Hash {
			return fmt.Errorf("%w: the log and bbolt hold two different records %d", ErrDamaged, r.Sequence)
		}
		return nil
	})
	s.Chain, s.First, s.Last = log.chain, log.first, log.head.Sequence
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	at, err := laterFrame(source{f}, log.size, size)
	if at > 0 {
		return fmt.Errorf("%w: the log breaks off after record %d and goes on at byte %d", ErrDamaged, log.head.Sequence, at)
	}
	return err
}

// laterFrame is where, between two bytes of the log, a whole record begins; 0 if none
// does, or none before the byte that cannot be read.
func laterFrame(f io.ReaderAt, from, to int64) (int64, error) {
	b := make([]byte, max(0, min(to-from, maxCarve))) // a file may have a wrong size
	n, err := f.ReadAt(b, from)
	if at, record := nextFrame(b[:n]); record != nil {
		return from + int64(at), nil
	}
	if ends(err) {
		err = nil
	}
	return 0, err
}

// lookAtEnd looks whether a segment's log goes as far as it should: to where the next
// one of its chain begins, or, up to what a power cut leaves, to the last record.
func (h *Holding) lookAtEnd(i int) {
	s := &h.Segments[i]
	end, slack := uint64(0), uint64(maxGroup)
	if h.Ended == EndedWell {
		slack = 0
	}
	for _, r := range h.haul.runs(s.Chain) {
		if last := r.last().Sequence; s.First >= r[0].Sequence && s.First <= last {
			end = last - min(last, slack)
		}
	}
	if next := i + 1; next < len(h.Segments) && h.Segments[next].Chain == s.Chain && s.Chain == h.Segments[len(h.Segments)-1].Chain {
		end = h.Segments[next].First - 1 // an earlier chain, salvaged, may have gaps
	}
	if s.First > 0 && end > s.Last {
		s.Fault = errors.Join(s.Fault, fmt.Errorf("%w: the log ends with record %d before its time", ErrDamaged, s.Last))
	}
}

// Segments are the numbers of the oldest and the newest segment of an open journal:
// they go up as segments are let go and sealed.
func (j *Journal) Segments() (oldest, newest int) {
	list := j.segments()
	if len(list) == 0 {
		return 0, 0
	}
	return list[0].number, list[len(list)-1].number
}

// Sure reports whether the journal believes that the box's clock tells the day at now,
// by the options' clock.
func (j *Journal) Sure(now time.Time) bool {
	_, state := j.clock.now(now.UnixMilli(), now.Sub(j.start).Milliseconds(), 0, !j.opts.NoHardwareClock)
	return state == custody.ClockSure
}
