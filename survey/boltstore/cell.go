package boltstore

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"hailong/survey"
	"hailong/survey/score"
)

// answerKey is what was answered, in numbers: one line of a cell.
type answerKey struct {
	item     uint32
	outcome  uint16
	excluded uint32
}

func (a answerKey) compare(b answerKey) int {
	return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.excluded, b.excluded))
}

// line is one line of a cell: how often it was answered.
type line struct {
	key   answerKey
	count score.Count
}

// cell is the value of a roll-up row: everything answered at one place and time in
// one way, sorted by answerKey, no line zero. One press changes two lines of the same
// cell; so a cell, not a line, is what the file finds, reads and writes.
type cell []line

// add puts a change into the cell, which keeps its order. A line that comes to zero
// goes.
func (c cell) add(change line) cell {
	i, found := slices.BinarySearchFunc(c, change.key, func(l line, k answerKey) int { return l.key.compare(k) })
	if !found {
		return slices.Insert(c, i, change)
	}
	c[i].count = c[i].count.Add(change.count)
	if c[i].count.IsZero() {
		return slices.Delete(c, i, i+1)
	}
	return c
}

func (c cell) append(b []byte) []byte {
	for _, l := range c {
		b = binary.AppendUvarint(b, uint64(l.key.item))
		b = binary.AppendUvarint(b, uint64(l.key.outcome))
		b = binary.AppendUvarint(b, uint64(l.key.excluded))
		b = binary.AppendVarint(b, l.count.Answers)
		b = binary.AppendVarint(b, l.count.Respondents)
	}
	return b
}

// decodeCell reads a cell into the space of into.
func decodeCell(b []byte, into cell) (cell, error) {
	c := into[:0]
	for len(b) > 0 {
		var fields [3]uint64
		for i := range fields {
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, fmt.Errorf("%w: a cell of a roll-up cannot be read", errDamaged)
			}
			fields[i], b = v, b[n:]
		}
		answers, n := binary.Varint(b)
		people, m := binary.Varint(b[max(n, 0):])
		if n <= 0 || m <= 0 {
			return nil, fmt.Errorf("%w: a cell of a roll-up cannot be read", errDamaged)
		}
		b = b[n+m:]
		c = append(c, line{
			key:   answerKey{uint32(fields[0]), uint16(fields[1]), uint32(fields[2])},
			count: score.Count{Answers: answers, Respondents: people},
		})
	}
	return c, nil
}

// Outcomes as numbers: none, blank, not applicable, and then the levels.
const (
	blankOutcome         = 1
	notApplicableOutcome = 2
	firstLevelOutcome    = 3
)

func outcomeNumber(o score.Outcome) uint16 {
	switch o.Kind {
	case survey.AtLevel:
		return firstLevelOutcome + uint16(o.Level)
	case survey.Blank:
		return blankOutcome
	case survey.NotApplicable:
		return notApplicableOutcome
	default:
		return 0
	}
}

func outcomeOf(n uint16) score.Outcome {
	switch n {
	case 0:
		return score.Outcome{}
	case blankOutcome:
		return score.Outcome{Kind: survey.Blank}
	case notApplicableOutcome:
		return score.Outcome{Kind: survey.NotApplicable}
	default:
		return score.Outcome{Kind: survey.AtLevel, Level: survey.Level(n - firstLevelOutcome)}
	}
}
