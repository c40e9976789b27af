//go:build linux

package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// scenario is a fault that can be played any number of times.
type scenario struct {
	name string // Vietnamese / English
	run  func(t *testing.T, seed uint64) Result
}

// scenarios are all of them. A run is made by its seed, as far as real programs allow.
var scenarios = []scenario{
	{"thiết bị bị ngắt đột ngột (kill -9) / kiosk killed", killed(func(s *stage) []*Box { return s.Kiosks[:1] })},
	{"trung tâm bị ngắt đột ngột / aggregator killed", killed(func(s *stage) []*Box { return []*Box{s.Centre} })},
	{"tất cả bị ngắt đột ngột / everything killed", killed(func(s *stage) []*Box { return append([]*Box{s.Centre}, s.Kiosks...) })},
	{"thiết bị mất điện, mất hết phần chưa ghi / kiosk: power cut, all unsynced lost", kioskCut(Lose)},
	{"thiết bị mất điện, ghi dở / kiosk: power cut, torn writes", kioskCut(Torn)},
	{"thiết bị mất điện, ghi đảo thứ tự / kiosk: power cut, reordered writes", kioskCut(Reorder)},
	{"trung tâm mất điện, mất hết phần chưa ghi / aggregator: power cut, all unsynced lost", centreCut(Lose)},
	{"trung tâm mất điện, ghi dở / aggregator: power cut, torn writes", centreCut(Torn)},
	{"trung tâm mất điện, ghi đảo thứ tự / aggregator: power cut, reordered writes", centreCut(Reorder)},
	{"kho thông điệp mất điện / message store: power cut, all unsynced lost", busCut(Lose)},
	{"kho thông điệp mất điện, không hề ghi đồng bộ / message store: power cut, nothing ever synced", busCutUnsynced},
	{"kho thông điệp mất điện, ghi đảo thứ tự / message store: power cut, reordered writes", busCut(Reorder)},
	{"thiết bị: lỗi ghi đĩa / kiosk: a disk call fails", kioskFails},
	{"thiết bị: đầy đĩa rồi có chỗ lại / kiosk: disk full, then room again", kioskFull},
	{"thẻ nhớ chậm, thiết bị bị ngắt / slow card, kiosk killed", slowKilled},
	{"mạng chập chờn / network: delays, cuts, black holes", storm},
	{"rút dây mạng rồi cắm lại / network cable pulled and plugged in", unplugged},
	{"thẻ nhớ bị sao chép / card cloned", cloned},
	{"trung tâm bị treo rồi chạy tiếp / aggregator stopped and continued", paused(func(s *stage) *Box { return s.Centre })},
	{"thiết bị bị treo rồi chạy tiếp / kiosk stopped and continued", paused(func(s *stage) *Box { return s.Kiosks[0] })},
}

func killed(who func(*stage) []*Box) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{Kiosks: 2})
		s.while(300 * time.Millisecond)
		for _, b := range who(s) {
			b.Process.Kill()
		}
		s.while(100 * time.Millisecond)
		for _, b := range who(s) {
			s.again(b)
		}
		return s.end()
	}
}

// onDisk is a site's folder on a disk that can lose power.
func onDisk(t *testing.T, o DiskOptions) (*mounted, string) {
	t.Helper()
	m := mount(t, NewDisk(o))
	data := filepath.Join(m.path, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	keepFolder(t, m.path)
	return m, data
}

// cut cuts the power of a program and its disk, and puts it on again.
func (s *stage) cut(b *Box, m *mounted, mode Mode) {
	s.t.Helper()
	m.disk.Cut(s.seed, mode)
	b.Process.Kill()
	m.restore()
	s.again(b)
}

func kioskCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, DiskOptions{})
		s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
		s.while(300 * time.Millisecond)
		s.cut(s.Kiosks[0], m, mode)
		return s.end()
	}
}

func centreCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		m, data := onDisk(t, DiskOptions{})
		s := newStage(t, seed, SiteOptions{CentreData: data})
		s.while(300 * time.Millisecond)
		s.cut(s.Centre, m, mode)
		return s.end()
	}
}

