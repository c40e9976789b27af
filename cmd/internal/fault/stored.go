package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/score"
)

// Stored is what a central store holds, as read by the verifier of this package.
type Stored struct {
	Records      []StoredRecord // of responses, each identity once
	Disputed     []StoredRecord // of batches that contradict their chain: kept and not counted
	Losses       []DeclaredLoss
	Heads        map[string]uint64 // chain → last sequence that its batches hold
	Backed       map[string]uint64 // chain → last sequence of the backup mark
	Contradicted map[string]bool   // chains of which the store keeps a fork
	Told         *Told             // what the aggregator said while it ran; nil = it was not asked
	Counted      int               // answers in the roll-ups, those left out of the headline included
	Held         int
	Quarantined  int
	Forks        int
	Violations   []string // what must not be, in words
}

// StoredRecord is the record of one response.
type StoredRecord struct {
	ID      survey.RecordID
	Nonce   survey.Nonce
	Hash    survey.Hash
	Answers map[string]int // question → level
	Channel survey.Channel
	Comment string          // read as the programs read it; "" = none
	at      survey.RecordID // where it stands; another place than ID where it was salvaged
	words   bool            // it vouches for a comment
}

// DeclaredLoss is what the beginning of a chain says of the one before it: the numbers
// after Last up to Reserved may be lost, or all after Last.
type DeclaredLoss struct {
	Chain          survey.Chain
	Last, Reserved uint64
	Unbounded      bool
}

// ReadStore reads a central store that no program has open. The batches come out of the
// file by the store's own code; every chain is then verified from their bytes by code of
// this package alone. The store itself counts again what it counted. It is to be called
// with a copy where the file lies on a power-cut disk of this very process.
func ReadStore(ctx context.Context, path string) (got *Stored, err error) {
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	got = &Stored{Heads: map[string]uint64{}, Backed: map[string]uint64{}, Contradicted: map[string]bool{}}
	if err := got.read(ctx, store); err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	if err := got.comments(ctx, store); err != nil {
		return nil, fmt.Errorf("read the store's comments: %w", err)
	}
	if err := store.Recount(ctx); err != nil {
		got.wrong("I7: %v", err)
	}
	return got, nil
}

func (s *Stored) wrong(format string, args ...any) {
	s.Violations = append(s.Violations, fmt.Sprintf(format, args...))
}

func (s *Stored) read(ctx context.Context, store *boltstore.Store) error {
	kiosks, err := store.Kiosks(ctx)
	if err != nil {
		return err
	}
	keys := map[survey.KioskID][]byte{}
	for _, k := range kiosks {
		keys[k.ID] = k.Key
	}
	chains, err := store.Chains(ctx)
	if err != nil {
		return err
	}
	seen := map[survey.RecordID]survey.Hash{}
	for _, c := range chains {
		s.Held += int(c.Held)
		s.Quarantined += int(c.Quarantined)
		s.Forks += int(c.Forks)
		v := verifier{stored: s, chain: c.Chain, key: keys[c.Kiosk], seen: seen}
		if err := store.Walk(ctx, c.Chain, func(b []byte) error { v.batch(b); return nil }); err != nil {
			return err
		}
		s.Heads[c.Chain.String()] = v.last
		if v.last != c.Head.Sequence || v.hash != c.Head.Hash {
			s.wrong("I6: the store says that chain %s goes up to %d, its batches go up to %d", c.Chain, c.Head.Sequence, v.last)
		}
		_, backup, err := store.Marks(ctx, c.Chain)
		if err != nil {
			return err
		}
		if s.Backed[c.Chain.String()] = backup.Sequence; backup.Sequence > v.last {
			s.wrong("I6: the backup mark of chain %s is %d, the chain goes up to %d", c.Chain, backup.Sequence, v.last)
		}
		forks, err := store.Forks(ctx, c.Chain)
		if err != nil {
			return err
		}
		s.Contradicted[c.Chain.String()] = len(forks) > 0
		for _, b := range forks {
			v.fork(b)
		}
	}
	return s.count(ctx, store)
}

// comments reads the texts that the records vouch for.
func (s *Stored) comments(ctx context.Context, store *boltstore.Store) error {
	for i := range s.Records {
		r := &s.Records[i]
		if !r.words {
			continue
		}
		e, found, err := store.Entry(ctx, r.at)
		if err != nil || !found {
			return fmt.Errorf("record %s is there: %t: %w", r.at, found, err)
		}
		r.Comment = e.Comment
	}
	return nil
}

// count asks the store for a score over all days.
func (s *Stored) count(ctx context.Context, store *boltstore.Store) error {
	structure, err := store.Structure(ctx)
	if err != nil {
		return err
	}
	catalogue, err := store.Catalogue(ctx)
	if err != nil {
		return err
	}
	from, _ := survey.ParseDate("1970-01-01")
	to, _ := survey.ParseDate("2100-12-31")
	r, err := score.Compute(ctx, store, score.World{Structure: structure, Catalogue: catalogue, Minimum: 1}, survey.ScoreQuery{From: from, To: to, By: survey.ByNone})
	if err != nil {
		return err
	}
	s.Counted = int(r.Total.N + r.Total.Excluded)
	return nil
}

func byNonce(records []StoredRecord) map[survey.Nonce][]StoredRecord {
	all := map[survey.Nonce][]StoredRecord{}
	for _, r := range records {
		all[r.Nonce] = append(all[r.Nonce], r)
	}
	return all
}

// declares reports whether a number lies in a loss that was declared.
func (s *Stored) declares(id survey.RecordID) bool {
	return slices.ContainsFunc(s.Losses, func(d DeclaredLoss) bool {
		return d.Chain == id.Chain && id.Sequence > d.Last && (d.Unbounded || id.Sequence <= d.Reserved)
	})
}

// lossOf reports whether a later chain declares a loss in this one.
func (s *Stored) lossOf(chain survey.Chain) bool {
	return slices.ContainsFunc(s.Losses, func(d DeclaredLoss) bool { return d.Chain == chain })
}

// differs says in what a record is not the press; "" = in nothing.
func (r *StoredRecord) differs(p Press) string {
	if r.Channel != p.Channel {
		return fmt.Sprintf("channel %s, pressed %s", r.Channel, p.Channel)
	}
	if !maps.Equal(r.Answers, p.Answers) {
		return fmt.Sprintf("answers %v, pressed %v", r.Answers, p.Answers)
	}
	return ""
}
