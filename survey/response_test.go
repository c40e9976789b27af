package survey_test

import (
	"fmt"
	"strings"
	"testing"

	"hailong/survey"
)

func press(level survey.Level) survey.Response {
	return survey.Response{
		Questionnaire: quick().Hash(), Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: level}},
		Channel: survey.Touch, Stage: survey.Result, Counter: "D-1",
	}
}

// TestResponseProblems: whatever is wrong, the answer names the field, the value and
// what is allowed.
func TestResponseProblems(t *testing.T) {
	id := func(n uint64) survey.RecordID { return survey.RecordID{Chain: survey.Chain{1}, Sequence: n} }
	for name, c := range map[string]struct {
		spoil  func(*survey.Response)
		vi, en string
	}{
		"no answer": {
			func(r *survey.Response) { r.Answers = nil },
			`answers: phải có ít nhất một câu trả lời`, `answers: at least one answer is needed`,
		},
		"unknown question": {
			func(r *survey.Response) { r.Answers[0].Question = "Z9" },
			`answers.Z9: phiếu hỏi service không có câu hỏi này; có: A1, A2, E1, Z0`, `answers.Z9: questionnaire service has no such question; it has: A1, A2, E1, Z0`,
		},
		"unknown level": {
			func(r *survey.Response) { r.Answers[0].Level = 6 },
			`answers.Z0 = "6": mức phải là một trong: 1, 2, 3, 4, 5`, `answers.Z0 = "6": the level must be one of: 1, 2, 3, 4, 5`,
		},
		"level nought": {
			func(r *survey.Response) { r.Answers[0].Level = 0 },
			`answers.Z0 = "0": mức phải là một trong: 1, 2, 3, 4, 5`, `answers.Z0 = "0": the level must be one of: 1, 2, 3, 4, 5`,
		},
		"answered twice": {
			func(r *survey.Response) { r.Answers = append(r.Answers, r.Answers[0]) },
			`answers.Z0: câu hỏi được trả lời hai lần`, `answers.Z0: the question is answered twice`,
		},
		"not applicable where not offered": {
			func(r *survey.Response) {
				r.Answers[0] = survey.Answer{Question: "Z0", Kind: survey.NotApplicable}
			},
			`answers.Z0 = "na": câu hỏi này không có lựa chọn «không sử dụng»`, `answers.Z0 = "na": this question does not offer "not applicable"`,
		},
		"no kind of answer": {
			func(r *survey.Response) { r.Answers[0].Kind = 0 },
			`answers.Z0 = "0": loại câu trả lời không hợp lệ`, `answers.Z0 = "0": not a kind of answer`,
		},
		"unknown channel": {
			func(r *survey.Response) { r.Channel = "fax" },
			`channel = "fax": phải là một trong: button, touch, qr, web, app, portal, campaign, paper`, `channel = "fax": must be one of: button, touch, qr, web, app, portal, campaign, paper`,
		},
		"no channel": {
			func(r *survey.Response) { r.Channel = "" },
			`channel: phải là một trong: button, touch, qr, web, app, portal, campaign, paper`, `channel: must be one of: button, touch, qr, web, app, portal, campaign, paper`,
		},
		"unknown stage": {
			func(r *survey.Response) { r.Stage = "end" },
			`stage = "end": phải là một trong: reception, supplement, refusal, result`, `stage = "end": must be one of: reception, supplement, refusal, result`,
		},
		"unknown respondent": {
			func(r *survey.Response) { r.Respondent = "robot" },
			`respondent = "robot": phải là một trong: citizen, organisation`, `respondent = "robot": must be one of: citizen, organisation`,
		},
		"no counter": {
			func(r *survey.Response) { r.Counter = "" },
			`counter: mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
			`counter: a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
		},
		"bad unit, field and procedure": {
			func(r *survey.Response) { r.ResolvingUnit, r.Field, r.Procedure = "a b", "đất", "/" },
			strings.Join([]string{
				`resolving_unit = "a b": mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
				`field = "đất": mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
				`procedure = "/": mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`,
			}, "\n"),
			strings.Join([]string{
				`resolving_unit = "a b": a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
				`field = "đất": a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
				`procedure = "/": a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`,
			}, "\n"),
		},
		"replaces and continues": {
			func(r *survey.Response) { r.Replaces, r.Continues = id(1), id(2) },
			`continues = "01000000000000000000000000000000/2": một phiếu không vừa thay thế vừa nối tiếp phiếu khác`,
			`continues = "01000000000000000000000000000000/2": a response either replaces another or continues one, not both`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := press(4)
			c.spoil(&r)
			sayProblems(t, r.Validate(service()), c.vi, c.en)
		})
	}
}

