package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// succeed begins a new chain where the old one cannot go on: nobody can say which was
// its last number, or the centre lacks what was let go. All files are moved into a folder of
// their own; what can be read of them is written anew as sealed segments, so that it can
// still be sent; and the new chain's first record says what may be lost. It may be stopped at
// any moment: the next start finds the files, wherever they are, and does it again.
func (j *Journal) succeed(why error) error {
	_ = os.Remove(filepath.Join(j.dir, ballastFile)) // this is what it was for
	h, err := j.collect()
	if err != nil {
		return err
	}
	var left *stranded
	errors.As(why, &left)
	s, err := j.parting(why, left, h)
	if err != nil {
		return err
	}
	if err := j.beginRescue(&s); err != nil {
		return err
	}
	if err := j.moveAside(); err != nil {
		return err
	}
	if s.Predecessor.IsZero() { // a kiosk that never had a journal, and rubbish in its folder
		if err := j.begin(1, newChain()); err != nil {
			return err
		}
		return j.endRescue()
	}
	j.clock.last = h.contact
	for chain, signed := range h.receipts {
		j.marks.set(chain, signed, false)
	}
	for seq := range h.chains[s.Predecessor] { // the reserved numbers may be of an older copy
		s.Reserved = max(s.Reserved, seq)
	}
	said := s
	full := j.follow(h, &s)
	if err = full; noRoom(full) {
		s = said // nothing of the old chains is here any more
		for i := range h.lineage {
			unsendable(&h.lineage[i].Succession)
		}
		err = j.follow(&haul{lineage: h.lineage}, &s)
	}
	if err == nil {
		err = j.endRescue()
	}
	if err == nil {
		j.tellOfSuccession(&s, left, full)
	}
	return err
}

// parting is what can be said of the chain that is left before anything is changed. Where a
// rescue of that chain was stopped it said it. left is nil but where the chain is whole.
func (j *Journal) parting(why error, left *stranded, h *haul) (s custody.Succession, err error) {
	known := j.opts.Chain
	if known.IsZero() {
		known = h.longest()
	}
	s = custody.Succession{Predecessor: j.lastInUse(known, h), Reason: why.Error(), To: j.opts.Now().UnixMilli()}
	// What is noted of another chain came with an older copy of the folder.
	isLast := func(chain survey.Chain) bool { return j.opts.Chain.IsZero() || chain == s.Predecessor }
	var stopped *stoppedRescue
	switch {
	case errors.As(why, &stopped) && stopped.known && isLast(stopped.parting.Predecessor):
		return stopped.parting, nil
	case left != nil && isLast(left.leaf):
		s.Predecessor, s.Reserved = left.leaf, left.head
		return s, nil
	case s.Predecessor.IsZero():
		return s, nil
	}
	return s, j.reserved(&s)
}

// lastInUse is the last of the chains that follow one, itself if none does: the identity may
// be an older copy. The chain of a rescue that was stopped does not count: no number of it
// was reserved, and it holds no answer of its own.
func (j *Journal) lastInUse(chain survey.Chain, h *haul) survey.Chain {
	last, most := chain, 0
	list := slices.Collect(maps.Keys(h.chains))
	for _, d := range h.lineage {
		list = append(list, d.Chain)
	}
	for _, c := range list {
		before := h.before(c)
		if n := len(before); n > most && slices.Contains(before, chain) && j.inUse(c, h) {
			last, most = c, n
		}
	}
	return last
}

// inUse reports whether a press may have been kept in a chain.
func (j *Journal) inUse(chain survey.Chain, h *haul) bool {
	if _, err := os.Stat(j.issuedPath(chain)); err == nil {
		return true
	}
	for _, r := range h.chains[chain] {
		if r.Kind == custody.ResponseRecord {
			return true
		}
	}
	return false
}

// follow writes what was found, and begins the chain that follows. Where the disk is too
// full for that, nothing of it is left: what it was made from stands in a folder of its own.
func (j *Journal) follow(h *haul, s *custody.Succession) error {
	number, islands, err := j.rescue(h, s)
	if err == nil {
		err = j.begin(number, newChain())
	}
	earlier := slices.DeleteFunc(slices.Clone(h.lineage), func(d descent) bool { return d.Succession.Predecessor == s.Predecessor }) // of a rescue that was stopped
	if err == nil {
		err = j.writeLineage(append(earlier, descent{j.chain, *s}))
	}
	if err == nil {
		err = j.declare(s, earlier, islands, h)
	}
	if noRoom(err) {
		if uncleared := j.clear(); uncleared != nil {
			return fmt.Errorf("make room after %v: %w", err, uncleared)
		}
	}
	return err
}

