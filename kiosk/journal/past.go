package journal

import (
	"crypto/ed25519"

	"hailong/survey"
	"hailong/survey/custody"
)

// Past is an earlier chain of the journal, salvaged after damage. Nothing is added to it;
// what the centre does not have of it yet is sent as from the journal itself.
type Past struct {
	j     *Journal
	chain survey.Chain
}

// Pasts are the earlier chains that the journal still holds, the oldest first.
func (j *Journal) Pasts() []*Past {
	var list []*Past
	seen := map[survey.Chain]bool{j.chain: true}
	for _, s := range j.segments() {
		if !seen[s.chain] {
			seen[s.chain] = true
			list = append(list, &Past{j, s.chain})
		}
	}
	return list
}

// Chain is the earlier chain.
func (p *Past) Chain() survey.Chain { return p.chain }

// Head is the end of its first unbroken row: what lies behind a gap is salvaged in the
// chain that follows.
func (p *Past) Head() custody.Head {
	var head custody.Head
	for _, s := range p.j.segments() {
		if s.chain == p.chain && (head == custody.Head{} || s.origin().before() == head) {
			head = s.last
		}
	}
	return head
}

// Changed never receives a value: nothing is added.
func (p *Past) Changed() <-chan struct{} { return nil }

// Batch is as [Journal.Batch].
func (p *Past) Batch(first, durable uint64, maxRecords, maxBytes int, kiosk survey.KioskID, key ed25519.PrivateKey) (*custody.Batch, error) {
	return p.j.batch(p.chain, p.Head().Sequence, first, nil, maxRecords, maxBytes, kiosk, key)
}

// HashAt is the hash of its record with that sequence; zero if there is none.
func (p *Past) HashAt(seq uint64) (survey.Hash, error) { return p.j.hashOf(p.chain, seq) }

// Receipt is the centre's last word about it, as signed; nil if there is none.
func (p *Past) Receipt() []byte { return p.j.marks.get(p.chain) }

// SetReceipt keeps the centre's word about it.
func (p *Past) SetReceipt(signed []byte) { p.j.marks.set(p.chain, signed, true) }
