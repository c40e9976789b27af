package files

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The parser's time grows with the square of the nesting and of the keys in one
// mapping. No file of ours comes near these limits.
const (
	maxDepth = 24
	maxKeys  = 1000
)

// document parses YAML into its one tree, or nil when the file says nothing. It
// reports false when something is wrong.
func (f *findings) document(data []byte) (ast.Node, bool) {
	if line := tabbed(data); line > 0 {
		f.add(line, "", "", "dòng thụt vào bằng phím Tab; hãy dùng dấu cách", "the line is indented with a tab; use spaces")
		return nil, false
	}
	tokens := lexer.Tokenize(string(data))
	if !f.harmless(tokens) {
		return nil, false
	}
	// Doubled keys are told by the binder, all of them and in both languages.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		f.syntax(err)
		return nil, false
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType:
		case body != nil:
			f.add(doc.Body.GetToken().Position.Line, "", "", "mỗi tệp chỉ được có một tài liệu; hãy tách tệp ở dòng ---",
				"a file holds one document only; split it at the line ---")
			return nil, false
		default:
			body = doc.Body
		}
	}
	return body, true
}

// syntax turns the parser's error into a problem at its line.
func (f *findings) syntax(err error) {
	line, msg := 0, err.Error()
	var y yaml.Error
	if errors.As(err, &y) {
		msg = y.GetMessage()
		if tk := y.GetToken(); tk != nil {
			line = tk.Position.Line
		}
	}
	f.add(line, "", "", "không đúng cú pháp YAML: "+msg, "this is not YAML: "+msg)
}

// tabbed finds the first line whose indentation holds a tab, which YAML does not
// allow; 0 when there is none. A line of nothing but blanks does no harm.
func tabbed(data []byte) int {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text := strings.TrimLeft(line, " ")
		if strings.HasPrefix(text, "\t") && strings.TrimSpace(text) != "" {
			return n
		}
	}
	return 0
}

// refused are the parts of YAML that our files do without.
var refused = map[token.Type][2]string{
	token.AnchorType:     {"không dùng neo (&); hãy viết lại giá trị ở mỗi chỗ", "anchors (&) are not used here; write the value out in each place, and put text that begins with & in quotes"},
	token.AliasType:      {"không dùng tham chiếu (*); hãy viết lại giá trị ở mỗi chỗ", "aliases (*) are not used here; write the value out in each place, and put text that begins with * in quotes"},
	token.MergeKeyType:   {"không dùng khóa gộp (<<)", "merge keys (<<) are not used here"},
	token.TagType:        {"không dùng nhãn kiểu (!)", "tags (!) are not used here; put text that begins with ! in quotes"},
	token.DirectiveType:  {"không dùng chỉ thị (%)", "directives (%) are not used here"},
	token.MappingKeyType: {"không dùng khóa dạng ?", "keys of the form ? are not used here; put text that begins with ? in quotes"},
}

// harmless looks at the tokens before they are parsed: refused parts, and nesting or
// mappings beyond any honest file.
func (f *findings) harmless(tokens token.Tokens) bool {
	var at nesting
	for i, tk := range tokens {
		line := tk.Position.Line
		if words, no := refused[tk.Type]; no {
			f.add(line, "", strings.TrimSpace(tk.Value), words[0], words[1])
			return false
		}
		keys := at.after(tokens, i)
		if at.depth() > maxDepth {
			f.add(line, "", "", fmt.Sprintf("lồng nhau quá sâu (hơn %d tầng)", maxDepth), fmt.Sprintf("nested too deeply (more than %d levels)", maxDepth))
			return false
		}
		if keys > maxKeys {
			f.add(line, "", "", fmt.Sprintf("quá nhiều khóa trong một nhóm (hơn %d)", maxKeys), fmt.Sprintf("too many keys in one mapping (more than %d)", maxKeys))
			return false
		}
	}
	return true
}

// nesting follows how deep the tokens stand. A block level is told by the column of
// its keys or dashes, a flow level by its bracket (column 0).
type nesting struct {
	levels []nestingLevel
}

type nestingLevel struct {
	column int
	keys   int
}

func (n *nesting) depth() int { return len(n.levels) }

// after takes in token i and is the number of keys so far in the mapping it belongs to.
func (n *nesting) after(tokens token.Tokens, i int) int {
	tk := tokens[i]
	switch tk.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.levels = append(n.levels, nestingLevel{})
	case token.SequenceEndType, token.MappingEndType:
		n.close()
	case token.SequenceEntryType:
		n.block(tk.Position.Column)
	case token.MappingValueType:
		if i > 0 {
			return n.key(tokens[i-1].Position.Column)
		}
	}
	return 0
}

// close leaves the innermost flow level, if there is one.
func (n *nesting) close() {
	for i := len(n.levels) - 1; i >= 0; i-- {
		if n.levels[i].column == 0 {
			n.levels = n.levels[:i]
			return
		}
	}
}

// block enters, stays in or returns to the block level at column. Inside brackets,
// columns mean nothing.
func (n *nesting) block(column int) {
	for len(n.levels) > 0 {
		top := n.levels[len(n.levels)-1]
		if top.column == 0 || top.column == column {
			return
		}
		if top.column < column {
			break
		}
		n.levels = n.levels[:len(n.levels)-1]
	}
	n.levels = append(n.levels, nestingLevel{column: column})
}

func (n *nesting) key(column int) int {
	n.block(column)
	top := &n.levels[len(n.levels)-1]
	top.keys++
	return top.keys
}
