//go:build linux

package fault

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// built are the programs under test, built once.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// programs is the folder with the programs.
func programs(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "hailong-programs-"); built.err == nil {
			built.err = Programs(built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// stage is a site with a crowd before it, on which one fault is played.
type stage struct {
	*Site
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand
	ledger *Ledger
	crowd  *Crowd    // nil = nobody presses by himself
	repair time.Time // when the fault was over

	slowest time.Duration // of several recoveries
}

// newStage starts a site that ends with the test, with people pressing.
func newStage(t *testing.T, seed uint64, o SiteOptions) *stage {
	t.Helper()
	s := bareStage(t, seed, o)
	var urls []string
	for _, k := range s.Kiosks {
		urls = append(urls, k.URL)
	}
	s.crowd = NewCrowd(s.ledger, seed, 2, urls...)
	return s
}

// bareStage is one on which nobody presses by himself.
func bareStage(t *testing.T, seed uint64, o SiteOptions) *stage {
	t.Helper()
	o.Programs, o.Folder = programs(t), t.TempDir()
	if o.Kiosks == 0 {
		o.Kiosks = 1
	}
	site, err := NewSite(o)
	if site != nil {
		t.Cleanup(site.Close)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{Site: site, t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 3)), ledger: NewLedger()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d\naggregator:\n%s", seed, s.Centre.Process.Said())
			for _, k := range s.Kiosks {
				t.Logf("kiosk:\n%s", k.Process.Said())
			}
		}
	})
	return s
}

// met waits until something has happened to a program. A run in which it did not is
// missed, and is played again.
func (s *stage) met(happened func() bool) (missed bool) {
	for end := time.Now().Add(meetWithin); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return true
		}
	}
	return false
}

// meetWithin is how long a fault may wait for something that it can happen to.
const meetWithin = 8 * time.Second

// but is a result with whether the fault missed, and with what else is wrong.
func (r Result) but(missed bool, wrong ...error) Result {
	r.Missed = missed
	for _, err := range wrong {
		if err != nil {
			r.Violations = append(r.Violations, err.Error())
		}
	}
	return r
}

// while lets people press for a random moment.
func (s *stage) while(most time.Duration) { time.Sleep(time.Duration(s.rnd.Int64N(int64(most)))) }

// again starts a program after a fault.
func (s *stage) again(b *Box) {
	s.t.Helper()
	s.repair = time.Now()
	if err := b.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// recoverWithin is how long everything may take to be sent after a fault.
const recoverWithin = 20 * time.Second

// end lets people press a little more, stops them, and judges.
func (s *stage) end() Result {
	s.t.Helper()
	s.while(200 * time.Millisecond)
	s.crowd.Stop()
	if err := s.ledger.Resolve(recoverWithin); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Settle(recoverWithin); err != nil {
		return Result{Thanked: s.ledger.Thanks(), Violations: []string{"I8: " + err.Error()}}
	}
	recovered := time.Since(s.repair)
	v, err := s.Judge(context.Background(), s.ledger, recoverWithin)
	if err != nil {
		s.t.Fatal(err)
	}
	r := resultOf(v)
	r.Recovered = recovered
	return r
}
