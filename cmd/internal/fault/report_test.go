//go:build linux

package fault

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// scenario is a fault that can be played any number of times.
type scenario struct {
	name string // Vietnamese / English
	run  func(t *testing.T, seed uint64) Result
	part part
}

// part is the selection to which a scenario belongs.
type part string

const (
	always part = "always"
	inLong part = "in the long selection"
	rarely part = "in the long selection, and less often" // because it takes long
)

// scenarios are all of them. A run is made by its seed, as far as real programs allow.
var scenarios = []scenario{
	{"thiết bị bị ngắt đột ngột (kill -9) / kiosk killed", killed(func(s *stage) []*Box { return s.Kiosks[:1] }), always},
	{"trung tâm bị ngắt đột ngột / aggregator killed", killed(func(s *stage) []*Box { return []*Box{s.Centre} }), always},
	{"tất cả bị ngắt đột ngột / everything killed", killed(func(s *stage) []*Box { return append([]*Box{s.Centre}, s.Kiosks...) }), always},
	{"thiết bị mất điện, mất hết phần chưa ghi / kiosk: power cut, all unsynced lost", kioskCut(Lose), always},
	{"thiết bị mất điện, ghi dở / kiosk: power cut, torn writes", kioskCut(Torn), inLong},
	{"thiết bị mất điện, ghi đảo thứ tự / kiosk: power cut, reordered writes", kioskCut(Reorder), always},
	{"trung tâm mất điện, mất hết phần chưa ghi / aggregator: power cut, all unsynced lost", centreCut(Lose), inLong},
	{"trung tâm mất điện, ghi dở / aggregator: power cut, torn writes", centreCut(Torn), always},
	{"trung tâm mất điện, ghi đảo thứ tự / aggregator: power cut, reordered writes", centreCut(Reorder), inLong},
	{"kho thông điệp mất điện / message store: power cut, all unsynced lost", busCut(Lose), always},
	{"kho thông điệp mất điện, không hề ghi đồng bộ / message store: power cut, nothing ever synced", busCutUnsynced, always},
	{"kho thông điệp mất điện, ghi đảo thứ tự / message store: power cut, reordered writes", busCut(Reorder), inLong},
	{"thiết bị: lỗi ghi đĩa / kiosk: a disk call fails", kioskFails, always},
	{"thiết bị: đầy đĩa rồi có chỗ lại / kiosk: disk full, then room again", kioskFull, always},
	{"thẻ nhớ chậm, thiết bị bị ngắt / slow card, kiosk killed", slowKilled, always},
	{"mạng chập chờn / network: delays, cuts, black holes", storm, always},
	{"rút dây mạng rồi cắm lại / network cable pulled and plugged in", unplugged, always},
	{"thẻ nhớ bị sao chép / card cloned", cloned, always},
	{"nhật ký hỏng: tệp bbolt / damaged journal: its bbolt file", damaged("*.db"), inLong},
	{"nhật ký hỏng: tệp log / damaged journal: its log", damaged("*.log"), inLong},
	{"nhật ký hỏng: cả hai tệp / damaged journal: both files", damaged("*.db", "*.log"), always},
	{"mất cả thư mục nhật ký / the journal's folder is gone", damaged(), always},
	{"khôi phục trung tâm từ bản sao lưu cũ / aggregator restored from an old backup", restored, always},
	{"chép tay kho dữ liệu cũ trở lại / an old store copied back by hand", copiedBack, inLong},
	{"kho thông điệp đầy rồi có chỗ lại / message store's volume full, then room again", busFull, rarely},
	{"mất tệp của kho thông điệp / message store's files deleted", streamHarmed(streamDeleted), inLong},
	{"tệp của kho thông điệp hỏng / message store's files flipped or cut short", streamHarmed(streamFlipped), always},
	{"đĩa của trung tâm đầy rồi có chỗ lại / aggregator's disk full, then room again", storeFull, rarely},
	{"thiết bị sắp hết đĩa, ngừng nhận / kiosk's disk nearly full: it refuses, and says so", nearlyFull, always},
	{"thiết bị: một lần ghi đồng bộ lỗi / kiosk: one sync fails", syncFails, inLong},
	{"đồng hồ thiết bị: năm 1970 / kiosk's clock: 1970", wrongClock(toward1970), always},
	{"đồng hồ thiết bị: nhanh 10 năm / kiosk's clock: ten years ahead", wrongClock(func() time.Duration { return 10 * 365 * day }), inLong},
	{"đồng hồ thiết bị: chậm một ngày / kiosk's clock: a day behind", wrongClock(func() time.Duration { return -day }), inLong},
	{"đồng hồ thiết bị nhảy khi đang chạy / kiosk's clock jumps at work", jumpingClock, inLong},
	{"chưa từng biết giờ: không rõ ngày / kiosk that never knew the time: day unknown", neverKnown, inLong},
	{"trung tâm bị treo rồi chạy tiếp / aggregator stopped and continued", paused(func(s *stage) *Box { return s.Centre }), always},
	{"thiết bị bị treo rồi chạy tiếp / kiosk stopped and continued", paused(func(s *stage) *Box { return s.Kiosks[0] }), always},
}

