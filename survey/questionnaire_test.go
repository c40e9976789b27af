package survey_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hailong/survey"
)

// The hash is a version's name for ever: answers are kept under it. If this test
// fails, the canonical form has changed and no kept answer finds its questionnaire.
func TestHashNeverChanges(t *testing.T) {
	for q, want := range map[*survey.Questionnaire]string{
		quick():   "38dc6424b11393b55e06469761fa356e6549debe8533e6cd473a5964d8ff9e1b",
		service(): "430400a04a0e1a92318c841b2ee2d100c909ec04ca3ccad47e3e5a664beaf98d",
	} {
		if got := q.Hash().String(); got != want {
			t.Errorf("questionnaire %s is named %s, want %s", q.Code, got, want)
		}
	}
}

func TestAnyChangeMakesAnotherVersion(t *testing.T) {
	seen := map[survey.Hash]string{service().Hash(): "nothing"}
	for name, change := range map[string]func(*survey.Questionnaire){
		"code":           func(q *survey.Questionnaire) { q.Code = "service2" },
		"title":          func(q *survey.Questionnaire) { q.Title["vi"] += "." },
		"a language":     func(q *survey.Questionnaire) { q.Title["km"] = "x" },
		"factor's code":  func(q *survey.Questionnaire) { q.Factors[0].Code = "B" },
		"factor's name":  func(q *survey.Questionnaire) { q.Factors[0].Name["en"] = "Entry" },
		"factors' order": func(q *survey.Questionnaire) { slices.Reverse(q.Factors) },
		"scale's code":   func(q *survey.Questionnaire) { q.Scales[0].Code = "5" },
		"level's value":  func(q *survey.Questionnaire) { q.Scales[0].Levels[4].Value = 6 },
		"level's words":  func(q *survey.Questionnaire) { q.Scales[0].Levels[4].Words["vi"] = "Tuyệt" },
		"level's mark":   func(q *survey.Questionnaire) { q.Scales[0].Levels[2].Satisfied = true },
		"question":       func(q *survey.Questionnaire) { q.Questions[0].Code = "A9" },
		"its words":      func(q *survey.Questionnaire) { q.Questions[0].Words["en"] = "Signs here?" },
		"its kind":       func(q *survey.Questionnaire) { q.Questions[0].Kind = survey.Perception },
		"its factor":     func(q *survey.Questionnaire) { q.Questions[0].Factor = "E" },
		"its scale":      func(q *survey.Questionnaire) { q.Questions[0].Scale = "x" },
		"not applicable": func(q *survey.Questionnaire) { q.Questions[0].NotApplicable = true },
		"order":          func(q *survey.Questionnaire) { slices.Reverse(q.Questions) },
		"one less":       func(q *survey.Questionnaire) { q.Questions = q.Questions[1:] },
	} {
		q := service()
		change(q)
		if before, twice := seen[q.Hash()]; twice {
			t.Errorf("changing the %s gives the same version as changing %s", name, before)
		}
		seen[q.Hash()] = name
	}
}

func TestHashDoesNotDependOnHowItWasWritten(t *testing.T) {
	b, err := json.Marshal(service())
	if err != nil {
		t.Fatal(err)
	}
	var back survey.Questionnaire
	if err := json.Unmarshal(b, &back); err != nil || back.Hash() != service().Hash() {
		t.Errorf("read back it is %s, was %s (%v)", back.Hash(), service().Hash(), err)
	}
}

