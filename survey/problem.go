package survey

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with what somebody gave us: where it stands, the value
// found there, and what is allowed, in both languages.
type Problem struct {
	Path  string // where, in the reader's own terms: "answers.Z0", "questions[3].scale"
	Value string // what was found there, shortened; empty when something is missing
	Vi    string // what is allowed, in Vietnamese
	En    string // the same in English
}

// Text is the problem as a sentence in one language.
func (p Problem) Text(lang Lang) string {
	s := p.Vi
	if lang == English {
		s = p.En
	}
	if p.Value == "" {
		return p.Path + ": " + s
	}
	return fmt.Sprintf("%s = %q: %s", p.Path, p.Value, s)
}

// Error is the problem in English, for logs and the command line.
func (p Problem) Error() string { return p.Text(English) }

// Problems are all the things wrong with one document or request, in the order in
// which a reader meets them. The empty list is no error: use [Problems.Err].
type Problems []Problem

// Add appends a problem built from its parts.
func (ps *Problems) Add(path, value, vi, en string) {
	*ps = append(*ps, Problem{Path: path, Value: clip(value), Vi: vi, En: en})
}

// Check appends p unless it is nil.
func (ps *Problems) Check(p *Problem) {
	if p != nil {
		*ps = append(*ps, *p)
	}
}

// Err is nil for an empty list and the list itself otherwise.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Text is every problem in one language, one a line.
func (ps Problems) Text(lang Lang) string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Text(lang)
	}
	return strings.Join(lines, "\n")
}

// Error is all problems in English, separated by semicolons.
func (ps Problems) Error() string {
	return strings.ReplaceAll(ps.Text(English), "\n", "; ")
}
