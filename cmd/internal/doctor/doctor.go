// Package doctor looks at the data folders of a kiosk and of an aggregator, and at the
// machine below them, and says in plain words what is good, what is doubtful, what is
// bad, and what to do about it. It mends nothing.
package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"hailong/survey"
)

// Verdict is how one finding is to be taken.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "OK"
	Warn Verdict = "WARN" // works, but not as it should; or it cannot be known
	Bad  Verdict = "BAD"  // answers may be lost, or are not taken
)

// Part is what a finding is about.
type Part string

// The parts.
const (
	Machine    Part = "machine"
	Kiosk      Part = "kiosk"
	Aggregator Part = "aggregator"
)

// Finding is one thing that was looked at.
type Finding struct {
	Part    Part
	Check   string // its name, for programs
	Verdict Verdict
	Words   survey.Words // what was found
	Advice  survey.Words // what to do; nil where nothing is to be done
}

// Options are what to look at.
type Options struct {
	Kiosk         string // a kiosk's data folder; "" = none
	Aggregator    string // an aggregator's data folder; "" = none
	KioskURL      string // where the kiosk is served; it is asked where it runs
	AggregatorURL string // the same of the aggregator
	Backups       string // the aggregator's folder of backups; "" = backups in its data folder
	Deep          bool   // reckon the store's counts anew from its batches
	// Progress, if set, hears how much of the store, and then of the newest backup, has been
	// read.
	Progress func(done, total int64)
	// Full and Spare are the kiosk's limits of free disk, in bytes.
	Full, Spare int64
	// Program is the file of a program that calls [centreapp.Child], in which a store that may
	// be damaged is looked at; "" = it is looked at in this process.
	Program string
	// Child makes the processes that look at a journal's files; nil = none.
	Child func(ctx context.Context, args ...string) *exec.Cmd
	Now   func() time.Time // nil = time.Now
	// Root is put before the system's own paths; "" = the real ones. Tests use it.
	Root string
}

// exam is one examination under way.
type exam struct {
	Options
	part  Part
	found []Finding
}

// Examine looks at everything that the options name. Findings come in the order in which
// they were made.
func Examine(ctx context.Context, o Options) []Finding {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &exam{Options: o, part: Machine}
	e.clock()
	if o.Kiosk != "" {
		e.part = Kiosk
		e.kiosk(ctx)
	}
	if o.Aggregator != "" {
		e.part = Aggregator
		e.aggregator(ctx)
	}
	return e.found
}

// Worst is the worst verdict among findings.
func Worst(list []Finding) Verdict {
	worst := OK
	for _, f := range list {
		if f.Verdict == Bad || f.Verdict == Warn && worst == OK {
			worst = f.Verdict
		}
	}
	return worst
}

func words(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: vi, survey.English: en}
}

// good notes that all is well with something.
func (e *exam) good(check string, w survey.Words) {
	e.found = append(e.found, Finding{Part: e.part, Check: check, Verdict: OK, Words: w})
}

func (e *exam) warn(check string, w, advice survey.Words) {
	e.found = append(e.found, Finding{Part: e.part, Check: check, Verdict: Warn, Words: w, Advice: advice})
}

func (e *exam) bad(check string, w, advice survey.Words) {
	e.found = append(e.found, Finding{Part: e.part, Check: check, Verdict: Bad, Words: w, Advice: advice})
}

// cannot notes that something could not be looked at.
func (e *exam) cannot(check string, err error) {
	e.warn(check, words(fmt.Sprintf("không xem được: %v", err), fmt.Sprintf("cannot be looked at: %v", err)),
		words("chạy lại bằng tài khoản của chương trình, hoặc root", "run this again as the program's own user, or as root"))
}
