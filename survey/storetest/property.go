package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/custody"
)

// arrivalDoesNotMatter draws kiosks with random journals, in which a few tickets are used
// again and again, and sends them to two stores: to one everything at once after its
// definitions; to the other in random pieces, repeated and interleaved, with definitions and
// new places of the kiosks coming in between. Both must count the same, and the second's
// batches must give its own counts again.
func arrivalDoesNotMatter(t *testing.T, open opener) {
	root, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		fresh := func(name string) Store {
			dir := filepath.Join(root, fmt.Sprint(n, name))
			must(rt, os.MkdirAll(dir, 0o700))
			return open(t, dir)
		}
		kiosks := []*kiosk{drawJournal(rt, "a"), drawJournal(rt, "b"), drawJournal(rt, "c")}
		enrolled := rapid.SliceOfNDistinct(rapid.SampledFrom(kiosks), 0, 2, func(k *kiosk) string { return string(k.id) }).Draw(rt, "enrolled")
		moves := drawMoves(rt, enrolled)

		whole := fresh("whole")
		defer whole.Close()
		must(rt, whole.AddQuestionnaires(t.Context(), faces, danang, service))
		must(rt, whole.PutStructure(t.Context(), structure(), today))
		for _, m := range moves {
			must(rt, m(t.Context(), whole))
		}
		_, err := whole.Keep(t.Context(), arrivals([]*custody.Batch{kiosks[0].all(), kiosks[1].all(), kiosks[2].all()}))
		must(rt, err)

		pieces := fresh("pieces")
		defer pieces.Close()
		for i := range enrolled {
			must(rt, moves[i](t.Context(), pieces)) // its first place: until then it could name any counter
		}
		sendInPieces(rt, t, pieces, kiosks, moves[len(enrolled):]...)

		sameClosings(rt, t, whole, pieces)
		want, err := countsOf(t.Context(), whole)
		must(rt, err)
		got, err := countsOf(t.Context(), pieces)
		must(rt, err)
		if d := want.difference(got); d != "" {
			rt.Fatal(d)
		}
		must(rt, whole.Recount(t.Context()))
		must(rt, pieces.Recount(t.Context()))
	})
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// drawJournal is a kiosk with a random journal of up to 12 records.
func drawJournal(t *rapid.T, name string) *kiosk {
	k := newKiosk(name)
	for range rapid.IntRange(1, 12).Draw(t, name+" records") {
		k.drawTime(t)
		k.drawRecord(t)
	}
	return k
}

// drawMoves gives each kiosk a first place, and then some of them others.
func drawMoves(t *rapid.T, kiosks []*kiosk) (moves []func(context.Context, Store) error) {
	for i := range len(kiosks) * 2 {
		k := kiosks[i%len(kiosks)]
		role := rapid.SampledFrom([]survey.KioskRole{survey.CounterKiosk, survey.OnlineGateway}).Draw(t, "role")
		if i >= len(kiosks) {
			role = survey.OnlineGateway // one that ceases to be one leaves what was counted
		}
		counter := rapid.SampledFrom([]survey.CounterCode{"Q1", "Q3", "Q9"}).Draw(t, "place")
		code := survey.Hash{byte(i + 1)}
		moves = append(moves, func(ctx context.Context, s Store) error {
			err := s.PutInvitation(ctx, survey.Invitation{CodeHash: code, Role: role, Counters: []survey.CounterCode{counter}, Expires: noon})
			if err == nil {
				_, err = s.Redeem(ctx, code, survey.Kiosk{ID: k.id, Key: k.public()}, noon.Add(-time.Minute))
			}
			return err
		})
	}
	return moves
}

