package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// showChoices prints the help, as an error, where nothing is wrong but that the choice
// of a command is missing. It reports whether it did.
func showChoices(parser *kong.Kong, err error, t *Terminal) bool {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Error(), "expected ") {
		return false
	}
	at := wrong.Context.Model.Node
	if chosen := wrong.Context.Selected(); chosen != nil {
		at = chosen
	}
	if at.Leaf() {
		return false // an argument is missing, not a command
	}
	parser.Stdout = t.Err
	return wrong.Context.PrintUsage(false) == nil
}

// wrongUsage says what is wrong with a command line, and how to get help on the command.
func wrongUsage(name string, err error) error {
	command := name
	if wrong := (*kong.ParseError)(nil); errors.As(err, &wrong) {
		chosen := wrong.Context.Selected()
		if chosen != nil && chosen.DefaultCmd != nil {
			chosen = chosen.DefaultCmd
		}
		if chosen != nil {
			command = chosen.FullPath()
		}
	}
	vi, en := err.Error(), err.Error()
	for _, s := range sentences {
		vi, en = s.of.ReplaceAllString(vi, s.vi), s.of.ReplaceAllString(en, s.en)
	}
	return &Error{
		Vi:   fmt.Sprintf("sai cách dùng: %s\nXem: %s --help", vi, command),
		En:   fmt.Sprintf("wrong usage: %s\nSee: %s --help", en, command),
		Code: usage,
	}
}

// sentence is one that the parser, or what reads a value for it, has only in English, and
// often for programmers.
type sentence struct {
	of     *regexp.Regexp
	vi, en string
}

// sentences are replaced one after the other, wherever they stand.
var sentences = []sentence{
	{regexp.MustCompile(`^unexpected argument (.+?)(, did|$)`), `không có lệnh hoặc tham số $1$2`, `there is no command or argument $1$2`},
	{regexp.MustCompile(`^unknown flag (.+?)(, did|$)`), `không có tùy chọn $1$2`, `there is no option $1$2`},
	{regexp.MustCompile(`, did you mean (one of )?(.+)\?$`), `; có phải là $2?`, `; did you mean $2?`},
	{regexp.MustCompile(`^missing flags: `), `thiếu tùy chọn `, `an option is missing: `},
	{regexp.MustCompile(`^expected (one of )?"(.+)"$`), `thiếu $2`, `missing: $2`},
	{regexp.MustCompile(`^(.+) must be one of (.+) but got (".*")$`), `$1 = $3: phải là một trong $2`, `$1 = $3: must be one of $2`},
	{regexp.MustCompile(`^(--.+) and (--.+) can't be used together$`), `không dùng $1 cùng với $2`, `$1 and $2 cannot be used together`},
	{regexp.MustCompile(`expected \S+ value but got "EOL" \([^)]*\)`), `thiếu giá trị`, `its value is missing`},
	{regexp.MustCompile(`expected \S+ value but got (".*?") \(.*?\)`), `thiếu giá trị, ngay sau nó là $1`, `its value is missing, $1 follows it`},
	{regexp.MustCompile(`; perhaps try (.+)\?$`), `; muốn dùng làm giá trị thì viết $1`, `; to have that as its value write $1`},
	{regexp.MustCompile(`expected duration but got ("[^"]*").*$`), `$1 không phải khoảng thời gian; cần dạng 5s hoặc 1m30s`, `$1 is no length of time: one like 5s or 1m30s is needed`},
	{regexp.MustCompile(`expected a valid \d+ bit (u?)int but got ("[^"]*").*$`), `$2 không phải một số nguyên dùng được`, `$2 is no whole number that can be used`},
	{regexp.MustCompile(`bool value must be true, .* but got ("[^"]*")$`), `$1: tùy chọn này chỉ có true hoặc false`, `$1: this option is true or false`},
	{regexp.MustCompile(`("[^"]*") is not an address: .*$`), `$1 không phải một địa chỉ; cần dạng máy:cổng, ví dụ 127.0.0.1:8080`, `$0`},
	{regexp.MustCompile(`("[^"]*") is not a day: .*$`), `$1 không phải một ngày; cần dạng YYYY-MM-DD, ví dụ 2026-03-31`, `$0`},
}
