package demo

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// The simulated past: so many weeks before today, at every counter of the sample
// province but the first, which is the visitor's own.
const (
	pastWeeks     = 4
	simulatedName = "Mô phỏng / Simulated"
	pastSeed      = 20260101
)

// simulatePast fills a new store with weeks of presses that nobody made, as the records
// of a kiosk that says so in its name. A store that has them is left alone.
func simulatePast(ctx context.Context, store *boltstore.Store, now time.Time) error {
	structure, err := store.Structure(ctx)
	if err != nil {
		return fmt.Errorf("simulate the past: %w", err)
	}
	catalogue, err := store.Catalogue(ctx)
	if err != nil {
		return fmt.Errorf("simulate the past: %w", err)
	}
	quick, ok := catalogue.InForce("quick")
	if !ok {
		return fmt.Errorf("simulate the past: there is no questionnaire quick")
	}
	kiosks, err := store.Kiosks(ctx)
	if err != nil || slices.ContainsFunc(kiosks, func(k survey.Kiosk) bool { return k.Name == simulatedName }) {
		return err
	}
	var counters []survey.CounterCode
	today := survey.DateOf(now)
	for _, c := range structure.Counters {
		if _, open := structure.Counter(c.Code, today); open && len(counters) < 64 {
			counters = append(counters, c.Code)
		}
	}
	if len(counters) < 2 {
		return nil // somebody took the sample province out
	}
	s, err := newSimulation(quick.Hash)
	if err != nil {
		return err
	}
	kiosk := survey.Kiosk{ID: s.kiosk, Name: simulatedName, Role: survey.CounterKiosk, Counters: counters[1:], Key: s.key.Public().(ed25519.PublicKey), Enrolled: now}
	if err := store.PutKiosk(ctx, kiosk); err != nil {
		return fmt.Errorf("simulate the past: %w", err)
	}
	for day := today - 7*pastWeeks; day < today; day++ {
		s.day(day, counters[1:])
		if len(s.records) == 0 {
			continue // a Sunday
		}
		if _, err := store.Keep(ctx, []custody.Arrival{{Batch: s.batch(), Received: day.Start().Add(18 * time.Hour)}}); err != nil {
			return fmt.Errorf("simulate the past: %w", err)
		}
	}
	return nil
}

// simulation is the chain of the kiosk that never was.
type simulation struct {
	rnd      *rand.Rand
	key      ed25519.PrivateKey
	kiosk    survey.KioskID
	chain    survey.Chain
	quick    survey.Hash
	head     custody.Head
	previous survey.Hash // before the records of the batch in the making
	records  []custody.Record
}

// newSimulation always draws the same presses, under a key and chain of its own.
func newSimulation(quick survey.Hash) (*simulation, error) {
	s := &simulation{rnd: rand.New(rand.NewPCG(pastSeed, pastSeed)), quick: quick}
	public, key, err := ed25519.GenerateKey(crand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the simulated kiosk's key: %w", err)
	}
	if _, err := crand.Read(s.chain[:]); err != nil {
		return nil, fmt.Errorf("draw the simulated kiosk's chain: %w", err)
	}
	s.key, s.kiosk = key, custody.KioskName(public)
	return s, nil
}

// day makes one working day of presses, in the order of time.
func (s *simulation) day(day survey.Date, counters []survey.CounterCode) {
	if day.Weekday() == time.Sunday {
		return
	}
	var times []time.Time
	var at []int
	for i := range counters {
		for range s.rnd.IntN(14) + 4 {
			hour := []int{8, 9, 10, 10, 11, 14, 15, 15, 16}[s.rnd.IntN(9)]
			times = append(times, day.Start().Add(time.Duration(hour)*time.Hour+time.Duration(s.rnd.IntN(3600))*time.Second))
			at = append(at, i)
		}
	}
	order := make([]int, len(times))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return times[a].Compare(times[b]) })
	for _, i := range order {
		s.press(counters[at[i]], at[i], times[i])
	}
}

// press makes one record; counters differ a little in how content their citizens are.
func (s *simulation) press(counter survey.CounterCode, kind int, at time.Time) {
	content := 0.55 + 0.06*float64(kind%6)
	level := survey.Level(5)
	for level > 1 && s.rnd.Float64() > content {
		level--
	}
	resp := survey.Response{
		Questionnaire: s.quick, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
		Channel: survey.Touch, Stage: survey.Result, Counter: counter,
	}
	r := custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: s.chain, Sequence: s.head.Sequence + 1, Previous: s.head.Hash,
		Nonce: survey.KeyNonce(fmt.Sprint("simulated ", s.head.Sequence+1)), Kind: custody.ResponseRecord, Counter: string(counter),
		Wall: at.UnixMilli(), Questionnaire: s.quick, PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&resp),
	})
	s.records = append(s.records, r)
	s.head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
}

// batch signs the records made since the last one.
func (s *simulation) batch() *custody.Batch {
	b := custody.NewBatch(s.kiosk, s.key, s.previous, s.records, nil)
	s.previous, s.records = s.head.Hash, nil
	return b
}