// drawTime moves the clock, may start the kiosk anew, and may tell when that was.
func (k *kiosk) drawTime(t *rapid.T) {
	k.now = noon.Add(time.Duration(rapid.SampledFrom([]int{-40 * 24, -1, 0, 0, 30}).Draw(t, "hours")) * time.Hour)
	switch rapid.IntRange(0, 9).Draw(t, "clock") {
	case 0:
		k.reboot()
	case 1, 2:
		around := rapid.SampledFrom([]time.Duration{0, time.Minute, 20 * time.Hour}).Draw(t, "around")
		k.clock(k.started.Add(-around), k.started.Add(around))
	case 3:
		k.unsure = false
	}
}

func (k *kiosk) drawRecord(t *rapid.T) {
	counter := rapid.SampledFrom([]survey.CounterCode{"Q1", "Q3", "Q9"}).Draw(t, "counter")
	var r survey.Response
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		k.noise(fmt.Sprint("hỏng ", len(k.records)))
		return
	case 1, 2, 3:
		answers := map[survey.QuestionCode]survey.Level{}
		for _, q := range rapid.SliceOfN(rapid.SampledFrom([]survey.QuestionCode{"Z0", "A1", "A2", "B1"}), 1, 3).Draw(t, "questions") {
			answers[q] = rapid.Custom(func(t *rapid.T) survey.Level { return survey.Level(rapid.IntRange(0, 6).Draw(t, "level")) }).Draw(t, "level")
		}
		r = form(counter, answers) // a level of 6 does not fit
	case 4:
		r = press(counter, survey.Level(rapid.IntRange(1, 3).Draw(t, "level")))
		r.Questionnaire = danang.Hash()
	default:
		r = press(counter, survey.Level(rapid.IntRange(1, 5).Draw(t, "level")))
	}
	if n := len(k.records); n > 0 && rapid.Bool().Draw(t, "linked") {
		to := survey.RecordID{Chain: k.chain, Sequence: uint64(rapid.IntRange(1, n).Draw(t, "to"))}
		if rapid.Bool().Draw(t, "replaces") {
			r.Replaces = to
		} else {
			r.Continues = to
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "soon") == 0 {
		r.WithFlag(survey.TooSoon)
	}
	k.record(drawTicket(t, r))
}

// drawTicket may have a response made with one of a few tickets, or by a poster.
func drawTicket(t *rapid.T, r survey.Response) survey.Response {
	switch n := rapid.IntRange(0, 7).Draw(t, "ticket"); n {
	case 1, 2, 3:
		return byTicket(r, byte(n))
	case 4:
		r.Channel, r.Ticket = survey.Web, &survey.UsedTicket{Class: survey.PosterTicket}
	}
	return r
}

// sendInPieces sends random runs of the journals until all is there. Definitions, and what
// more is told to be done, come at random moments, the last of them at the end at the latest.
func sendInPieces(rt *rapid.T, t *testing.T, s Store, kiosks []*kiosk, more ...func(context.Context, Store) error) {
	list := []func() error{
		func() error { return s.PutStructure(t.Context(), structure(), today) },
		func() error { return s.AddQuestionnaires(t.Context(), faces) },
		func() error { return s.AddQuestionnaires(t.Context(), service, danang) },
	}
	for _, do := range more {
		list = append(list, func() error { return do(t.Context(), s) })
	}
	define := rapid.Permutation(list).Draw(rt, "definitions")
	missing := func(k *kiosk) bool {
		head, _, err := s.Marks(t.Context(), k.chain)
		must(rt, err)
		return head != k.head()
	}
	for slices.ContainsFunc(kiosks, missing) {
		if len(define) > 0 && rapid.IntRange(0, 3).Draw(rt, "define") == 0 {
			must(rt, define[0]())
			define = define[1:]
		}
		var batches []*custody.Batch
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			k := rapid.SampledFrom(kiosks).Draw(rt, "kiosk")
			first := rapid.IntRange(1, len(k.records)).Draw(rt, "first")
			batches = append(batches, k.batch(first, rapid.IntRange(first, len(k.records)).Draw(rt, "last")))
		}
		_, err := s.Keep(t.Context(), arrivals(batches))
		must(rt, err)
	}
	for _, d := range define {
		must(rt, d())
	}
}
