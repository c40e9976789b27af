package sim

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"hailong/survey/custody"
	"hailong/sync/uplink"
)

var (
	seedFlag = flag.Uint64("sim.seed", 0, "run this one seed and print its story")
	offFlag  = flag.String("sim.off", "", "switch this protection off, as a control does")
)

// runsName is the environment variable with the number of seeds.
const runsName = "HAILONG_SIM_RUNS"

// runs is how many seeds are tried.
func runs(t *testing.T) uint64 {
	if s := os.Getenv(runsName); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			t.Fatalf("%s is not a number: %v", runsName, err)
		}
		return n
	}
	if testing.Short() {
		return 10
	}
	return 100
}

// Whatever fails, and however it meets: each thanked press is in the centre once, or
// declared, and when the faults end everything comes over.
func TestSim(t *testing.T) {
	if *seedFlag != 0 {
		replay(t)
		return
	}
	n, total, began := runs(t), newTally(), time.Now()
	for seed := uint64(1); seed <= n; seed++ {
		o := optionsOf(seed, "")
		if _, err := run(o, total); err != nil {
			t.Errorf("%v\n%v\nagain: go test ./cmd/internal/sim -run Sim -v -sim.seed=%d", err, o, seed)
		}
		if t.Failed() {
			n = seed // one story is enough
		}
	}
	took := time.Since(began)
	var table strings.Builder
	total.write(&table)
	t.Logf("%d runs in %v, %.0f in a second\n%s", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), table.String())
	if n >= 100 {
		total.checkFaults(t)
	}
	if n >= 2000 { // some are rare
		total.checkFigures(t)
	}
}

// checkFaults: a fault that never happened proves nothing.
func (t *tally) checkFaults(test *testing.T) {
	for f := range allFaults {
		if f != lastFault && t.faults[f] == 0 {
			test.Errorf("%q never happened: the simulation says nothing about it", f)
		}
	}
	for _, why := range []uplink.Alarm{uplink.Forked, uplink.Ahead, uplink.Receded, uplink.Refused} {
		if t.alarms[why] == 0 {
			test.Errorf("nobody ever raised the alarm %q", why)
		}
	}
	for _, c := range []custody.Case{custody.New, custody.Duplicate, custody.Gap, custody.Fork} {
		if t.cases[c] == 0 {
			test.Errorf("no batch was ever a %s", c)
		}
	}
}

func (t *tally) checkFigures(test *testing.T) {
	for _, row := range t.figures() {
		if row.n == 0 {
			test.Errorf("%q never happened: the simulation says nothing about it", row.name)
		}
	}
}

// replay runs one seed and tells all of it.
func replay(t *testing.T) {
	o := optionsFor(*seedFlag, protection(*offFlag))
	o.told = true
	w, err := run(o, newTally())
	t.Logf("%v\n%s", o, strings.Join(w.story, "\n"))
	if err != nil {
		t.Error(err)
	}
}

// The same number gives the same run, to the last word and figure; another number gives
// another one.
func TestSimRepeatsItself(t *testing.T) {
	fullOnly(t)
	type account struct {
		told    uint64
		counted string
	}
	of := func(seed uint64) account {
		total := newTally()
		w, _ := run(optionsOf(seed, ""), total)
		return account{w.digest, fmt.Sprint(*total)}
	}
	told, counted := map[uint64]uint64{}, map[string]uint64{}
	for seed := uint64(1); seed <= 5; seed++ {
		one, two := of(seed), of(seed)
		if one != two {
			t.Errorf("seed %d ran in two ways: told %x and %x, counted\n%s\n%s", seed, one.told, two.told, one.counted, two.counted)
		}
		if other, ok := told[one.told]; ok {
			t.Errorf("seeds %d and %d tell the same", other, seed)
		}
		if other, ok := counted[one.counted]; ok {
			t.Errorf("seeds %d and %d count the same", other, seed)
		}
		told[one.told], counted[one.counted] = seed, seed
	}
}
