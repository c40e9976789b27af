package files

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"golang.org/x/text/unicode/norm"

	"hailong/survey"
)

// normal is a text in the one Unicode form that everything is kept in.
func normal(s string) string { return norm.NFC.String(s) }

// sourceOf is a scalar as it stands in the file, for showing it back; "" for others.
func sourceOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case ast.ScalarNode:
		return n.GetToken().Value
	}
	return ""
}

// text reads a scalar as the text that stands written, so that 007, 1.50 and true are
// text where text is wanted.
func (b *binder) text(path string, node ast.Node) (string, bool) {
	if _, ok := node.(ast.ScalarNode); !ok {
		b.add(lineOf(node), path, "", "ở đây phải là một đoạn chữ", "text is needed here")
		return "", false
	}
	s := normal(sourceOf(node))
	control := func(r rune) bool { return r != '\t' && r != '\n' && isControl(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, control) {
		b.add(lineOf(node), path, s, "chữ có ký tự điều khiển hoặc ký tự không hợp lệ", "the text holds control or invalid characters")
		return "", false
	}
	return s, true
}

// unmarshal hands the text to a type that reads itself from text, such as a day.
func (b *binder) unmarshal(path string, node ast.Node, u encoding.TextUnmarshaler) {
	s, ok := b.text(path, node)
	if !ok {
		return
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		vi, en := "không đọc được: "+err.Error(), err.Error()
		if _, day := u.(*survey.Date); day {
			vi, en = "ngày phải có dạng NĂM-THÁNG-NGÀY, ví dụ 2026-03-31", "a day is written YYYY-MM-DD, for example 2026-03-31"
		}
		b.add(lineOf(node), path, s, vi, en)
	}
}

func (b *binder) duration(path string, node ast.Node, v reflect.Value) {
	s := sourceOf(node)
	d, err := time.ParseDuration(s)
	if err != nil {
		b.add(lineOf(node), path, s, "khoảng thời gian gồm số và đơn vị, ví dụ 5s, 2m, 1h30m", "a span of time is a number and a unit, for example 5s, 2m, 1h30m")
		return
	}
	v.SetInt(int64(d))
}

// scalar reads numbers and yes-or-no values. They are written plainly: quotes make
// them text.
func (b *binder) scalar(path string, node ast.Node, v reflect.Value) {
	s := ""
	if _, quoted := node.(*ast.StringNode); !quoted {
		s = sourceOf(node)
	}
	bits := int(v.Type().Size()) * 8
	var vi, en string
	var err error
	switch {
	case v.Kind() == reflect.Bool:
		vi, en = "phải là true hoặc false", "true or false is needed"
		switch s {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			err = strconv.ErrSyntax
		}
	case v.CanInt():
		vi, en = wholeNumber(-1<<(bits-1), 1<<(bits-1)-1)
		var n int64
		if n, err = strconv.ParseInt(s, 10, bits); err == nil {
			v.SetInt(n)
		}
	case v.CanUint():
		vi, en = wholeNumber(0, 1<<min(bits, 63)-1)
		var n uint64
		if n, err = strconv.ParseUint(s, 10, bits); err == nil {
			v.SetUint(n)
		}
	case v.CanFloat():
		vi, en = "phải là một số, dấu thập phân là dấu chấm", "a number is needed, with a point for decimals"
		var x float64
		if x, err = strconv.ParseFloat(s, bits); err == nil {
			v.SetFloat(x)
		}
	default:
		panic("files: nothing of type " + v.Type().String() + " can stand in a file")
	}
	if err != nil {
		b.add(lineOf(node), path, sourceOf(node), vi, en)
	}
}

func wholeNumber(low, high int64) (vi, en string) {
	return fmt.Sprintf("phải là số nguyên từ %d đến %d, không có dấu nháy", low, high),
		fmt.Sprintf("a whole number from %d to %d is needed, without quotes", low, high)
}
