//go:build linux

package fault

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nearlyFull fills a kiosk's disk up to where it must stop recording, not further, and
// makes room again. Meanwhile it says so, thanks nobody and counts whom it refused.
func nearlyFull(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{Limit: 64 << 20})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}, KioskSettings: "disk: {full_mb: 8, spare_mb: 16}\n"})
	k := s.Kiosks[0]
	s.while(300 * time.Millisecond)
	s.crowd.Stop()
	s.resolve()
	m.disk.SetLimit(m.disk.Used() + 4<<20)
	if s.press("refused") == Thanked {
		return Result{Violations: []string{"a press was thanked for on a disk that is full"}}
	}
	var wrong []string
	status, err := Call(http.MethodGet, k.URL+"/readyz", "", nil, nil)
	if status != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(err), "disk-full") {
		wrong = append(wrong, fmt.Sprintf("I9: the kiosk does not say that its disk is full: %d %v", status, err))
	}
	// With the next heartbeat, which comes as soon as the link is up, the centre knows.
	s.stopCentre()
	s.again(s.Centre)
	if err := s.seen(func(k kioskSeen) bool { return k.Trouble != nil && k.Refused != nil && *k.Refused > 0 }); err != nil {
		wrong = append(wrong, "I9: the aggregator does not say that a kiosk's disk is full: "+err.Error())
	}
	m.disk.SetLimit(0)
	s.repair = time.Now()
	r := s.calm()
	r.Violations = append(r.Violations, wrong...)
	return r
}

// seen waits until the aggregator sees the first kiosk in a certain way.
func (s *stage) seen(so func(kioskSeen) bool) error {
	return poll(recoverWithin, func() error {
		list, err := s.kiosks()
		if err == nil && (len(list) == 0 || !so(list[0])) {
			err = fmt.Errorf("it sees %+v", list)
		}
		return err
	})
}

// syncFails fails one sync of the kiosk's journal. The kiosk does not end: it looks at
// its files, opens them anew and goes on.
func syncFails(t *testing.T, seed uint64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(100 * time.Millisecond)
	point := m.disk.FailAt(OpSync, "data/journal/*.db|data/journal/*.log", 1+s.rnd.IntN(12), syscall.EIO)
	missed := s.met(point.Hit)
	s.repair = time.Now()
	r := s.end().but(missed)
	if !missed && !strings.Contains(s.Kiosks[0].Process.Said(), "opened anew") {
		r.Violations = append(r.Violations, "the kiosk does not say that a write failed")
	}
	return r
}