// busCut cuts the power of the message server's folder alone; the store beside it
// stays whole.
func busCut(mode Mode) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		return busCutOn(t, seed, mode, DiskOptions{EntryWithFile: true})
	}
}

// busCutUnsynced shows what the message server is trusted with: it loses everything it
// ever acknowledged, its stream included, and nothing is lost.
func busCutUnsynced(t *testing.T, seed uint64) Result {
	return busCutOn(t, seed, Lose, DiskOptions{Lies: true})
}

func busCutOn(t *testing.T, seed uint64, mode Mode, o DiskOptions) Result {
	data := t.TempDir()
	m := mountAt(t, NewDisk(o), filepath.Join(data, "nats"))
	s := newStage(t, seed, SiteOptions{CentreData: data})
	s.while(300 * time.Millisecond)
	before := len(m.disk.Files())
	s.cut(s.Centre, m, mode)
	if o.Lies && before == 0 {
		t.Fatal("the message server keeps no files, so this loses nothing")
	}
	return s.end()
}

// kioskFails fails one of the kiosk's disk calls; the kiosk may end, and is started
// again if it does.
func kioskFails(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	op := []Op{OpWrite, OpSync}[s.rnd.IntN(2)]
	point := m.disk.FailAt(op, "data/journal/*", 1+s.rnd.IntN(40), []syscall.Errno{syscall.EIO, syscall.ENOSPC}[s.rnd.IntN(2)])
	for end := time.Now().Add(3 * time.Second); !point.Hit() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.restartIfEnded(s.Kiosks[0])
	return s.end()
}

// restartIfEnded does what a supervisor does for a program that has ended by itself.
func (s *stage) restartIfEnded(b *Box) {
	s.t.Helper()
	s.repair = time.Now()
	select {
	case <-b.Process.Done():
		s.again(b)
	case <-time.After(500 * time.Millisecond):
	}
}

func slowKilled(t *testing.T, seed uint64) Result {
	_, data := onDisk(t, DiskOptions{SyncTakes: 40 * time.Millisecond})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(500 * time.Millisecond)
	s.Kiosks[0].Process.Kill()
	s.again(s.Kiosks[0])
	return s.end()
}

func kioskFull(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(100 * time.Millisecond)
	m.disk.SetLimit(m.disk.Used() + s.rnd.Int64N(16)*blockSize)
	time.Sleep(500 * time.Millisecond)
	m.disk.SetLimit(0)
	s.restartIfEnded(s.Kiosks[0])
	return s.end()
}

func storm(t *testing.T, seed uint64) Result {
	var p *Proxy
	s := newStage(t, seed, SiteOptions{Kiosks: 2, BusAt: func(bus string) (string, error) {
		var err error
		if p, err = NewProxy(bus); err != nil {
			return "", err
		}
		return p.Addr(), nil
	}})
	defer p.Close()
	calm := p.Storm(seed)
	time.Sleep(1500 * time.Millisecond)
	calm()
	s.repair = time.Now()
	return s.end()
}

func unplugged(t *testing.T, seed uint64) Result {
	ns := namespace(t)
	s := newStage(t, seed, SiteOptions{Kiosks: 2, BusAt: func(bus string) (string, error) {
		p := NewProxyOn(listenInside(t, ns), bus)
		t.Cleanup(func() { _ = p.Close() }) // it may be closed already
		return p.Addr(), nil
	}})
	for range 1 + s.rnd.IntN(3) {
		s.while(300 * time.Millisecond)
		if err := ns.Down(); err != nil {
			t.Fatal(err)
		}
		s.while(700 * time.Millisecond)
		if err := ns.Up(); err != nil {
			t.Fatal(err)
		}
	}
	s.repair = time.Now()
	return s.end()
}

