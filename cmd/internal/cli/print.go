package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hailong/survey"
)

// column is a column of a table for people.
type column struct {
	vi, en string
	number bool // set to the right
}

// table prints rows below their headings, as wide as they need to be.
func (t *Terminal) table(columns []column, rows [][]string) error {
	all := [][]string{make([]string, len(columns))}
	for i, c := range columns {
		all[0][i] = t.say(c.vi, c.en)
	}
	all = append(all, rows...)
	widths := make([]int, len(columns))
	for r, row := range all {
		for i, cell := range row {
			all[r][i] = norm.NFC.String(oneLine(cell))
			widths[i] = max(widths[i], width(all[r][i]))
		}
	}
	var b strings.Builder
	for _, row := range all {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-width(cell))
			if columns[i].number {
				cell = pad + cell
			} else {
				cell += pad
			}
			line += cell + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return t.write(b.String())
}

// width is how many places a text takes on the terminal: marks that stand on the letter
// before take none. Composed Vietnamese letters take one each.
func width(s string) int {
	n := 0
	for _, r := range s {
		if !unicode.Is(unicode.Mn, r) {
			n++
		}
	}
	return n
}

// say chooses the words of the terminal's language.
func (t *Terminal) say(vi, en string) string {
	if t.Lang == survey.Vietnamese {
		return vi
	}
	return en
}

func (t *Terminal) write(s string) error {
	if _, err := io.WriteString(t.Out, s); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// json prints JSON as the server sent it, indented; no number is touched.
func (t *Terminal) json(raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fmt.Errorf("indent the answer: %w", err)
	}
	b.WriteByte('\n')
	return t.write(b.String())
}

// csv prints rows below their column names, with a comma between and a point for
// decimals, for programs.
func (t *Terminal) csv(columns []string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, row := range append([][]string{columns}, rows...) {
		guarded := make([]string, len(row))
		for i, cell := range row {
			guarded[i] = guard(printable(cell))
		}
		if err := w.Write(guarded); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	w.Flush()
	return t.write(b.String())
}

// list prints rows in the form asked for. raw is the JSON that they were read from, names
// are the columns of CSV, and columns those of a table.
func (t *Terminal) list(form Format, raw []byte, names []string, columns []column, rows [][]string) error {
	switch form {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv(names, rows)
	}
	return t.table(columns, rows)
}

// guard keeps a spreadsheet from running a cell as a formula. Numbers are left alone.
func guard(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// printable takes out what could play tricks on a terminal; line ends stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// oneLine is s on one line.
func oneLine(s string) string {
	return printable(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " "))
}

// nothing stands in tables where there is no value.
const nothing = "–"

// decimal is a number for people: so many places, with a comma.
func decimal(x *float64, places int) string {
	if x == nil {
		return nothing
	}
	return strings.Replace(strconv.FormatFloat(*x, 'f', places, 64), ".", ",", 1)
}

// exact is a number for programs: every digit, with a point; "" where there is none.
func exact(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// moment is a time for people, in Vietnam's time zone.
func moment(at *time.Time) string {
	if at == nil {
		return nothing
	}
	return at.In(survey.Zone).Format("02/01/2006 15:04")
}

// rfc3339 is a time for programs; "" where there is none.
func rfc3339(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.In(survey.Zone).Format(time.RFC3339)
}
