package storetest

import (
	"context"
	"fmt"
	"maps"

	"hailong/survey"
	"hailong/survey/score"
)

// counts is everything that both roll-ups say about the stories' counters and units.
type counts struct {
	time    map[score.TimeKey]score.Count
	service map[score.ServiceKey]score.Count
}

// countsOf reads both roll-ups over all days, by the finest grain.
func countsOf(ctx context.Context, store Store) (counts, error) {
	c := counts{map[score.TimeKey]score.Count{}, map[score.ServiceKey]score.Count{}}
	structure, err := store.Structure(ctx)
	if err != nil {
		return c, err
	}
	var counters []survey.CounterCode
	for _, row := range structure.Counters {
		counters = append(counters, row.Code)
	}
	var units []survey.UnitCode
	for _, row := range structure.Units {
		units = append(units, row.Code)
	}
	span := score.Span{From: survey.NewDate(1970, 1, 1), To: survey.NewDate(9999, 12, 31)}
	err = store.TimeCounts(ctx, span, counters, func(k score.TimeKey, n score.Count) error {
		if _, twice := c.time[k]; twice {
			return fmt.Errorf("the row %+v came twice", k)
		}
		c.time[k] = n
		return nil
	})
	if err != nil {
		return c, err
	}
	return c, store.ServiceCounts(ctx, span, units, func(k score.ServiceKey, n score.Count) error {
		if _, twice := c.service[k]; twice {
			return fmt.Errorf("the row %+v came twice", k)
		}
		c.service[k] = n
		return nil
	})
}

// difference names a row in which two readings differ, "" if there is none.
func (c counts) difference(o counts) string {
	if !maps.Equal(c.time, o.time) {
		return "time roll-up: " + firstDifference(c.time, o.time)
	}
	if !maps.Equal(c.service, o.service) {
		return "service roll-up: " + firstDifference(c.service, o.service)
	}
	return ""
}

func firstDifference[K comparable](a, b map[K]score.Count) string {
	for k, n := range a {
		if b[k] != n {
			return fmt.Sprintf("%+v is %+v, not %+v", k, b[k], n)
		}
	}
	for k, n := range b {
		if a[k] != n {
			return fmt.Sprintf("%+v is %+v, not %+v", k, n, a[k])
		}
	}
	return ""
}

func (s *story) rollups() counts {
	s.Helper()
	c, err := countsOf(s.ctx, s.store)
	s.ok(err)
	return c
}

func (s *story) sameRollups(want counts) {
	s.Helper()
	if d := want.difference(s.rollups()); d != "" {
		s.Errorf("the counts changed: %s", d)
	}
}
