package configs_test

import (
	"io/fs"
	"strings"
	"testing"

	"hailong/configs"
	"hailong/survey"
	"hailong/survey/files"
)

func questionnaire(t *testing.T, f configs.File) *survey.Questionnaire {
	t.Helper()
	q, err := files.Questionnaire(string(f), f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Every embedded file is read by the reader that its folder stands for, and every
// questionnaire is in the list of those that come with the programs.
func TestEveryEmbeddedFileIsValid(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range configs.Questionnaires {
		listed[string(f)] = true
	}
	err := fs.WalkDir(configs.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data := configs.File(path).Bytes()
		switch {
		case strings.HasPrefix(path, "questionnaires/"):
			q := questionnaire(t, configs.File(path))
			if path != "questionnaires/"+string(q.Code)+".yaml" {
				t.Errorf("%s holds the questionnaire %q: file and code should agree", path, q.Code)
			}
			if !listed[path] {
				t.Errorf("%s is not in configs.Questionnaires", path)
			}
			delete(listed, path)
		case strings.HasPrefix(path, "units/"):
			if _, err := files.Structure(path, data); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s: no reader is known for this folder", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range listed {
		t.Errorf("%s is listed but not embedded", path)
	}
}

func TestEveryWordIsThereInBothLanguages(t *testing.T) {
	for _, f := range configs.Questionnaires {
		q := questionnaire(t, f)
		check := func(place string, w survey.Words) {
			if w[survey.Vietnamese] == "" || w[survey.English] == "" || w[survey.English] == w[survey.Vietnamese] {
				t.Errorf("%s, %s: %q", f, place, w)
			}
		}
		check("title", q.Title)
		for _, x := range q.Factors {
			check("factor "+string(x.Code), x.Name)
		}
		for _, x := range q.Questions {
			check("question "+string(x.Code), x.Words)
		}
		for _, s := range q.Scales {
			for _, l := range s.Levels {
				check("scale "+string(s.Code), l.Words)
			}
		}
	}
}

func TestScales(t *testing.T) {
	for f, want := range map[configs.File]string{
		configs.Quick:      "faces5 1 2 3 4+ 5+",
		configs.Quick3:     "faces3 1 2+ 3+",
		configs.Service:    "faces5 1 2 3 4+ 5+",
		configs.DaNang2014: "danang2014 1 2 3+",
		configs.Reason:     "reasons6 1 2 3 4 5 6",
		configs.DVCTT3:     "faces3 1 2+ 3+",
	} {
		q := questionnaire(t, f)
		for _, x := range q.Questions {
			if got := q.Scale(x.Scale).Key(); got != want {
				t.Errorf("%s, question %s: scale %q, want %q", f, x.Code, got, want)
			}
		}
	}
}

// The official five words, from the worst to the best.
func TestTheFiveOfficialWords(t *testing.T) {
	want := []string{"Rất không hài lòng", "Không hài lòng", "Bình thường", "Hài lòng", "Rất hài lòng"}
	for _, f := range []configs.File{configs.Quick, configs.Service} {
		for i, l := range questionnaire(t, f).Scale("faces5").Levels {
			if l.Words.In(survey.Vietnamese) != want[i] || int(l.Value) != i+1 {
				t.Errorf("%s: level %d is %q, want %q", f, l.Value, l.Words.In(survey.Vietnamese), want[i])
			}
		}
	}
}

// Everybody must be able to answer after hearing a question once: it asks one thing, in
// few and short words, and asks it before anything else is said.
func TestEachQuestionAsksOneThing(t *testing.T) {
	const most = 16 // syllables: what is read aloud in about four seconds
	for _, f := range configs.Questionnaires {
		for _, x := range questionnaire(t, f).Questions {
			vi := strings.ReplaceAll(x.Words[survey.Vietnamese], "Ông/Bà", "Ông")
			if n := len(strings.Fields(vi)); n > most {
				t.Errorf("%s, %s: %d syllables: %q", f, x.Code, n, vi)
			}
			for lang, list := range map[survey.Lang][]string{survey.Vietnamese: {" và ", " hoặc ", " hay ", "/", "(", ";"}, survey.English: {" and ", " or ", "/", "(", ";"}} {
				for _, two := range list {
					if said := strings.ReplaceAll(x.Words[lang], "Ông/Bà", "Ông"); strings.Contains(said, two) {
						t.Errorf("%s, %s: %q asks more than one thing", f, x.Code, said)
					}
				}
			}
			if said := x.Words[survey.Vietnamese]; strings.Count(said, "?") != 1 || !strings.HasSuffix(said, "?") {
				t.Errorf("%s, %s: %q is not one question", f, x.Code, said)
			}
		}
	}
}

// The overall question is the same wherever the five faces are, so that it adds up.
func TestTheOverallQuestionIsTheSame(t *testing.T) {
	quick, _ := questionnaire(t, configs.Quick).Question("Z0")
	service, _ := questionnaire(t, configs.Service).Question("Z0")
	for lang, words := range quick.Words {
		if service.Words[lang] != words {
			t.Errorf("%s: %q and %q", lang, words, service.Words[lang])
		}
	}
}

func TestServiceHasFiveFactors(t *testing.T) {
	q := questionnaire(t, configs.Service)
	var codes []string
	for _, x := range q.Questions {
		codes = append(codes, string(x.Code))
	}
	if got := strings.Join(codes, " "); got != "A1 A2 A3 B1 B4 B2 B5 B3 C1 C2 D1 E1 Z0" || len(q.Factors) != 5 {
		t.Errorf("%d factors, questions %s", len(q.Factors), got)
	}
	if e1, _ := q.Question("E1"); !e1.NotApplicable {
		t.Error("E1 must offer \"not applicable\": few have made a comment")
	}
}

func TestTheSampleChangesWithTheReformOf2025(t *testing.T) {
	s, err := files.Structure(string(configs.SampleUnits), configs.SampleUnits.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	before, after := survey.NewDate(2025, 6, 30), survey.NewDate(2025, 7, 1)
	for _, c := range []struct {
		unit survey.UnitCode
		day  survey.Date
		want bool
	}{
		{"mau-huyen", before, true},
		{"mau-huyen", after, false},
		{"mau-hoasen", before, false},
		{"mau-hoasen", after, true},
		{"mau-ttpvhcc", before, true},
	} {
		if got := s.Subtree("mau", c.day)[c.unit]; got != c.want {
			t.Errorf("%s in the province on %s: %v, want %v", c.unit, c.day, got, c.want)
		}
	}
	open := 0
	for _, c := range s.Counters {
		if _, ok := s.Counter(c.Code, after); ok {
			open++
		}
	}
	if open != 8 {
		t.Errorf("%d counters are open after the reform, want 8", open)
	}
}

// Everything in the sample says that it is one: nobody should take it for a real place.
func TestTheSampleSaysSo(t *testing.T) {
	s, err := files.Structure(string(configs.SampleUnits), configs.SampleUnits.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range s.Units {
		if !strings.Contains(u.Name.In(survey.Vietnamese), "mẫu") || !strings.Contains(u.Name.In(survey.English), "sample") {
			t.Errorf("unit %s does not say that it is a sample: %q", u.Code, u.Name)
		}
	}
}
