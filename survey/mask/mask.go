// Package mask takes out of a comment what tells who wrote it or of whom it speaks (che
// thông tin cá nhân): numbers of identity papers and telephones, e-mail addresses, number
// plates and case codes. It is pure, and what it has masked it leaves alone.
//
// It finds what has a form of its own: digits as people write them, with spaces, dots or
// hyphens between. Numbers in words, names and addresses have none and stay: that is why
// the form asks people not to write them. Money, dates, times, procedure codes and the
// numbers of laws are left alone; where a number may be either, what stands before it
// (CCCD, số điện thoại) or after it (đồng, triệu) decides, and then its first digit.
package mask

import (
	"regexp"
	"slices"
	"strings"
)

// Kind is a kind of what was masked.
type Kind string

// The kinds.
const (
	Identity Kind = "identity" // numbers of citizens' identity papers: 12 digits, or 9 of the old ones
	Phone    Kind = "phone"
	Email    Kind = "email"
	Plate    Kind = "plate"
	Case     Kind = "case" // the code of a case in the one-stop system, by which its applicant is found
)

// signs are what stands in a comment where something was masked.
var signs = map[Kind]string{
	Identity: "[số giấy tờ]", Phone: "[số điện thoại]", Email: "[e-mail]", Plate: "[biển số xe]", Case: "[mã hồ sơ]",
}

// shaped are the kinds that an expression alone finds. Letters around them belong to
// another word.
var shaped = []struct {
	kind Kind
	form *regexp.Regexp
}{
	{Email, regexp.MustCompile(`[\pL\pN._%+-]+\s?@\s?[\pL\pN-]+(?:\.[\pL\pN-]+)+`)},
	{Case, regexp.MustCompile(`(?i)\b(?:[A-Z]\d{2}|\d{3})(?:\.\d{2,3}){1,3}(?:\.[A-Z]\d{2})?-\d{6}-\d{4,5}\b`)},
	// Cars 29A-123.45, motorcycles 29-B1 234.56 and 29MĐ1-234.56, companies 29LD-012.34. Provinces have 11 to 99.
	{Plate, regexp.MustCompile(`(?i)\b[1-9]\d[ -]?[A-ZĐ]{1,2}\d?[ .-]{0,3}(?:\d{3}\.?\d{2}|\d{4})\b`)},
}

// Comment is s with all that was found replaced by a sign that says what stood there, and
// which kinds were found, each once, in the order of the constants.
func Comment(s string) (masked string, found []Kind) {
	seen := map[Kind]bool{}
	for _, f := range shaped {
		s = f.form.ReplaceAllStringFunc(s, func(m string) string {
			if f.kind == Plate && aYear(m) {
				return m
			}
			seen[f.kind] = true
			return signs[f.kind]
		})
	}
	s = numbers(s, seen)
	for _, k := range []Kind{Identity, Phone, Email, Plate, Case} {
		if seen[k] {
			found = append(found, k)
		}
	}
	return s, found
}

var yearAtEnd = regexp.MustCompile(`[ -](?:19|20)\d\d$`)

// aYear reports whether what looks like a plate is more likely a class or a form and a
// year: "lớp 12A1 2023".
func aYear(m string) bool { return yearAtEnd.MatchString(m) }

// run is a row of groups of digits with signs between them as people write them in one
// number.
var run = regexp.MustCompile(`\d+(?:[ .\x{A0}\x{2009}\x{2010}-\x{2013}()-]{1,2}\d+)*`)

var group = regexp.MustCompile(`\d+`)

// numbers masks the numbers of papers and telephones. A row may hold several numbers one
// after the other, so every row of whole groups in it is looked at.
func numbers(s string, seen map[Kind]bool) string {
	var out strings.Builder
	done := 0
	for _, at := range run.FindAllStringIndex(s, -1) {
		r := row{text: s, groups: group.FindAllStringIndex(s[at[0]:at[1]], -1)}
		for i := range r.groups {
			r.groups[i][0] += at[0]
			r.groups[i][1] += at[0]
		}
		for i := 0; i < len(r.groups); {
			n, kind := r.number(i)
			if kind != "" {
				seen[kind] = true
				out.WriteString(s[done:r.begin(i)])
				out.WriteString(signs[kind])
				done = r.groups[i+n-1][1]
			}
			i += n
		}
	}
	out.WriteString(s[done:])
	return out.String()
}

// row is a text and where groups of digits stand in it.
type row struct {
	text   string
	groups [][]int
}

func (r row) group(i int) string { return r.text[r.groups[i][0]:r.groups[i][1]] }

