package centreapp

import (
	"context"
	"fmt"
	"io"

	"github.com/VictoriaMetrics/metrics"

	"hailong/survey/custody"
	"hailong/sync/broker"
)

// counters makes the counters that are there from the start, so that a monitor sees
// their first step.
func (a *App) counters() {
	for _, c := range []custody.Case{custody.New, custody.Duplicate, custody.Gap, custody.Fork} {
		a.batches(c)
	}
	a.metrics.GetOrCreateCounter("hailong_batches_rejected_total")
	for _, k := range []broker.EventKind{broker.Unwell, broker.Well, broker.StreamMade, broker.Restarted, broker.SyncUnseen} {
		a.busEvents(k)
	}
}

func (a *App) busEvents(k broker.EventKind) *metrics.Counter {
	return a.metrics.GetOrCreateCounter(`hailong_bus_events_total{event="` + string(k) + `"}`)
}

func (a *App) batches(c custody.Case) *metrics.Counter {
	return a.metrics.GetOrCreateCounter(`hailong_batches_total{case="` + c.String() + `"}`)
}

// writeMetrics writes the counters, and what the store says at this moment.
func (a *App) writeMetrics(w io.Writer) {
	a.metrics.WritePrometheus(w)
	ok := 1
	if a.store.Err() != nil {
		ok = 0
	}
	fmt.Fprintf(w, "hailong_store_ok %d\nhailong_backup_age_seconds %s\n", ok, a.backups.age())
	chains, err := a.store.Chains(context.Background())
	if err != nil {
		a.log.Error("chains not read for the metrics", "error", err)
		return
	}
	var held, quarantined, forks, disputed uint64
	for _, c := range chains {
		held, quarantined, forks, disputed = held+c.Held, quarantined+c.Quarantined, forks+c.Forks, disputed+c.Disputed
	}
	fmt.Fprintf(w, "hailong_records_held %d\nhailong_records_quarantined %d\nhailong_forks %d\nhailong_records_disputed %d\n", held, quarantined, forks, disputed)
}
