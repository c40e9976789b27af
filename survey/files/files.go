package files

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"hailong/configs"
	"hailong/survey"
)

// Strict reads YAML into a struct that into points to: the programs' settings, with
// defaults already set. What the file leaves out or empty stays as it was; an empty
// file is therefore all defaults. Lists and maps are replaced, not added to.
//
// Keys are the yaml tags of the fields. Fields may be structs, pointers, lists, maps
// by text, text, numbers, booleans, [time.Duration] and anything that reads itself
// from text ([encoding.TextUnmarshaler]).
//
// The error, if any, is an [*Error] with everything that is wrong; into may then be
// partly filled.
func Strict(name string, data []byte, into any) error {
	_, err := read(name, data, MaxSettings, into)
	return err
}

// Questionnaire reads one questionnaire and checks it. The error, if any, is an
// [*Error].
func Questionnaire(name string, data []byte) (*survey.Questionnaire, error) {
	var q survey.Questionnaire
	b, err := read(name, data, MaxQuestionnaire, &q)
	if err != nil {
		return nil, err
	}
	if err := b.checked(q.Validate()); err != nil {
		return nil, err
	}
	return &q, nil
}

// Questionnaires reads the files that a program's settings list under questionnaires;
// none listed means those that come with the programs. The error, if any, is an
// [*Error], or [survey.Problems] where a file cannot be read.
func Questionnaires(paths []string) ([]*survey.Questionnaire, error) {
	var list []*survey.Questionnaire
	add := func(name string, data []byte) error {
		q, err := Questionnaire(name, data)
		list = append(list, q)
		return err
	}
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, survey.Problems{{
				Path: fmt.Sprintf("questionnaires[%d]", i), Value: path, Vi: "không đọc được tệp này: " + err.Error(), En: "this file cannot be read: " + err.Error(),
			}}
		}
		if err := add(path, b); err != nil {
			return nil, err
		}
	}
	if len(paths) > 0 {
		return list, nil
	}
	for _, f := range configs.Questionnaires {
		if err := add(string(f), f.Bytes()); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Structure reads a whole structure (units, counters, fields and procedures) and
// checks it. The error, if any, is an [*Error].
func Structure(name string, data []byte) (*survey.Structure, error) {
	var s survey.Structure
	b, err := read(name, data, MaxStructure, &s)
	if err != nil {
		return nil, err
	}
	if err := b.checked(s.Validate()); err != nil {
		return nil, err
	}
	return &s, nil
}

// read binds a file to into. The binder it returns knows the lines.
func read(name string, data []byte, limit int, into any) (*binder, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("files: a pointer to a struct is needed, not %T", into))
	}
	b := &binder{findings: &findings{file: name}, lines: map[string]int{}}
	if data, ok := b.plain(data, limit); ok {
		if node, ok := b.document(data); ok && node != nil {
			b.bind("", node, v.Elem())
		}
	}
	return b, b.err()
}

// checked gives the problems of a validation their lines. A file that says nothing at
// all is told so, in place of everything that is missing from it.
func (b *binder) checked(err error) error {
	if len(b.lines) == 0 {
		b.add(0, "", "", "tệp trống", "the file is empty")
		return b.err()
	}
	var ps survey.Problems
	if !errors.As(err, &ps) {
		return err
	}
	for _, p := range ps {
		b.found = append(b.found, finding{b.line(p.Path), p})
	}
	return b.err()
}
