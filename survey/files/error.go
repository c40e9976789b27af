package files

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hailong/survey"
)

// maxShown is how many problems a message lists; a file with the wrong separators has
// one on every line, and nobody reads them all.
const maxShown = 20

// Error says what is wrong with a file. Its problems are sorted by line.
type Error struct {
	File     string          // as the caller named it
	Problems survey.Problems // never empty
	Lines    []int           // the line of each problem, from 1; 0 = the file as a whole
}

// Text is the message in one language: "file:line: place = value: what is allowed",
// one problem a line, at most 20 of them.
func (e *Error) Text(lang survey.Lang) string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i == maxShown {
			b.WriteString("\n" + more(lang, len(e.Problems)-i))
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if e.Lines[i] > 0 {
			fmt.Fprintf(&b, ":%d", e.Lines[i])
		}
		b.WriteString(": " + sentence(p, lang))
	}
	return b.String()
}

// Error is the message in English.
func (e *Error) Error() string { return e.Text(survey.English) }

// Unwrap gives the problems without their lines, for errors.As.
func (e *Error) Unwrap() error { return e.Problems }

func more(lang survey.Lang, n int) string {
	if lang == survey.English {
		return fmt.Sprintf("… and %d more", n)
	}
	return fmt.Sprintf("… và %d lỗi khác", n)
}

// sentence is a problem's text; one about the file as a whole has no place in it.
func sentence(p survey.Problem, lang survey.Lang) string {
	if p.Path != "" {
		return p.Text(lang)
	}
	s := p.Vi
	if lang == survey.English {
		s = p.En
	}
	if p.Value != "" {
		s = fmt.Sprintf("%q: %s", p.Value, s)
	}
	return s
}

// findings collects what is wrong with one file while it is read.
type findings struct {
	file  string
	found []finding
}

type finding struct {
	line    int
	problem survey.Problem
}

// add notes a problem. The value is shortened by the problem list itself.
func (f *findings) add(line int, path, value, vi, en string) {
	var one survey.Problems
	one.Add(path, value, vi, en)
	f.found = append(f.found, finding{line, one[0]})
}

// err is nil when nothing was found.
func (f *findings) err() error {
	if len(f.found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.found, func(a, b finding) int { return cmp.Compare(a.line, b.line) })
	e := &Error{File: f.file}
	for _, one := range f.found {
		e.Problems = append(e.Problems, one.problem)
		e.Lines = append(e.Lines, one.line)
	}
	return e
}
