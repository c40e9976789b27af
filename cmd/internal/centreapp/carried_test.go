package centreapp_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
)

// desk is a counter of the sample's.
const desk survey.CounterCode = "TINH-01"

// life is one chain of a kiosk whose batches, of one record each, are carried to the centre.
type life struct {
	t        *testing.T
	kiosk    survey.Kiosk
	key      ed25519.PrivateKey
	shown    survey.Hash // the questionnaire
	today    survey.Date
	records  []custody.Record
	comments []custody.Comment
}

func newLife(t *testing.T, app *centreapp.App) *life {
	t.Helper()
	catalogue, err := app.Store().Catalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	quick, _ := catalogue.InForce("quick")
	public, key, _ := ed25519.GenerateKey(nil) // from the system's own source, which does not fail
	return &life{
		t: t, key: key, shown: quick.Hash, today: survey.DateOf(time.Now()),
		kiosk: survey.Kiosk{ID: custody.KioskName(public), Role: survey.CounterKiosk, Counters: []survey.CounterCode{desk}, Key: public, Enrolled: time.Now()},
	}
}

// press adds a press, with a commitment to a comment if there is one.
func (l *life) press(level survey.Level, comment string) {
	n := uint64(len(l.records)) + 1
	press := survey.Response{
		Questionnaire: l.shown, Channel: survey.Touch, Stage: survey.Result, Counter: desk,
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
	}
	r := custody.Record{
		Version: custody.RecordVersion, Chain: survey.Chain{7}, Sequence: n, Previous: l.hashAt(len(l.records)), Kind: custody.ResponseRecord,
		Counter: string(desk), Wall: time.Now().UnixMilli(), Nonce: survey.Nonce{byte(n), byte(level)}, Questionnaire: l.shown,
		PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&press),
	}
	if comment != "" {
		c := custody.Comment{Sequence: n, Salt: [16]byte{byte(n)}, Text: comment}
		commit := c.Commit()
		r.Comment = &commit
		l.comments = append(l.comments, c)
	}
	l.records = append(l.records, custody.Seal(r))
}

func (l *life) hashAt(n int) survey.Hash {
	if n == 0 {
		return survey.Hash{}
	}
	return l.records[n-1].Hash
}

// file is a journal file with the records from one on.
func (l *life) file(first int) []byte {
	l.t.Helper()
	var b bytes.Buffer
	w, err := custody.NewTravelWriter(&b)
	for i := first - 1; i < len(l.records) && err == nil; i++ {
		totals := &custody.Totals{Last: uint64(i + 1), Days: []custody.DayTotal{{Day: l.today, Issued: uint64(i + 1)}}}
		err = w.Add(custody.NewBatch(l.kiosk.ID, l.key, l.hashAt(i), l.records[i:i+1], l.comments, totals).Message())
	}
	if err = errors.Join(err, w.End()); err != nil {
		l.t.Fatal(err)
	}
	return b.Bytes()
}

// figures are the score and the closing of the kiosk's day, as the API gives them, after the
// store has counted everything again from the batches and verified the chains.
type figures struct {
	N, Satisfied                                                 int
	Issued, Received, Counted, Quarantined, Disputed, Unresolved int
	Levels                                                       map[string]int
}

func (l *life) figures(app *centreapp.App, dir string) (f figures) {
	l.t.Helper()
	if err := app.Store().Verify(l.t.Context(), nil); err != nil {
		l.t.Error(err)
	}
	read := func(path string, into any) {
		code, body := ask(l.t, app, dir, "GET", path)
		if err := json.Unmarshal([]byte(body), into); err != nil || code != 200 {
			l.t.Fatalf("%s: %d %s %v", path, code, body, err)
		}
	}
	read(fmt.Sprintf("/api/v1/scores?from=%s&to=%s", l.today-1, l.today), &struct{ Total *figures }{&f})
	var list struct{ Items []json.RawMessage }
	read("/api/v1/closings?kiosk="+string(l.kiosk.ID), &list)
	if len(list.Items) != 1 {
		l.t.Fatalf("%d closings: %s", len(list.Items), list.Items)
	}
	if err := json.Unmarshal(list.Items[0], &f); err != nil {
		l.t.Fatal(err)
	}
	rejected, err := app.Store().Rejected(l.t.Context(), 0, 1000)
	if err != nil {
		l.t.Fatal(err)
	}
	f.Unresolved = len(rejected)
	return f
}

// withRejected is a centre that rejected both branches of a copied journal, because nobody
// had enrolled the kiosk, and has enrolled it since: five presses, and two that contradict
// the last two.
func withRejected(t *testing.T, change ...func(*centreapp.Options)) (*life, *centreapp.App, string) {
	dir := t.TempDir()
	c := settings(dir)
	c.Minimum = 1
	app := open(t, c, change...)
	running(t, app)
	l := newLife(t, app)
	for level := range survey.Level(5) {
		l.press(level+1, "")
	}
	copied := *l
	copied.records = slices.Clone(l.records[:3])
	copied.press(1, "")
	copied.press(1, "")
	for _, file := range [][]byte{l.file(1), copied.file(4)} {
		if got := take(t, app, dir, file); got.Batches != len(got.Refused) {
			t.Fatalf("of a stranger: %+v", got)
		}
	}
	if err := app.Store().PutKiosk(t.Context(), l.kiosk); err != nil {
		t.Fatal(err)
	}
	return l, app, dir
}