// clear deletes all segments.
func (j *Journal) clear() error {
	if err := j.closeSegments(); err != nil {
		return err
	}
	numbers, err := numbersIn(j.dir)
	for _, n := range numbers {
		for _, name := range []string{dbName(n), logName(n)} {
			if gone := os.Remove(filepath.Join(j.dir, name)); !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}
	return errors.Join(err, disk.SyncFolder(j.dir))
}

// tellOfSuccession tells people what became of the old chain. full says why nothing of it
// could be written anew; nil = it was.
func (j *Journal) tellOfSuccession(s *custody.Succession, left *stranded, full error) {
	vi := fmt.Sprintf("có thể mất nhiều nhất %d, tính cả các số được giữ trước (mỗi lần tới %d) có thể chưa dùng đến", s.Lost(), block)
	en := fmt.Sprintf("at most %d may be lost, counting numbers that were set aside in advance (up to %d at a time) and perhaps never used", s.Lost(), block)
	if s.Lost() == 0 {
		vi, en = "không mất bản ghi nào", "no record is lost"
	}
	if s.Unbounded {
		vi, en = "không còn gì cho biết đã mất bao nhiêu", "nothing is left that says how many are lost"
	}
	switch {
	case full != nil:
		j.opts.OnEvent(survey.Words{
			survey.Vietnamese: fmt.Sprintf("nhật ký %s không dùng tiếp được và ổ đĩa không còn chỗ để dựng lại (%v); các tệp cũ còn nguyên trong thư mục damaged-…, gửi chúng bằng hailong salvage; %s; bắt đầu chuỗi mới %s",
				s.Predecessor, full, vi, j.chain),
			survey.English: fmt.Sprintf("journal %s cannot go on, and the disk has no room to write it anew (%v); its files are untouched in a damaged-… folder, send them with hailong salvage; %s; chain %s begins",
				s.Predecessor, full, en, j.chain),
		})
	case left != nil:
		j.opts.OnEvent(left.words(j.chain))
	default:
		j.opts.OnEvent(survey.Words{
			survey.Vietnamese: fmt.Sprintf("nhật ký %s bị hỏng; đọc lại được đến bản ghi %d và %d bản ghi sau đó; %s; bắt đầu chuỗi mới %s",
				s.Predecessor, s.Last, s.Salvaged, vi, j.chain),
			survey.English: fmt.Sprintf("journal %s is damaged; it was read up to record %d, and %d records after that; %s; chain %s begins",
				s.Predecessor, s.Last, s.Salvaged, en, j.chain),
		})
	}
}

func newChain() (chain survey.Chain) {
	_, _ = rand.Read(chain[:]) // never fails: it would end the program
	return chain
}

// longest is the chain of which most was found.
func (h *haul) longest() (chain survey.Chain) {
	most := 0
	for c, records := range h.chains {
		if n := len(records); n > most || n == most && strings.Compare(c.String(), chain.String()) < 0 {
			chain, most = c, n
		}
	}
	return chain
}

// reserved reads up to which number the old chain can have gone, if that is still known.
func (j *Journal) reserved(s *custody.Succession) error {
	c, err := j.openIssued(s.Predecessor)
	if err != nil {
		return err
	}
	s.Reserved, s.Unbounded = c.value, !c.known
	if c.bad { // it may have been the newer one
		s.Reserved += mostAhead
	}
	return c.f.Close()
}

// moveAside moves every file of the journal into a folder of its own.
func (j *Journal) moveAside() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("set the damaged journal aside: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() || !strings.Contains(e.Name(), ".db") && !strings.Contains(e.Name(), ".log")
	})
	if len(entries) == 0 {
		return nil // they were moved before, and there was no room for more
	}
	to := j.asideOf(filepath.Join(j.dir, "damaged-"))
	// The folder must be there for good before anything is moved into it.
	if err := disk.MakeFolder(to); err != nil {
		return fmt.Errorf("set the damaged journal aside: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(j.dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return fmt.Errorf("set the damaged journal aside: %w", err)
		}
	}
	return errors.Join(disk.SyncFolder(to), disk.SyncFolder(j.dir))
}

// declare writes the first records of a following chain: what it follows, what the
// chains before it followed, and what was found behind gaps.
func (j *Journal) declare(s *custody.Succession, earlier []descent, islands []custody.Record, h *haul) error {
	active := j.active()
	tx, err := active.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	defer func() { _ = guarded(tx.Rollback) }() // after the commit it does nothing
	g := newGroup(j, tx)
	_, err = g.put(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: s.Encode()}, nil)
	for i := 0; err == nil && i < len(earlier); i++ { // the chain that said so first may never have been heard
		_, err = g.put(custody.Record{Kind: custody.SuccessionRecord, PayloadVersion: 1, Payload: earlier[i].Succession.Encode()}, nil)
	}
	for i := 0; err == nil && i < len(islands); i++ {
		in := &islands[i] // the journal's own, too: a number that is not there is taken for a lost answer
		_, err = g.put(custody.Record{
			Nonce: in.Nonce, Kind: custody.SalvagedRecord, Counter: in.Counter, Questionnaire: in.Questionnaire,
			PayloadVersion: 1, Payload: in.Bytes, Comment: in.Comment,
		}, h.comment(in))
	}
	if err == nil {
		err = putDays(tx, g.days.Changed(0))
	}
	if err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	g.commented = true // bbolt first: the log must never be the only witness of a half-begun chain
	if err := j.sync(tx, g); err != nil {
		return fmt.Errorf("begin a following chain: %w", err)
	}
	j.head.Store(&g.head)
	j.days.Store(g.days)
	j.wall = g.wall
	return active.view(active.nonces.load)
}