func TestGoodResponses(t *testing.T) {
	for name, change := range map[string]func(*survey.Response){
		"a press": func(*survey.Response) {},
		"all that it has": func(r *survey.Response) {
			r.ResolvingUnit, r.Field, r.Procedure, r.Respondent = "SNV", "land", "1.001", survey.Organisation
			r.Continues = survey.RecordID{Chain: survey.Chain{1}, Sequence: 1}
		},
		"left blank":     func(r *survey.Response) { r.Answers[0] = survey.Answer{Question: "Z0", Kind: survey.Blank} },
		"not applicable": func(r *survey.Response) { r.Answers[0] = survey.Answer{Question: "E1", Kind: survey.NotApplicable} },
	} {
		r := press(4)
		change(&r)
		if err := r.Validate(service()); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
}

func TestAVeryLongQuestionCodeIsShownShort(t *testing.T) {
	r := press(4)
	r.Answers[0].Question = survey.QuestionCode(strings.Repeat("Z", 30_000))
	if err := r.Validate(quick()); err == nil || len(err.Error()) > 500 {
		t.Errorf("the refusal has %d characters", len(err.Error()))
	}
}

func TestFlags(t *testing.T) {
	r := press(5)
	if r.Excluded() != "" {
		t.Errorf("a plain press is left out for %q", r.Excluded())
	}
	r.WithFlag(survey.TooSoon)
	before := r.Flags
	r.WithFlag(survey.Test)
	r.WithFlag(survey.Test)
	r.WithFlag("burst")
	if fmt.Sprint(r.Flags) != "[burst test too_soon]" || fmt.Sprint(before) != "[too_soon]" {
		t.Errorf("flags are %v, were %v", r.Flags, before)
	}
	if r.Excluded() != survey.Test {
		t.Errorf("a test press that was too soon is left out for %q", r.Excluded())
	}
	other := press(5)
	other.WithFlag("burst")
	if other.Excluded() != "" {
		t.Errorf("a flag that only marks leaves the press out for %q", other.Excluded())
	}
	if !r.SameContent(&other) {
		t.Error("flags change what a response says")
	}
}

func TestSameContentSeesEveryDifference(t *testing.T) {
	for name, change := range map[string]func(*survey.Response){
		"questionnaire": func(r *survey.Response) { r.Questionnaire[0]++ },
		"level":         func(r *survey.Response) { r.Answers[0].Level = 1 },
		"one more": func(r *survey.Response) {
			r.Answers = append(r.Answers, survey.Answer{Question: "A1", Kind: survey.Blank})
		},
		"channel":    func(r *survey.Response) { r.Channel = survey.Button },
		"stage":      func(r *survey.Response) { r.Stage = survey.Refusal },
		"counter":    func(r *survey.Response) { r.Counter = "S-1" },
		"resolving":  func(r *survey.Response) { r.ResolvingUnit = "SNV" },
		"field":      func(r *survey.Response) { r.Field = "land" },
		"procedure":  func(r *survey.Response) { r.Procedure = "1.001" },
		"respondent": func(r *survey.Response) { r.Respondent = survey.Citizen },
		"replaces":   func(r *survey.Response) { r.Replaces.Sequence = 1 },
		"continues":  func(r *survey.Response) { r.Continues.Sequence = 1 },
	} {
		a, b := press(5), press(5)
		change(&b)
		if a.SameContent(&b) {
			t.Errorf("another %s is the same content", name)
		}
	}
}

func TestComments(t *testing.T) {
	if p := survey.CommentProblem(strings.Repeat("ộ", survey.MaxComment)); p != nil {
		t.Errorf("%d Vietnamese characters are refused: %v", survey.MaxComment, p.En)
	}
	p := survey.CommentProblem(strings.Repeat("ộ", survey.MaxComment+1))
	if p == nil || p.Vi != "góp ý phải là văn bản UTF-8, nhiều nhất 2000 ký tự" || p.Path != "comment" {
		t.Errorf("one more is answered with %v", p)
	}
	if survey.CommentProblem("\xff") == nil {
		t.Error("bytes that are no text are taken")
	}
}

func TestQueryProblems(t *testing.T) {
	good := survey.ScoreQuery{Unit: "01.D1", From: day("2025-01-01"), To: day("2099-12-31"), By: survey.ByNone}
	if err := good.Validate(quangAn()); err != nil {
		t.Errorf("a unit of former days and a future day are refused: %v", err)
	}
	for name, c := range map[string]struct {
		spoil  func(*survey.ScoreQuery)
		vi, en string
	}{
		"unknown unit": {
			func(q *survey.ScoreQuery) { q.Unit = "99" },
			`unit = "99": không có đơn vị nào mang mã này; xem /api/v1/units`, `unit = "99": there is no unit with this code; see /api/v1/units`,
		},
		"from after to": {
			func(q *survey.ScoreQuery) { q.From, q.To = day("2026-02-01"), day("2026-01-31") },
			`from = "2026-02-01": ngày đầu không được sau ngày cuối (2026-01-31)`, `from = "2026-02-01": the first day must not be after the last (2026-01-31)`,
		},
		"no last day": {
			func(q *survey.ScoreQuery) { q.To = 0 },
			`to: thiếu ngày cuối (YYYY-MM-DD)`, `to: the last day is missing (YYYY-MM-DD)`,
		},
		"unknown grouping": {
			func(q *survey.ScoreQuery) { q.By = "officer" },
			`by = "officer": phải là một trong: none, question, factor, unit, counter, channel, stage, field, procedure, resolving_unit, respondent, day, week, month, hour, weekday`,
			`by = "officer": must be one of: none, question, factor, unit, counter, channel, stage, field, procedure, resolving_unit, respondent, day, week, month, hour, weekday`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := good
			c.spoil(&q)
			sayProblems(t, q.Validate(quangAn()), c.vi, c.en)
		})
	}
}

func ExampleResponse_Validate() {
	q := quick()
	r := survey.Response{
		Questionnaire: q.Hash(), Channel: survey.Touch, Stage: survey.Result, Counter: "D-1",
		Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 7}},
	}
	fmt.Println(r.Validate(q))
	// Output: answers.Z0 = "7": the level must be one of: 1, 2, 3, 4, 5
}
