package demo

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
)

// The simulated past: so many weeks before now, at every counter of the sample province
// but the first, which is the visitor's own.
const (
	pastWeeks     = 4
	surveysADay   = 2 // filled-in service questionnaires per counter
	simulatedName = "Mô phỏng / Simulated"
	pastSeed      = 20260101
)

// past is what a store has behind it when the demo starts.
type past int

const (
	blank     past = iota // no record at all
	real                  // records, none of them simulated
	simulated             // simulated records, and perhaps real ones
)

// pastOf looks into the store's file before the aggregator opens it: what the page says
// about its figures must be known by then.
func pastOf(ctx context.Context, path string) (p past, err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return blank, nil
	}
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return blank, fmt.Errorf("look into %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	chains, err := store.Chains(ctx)
	if err != nil || len(chains) == 0 {
		return blank, err
	}
	kiosks, err := store.Kiosks(ctx)
	if slices.ContainsFunc(kiosks, func(k survey.Kiosk) bool { return k.Name == simulatedName }) {
		return simulated, err
	}
	return real, err
}

// simulatePast fills a blank store with weeks of answers that nobody gave, up to now, as
// the records of a kiosk that says so in its name. All of them are kept at once or none.
// It returns the counters that have them.
func simulatePast(ctx context.Context, store *boltstore.Store, now time.Time) ([]survey.CounterCode, error) {
	structure, err := store.Structure(ctx)
	if err != nil {
		return nil, fmt.Errorf("simulate the past: %w", err)
	}
	catalogue, err := store.Catalogue(ctx)
	if err != nil {
		return nil, fmt.Errorf("simulate the past: %w", err)
	}
	var counters []survey.CounterCode
	today := survey.DateOf(now)
	for _, c := range structure.Counters {
		if _, open := structure.Counter(c.Code, today); open && len(counters) < 64 {
			counters = append(counters, c.Code)
		}
	}
	if len(counters) < 2 {
		return nil, nil // somebody took the sample province out
	}
	counters = counters[1:]
	s, err := newSimulation(catalogue)
	if err != nil {
		return nil, err
	}
	kiosk := survey.Kiosk{ID: s.kiosk, Name: simulatedName, Role: survey.CounterKiosk, Counters: counters, Key: s.key.Public().(ed25519.PublicKey), Enrolled: now}
	if err := store.PutKiosk(ctx, kiosk); err != nil {
		return nil, fmt.Errorf("simulate the past: %w", err)
	}
	if _, err := store.Keep(ctx, s.until(now, counters)); err != nil {
		return nil, fmt.Errorf("simulate the past: %w", err)
	}
	return counters, nil
}

// simulation is the chain of the kiosk that never was.
type simulation struct {
	rnd      *rand.Rand
	key      ed25519.PrivateKey
	kiosk    survey.KioskID
	chain    survey.Chain
	quick    survey.Version
	service  survey.Version
	head     custody.Head
	previous survey.Hash // before the records of the batch in the making
	records  []custody.Record
}

// newSimulation always draws the same answers, under a key and chain of its own.
func newSimulation(catalogue *survey.Catalogue) (*simulation, error) {
	s := &simulation{rnd: rand.New(rand.NewPCG(pastSeed, pastSeed))}
	var hasQuick, hasService bool
	s.quick, hasQuick = catalogue.InForce("quick")
	s.service, hasService = catalogue.InForce("service")
	if !hasQuick || !hasService {
		return nil, fmt.Errorf("simulate the past: the questionnaires quick and service are needed, there are %s", catalogue.Codes())
	}
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

// until makes the batches of all days up to now, one a day.
func (s *simulation) until(now time.Time, counters []survey.CounterCode) (all []custody.Arrival) {
	today := survey.DateOf(now)
	for day := today - 7*pastWeeks; day <= today; day++ {
		opens, closes := day.Start().Add(8*time.Hour), day.Start().Add(17*time.Hour)
		switch {
		case day == today:
			// Whoever tries the demo sees figures of today, whatever the day and the hour.
			if opens.After(now.Add(-time.Hour)) {
				opens = day.Start()
			}
			if closes.After(now) {
				closes = now
			}
		case day.Weekday() == time.Sunday:
			continue
		}
		if s.day(opens, closes, counters); len(s.records) > 0 {
			all = append(all, custody.Arrival{Batch: s.batch(), Received: closes})
		}
	}
	return all
}

// visit is one citizen at one counter.
type visit struct {
	at      time.Time
	counter int
	service bool // fills in the whole questionnaire, on the web
}

// day makes the answers of one day, in the order of time, all before it closes.
func (s *simulation) day(opens, closes time.Time, counters []survey.CounterCode) {
	span := closes.Sub(opens).Milliseconds()
	if span < 1 {
		return
	}
	var visits []visit
	for i := range counters {
		for n := range s.rnd.IntN(14) + 4 + surveysADay {
			at := opens.Add(time.Duration(s.rnd.Int64N(span)) * time.Millisecond)
			visits = append(visits, visit{at, i, n < surveysADay})
		}
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return a.at.Compare(b.at) })
	for _, v := range visits {
		s.answer(v, counters[v.counter])
	}
}

// answer makes one record; counters differ a little in how content their citizens are.
func (s *simulation) answer(v visit, counter survey.CounterCode) {
	content := 0.55 + 0.06*float64(v.counter%6)
	q, channel := s.quick, survey.Touch
	if v.service {
		q, channel = s.service, survey.Web
	}
	resp := survey.Response{Questionnaire: q.Hash, Channel: channel, Stage: survey.Result, Counter: counter}
	for _, question := range q.Questions {
		resp.Answers = append(resp.Answers, s.level(question, content))
	}
	r := custody.Seal(custody.Record{
		Version: custody.RecordVersion, Chain: s.chain, Sequence: s.head.Sequence + 1, Previous: s.head.Hash,
		Nonce: survey.KeyNonce(fmt.Sprint("simulated ", s.head.Sequence+1)), Kind: custody.ResponseRecord, Counter: string(counter),
		Wall: v.at.UnixMilli(), Questionnaire: q.Hash, PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&resp),
	})
	s.records = append(s.records, r)
	s.head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
}

// level draws the answer to one question; most people have nothing to say to one that
// need not concern them.
func (s *simulation) level(q survey.Question, content float64) survey.Answer {
	if q.NotApplicable && s.rnd.IntN(3) > 0 {
		return survey.Answer{Question: q.Code, Kind: survey.NotApplicable}
	}
	level := survey.Level(5)
	for level > 1 && s.rnd.Float64() > content {
		level--
	}
	return survey.Answer{Question: q.Code, Kind: survey.AtLevel, Level: level}
}

// batch signs the records made since the last one.
func (s *simulation) batch() *custody.Batch {
	b := custody.NewBatch(s.kiosk, s.key, s.previous, s.records, nil, nil)
	s.previous, s.records = s.head.Hash, nil
	return b
}
