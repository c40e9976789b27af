package cmd_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"hailong/cmd/internal/fault"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// The centre is down while everybody presses. The kiosks go on recording and say so;
// when it comes back, everything arrives within 20 s, in order.
func TestTheCentreIsDownForTheWholeRun(t *testing.T) {
	s := newSite(t)
	s.aggregator.stop(t)
	const presses = 400
	keys := map[string][]string{}
	for n := range presses {
		k := s.kiosks[n%2]
		p := fault.Press{Questionnaire: "quick", Answers: map[string]int{"Z0": n%5 + 1}, Channel: survey.Web, Key: fmt.Sprint("outage-", n)}
		if _, err := send(k, p); err != nil {
			t.Fatalf("press %d while the centre is down: %v", n, err)
		}
		keys[k] = append(keys[k], p.Key)
	}
	for _, k := range s.kiosks {
		within(t, 10*time.Second, "the kiosk says that the centre cannot be reached", func() error {
			st, err := statusOf(k)
			if err == nil && (st.Unsent != presses/2 || st.Link.Connected || st.Link.Problem == nil) {
				err = fmt.Errorf("%+v", st)
			}
			return err
		})
	}
	down := time.Now()
	s.startAggregator(t)
	s.drained(t)
	t.Logf("everything sent %s after the aggregator was started", time.Since(down).Round(10*time.Millisecond))
	if got := s.counted(t); got != presses {
		t.Fatalf("counted %d, want %d", got, presses)
	}
	s.aggregator.stop(t)
	inOrder(t, filepath.Join(s.dir, "aggregator", "store.db"), keys)
}

// inOrder reads the store and checks that each chain holds the keys of one kiosk in the
// order in which they were pressed, without gaps.
func inOrder(t *testing.T, path string, keys map[string][]string) {
	t.Helper()
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	want := map[survey.Nonce][]string{}
	for _, list := range keys {
		want[survey.KeyNonce(list[0])] = list
	}
	chains, err := store.Chains(context.Background())
	if err != nil || len(chains) != len(keys) {
		t.Fatalf("%d chains, want %d; %v", len(chains), len(keys), err)
	}
	for _, c := range chains {
		var got []survey.Nonce
		err := store.Walk(context.Background(), c.Chain, func(b []byte) error {
			batch, err := custody.ParseBatch(b)
			if err != nil {
				return err
			}
			for _, r := range batch.Records {
				if r.Sequence == uint64(len(got)+1) {
					got = append(got, r.Nonce)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		list := want[got[0]]
		if len(got) != len(list) {
			t.Fatalf("chain %s holds %d records, want %d", c.Chain, len(got), len(list))
		}
		for i, key := range list {
			if got[i] != survey.KeyNonce(key) {
				t.Fatalf("chain %s: record %d is not the press %s", c.Chain, i+1, key)
			}
		}
	}
}
