package files

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// binder puts a YAML tree into a Go value and notes everything that does not fit. It
// does this itself, rather than through the library's decoder, because that one stops
// at the first problem, speaks of Go types, and turns an unquoted code 007 into 7.
type binder struct {
	*findings
	lines map[string]int // the line of each place that the file names: "questions[3].scale"
}

// field is a key that a struct has, and where its value goes.
type field struct {
	key   string
	index []int
}

// fieldsOf are a struct's keys in its order. The key is the yaml tag's name, or the
// field's name in lower case; embedded structs and those marked ",inline" lend theirs.
func fieldsOf(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if name == "-" || !sf.IsExported() {
			continue
		}
		if inline := sf.Anonymous && name == "" || opts == "inline"; inline && sf.Type.Kind() == reflect.Struct {
			for _, in := range fieldsOf(sf.Type) {
				list = append(list, field{in.key, append([]int{i}, in.index...)})
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(sf.Name)
		}
		list = append(list, field{name, []int{i}})
	}
	return list
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func lineOf(node ast.Node) int {
	if tk := node.GetToken(); tk != nil {
		return tk.Position.Line
	}
	return 0
}

// bind puts node into v. A value left empty leaves v as it is, so that defaults hold.
// Types that no file can hold (channels, interfaces …) panic: that is a mistake in the
// program, which its first test meets.
func (b *binder) bind(path string, node ast.Node, v reflect.Value) {
	if node == nil || node.Type() == ast.NullType {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		b.bind(path, node, v.Elem())
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		b.unmarshal(path, node, u)
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		b.duration(path, node, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		b.structure(path, node, v)
	case reflect.Map:
		b.mapping(path, node, v)
	case reflect.Slice:
		b.list(path, node, v)
	case reflect.String:
		if s, ok := b.text(path, node); ok {
			v.SetString(s)
		}
	default:
		b.scalar(path, node, v)
	}
}

// entries walks a mapping's keys. Doubled keys and keys that are no text are told here.
func (b *binder) entries(path string, node ast.Node, visit func(key string, line int, value ast.Node)) {
	m, ok := node.(ast.MapNode)
	if !ok {
		b.add(lineOf(node), path, sourceOf(node), "ở đây phải là một nhóm khóa: giá trị", "a group of key: value is needed here")
		return
	}
	first := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		key, line := "", lineOf(it.Key())
		switch k := it.Key().(type) {
		case *ast.StringNode:
			key = normal(k.Value)
		case ast.ScalarNode:
			key = k.GetToken().Value
		default:
			b.add(line, path, "", "khóa phải là chữ", "a key must be text")
			continue
		}
		if was, twice := first[key]; twice {
			b.add(line, under(path, key), "", fmt.Sprintf("khóa này đã có ở dòng %d", was), fmt.Sprintf("this key is there already, on line %d", was))
			continue
		}
		first[key] = line
		b.lines[under(path, key)] = line
		visit(key, line, it.Value())
	}
}

func (b *binder) structure(path string, node ast.Node, v reflect.Value) {
	known := fieldsOf(v.Type())
	b.entries(path, node, func(key string, line int, value ast.Node) {
		for _, f := range known {
			if f.key == key {
				b.bind(under(path, key), value, v.FieldByIndex(f.index))
				return
			}
		}
		keys := make([]string, len(known))
		for i, f := range known {
			keys[i] = f.key
		}
		allowed := strings.Join(keys, ", ")
		b.add(line, under(path, key), "", "không có khóa này; các khóa ở đây là: "+allowed, "there is no such key; the keys here are: "+allowed)
	})
}

func (b *binder) mapping(path string, node ast.Node, v reflect.Value) {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		panic("files: a map in a file has text for keys, not " + t.Key().String())
	}
	made := reflect.MakeMap(t)
	b.entries(path, node, func(key string, line int, value ast.Node) {
		one := reflect.New(t.Elem()).Elem()
		b.bind(under(path, key), value, one)
		made.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), one)
	})
	v.Set(made)
}

func (b *binder) list(path string, node ast.Node, v reflect.Value) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		b.add(lineOf(node), path, sourceOf(node), "ở đây phải là một danh sách (mỗi dòng bắt đầu bằng dấu -)", "a list is needed here (each item begins with -)")
		return
	}
	made := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		b.lines[at] = lineOf(item)
		b.bind(at, item, made.Index(i))
	}
	v.Set(made)
}

// line is where a place of the file stands; of a place that is missing, the nearest
// one around it.
func (b *binder) line(path string) int {
	for path != "" {
		if n := b.lines[path]; n > 0 {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}