func TestQuestionnaireProblems(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*survey.Questionnaire)
		vi, en string
	}{
		"no code": {
			func(q *survey.Questionnaire) { q.Code = "" },
			`code: mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
			`code: a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
		},
		"English only": {
			func(q *survey.Questionnaire) { delete(q.Questions[2].Words, "vi") },
			`questions[2].words.vi: thiếu lời tiếng Việt`, `questions[2].words.vi: the Vietnamese words are missing`,
		},
		"a language left empty": {
			func(q *survey.Questionnaire) { q.Title["en"] = "" },
			`title.en: lời để trống; hãy bỏ ngôn ngữ này hoặc điền vào`, `title.en: empty words: fill them in or leave the language out`,
		},
		"scale twice": {
			func(q *survey.Questionnaire) { q.Scales = append(q.Scales, fiveLevels()) },
			`scales[1].code = "five": mã thang đo bị lặp`, `scales[1].code = "five": the scale's code is there twice`,
		},
		"scale of one level": {
			func(q *survey.Questionnaire) { q.Scales[0].Levels = q.Scales[0].Levels[:1] },
			`scales[0].levels = "1": thang đo phải có ít nhất hai mức`, `scales[0].levels = "1": a scale has at least two levels`,
		},
		"level too high": {
			func(q *survey.Questionnaire) { q.Scales[0].Levels[4].Value = 100 },
			`scales[0].levels[4].value = "100": giá trị mức phải từ 0 đến 99`, `scales[0].levels[4].value = "100": a level's value lies between 0 and 99`,
		},
		"levels descend": {
			func(q *survey.Questionnaire) { q.Scales[0].Levels[1].Value = 1 },
			`scales[0].levels[1].value = "1": các mức phải xếp tăng dần, từ kém nhất đến tốt nhất`, `scales[0].levels[1].value = "1": levels must ascend, from the worst to the best`,
		},
		"best level not satisfied": {
			func(q *survey.Questionnaire) { q.Scales[0].Levels[4].Satisfied = false },
			`scales[0].levels[4].satisfied = "false": mức cao hơn một mức hài lòng cũng phải là hài lòng`, `scales[0].levels[4].satisfied = "false": a level above a satisfied one is satisfied too`,
		},
		"factor twice": {
			func(q *survey.Questionnaire) { q.Factors = append(q.Factors, q.Factors[0]) },
			`factors[2].code = "A": mã yếu tố bị lặp`, `factors[2].code = "A": the factor's code is there twice`,
		},
		"empty factor": {
			func(q *survey.Questionnaire) { q.Questions = slices.Delete(q.Questions, 2, 3) },
			`factors[1] = "E": yếu tố không có câu hỏi nào`, `factors[1] = "E": the factor has no question`,
		},
		"question twice": {
			func(q *survey.Questionnaire) { q.Questions[1].Code = "A1" },
			`questions[1].code = "A1": mã câu hỏi bị lặp`, `questions[1].code = "A1": the question's code is there twice`,
		},
		"unknown kind": {
			func(q *survey.Questionnaire) { q.Questions[0].Kind = "mood" },
			`questions[0].kind = "mood": loại câu hỏi phải là một trong: overall, satisfaction, perception, expectation, reason`, `questions[0].kind = "mood": the kind must be one of: overall, satisfaction, perception, expectation, reason`,
		},
		"undeclared scale": {
			func(q *survey.Questionnaire) { q.Questions[3].Scale = "fvie" },
			`questions[3].scale = "fvie": thang đo chưa được khai báo trong scales`, `questions[3].scale = "fvie": the scale is not declared under scales`,
		},
		"undeclared factor": {
			func(q *survey.Questionnaire) { q.Questions[1].Factor = "B" },
			`questions[1].factor = "B": yếu tố chưa được khai báo trong factors`, `questions[1].factor = "B": the factor is not declared under factors`,
		},
		"overall in a factor": {
			func(q *survey.Questionnaire) { q.Questions[3].Factor = "A" },
			`questions[3].factor = "A": câu hỏi chung không thuộc yếu tố nào`, `questions[3].factor = "A": an overall question belongs to no factor`,
		},
		"a reason in a factor": {
			func(q *survey.Questionnaire) {
				q.Questions[2].Kind = survey.Reason
				q.Scales[0].Levels[3].Satisfied, q.Scales[0].Levels[4].Satisfied = false, false
			},
			`questions[2].factor = "E": câu hỏi về lý do không thuộc yếu tố nào`, `questions[2].factor = "E": a question about reasons belongs to no factor`,
		},
		"a reason with satisfied choices": {
			func(q *survey.Questionnaire) { q.Questions[3].Kind = survey.Reason },
			`questions[3].scale = "five": lựa chọn của câu hỏi về lý do không được đánh dấu hài lòng (satisfied)`, `questions[3].scale = "five": the choices of a question about reasons cannot be marked satisfied`,
		},
		"two overall questions": {
			func(q *survey.Questionnaire) {
				second := q.Questions[3]
				second.Code = "Z1"
				q.Questions = append(q.Questions, second)
			},
			`questions[4].kind = "overall": phiếu hỏi chỉ có nhiều nhất một câu hỏi chung`, `questions[4].kind = "overall": a questionnaire has at most one overall question`,
		},
		"no question at all": {
			func(q *survey.Questionnaire) { q.Questions, q.Factors = nil, nil },
			`questions: phải có ít nhất một câu hỏi`, `questions: at least one question is needed`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := service()
			c.spoil(q)
			sayProblems(t, q.Validate(), c.vi, c.en)
		})
	}
	for _, q := range []*survey.Questionnaire{quick(), service()} {
		if err := q.Validate(); err != nil {
			t.Errorf("%s is refused: %v", q.Code, err)
		}
	}
}

