package boltstore_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/survey/storetest"
)

// eventful fills a store with something in every bucket that a recount looks at.
func eventful(t *testing.T, s storetest.Store) {
	t.Helper()
	a, clone, b := newJournal("a", counterCode(0)), newJournal("a", counterCode(0)), newJournal("b", counterCode(7))
	list := []custody.Arrival{a.batch(30), b.batch(5)} // counter 7 is not known: held
	list = append(list, clone.batch(29))
	clone.counter = counterCode(1)
	list = append(list, clone.batch(2)) // another branch

	c := newJournal("c", counterCode(0))
	misfit := survey.Response{Questionnaire: facesHash, Channel: survey.Touch, Stage: survey.Result, Counter: c.counter}
	boot, wall := custody.BootID{1}, c.start.UnixMilli()
	records := []custody.Record{
		c.seal(custody.Record{Wall: wall}, &misfit), // it answers nothing: quarantined
		unsure(c, boot),
		unsure(c, custody.BootID{2}), // nobody ever says when that was
		c.seal(custody.Record{Kind: custody.ClockRecord, Payload: custody.EncodeClocks([]custody.BootClock{{Boot: boot, Low: wall, High: wall}})}, nil),
		c.press(),
	}
	next := newJournal("c, second life", counterCode(0))
	next.key = c.key
	after := custody.Succession{Predecessor: c.chain, Last: 4, Reserved: 5, Salvaged: 1}
	life := []custody.Record{
		next.seal(custody.Record{Kind: custody.SuccessionRecord, Payload: after.Encode()}, nil),
		next.seal(custody.Record{Kind: custody.SalvagedRecord, Payload: records[4].Bytes}, nil),
	}
	totals := &custody.Totals{Last: 5}
	list = append(list, c.arrival(survey.Hash{}, records[:4], totals), next.arrival(survey.Hash{}, life, nil), c.arrival(records[3].Hash, records[4:], totals))
	for _, name := range []string{"d", "e"} { // two gateways, on which one ticket was used
		j := newJournal(name, counterCode(1))
		list = append(list, j.arrival(survey.Hash{}, []custody.Record{withTicket(j, 1), withTicket(j, 1), withTicket(j, 2)}, nil))
	}
	_, err := s.Keep(t.Context(), list)
	// What the first kiosk recorded was counted when nobody knew where it stands.
	known := survey.Kiosk{ID: list[0].Batch.Header.Kiosk, Counters: []survey.CounterCode{counterCode(1)}}
	if err = errors.Join(err, s.PutStructure(t.Context(), centre(2), 1), s.AddQuestionnaires(t.Context(), faces), s.PutKiosk(t.Context(), known)); err != nil {
		t.Fatal(err)
	}
}

// withTicket is a press made with the ticket for one answer that has this number.
func withTicket(j *journal, number byte) custody.Record {
	resp := survey.Response{
		Questionnaire: facesHash, Channel: survey.QR, Stage: survey.Result, Counter: j.counter,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 4}},
		Ticket:  &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID{number}},
	}
	return j.seal(custody.Record{Wall: j.start.UnixMilli()}, &resp)
}

// unsure is a press in a boot that does not know the time.
func unsure(j *journal, boot custody.BootID) custody.Record {
	resp := survey.Response{
		Questionnaire: facesHash, Channel: survey.Touch, Stage: survey.Result, Counter: j.counter,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 3}},
	}
	return j.seal(custody.Record{Boot: boot, Clock: custody.ClockUnsure}, &resp)
}

