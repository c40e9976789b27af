package journal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// Past is an earlier chain of the journal, salvaged after damage. Nothing is added to it;
// what the centre does not have of it yet is sent as from the journal itself.
type Past struct {
	j     *Journal
	chain survey.Chain
	head  custody.Head
	days  *custody.Ledger // what its unbroken row issued; nil = not known
}

// Pasts are the earlier chains that the journal still holds, the oldest first.
func (j *Journal) Pasts() []*Past {
	var list []*Past
	seen := map[survey.Chain]bool{j.chain: true}
	for _, s := range j.segments() {
		if !seen[s.chain] {
			seen[s.chain] = true
			head := j.pastHead(s.chain)
			list = append(list, &Past{j, s.chain, head, j.pastDays(s.chain, head)})
		}
	}
	return list
}

// pastHead is where the unbroken row of an earlier chain ends, as it is said. Where nobody
// says it, it is the end of the first row that is here.
func (j *Journal) pastHead(chain survey.Chain) (head custody.Head) {
	if head, ok := j.said()[chain]; ok {
		return head
	}
	for _, s := range j.segments() {
		if s.chain == chain && (head == custody.Head{} || s.before() == head) {
			head = s.last
		}
	}
	return head
}

// said is where the unbroken rows of earlier chains end, as the chains that followed and the
// lineage say it. What was said later promises less, never more.
func (j *Journal) said() map[survey.Chain]custody.Head {
	list := map[survey.Chain]custody.Head{}
	say := func(s custody.Succession) {
		if head, ok := list[s.Predecessor]; !ok || s.Last < head.Sequence {
			list[s.Predecessor] = custody.Head{Sequence: s.Last, Hash: s.LastSum}
		}
	}
	h, _ := j.memory() // a lineage that cannot be read says nothing
	for chain := range h.chains {
		for _, s := range h.told(chain) {
			say(s)
		}
	}
	for i := range h.lineage {
		say(h.lineage[i].Succession)
	}
	return list
}

// pastThere is an error where an earlier chain's row ends before it is said to, and the rest
// was not let go: the files that it was read from may still hold what is missing. Where all
// is as it was said, the lineage is kept.
func (j *Journal) pastThere() error {
	for chain, head := range j.said() {
		end, err := readCounter(j.gonePath(chain))
		if err != nil {
			return err
		}
		for _, s := range j.segments() {
			if s.chain == chain && s.before().Sequence <= end {
				end = max(end, s.last.Sequence)
			}
		}
		if end < head.Sequence {
			return fmt.Errorf("%w: of the earlier chain %s records up to %d are here, and it had them up to %d", ErrDamaged, chain, end, head.Sequence)
		}
	}
	j.keepLineage()
	return nil
}

// Chain is the earlier chain.
func (p *Past) Chain() survey.Chain { return p.chain }

// Head is the end of its unbroken row: what lies behind a gap is salvaged in the chain
// that follows.
func (p *Past) Head() custody.Head { return p.head }

// Changed never receives a value: nothing is added.
func (p *Past) Changed() <-chan struct{} { return nil }

// Batch is as [Journal.Batch], with the totals of the days that are known.
func (p *Past) Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	var totals *custody.Totals
	if p.days != nil {
		totals = p.days.Since(durable)
	}
	b, err := p.j.batch(p.chain, p.head.Sequence, first, totals, maxRecords, maxBytes, kiosk, key)
	if errors.Is(err, errLetGo) {
		err = p.j.strand(p.chain, durable)
	}
	return b, err
}

// TimeAt is as [Journal.TimeAt].
func (p *Past) TimeAt(seq uint64) (time.Time, error) { return p.j.timeOf(p.chain, seq) }

// HashAt is the hash of its record with that sequence; zero if there is none.
func (p *Past) HashAt(seq uint64) (survey.Hash, error) { return p.j.hashOf(p.chain, seq) }

// Receipt is the centre's last word about it, as signed; nil if there is none.
func (p *Past) Receipt() []byte { return p.j.marks.get(p.chain) }

// SetReceipt keeps the centre's word about it.
func (p *Past) SetReceipt(signed []byte) { p.j.marks.set(p.chain, signed, true) }