func TestHeadline(t *testing.T) {
	onlyLoose := quick()
	onlyLoose.Questions[0].Kind = survey.Satisfaction
	perception := quick()
	perception.Questions[0].Kind = survey.Perception
	for _, c := range []struct {
		name string
		q    *survey.Questionnaire
		want []survey.QuestionCode
	}{
		{"factors leave the overall question out", service(), []survey.QuestionCode{"A1", "A2", "E1"}},
		{"no factor: the overall question", quick(), []survey.QuestionCode{"Z0"}},
		{"neither: its satisfaction question", onlyLoose, []survey.QuestionCode{"Z0"}},
		{"perception is no satisfaction", perception, nil},
	} {
		if got := c.q.Headline(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestScalesAreTheSameWhateverTheirWords(t *testing.T) {
	five, mended := fiveLevels(), fiveLevels()
	mended.Levels[0].Words = words("Rất chưa hài lòng", "Very unhappy")
	if five.Key() != mended.Key() {
		t.Error("a mended word makes another scale")
	}
	marked, other := fiveLevels(), fiveLevels()
	marked.Levels[2].Satisfied = true
	other.Code = "five-b"
	if five.Key() == marked.Key() || five.Key() == other.Key() {
		t.Error("other marks or another code are the same scale")
	}
	if _, ok := five.Level(6); ok {
		t.Error("level 6 is on a scale of five")
	}
}

func TestCatalogue(t *testing.T) {
	first, second := quick(), quick()
	second.Title = words("Đánh giá nhanh 2", "Quick rating 2")
	c := survey.NewCatalogue(first, service(), second, first, second)
	if n := len(c.All()); n != 3 {
		t.Errorf("%d versions", n)
	}
	if v, ok := c.Find("quick"); !ok || v.Hash != second.Hash() {
		t.Errorf("the code alone means %v, want the later version", v.Hash)
	}
	if v, ok := c.Find(first.ID()); !ok || v.Hash != first.Hash() || v.ID() != first.ID() {
		t.Errorf("%s finds %v", first.ID(), v.Hash)
	}
	for _, none := range []string{"", "Quick", "quick@", "quick@abc", "service@" + first.Hash().String(), "quick@" + strings.Repeat("0", 64)} {
		if _, ok := c.Find(none); ok {
			t.Errorf("%q finds something", none)
		}
	}
	if c.Codes() != "quick, service" {
		t.Errorf("codes in force: %s", c.Codes())
	}
}

func ExampleQuestionnaire_Validate() {
	q := survey.Questionnaire{
		Code: "quick", Title: survey.Words{"vi": "Đánh giá nhanh"},
		Questions: []survey.Question{{Code: "Z0", Kind: survey.Overall, Scale: "five", Words: survey.Words{"vi": "Ông/Bà hài lòng thế nào?"}}},
	}
	fmt.Println(q.Validate())
	// Output: questions[0].scale = "five": the scale is not declared under scales
}
