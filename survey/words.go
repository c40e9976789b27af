package survey

import (
	"maps"
	"slices"
)

// Lang is a language tag of the words shown to people.
type Lang string

// The languages that the program itself speaks. Others may be added in any [Words].
const (
	Vietnamese Lang = "vi"
	English    Lang = "en"
)

// Words is one text in several languages. Vietnamese is always there.
type Words map[Lang]string

// In is the text in lang, or in Vietnamese where lang is missing.
func (w Words) In(lang Lang) string {
	if s := w[lang]; s != "" {
		return s
	}
	return w[Vietnamese]
}

// problems reports missing or empty languages at path.
func (w Words) problems(path string, ps *Problems) {
	if w[Vietnamese] == "" {
		ps.Add(path+".vi", "", "thiếu lời tiếng Việt", "the Vietnamese words are missing")
	}
	for _, lang := range slices.Sorted(maps.Keys(w)) {
		if w[lang] == "" && lang != Vietnamese {
			ps.Add(path+"."+string(lang), "", "lời để trống; hãy bỏ ngôn ngữ này hoặc điền vào", "empty words: fill them in or leave the language out")
		}
	}
}
