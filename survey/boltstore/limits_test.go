package boltstore

import (
	"bytes"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// branchOf is a batch of about 1,000 bytes that fits no chain: its record follows
// another one than the first of a chain may.
func branchOf(t *testing.T, chain survey.Chain, n int) custody.Arrival {
	t.Helper()
	previous := survey.Hash{1}
	rec := custody.Seal(custody.Record{
		Version: 1, Chain: chain, Sequence: 1, Previous: previous, Kind: custody.ResponseRecord, Payload: bytes.Repeat([]byte{byte(n)}, 600),
	})
	made := custody.NewBatch("k-clone", make([]byte, 64), previous, []custody.Record{rec}, nil, nil)
	b, err := custody.ParseBatch(made.Bytes)
	if err != nil || len(b.Bytes) < 900 || len(b.Bytes) > 1100 {
		t.Fatalf("a batch of %d bytes, %v", len(b.Bytes), err)
	}
	return custody.Arrival{Batch: b}
}

// TestEvidenceHasALimit has a kiosk that signs one branch after the other.
func TestEvidenceHasALimit(t *testing.T) {
	for name, l := range map[string]limits{
		"records": {evidence: 3, evidenceBytes: 1 << 20},
		"bytes":   {evidence: 99, evidenceBytes: 3500},
	} {
		s := openNew(t)
		s.limits = l
		chain := survey.Chain{7}
		for n := range 10 {
			if kept, err := s.Keep(t.Context(), []custody.Arrival{branchOf(t, chain, n)}); err != nil || kept[0].Case != custody.Fork {
				t.Fatalf("%+v, %v", kept, err)
			}
		}
		chains, err := s.Chains(t.Context())
		if err != nil || len(chains) != 1 || chains[0].Forks != 3 || chains[0].Disputed != 3 || chains[0].Unkept != 7 {
			t.Errorf("limit of %s: %+v, %v", name, chains, err)
		}
		if err := s.Recount(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestRejectedHasALimit fills the place of one kiosk. What somebody has resolved goes
// first, and another kiosk's things stay.
func TestRejectedHasALimit(t *testing.T) {
	s := openNew(t)
	s.limits = limits{rejected: 3, rejectedBytes: 100}
	reject := func(kiosk survey.KioskID, text string) {
		t.Helper()
		if err := s.Reject(t.Context(), custody.Rejected{Kiosk: kiosk, Bytes: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	has := func(what, want string) {
		t.Helper()
		list, err := s.Rejected(t.Context(), 0, 99)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range list {
			got += string(r.Bytes[:1])
		}
		if got != want {
			t.Errorf("%s: %q are there, want %q", what, got, want)
		}
	}
	reject("k-other", "x")
	for _, text := range []string{"a", "b", "c"} {
		reject("k-one", text)
	}
	has("full", "xabc")
	if err := s.Resolved(t.Context(), 3); err != nil { // b
		t.Fatal(err)
	}
	reject("k-one", "d")
	if err := s.Resolved(t.Context(), 3); err == nil {
		t.Error("the resolved one is still there")
	}
	has("a resolved one made room", "xacd")
	reject("k-one", "e")
	has("the oldest made room", "xcde")
	reject("k-one", "f"+string(make([]byte, 98)))
	has("a large one needs more of it", "xef")
	reject("k-one", "a")
	has("what went may come again", "xfa")
}

// TestAnIdleKioskCostsNoCommit counts transactions.
func TestAnIdleKioskCostsNoCommit(t *testing.T) {
	s := openNew(t)
	said := custody.Said{Kiosk: "k", Chain: survey.Chain{1}, Totals: custody.Totals{Last: 3, Days: []custody.DayTotal{{Day: 20000, Issued: 3}}}}
	put := func() (last int) {
		if err := s.PutTotals(t.Context(), []custody.Said{said}); err != nil {
			t.Fatal(err)
		}
		if err := s.db.View(func(tx *bbolt.Tx) error { last = tx.ID(); return nil }); err != nil {
			t.Fatal(err)
		}
		return last
	}
	first := put()
	said.Received = time.UnixMilli(1)
	if again := put(); again != first {
		t.Errorf("the same words made transaction %d after %d", again, first)
	}
	said.Totals.Last = 4
	if more := put(); more == first {
		t.Error("new words made no transaction")
	}
}
