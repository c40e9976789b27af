package journal

import (
	"crypto/ed25519"
	"errors"
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

// pastHead is where the unbroken row of an earlier chain ends, as the last chain says that
// speaks of it. Where none does, it is the end of the first row that is here.
func (j *Journal) pastHead(chain survey.Chain) (head custody.Head) {
	said := false
	for _, s := range j.segments() {
		if !said && s.chain == chain && (head == custody.Head{} || s.before() == head) {
			head = s.last
		}
		if s.first != 1 || s.chain == chain {
			continue
		}
		for seq := uint64(1); ; seq++ { // the successions stand at the beginning
			r, err := s.record(seq)
			if err != nil || r.Kind != custody.SuccessionRecord {
				break
			}
			if next, err := r.Succession(); err == nil && next.Predecessor == chain {
				head, said = custody.Head{Sequence: next.Last, Hash: next.LastSum}, true
			}
		}
	}
	return head
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