// cloned copies a kiosk's card, lets the kiosk go on, and puts the copy into service in
// its place. The first branch counts; the other is kept.
func cloned(t *testing.T, seed uint64) Result {
	s := newStage(t, seed, SiteOptions{})
	k := s.Kiosks[0]
	s.while(300 * time.Millisecond)
	s.crowd.Stop()
	s.resolve()
	s.settled()
	k.Process.Kill()
	card := k.Data + ".clone"
	if err := CopyFolder(k.Data, card); err != nil {
		t.Fatal(err)
	}
	s.again(k)
	for n := range 1 + s.rnd.IntN(5) {
		s.press(fmt.Sprint("first-", n))
	}
	s.settled()
	k.Process.Kill()
	if err := os.Rename(k.Data, k.Data+".first"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(card, k.Data); err != nil {
		t.Fatal(err)
	}
	s.again(k)
	s.press("second")
	if err := poll(recoverWithin, func() error {
		if n, err := s.Forks(); err != nil || n == 0 {
			return fmt.Errorf("no fork is seen: %v", err)
		}
		return nil
	}); err != nil {
		return Result{Violations: []string{err.Error()}}
	}
	recovered := time.Since(s.repair)
	stored, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	v := s.ledger.Check(stored)
	if v.Disputed != 1 {
		v.Violations = append(v.Violations, fmt.Sprintf("the clone's one press should be disputed, %d are", v.Disputed))
	}
	return Result{v.Thanked, v.Counted, v.Disputed, recovered, v.Violations}
}

func paused(who func(*stage) *Box) func(*testing.T, uint64) Result {
	return func(t *testing.T, seed uint64) Result {
		s := newStage(t, seed, SiteOptions{})
		s.while(200 * time.Millisecond)
		if err := who(s).Process.Pause(); err != nil {
			t.Fatal(err)
		}
		s.while(600 * time.Millisecond)
		s.repair = time.Now()
		if err := who(s).Process.Continue(); err != nil {
			t.Fatal(err)
		}
		return s.end()
	}
}

// The faults, once each; with HAILONG_FAULTS=long many times, or as often as it says.
// The table is at the end.
func TestFaults(t *testing.T) {
	needRoot(t, "/dev/fuse")
	realPrograms(t)
	times := 1
	if n, err := strconv.Atoi(os.Getenv("HAILONG_FAULTS")); err == nil {
		times = n
	} else if long() {
		times = longTimes
	}
	began := uint64(time.Now().UnixNano())
	accounts := make([]Account, len(scenarios))
	var mu sync.Mutex // protects the accounts
	t.Run("each", func(t *testing.T) {
		for i, sc := range scenarios {
			accounts[i].Fault = sc.name
			for n := range uint64(times) {
				t.Run(fmt.Sprintf("%s/%d", sc.name, began+n), func(t *testing.T) {
					t.Parallel()
					r := sc.run(t, began+n)
					for _, w := range r.Violations {
						t.Error(w)
					}
					mu.Lock()
					defer mu.Unlock()
					accounts[i].Results = append(accounts[i].Results, r)
				})
			}
		}
	})
	t.Logf("\n%s", Table(accounts))
}

// realPrograms skips a test that starts real programs where only short ones are wanted.
func realPrograms(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real programs many times")
	}
}

// longTimes is how often each fault is played in the long selection.
const longTimes = 35

// long reports whether the long selection is wanted.
func long() bool { return os.Getenv("HAILONG_FAULTS") == "long" }

func TestACalmSiteBalances(t *testing.T) {
	realPrograms(t)
	s := newStage(t, 1, SiteOptions{Kiosks: 2})
	s.while(500 * time.Millisecond)
	s.repair = time.Now()
	if r := s.end(); len(r.Violations) > 0 || r.Thanked != r.Counted || r.Thanked == 0 {
		t.Fatalf("%+v", r)
	}
}

// Everything is killed at once, again and again, while five kiosks are pressed at.
func TestEverythingIsKilledAgainAndAgain(t *testing.T) {
	realPrograms(t)
	rounds := 3
	if long() {
		rounds = 50
	}
	s := newStage(t, uint64(time.Now().UnixNano()), SiteOptions{Kiosks: 5})
	for range rounds {
		s.while(400 * time.Millisecond)
		for _, b := range append([]*Box{s.Centre}, s.Kiosks...) {
			b.Process.Kill()
		}
		for _, b := range append([]*Box{s.Centre}, s.Kiosks...) {
			s.again(b)
		}
	}
	r := s.end()
	for _, w := range r.Violations {
		t.Error(w)
	}
	t.Logf("seed %d, %d rounds: thanked %d, counted %d", s.seed, rounds, r.Thanked, r.Counted)
}