// TestRecountFindsTampering changes the file behind the store's back and expects the
// recount to name what does not agree.
func TestRecountFindsTampering(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	eventful(t, s)
	if err := errors.Join(s.Recount(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "centre.db")
	for _, bucket := range []string{
		"batches", "forks", "fork_records", "held", "quarantined", "duplicates", "unsure", "clocks", "placed", "salvaged",
		"tickets", "anywhere", "closings", "said", "successions", "time_hour", "time_month", "service_day", "service_month",
	} {
		t.Run(bucket, func(t *testing.T) {
			key, value := removeFirst(t, path, bucket)
			s := opened(t, dir)
			if err := s.Recount(t.Context()); !errors.Is(err, boltstore.ErrDiffers) {
				t.Errorf("without a row of %s the recount says %v", bucket, err)
			} else if (strings.HasPrefix(bucket, "time") || strings.HasPrefix(bucket, "service")) && !strings.Contains(err.Error(), bucket) {
				t.Errorf("the error does not name the roll-up: %v", err)
			}
			s.Close()
			edit(t, path, bucket, func(b *bbolt.Bucket) error { return b.Put(key, value) })
		})
	}
	for _, bucket := range []string{"time_hour", "time_month", "service_day", "service_month"} {
		key, value := removeFirst(t, path, bucket)
		other := bytes.Clone(value)
		other[len(other)-1] ^= 2 // one respondent more, or less
		edit(t, path, bucket, func(b *bbolt.Bucket) error { return b.Put(key, other) })
		s := opened(t, dir)
		if err := s.Recount(t.Context()); !errors.Is(err, boltstore.ErrDiffers) || !strings.Contains(err.Error(), bucket) || !strings.Contains(err.Error(), "48.000") {
			t.Errorf("with another number in %s the recount says %v", bucket, err)
		}
		s.Close()
		edit(t, path, bucket, func(b *bbolt.Bucket) error { return b.Put(key, value) })
	}
	again := opened(t, dir)
	if err := errors.Join(again.Recount(t.Context()), again.Close()); err != nil {
		t.Errorf("after putting all back: %v", err)
	}
}

// TestRecountFindsAnotherFirstUse changes which records are said to be made with a ticket,
// and so which of them counts.
func TestRecountFindsAnotherFirstUse(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	eventful(t, s)
	if err := errors.Join(s.Recount(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "centre.db")
	var rows [][]byte
	edit(t, path, "tickets", func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, _ []byte) error {
			rows = append(rows, bytes.Clone(k))
			return nil
		})
	})
	if len(rows) != 6 {
		t.Fatalf("%d records were made with tickets, want 6", len(rows))
	}
	lower, other := bytes.Clone(rows[0]), bytes.Clone(rows[0])
	clear(lower[16:40]) // the identity
	other[0] = 9        // the ticket
	for name, c := range map[string]struct{ remove, add []byte }{
		"one is missing":                  {remove: rows[1]},
		"the first is missing":            {remove: rows[0]},
		"one too many, of another ticket": {add: other},
		"one too many, the first":         {add: lower},
		"another one is the first":        {remove: rows[1], add: lower},
		"the first has another name":      {remove: rows[0], add: lower},
	} {
		change := func(remove, add []byte) {
			edit(t, path, "tickets", func(b *bbolt.Bucket) (err error) {
				if remove != nil {
					err = b.Delete(remove)
				}
				if add != nil {
					err = errors.Join(err, b.Put(add, nil))
				}
				return err
			})
		}
		change(c.remove, c.add)
		s := opened(t, dir)
		if err := s.Recount(t.Context()); !errors.Is(err, boltstore.ErrDiffers) {
			t.Errorf("%s: the recount says %v", name, err)
		}
		s.Close()
		change(c.add, c.remove)
	}
	again := opened(t, dir)
	if err := errors.Join(again.Recount(t.Context()), again.Close()); err != nil {
		t.Errorf("after putting all back: %v", err)
	}
}

// TestRecountFindsWhatCannotHaveBeenCountedAnywhere says that more records were counted before
// the kiosk's place was known than there are.
func TestRecountFindsWhatCannotHaveBeenCountedAnywhere(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	eventful(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "centre.db"), "anywhere", func(b *bbolt.Bucket) error {
		key, _ := b.Cursor().First()
		return b.Put(bytes.Clone(key), bytes.Repeat([]byte{0xff}, 8))
	})
	s = opened(t, dir)
	if err := s.Recount(t.Context()); !errors.Is(err, boltstore.ErrDiffers) {
		t.Errorf("the recount says %v", err)
	}
	s.Close()
}

func removeFirst(t *testing.T, path, bucket string) (key, value []byte) {
	t.Helper()
	edit(t, path, bucket, func(b *bbolt.Bucket) error {
		k, v := b.Cursor().First()
		key, value = append(key, k...), append(value, v...)
		return b.Delete(key)
	})
	return key, value
}

func edit(t *testing.T, path, bucket string, change func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte(bucket))) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFailedCommitStopsTheStore lets the file reach its limit. The store must then take
// nothing more, and a new opening must show the last commit.
func TestFailedCommitStopsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "centre.db")
	s, err := boltstore.Open(path, boltstore.Options{MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutStructure(t.Context(), centre(1), 1), s.AddQuestionnaires(t.Context(), faces)); err != nil {
		t.Fatal(err)
	}
	if s.Err() != nil {
		t.Errorf("a good store says %v", s.Err())
	}
	k := newJournal("a", counterCode(0))
	var kept custody.Head
	for err == nil {
		a := k.batch(500)
		if _, err = s.Keep(t.Context(), []custody.Arrival{a}); err == nil {
			kept = k.head
		}
		if k.head.Sequence > 1<<16 {
			t.Fatal("the limit was never reached")
		}
	}
	if !errors.Is(err, boltstore.ErrFailed) {
		t.Errorf("at the limit: %v", err)
	}
	other := newJournal("b", counterCode(0))
	if _, err := s.Keep(t.Context(), []custody.Arrival{other.batch(1)}); !errors.Is(err, boltstore.ErrFailed) {
		t.Errorf("after a failed commit the store still took a batch: %v", err)
	}
	select {
	case <-s.Failed():
	default:
		t.Error("nobody is told that the store has failed")
	}
	if !errors.Is(s.Err(), boltstore.ErrFailed) {
		t.Errorf("the failed store says %v", s.Err())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if head, _, err := s.Marks(t.Context(), k.chain); err != nil || head != kept || kept.Sequence == 0 {
		t.Errorf("the head is %d, %v; the last commit had %d", head.Sequence, err, kept.Sequence)
	}
	if err := s.Recount(t.Context()); err != nil {
		t.Error(err)
	}
}