// How often each fault is played in the long selection.
const (
	longTimes = 40
	slowTimes = 10
)

// long reports whether the long selection is wanted.
func long() bool { return os.Getenv("HAILONG_FAULTS") == "long" }

// times is how often a scenario is to be played: once, as often as HAILONG_FAULTS says, or
// as the long selection does.
func (sc scenario) times() uint64 {
	n, err := strconv.ParseUint(os.Getenv("HAILONG_FAULTS"), 10, 32)
	switch {
	case err == nil:
		return n
	case long() && sc.part == rarely:
		return slowTimes
	case long():
		return longTimes
	case sc.part != always:
		return 0
	}
	return 1
}

// firstSeed is the seed of a scenario's first run: HAILONG_FAULT_SEED plays one again.
func firstSeed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("HAILONG_FAULT_SEED"), 10, 64); err == nil {
		return seed
	}
	return uint64(time.Now().UnixNano())
}

// accounts are those of a report, which grow while its tests run.
type accounts struct {
	mu   sync.Mutex // protects list
	list []Account
}

// play runs something beside others, and adds what came of it to the account of a fault.
func (a *accounts) play(t *testing.T, fault int, name string, run func(t *testing.T) Result) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		r := Result{Violations: []string{"it could not be played to its end"}} // holds if run ends the test
		defer func() {
			if t.Skipped() {
				return
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.list[fault].Results = append(a.list[fault].Results, r)
		}()
		r = run(t)
		for _, w := range r.Violations[:min(6, len(r.Violations))] {
			t.Error(w)
		}
	})
}

// tries is how often a scenario is played until something is injected.
const tries = 5

// hit plays a scenario, with other seeds again as long as nothing was injected. Each try
// cleans up after itself.
func (sc scenario) hit(t *testing.T, seed uint64) (r Result) {
	for n := range uint64(tries) {
		skipped := false
		t.Run(fmt.Sprint(seed+1000*n), func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			r = Result{Violations: []string{"it could not be played to its end"}} // holds if run ends the test
			r = sc.run(t, seed+1000*n)
		})
		if skipped {
			t.SkipNow()
		}
		if !r.Missed || len(r.Violations) > 0 {
			return r
		}
	}
	r.Violations = []string{fmt.Sprintf("nothing was injected in %d runs", tries)}
	return r
}

func (a *accounts) open(fault string) (number int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, Account{Fault: fault})
	return len(a.list) - 1
}

// Every fault, and every disk call of some pieces of work; HAILONG_FAULTS=long has many
// more of both, and a number plays every fault as often. The table is printed at the end,
// and written into the file that HAILONG_FAULT_REPORT names.
func TestReport(t *testing.T) {
	needRoot(t, "/dev/fuse")
	realPrograms(t)
	var all accounts
	first := firstSeed()
	t.Run("each", func(t *testing.T) {
		for _, sc := range scenarios {
			number := all.open(sc.name)
			for n := range sc.times() {
				all.play(t, number, fmt.Sprintf("%s/%d", sc.name, n+1), func(t *testing.T) Result { return sc.hit(t, first+n) })
			}
		}
		if os.Getenv("HAILONG_FAULTS") == "" || long() {
			all.enumerate(t)
			all.massacre(t, first)
		}
	})
	table := Table(all.list)
	t.Logf("\n%s", table)
	if file := os.Getenv("HAILONG_FAULT_REPORT"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// enumerate disturbs every disk call of each piece of work: in each way in the long
// selection, in one otherwise.
func (a *accounts) enumerate(t *testing.T) {
	for _, e := range enumerations {
		number := a.open(e.name)
		for i, d := range disturbances {
			if long() || i == e.short {
				a.play(t, number, e.name+"/"+d.name, func(t *testing.T) Result { return e.atLeast(t, d) })
			}
		}
	}
}

// massacre kills everything at once, again and again, while five kiosks are pressed at.
func (a *accounts) massacre(t *testing.T, seed uint64) {
	const name = "5 thiết bị và trung tâm bị ngắt cùng lúc, nhiều vòng / 5 kiosks and the aggregator killed at once, again and again"
	rounds := 3
	if long() {
		rounds = 50
	}
	number := a.open(name)
	a.play(t, number, name, func(t *testing.T) Result { return killedAgain(t, seed, rounds) })
}

func killedAgain(t *testing.T, seed uint64, rounds int) Result {
	s := newStage(t, seed, SiteOptions{Kiosks: 5})
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
	r.Runs = rounds
	t.Logf("seed %d, %d rounds: thanked %d, counted %d", seed, rounds, r.Thanked, r.Counted)
	return r
}
