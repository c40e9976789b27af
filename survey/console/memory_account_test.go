package console

import (
	"context"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
)

func (m *memory) Closings(_ context.Context, queries ...custody.ClosingQuery) (list []custody.Closing, losses []custody.Loss, err error) {
	for _, q := range queries {
		for _, k := range m.closings {
			known := k.Date != custody.UnknownDay && !q.Unknown && k.Date >= q.From && (q.To == 0 || k.Date <= q.To)
			unknown := k.Date == custody.UnknownDay && (q.Unknown || q.From == 0 && q.To == 0)
			if (known || unknown) && (q.Kiosk == "" || q.Kiosk == k.Kiosk) {
				list = append(list, k)
			}
		}
	}
	if m.reads++; m.reading != nil {
		m.reading()
	}
	return list, slices.Clone(m.lost), nil
}

func (m *memory) Said(_ context.Context, kiosk survey.KioskID) (list []custody.Said, err error) {
	for _, s := range m.said {
		if s.Kiosk == kiosk {
			list = append(list, s)
		}
	}
	return list, nil
}

func (m *memory) Losses(context.Context) ([]custody.Loss, error) {
	return slices.Clone(m.lost), nil
}

func (m *memory) Held(_ context.Context, limit int) ([]custody.Waiting, uint64, error) {
	return m.held[:min(limit, len(m.held))], uint64(len(m.held)), nil
}

func (m *memory) Quarantined(_ context.Context, limit int) ([]custody.Waiting, uint64, error) {
	return m.bad[:min(limit, len(m.bad))], uint64(len(m.bad)), nil
}

func (m *memory) Rejudge(context.Context) (int, error) {
	n := m.rejudged
	m.rejudged = 0
	return n, nil
}

func (m *memory) Rejected(_ context.Context, after uint64, limit int) (list []custody.Rejected, err error) {
	for _, r := range m.rejected {
		if !r.Resolved && r.Number > after && len(list) < limit {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) Resolved(_ context.Context, number uint64) error {
	i := slices.IndexFunc(m.rejected, func(r custody.Rejected) bool { return r.Number == number })
	m.rejected[i].Resolved = true
	return nil
}
