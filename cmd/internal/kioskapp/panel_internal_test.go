package kioskapp

import (
	"context"
	"strings"
	"testing"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/panel"
	"hailong/survey"
	"hailong/sync/uplink"
)

// What is wrong with the buttons goes to the centre, beside what is wrong with the way
// there, and whether or not that is open.
func TestTheCentreHearsOfTheButtons(t *testing.T) {
	here := panel.Device{Path: t.TempDir() + "/none", Kind: panel.Serial, Keys: map[string]survey.Level{"1": 1}}
	strange := here
	strange.Counter = "H-9"
	a := &App{config: Config{Buttons: []panel.Device{strange}}}
	a.working.Store(&parts{enrolment: &identity.Enrolment{Counters: []identity.Counter{{Code: "H-1"}, {Code: "H-2"}}}})
	heard := make(chan survey.Words, 4)
	p := panel.New(here, panel.Options{Tell: func(w survey.Words) { heard <- w }})
	a.buttons.panels = []*panel.Panel{p}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	defer func() { stop(); <-ended }()
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was said of a device that is not there")
	}
	wrong := []worry{{problem: "the batch cannot be read"}}
	for _, c := range []struct {
		up      bool
		worries []worry
		centre  bool
	}{{false, nil, false}, {false, wrong, false}, {true, nil, false}, {true, wrong, true}} {
		got := bilingual(a.alarms(uplink.State{Up: c.up}, c.worries))
		for _, want := range []string{"does not serve the counter H-9, only: H-1, H-2", "không phục vụ quầy H-9", "the device is not there", "không thấy thiết bị"} {
			if !strings.Contains(got, want) {
				t.Errorf("up %v: %q is not in %s", c.up, want, got)
			}
		}
		if strings.Contains(got, "the batch cannot be read") != c.centre {
			t.Errorf("up %v, %v: %s", c.up, c.worries, got)
		}
	}
	if quiet := (&App{}).alarms(uplink.State{Up: true}, nil); quiet != nil {
		t.Errorf("with nothing wrong it says %v", quiet)
	}
}
