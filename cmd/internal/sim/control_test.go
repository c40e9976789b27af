package sim

import (
	"slices"
	"strings"
	"testing"
)

// protection is something whose absence a control must notice.
type protection string

// The protections that can be switched off.
const (
	thanksBeforeSync    protection = "thanks wait for both syncs"
	opensUnsynced       protection = "what is found at the start is synced before it is relied on"
	startsAnew          protection = "a damaged journal never starts again in silence"
	reservesNothing     protection = "numbers are reserved before they are used"
	noNonces            protection = "a key sent again is looked up"
	trustsTheBus        protection = "the bus's acknowledgement is not custody"
	receiptsFirst       protection = "receipts follow the commit"
	acksFirst           protection = "the bus hears after the commit"
	restoreKeepsEpoch   protection = "a restore draws a new epoch"
	prunesDurable       protection = "only a backup lets a kiosk forget"
	backupUnchecked     protection = "a backup is verified before it counts"
	forksAreRepeats     protection = "a contradiction is kept as evidence"
	ledgerWithoutClocks protection = "the ledger follows clock records"
	declaresOnce        protection = "a loss is declared again in every later chain"
	retiredIsCopy       protection = "of a damaged chain the centre may have more than is left"
	forgetsBoundary     protection = "a hash that was forgotten is not another hash"
	believesTheLog      protection = "the file that goes further completes the other"
	trustsWorn          protection = "a database that may be a transaction back is not trusted alone"
	saysBounded         protection = "a loss of which nothing tells the number is said to be not known"
)

// honest reports whether an alarm must have a cause.
func (p protection) honest() bool {
	return p == "" || p == acksFirst || p == retiredIsCopy || p == forgetsBoundary
}

// What a control switches off.
const (
	// ofProgram: another answer stands in the place of a rule that the programs run.
	ofProgram = "of the program"
	// ofChecker: a model is broken. That shows that the checker sees what comes of it; that
	// the programs have the protection is for their own tests to show.
	ofChecker = "of the checker"
)

// control switches a protection off, in a world with some faults only.
type control struct {
	of     string
	off    protection
	faults []fault
	sees   string // the invariant that must break
}

var controls = []control{
	{ofProgram, forksAreRepeats, []fault{copiedCard, lineCut}, "fork"},
	{ofProgram, ledgerWithoutClocks, []fault{kill, lineCut}, "closing"},
	{ofProgram, retiredIsCopy, []fault{damagedBoth, kill, crashThanked}, "alarm"},
	{ofProgram, forgetsBoundary, []fault{wordLate, wordTwice, lineCut}, "alarm"},
	{ofProgram, believesTheLog, []fault{damagedLog, crashThanked, lineCut}, "I1"},
	{ofChecker, thanksBeforeSync, []fault{crashWriting, powerCut}, "I1"},
	{ofChecker, opensUnsynced, []fault{crashWriting, crashThanked, powerCut}, "I1"},
	{ofChecker, startsAnew, []fault{lostBoth, crashThanked, lineCut}, "I1"},
	{ofChecker, reservesNothing, []fault{lostBoth, crashThanked, lineCut}, "I1"},
	{ofChecker, noNonces, []fault{answerLost, crashThanked}, "I1"},
	{ofChecker, trustsTheBus, []fault{messageLost, busWiped, lineCut}, "I8"},
	{ofChecker, receiptsFirst, []fault{crashBeforeCommit}, "I6"},
	{ofChecker, restoreKeepsEpoch, []fault{restored, lineCut}, "I8"},
	{ofChecker, prunesDurable, []fault{restored, lineCut}, "I1"},
	{ofChecker, backupUnchecked, []fault{restored, backupDamaged}, "I1"},
	{ofChecker, declaresOnce, []fault{damagedBoth, lostBoth, powerCut, kill, crashThanked, lineCut, lineDark}, "I1"},
	{ofChecker, trustsWorn, []fault{wornDatabase, lostLog, crashThanked, lineCut}, "I1"},
	{ofChecker, saysBounded, []fault{damagedReservation, lostBoth, crashThanked, lineCut}, "I1"},
}

// options are those of a control's run.
func (c control) options(seed uint64) options {
	o := optionsOf(seed, c.off)
	o.often = true
	for f := range lastFault {
		o.faults[f] = slices.Contains(c.faults, f)
	}
	return o
}

// optionsFor are the options of a seed, in a control of that name or in none.
func optionsFor(seed uint64, off protection) options {
	for _, c := range controls {
		if c.off == off {
			return c.options(seed)
		}
	}
	return optionsOf(seed, off)
}

// fullOnly skips what one seed, or the short selection, has no use for.
func fullOnly(t *testing.T) {
	t.Helper()
	if *seedFlag != 0 || testing.Short() {
		t.Skip("not for one seed, nor for -short: one goroutine has no races")
	}
}

// A simulation that sees nothing proves nothing: each protection is switched off once, in
// the program or in a model, and what it protects must be seen to break. Under the same
// faults, with the protection on, nothing breaks.
func TestSimSeesEachProtectionMissing(t *testing.T) {
	fullOnly(t)
	const most = 300
	for _, c := range controls {
		t.Run(c.of+"/"+string(c.off), func(t *testing.T) {
			for seed := uint64(1); seed <= most; seed++ {
				_, err := run(c.options(seed), newTally())
				if err == nil || !strings.HasPrefix(err.Error(), c.sees+":") {
					continue
				}
				t.Logf("seen with seed %d: %v", seed, err)
				on := c.options(seed)
				on.broken = ""
				if _, err := run(on, newTally()); err != nil {
					t.Errorf("seed %d with the protection on: %v", seed, err)
				}
				return
			}
			t.Errorf("without it %d runs saw no loss", most)
		})
	}
}

// To tell the bus before the commit is wrong but harmless: what is lost then is sent
// again, because only a receipt moves a kiosk's mark.
func TestSimTheBusIsNotCustody(t *testing.T) {
	fullOnly(t)
	lost := 0
	for seed := uint64(1); seed <= 10; seed++ {
		o := optionsOf(seed, acksFirst)
		o.faults[crashBeforeCommit] = true
		total := newTally()
		if _, err := run(o, total); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		lost += total.faults[crashBeforeCommit]
	}
	if lost == 0 {
		t.Error("the centre never crashed between the two: nothing was tried")
	}
}
