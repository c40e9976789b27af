package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/score"
)

// piece is a run of slots of one grain.
type piece struct {
	bucket   []byte
	month    bool
	from, to uint32 // both included
}

// lastDay is 9999-12-31, the last day that anything is counted on.
const lastDay survey.Date = 2932896

// pieces cuts a span into what is read of each grain: whole months from the sums by
// month where the span allows it, the ragged ends from the finer grain. fine gives the
// finer slots of a run of days.
func pieces(span score.Span, finer, month []byte, fine func(from, to survey.Date) (uint32, uint32)) []piece {
	from, to := span.From, min(span.To, lastDay)
	days := func(from, to survey.Date) piece {
		a, b := fine(from, to)
		return piece{finer, false, a, b}
	}
	if from < 0 || to < from {
		return nil
	}
	first, last := from.Month(), to.Month()
	if first.First() < from {
		first++
	}
	if to < last.Last() {
		last--
	}
	if !span.Whole || last < first {
		return []piece{days(from, to)}
	}
	list := []piece{{month, true, uint32(first), uint32(last)}}
	if from < first.First() {
		list = append(list, days(from, first.First()-1))
	}
	if last.Last() < to {
		list = append(list, days(last.Last()+1, to))
	}
	return list
}

func hoursOf(from, to survey.Date) (first, last uint32) {
	return uint32(from.FirstHour()), uint32(to.FirstHour()) + 23
}

func daysOf(from, to survey.Date) (first, last uint32) { return uint32(from), uint32(to) }

// rows walks the rows of one place in a piece.
func (p piece) rows(ctx context.Context, tx *bbolt.Tx, place uint32, visit func(key []byte, c cell) error) error {
	prefix := binary.BigEndian.AppendUint32(nil, place)
	var row cell
	cursor := tx.Bucket(p.bucket).Cursor()
	for k, v := cursor.Seek(binary.BigEndian.AppendUint32(prefix, p.from)); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		if binary.BigEndian.Uint32(k[4:]) > p.to {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if row, err = decodeCell(v, row); err != nil {
			return err
		}
		if err := visit(k, row); err != nil {
			return err
		}
	}
	return nil
}

// counts walks the rows of some places in a span.
func (s *Store) counts(ctx context.Context, list []piece, c class, places []string, visit func(p piece, n *names, key []byte, row cell) error) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		n := s.names.Load().extended(tx)
		for _, place := range slices.Compact(places) {
			number, ok := n.word(c, place)
			if !ok || number == 0 {
				continue // nothing was ever counted there
			}
			for _, p := range list {
				if err := p.rows(ctx, tx, number, func(key []byte, row cell) error { return visit(p, n, key, row) }); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// sorted is a list of codes in order, each once.
func sorted[T ~string](codes []T) []string {
	list := make([]string, len(codes))
	for i, c := range codes {
		list[i] = string(c)
	}
	slices.Sort(list)
	return list
}

// TimeCounts walks the time roll-up; see [score.Source].
func (s *Store) TimeCounts(ctx context.Context, span score.Span, counters []survey.CounterCode, visit func(score.TimeKey, score.Count) error) error {
	list := pieces(span, timeHourBucket, timeMonthBucket, hoursOf)
	return s.counts(ctx, list, counterClass, sorted(counters), func(p piece, n *names, key []byte, row cell) error {
		return n.timeRows(key, row, p.month, visit)
	})
}

// ServiceCounts walks the service roll-up; see [score.Source].
func (s *Store) ServiceCounts(ctx context.Context, span score.Span, units []survey.UnitCode, visit func(score.ServiceKey, score.Count) error) error {
	list := pieces(span, serviceDayBucket, serviceMonthBucket, daysOf)
	return s.counts(ctx, list, unitClass, sorted(units), func(p piece, n *names, key []byte, row cell) error {
		return n.serviceRows(key, row, p.month, visit)
	})
}

// timeRows hands out a cell of the time roll-up in words.
func (n *names) timeRows(key []byte, row cell, month bool, visit func(score.TimeKey, score.Count) error) error {
	k, err := timeRow(n, key, month)
	if err != nil {
		return err
	}
	return n.lines(row, func(item score.Item, out score.Outcome, excluded survey.Flag, c score.Count) error {
		k.Item, k.Outcome, k.Excluded = item, out, excluded
		return visit(k, c)
	})
}

// serviceRows hands out a cell of the service roll-up in words.
func (n *names) serviceRows(key []byte, row cell, month bool, visit func(score.ServiceKey, score.Count) error) error {
	k, err := serviceRow(n, key, month)
	if err != nil {
		return err
	}
	return n.lines(row, func(item score.Item, out score.Outcome, excluded survey.Flag, c score.Count) error {
		k.Item, k.Outcome, k.Excluded = item, out, excluded
		return visit(k, c)
	})
}