// begin is where the number that begins with a group begins: with its plus sign and
// brackets, if it has them.
func (r row) begin(i int) int {
	at := r.groups[i][0]
	return len(strings.TrimRight(r.text[:at], "(+"))
}

// number is the number that begins with group i: how many groups it has, and its kind, ""
// for one that is left alone. A group that is a number alone is taken for one; otherwise
// the longest row of groups that makes a number.
func (r row) number(i int) (n int, kind Kind) {
	if n := r.date(i); n > 0 {
		return n, ""
	}
	for _, n := range append([]int{1}, down(len(r.groups)-i)...) {
		if kind := r.kind(i, n); kind != "" {
			return n, kind
		}
	}
	n = 1
	for i+n < len(r.groups) && r.thousands(i, n+1) {
		n++ // the rest of an amount of money begins no number either
	}
	return n, ""
}

// down counts from at most 7 groups, more than any way of writing a number has, to 2.
func down(n int) (all []int) {
	for n = min(n, 7); n > 1; n-- {
		all = append(all, n)
	}
	return all
}

// date is the number of groups of a date that begins with group i; 0 = there is none.
func (r row) date(i int) int {
	if len(r.groups) < i+3 {
		return 0
	}
	a, b, c := r.group(i), r.group(i+1), r.group(i+2)
	year := func(s string) bool { return len(s) == 4 && (s[:2] == "19" || s[:2] == "20") }
	few := func(s, most string) bool { return len(s) <= 2 && "0"+s <= "0"+most && (len(s) == 2 || s < "9"+s) }
	switch {
	case few(a, "31") && few(b, "12") && year(c), year(a) && few(b, "12") && few(c, "31"):
		return 3
	}
	return 0
}

var (
	mobile   = regexp.MustCompile(`^(?:0|0?0?84)(?:[35789]\d{8}|2\d{9})$`)
	oldPhone = regexp.MustCompile(`^(?:0|84)1\d{9}$`)
	citizen  = regexp.MustCompile(`^0\d{11}$`)
	older    = regexp.MustCompile(`^\d{9}$`)

	idWord    = regexp.MustCompile(`(?i)(?:cccd|cmnd|cmt|căn cước|chứng minh(?: thư| nhân dân)?|giấy tờ|định danh)[^\d.;\n]{0,12}$`)
	phoneWord = regexp.MustCompile(`(?i)(?:điện thoại|đt|sđt|sdt|phone|tel|zalo|di động|liên hệ|gọi)[^\d.;\n]{0,12}$`)
	moneyWord = regexp.MustCompile(`(?i)^\s?(?:đồng|đ\b|₫|vnđ|vnd|ngàn|nghìn|triệu|tr\b|tỷ|tỉ|k\b)`)
)

// kind is what n groups from the i-th on are together.
func (r row) kind(i, n int) Kind {
	var digits strings.Builder
	var sizes []int
	for _, g := range r.groups[i : i+n] {
		digits.WriteString(r.text[g[0]:g[1]])
		sizes = append(sizes, g[1]-g[0])
	}
	d := digits.String()
	if len(d) < 9 || len(d) > 13 {
		return ""
	}
	before, after := near(r.text[:r.begin(i)]), r.text[r.groups[i+n-1][1]:]
	plus := strings.Contains(r.text[r.begin(i):r.groups[i][0]], "+")
	money := moneyWord.MatchString(after) || r.thousands(i, n)
	alike := !slices.ContainsFunc(sizes, func(s int) bool { return s != sizes[0] })
	long := slices.Min(sizes) >= 3
	switch {
	case citizen.MatchString(d) && (long || alike):
		return Identity
	case len(d) == 12 && (long || alike) && idWord.MatchString(before):
		return Identity
	case mobile.MatchString(d) && (d[0] == '0' || plus || !money) && (slices.Min(sizes) >= 2 || d[0] == '0'):
		return Phone
	case oldPhone.MatchString(d) && (n == 1 || long) && !money:
		return Phone
	case older.MatchString(d) && (n == 1 || alike && n == 3):
		if phoneWord.MatchString(before) {
			return Phone
		}
		if d[0] == '0' || !money || idWord.MatchString(before) {
			return Identity
		}
	}
	return ""
}

// near is the end of what stands before a number, long enough for the words that decide.
func near(before string) string { return before[max(0, len(before)-80):] }

// thousands reports whether groups are one number in thousands, as money is written:
// 1.250.000.
func (r row) thousands(i, n int) bool {
	if n < 2 || len(r.group(i)) > 3 || r.group(i)[0] == '0' {
		return false
	}
	for k := i + 1; k < i+n; k++ {
		if len(r.group(k)) != 3 || r.text[r.groups[k-1][1]:r.groups[k][0]] != "." {
			return false
		}
	}
	return true
}
