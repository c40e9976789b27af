package storetest

import (
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// backupMarks are set by verified backups alone, and never go down.
func backupMarks(t *testing.T, open opener) {
	s := counting(t, open)
	k, other := presses("a", 5), presses("b", 3)
	s.keep(k.batch(1, 3), other.all())
	heads, err := s.store.Heads(s.ctx)
	s.ok(err)
	if len(heads) != 2 || heads[k.chain] != k.headAt(3) || heads[other.chain] != other.head() {
		t.Errorf("the heads are %v", heads)
	}
	marks := func(what string, of *kiosk, durable, backup custody.Head) {
		t.Helper()
		if d, b, err := s.store.Marks(s.ctx, of.chain); err != nil || d != durable || b != backup {
			t.Errorf("%s: marks %d and %d, %v; want %d and %d", what, d.Sequence, b.Sequence, err, durable.Sequence, backup.Sequence)
		}
	}
	marks("before", k, k.headAt(3), custody.Head{})
	marks("an unknown chain", newKiosk("c"), custody.Head{}, custody.Head{})
	epoch := s.store.Epoch()
	s.ok(s.store.SetBackup(s.ctx, epoch, heads))
	s.keep(k.batch(4, 5))
	marks("after", k, k.head(), k.headAt(3))
	for what, set := range map[string]map[survey.Chain]custody.Head{
		"a head that is not there":    {k.chain: {Sequence: 9, Hash: k.head().Hash}},
		"another record":              {k.chain: {Sequence: 5, Hash: k.headAt(4).Hash}},
		"an unknown chain among good": {survey.Chain{1}: k.headAt(1), k.chain: k.head()},
	} {
		if err := s.store.SetBackup(s.ctx, epoch, set); err == nil {
			t.Errorf("%s: it was taken", what)
		}
	}
	if err := s.store.SetBackup(s.ctx, custody.Epoch{1}, s.heads()); err == nil {
		t.Error("a backup of another epoch was taken")
	}
	s.ok(s.store.SetBackup(s.ctx, epoch, map[survey.Chain]custody.Head{k.chain: k.headAt(2)}))
	marks("after refusals and a lower one", k, k.head(), k.headAt(3))
	s.ok(s.store.SetBackup(s.ctx, epoch, map[survey.Chain]custody.Head{k.chain: k.headAt(4)})) // in the middle of a batch
	s.reopen()
	marks("at last", k, k.head(), k.headAt(4))
	marks("at last", other, other.head(), other.head())
}

func (s *story) heads() map[survey.Chain]custody.Head {
	s.Helper()
	heads, err := s.store.Heads(s.ctx)
	s.ok(err)
	return heads
}

// verified checks signatures with the keys that the store has for its kiosks.
func verified(t *testing.T, open opener) {
	s := counting(t, open)
	k, clone := presses("a", 5), presses("a", 2)
	clone.record(press("Q2", 1))
	s.keep(k.batch(1, 3), k.batch(4, 5), clone.all())
	enrol := func(key []byte) { s.ok(s.store.PutKiosk(s.ctx, survey.Kiosk{ID: k.id, Key: key, Enrolled: noon})) }
	enrol(k.public())
	var last, all int64
	s.ok(s.store.Verify(s.ctx, func(done, total int64) {
		if done != last+1 || done > total {
			t.Errorf("after %d, %d of %d are done", last, done, total)
		}
		last, all = done, total
	}))
	if last == 0 || last != all {
		t.Errorf("in the end %d of %d were done", last, all)
	}
	stranger := newKiosk("c")
	enrol(stranger.public())
	if err := s.store.Verify(s.ctx, nil); err == nil {
		t.Error("signatures of another key pass")
	}
}
