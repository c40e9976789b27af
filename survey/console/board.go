package console

import (
	"reflect"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/score"
)

// board is all published figures of today, arranged. It never changes once made, so
// pages and streams share it.
type board struct {
	version uint64
	day     survey.Date
	at      time.Time // when it was made
	scales  []scaleBoard
}

// scaleBoard is the figures of one scale: the total, and the units that have counters
// today, each followed by its counters and the units below it.
type scaleBoard struct {
	measure
	total boardRow
	rows  []boardRow
}

// rowKind says what a row of a board is about.
type rowKind string

const (
	totalRow   rowKind = "total"
	unitRow    rowKind = "unit"
	counterRow rowKind = "counter"
)

// boardRow is one line of a board.
type boardRow struct {
	kind    rowKind
	unit    survey.UnitCode // the unit itself, or the counter's
	counter survey.CounterCode
	name    survey.Words
	depth   int
	row     score.Row
	version uint64 // the board on which it took this form
}

// grove is the part of the unit tree that has counters on a day.
type grove struct {
	units    []survey.Unit // in force, in the structure's order
	children map[survey.UnitCode][]survey.Unit
	counters map[survey.UnitCode][]survey.Counter
	busy     map[survey.UnitCode]bool // has counters at or below it
}

func newGrove(s *survey.Structure, day survey.Date) *grove {
	g := &grove{children: map[survey.UnitCode][]survey.Unit{}, counters: map[survey.UnitCode][]survey.Counter{}, busy: map[survey.UnitCode]bool{}}
	parent := map[survey.UnitCode]survey.UnitCode{}
	for _, u := range s.Units {
		if u.InForce(day) {
			g.units = append(g.units, u)
			parent[u.Code] = u.Parent
		}
	}
	for _, u := range g.units {
		above := u.Parent
		if _, ok := parent[above]; !ok {
			above = ""
		}
		g.children[above] = append(g.children[above], u)
	}
	for _, row := range s.Counters {
		if !row.InForce(day) {
			continue
		}
		g.counters[row.Unit] = append(g.counters[row.Unit], row)
		for at := row.Unit; at != "" && !g.busy[at]; at = parent[at] {
			g.busy[at] = true
		}
	}
	return g
}

// arrange makes the board of what is published.
func arrange(l *live, list []measure, s *survey.Structure, minimum int64) *board {
	b := &board{day: l.day}
	g := newGrove(s, l.day)
	for _, m := range list {
		sb := scaleBoard{measure: m}
		all := walk(&sb, g, l, minimum, "", 0)
		sb.total = boardRow{kind: totalRow, row: pool(m.scale, minimum, all...)}
		b.scales = append(b.scales, sb)
	}
	return b
}

// walk adds the rows of everything below a unit, and gives the published figures of
// the counters there, to be added up by the rows above.
func walk(sb *scaleBoard, g *grove, l *live, minimum int64, below survey.UnitCode, depth int) []score.Row {
	var all []score.Row
	for _, u := range g.children[below] {
		if !g.busy[u.Code] {
			continue
		}
		mine := len(sb.rows)
		sb.rows = append(sb.rows, boardRow{kind: unitRow, unit: u.Code, name: u.Name, depth: depth})
		var in []score.Row
		for _, row := range g.counters[u.Code] {
			published := l.published[place{row.Code, sb.key}]
			in = append(in, published)
			shown := pool(sb.scale, minimum, published)
			shown.Key, shown.Label = string(row.Code), row.Name.In(survey.Vietnamese)
			sb.rows = append(sb.rows, boardRow{kind: counterRow, unit: u.Code, counter: row.Code, name: row.Name, depth: depth + 1, row: shown})
		}
		in = append(in, walk(sb, g, l, minimum, u.Code, depth+1)...)
		sum := pool(sb.scale, minimum, in...)
		sum.Key, sum.Label = string(u.Code), u.Name.In(survey.Vietnamese)
		sb.rows[mine].row = sum
		all = append(all, in...)
	}
	return all
}

// rowName tells the rows of a board apart.
type rowName struct {
	scale   string
	kind    rowKind
	unit    survey.UnitCode
	counter survey.CounterCode
}

// number gives the board the version after the one before, and each row the version
// in which it took its present form. It reports whether anything differs.
func (b *board) number(before *board) (differs bool) {
	old := map[rowName]boardRow{}
	count := 0
	if before != nil {
		b.version = before.version
		before.each(func(scale string, r *boardRow) {
			old[rowName{scale, r.kind, r.unit, r.counter}] = *r
			count++
		})
	}
	b.version++
	b.each(func(scale string, r *boardRow) {
		count--
		was, ok := old[rowName{scale, r.kind, r.unit, r.counter}]
		r.version = was.version
		if !ok || !reflect.DeepEqual(was, *r) {
			r.version, differs = b.version, true
		}
	})
	return differs || count != 0 || before == nil || before.day != b.day || !slices.EqualFunc(before.scales, b.scales, sameMeasure)
}

func sameMeasure(a, b scaleBoard) bool {
	return a.key == b.key && slices.Equal(a.codes, b.codes) && reflect.DeepEqual(a.scale, b.scale)
}

func (b *board) each(visit func(scale string, r *boardRow)) {
	for i := range b.scales {
		sb := &b.scales[i]
		visit(sb.key, &sb.total)
		for j := range sb.rows {
			visit(sb.key, &sb.rows[j])
		}
	}
}