// retried is what both branches of the copied journal come to.
var retried = figures{
	N: 5, Satisfied: 2, Levels: map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1},
	Issued: 7, Received: 7, Counted: 5, Disputed: 2,
}

const retryPath = "/api/v1/quarantine/retry"

// Whoever has the quarantine tried again twice at a time, by a double click or on the page
// and the command line, counts nothing twice and loses nothing: it all comes to the same as
// after one retry.
func TestRetriesAtTheSameTime(t *testing.T) {
	for _, hands := range []int{1, 4} {
		t.Run(fmt.Sprint(hands), func(t *testing.T) {
			l, app, dir := withRejected(t)
			var all sync.WaitGroup
			for range hands {
				all.Go(func() {
					// All but one may be told to wait.
					if code, body := ask(t, app, dir, "POST", retryPath); code != 200 && (code != 409 || hands == 1) {
						t.Errorf("%d %s", code, body)
					}
				})
			}
			all.Wait()
			if got := l.figures(app, dir); fmt.Sprint(got) != fmt.Sprint(retried) {
				t.Errorf("it comes to %+v, want %+v", got, retried)
			}
		})
	}
}

// failsOnce is a store that cannot keep one batch once: the third that is tried.
type failsOnce struct {
	intake.Store
	mu    *sync.Mutex
	tries *int
}

func (s failsOnce) Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error) {
	s.mu.Lock()
	*s.tries++
	fails := *s.tries == 3
	s.mu.Unlock()
	if fails {
		return nil, errors.New("no room")
	}
	return s.Store.Keep(ctx, arrivals)
}

// A retry that breaks off in the middle leaves what it did not reach where it was, and the
// next one goes on.
func TestARetryThatBreaksOff(t *testing.T) {
	l, app, dir := withRejected(t, func(o *centreapp.Options) {
		var mu sync.Mutex
		var tries int
		o.Wrap = func(s intake.Store) intake.Store { return failsOnce{s, &mu, &tries} }
	})
	for _, want := range []struct{ code, left int }{{500, 5}, {200, 0}} {
		if code, body := ask(t, app, dir, "POST", retryPath); code != want.code {
			t.Errorf("%d %s, want %d", code, body, want.code)
		}
		if left, err := app.Store().Rejected(t.Context(), 0, 100); err != nil || len(left) != want.left {
			t.Errorf("%d batches are left, %v, want %d", len(left), err, want.left)
		}
	}
	if got := l.figures(app, dir); fmt.Sprint(got) != fmt.Sprint(retried) {
		t.Errorf("it comes to %+v, want %+v", got, retried)
	}
}

// The chain vouches for a comment and does not hold it. A comment that never came, or is
// another than the record vouches for, is not there: the score, the closing and the chain
// are the same as with it. So one can be erased.
func TestCommentsThatAreNotThere(t *testing.T) {
	const text = "chờ lâu quá, góp ý không ai được đọc"
	var with figures
	for _, c := range []struct {
		name   string
		change func(*custody.Comment) // nil = it does not come
		want   string
	}{
		{"it came", func(*custody.Comment) {}, text},
		{"it did not come", nil, ""},
		{"another text came", func(c *custody.Comment) { c.Text += "!" }, ""},
		{"another salt came", func(c *custody.Comment) { c.Salt[3]++ }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log told
			dir := t.TempDir()
			s := settings(dir)
			s.Minimum = 1
			app := open(t, s, func(o *centreapp.Options) { o.Log = logTo(&log) })
			running(t, app)
			l := newLife(t, app)
			if err := app.Store().PutKiosk(t.Context(), l.kiosk); err != nil {
				t.Fatal(err)
			}
			l.press(2, text)
			l.press(5, "")
			if c.change == nil {
				l.comments = nil
			} else {
				c.change(&l.comments[0])
			}
			if got := take(t, app, dir, l.file(1)); got.New != 2 {
				t.Fatalf("%+v", got)
			}
			e, found, err := app.Store().Entry(t.Context(), survey.RecordID{Chain: survey.Chain{7}, Sequence: 1})
			if err != nil || !found || e.Comment != c.want || !e.HadComment {
				t.Errorf("the entry is %+v, %v, %v", e, found, err)
			}
			got := l.figures(app, dir)
			if c.want != "" {
				with = got
			}
			if got.N != 2 || got.Satisfied != 1 || got.Counted != 2 || got.Received != 2 || got.Issued != 2 || fmt.Sprint(got) != fmt.Sprint(with) {
				t.Errorf("it comes to %+v, with the comment to %+v", got, with)
			}
			if err := app.Store().Walk(t.Context(), survey.Chain{7}, func(b []byte) error {
				if strings.Contains(string(b), "góp ý") {
					t.Error("the comment is inside the chain")
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if said := log.lines("góp ý"); len(said) != 0 {
				t.Errorf("the log says %q", said)
			}
		})
	}
}
