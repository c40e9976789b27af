package survey

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// QuestionKind says what a question measures.
type QuestionKind string

// The kinds of questions. Only Overall and Satisfaction questions enter satisfaction
// scores; Overall (Z0, "nhìn chung") never enters a factor.
const (
	Overall      QuestionKind = "overall"
	Satisfaction QuestionKind = "satisfaction"
	Perception   QuestionKind = "perception"
	Expectation  QuestionKind = "expectation"
	// Reason asks which of several things mattered most. Its levels are choices without an
	// order of merit: they are counted, and have neither rate nor mean.
	Reason QuestionKind = "reason"
)

var questionKinds = []QuestionKind{Overall, Satisfaction, Perception, Expectation, Reason}

// Level is one step of a scale (mức): a small whole number, higher is better.
type Level uint8

// MaxLevel is the highest level a scale may have.
const MaxLevel Level = 99

// ScaleLevel is a level with its words. Satisfied marks the levels that count as
// satisfied in a satisfaction rate (tỷ lệ hài lòng).
type ScaleLevel struct {
	Value     Level `json:"value" yaml:"value"`
	Words     Words `json:"words" yaml:"words"`
	Satisfied bool  `json:"satisfied" yaml:"satisfied"`
}

// Scale is an ordered set of levels, from the worst to the best.
type Scale struct {
	Code   ScaleCode    `json:"code" yaml:"code"`
	Levels []ScaleLevel `json:"levels" yaml:"levels"`
}

// Level finds a level by its value.
func (s *Scale) Level(v Level) (ScaleLevel, bool) {
	for _, l := range s.Levels {
		if l.Value == v {
			return l, true
		}
	}
	return ScaleLevel{}, false
}

// Key tells scales apart when answers are added up: code, values and satisfied marks,
// but not words, so that mending a typing error does not make a new scale.
func (s *Scale) Key() string {
	var b strings.Builder
	b.WriteString(string(s.Code))
	for _, l := range s.Levels {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(int(l.Value)))
		if l.Satisfied {
			b.WriteByte('+')
		}
	}
	return b.String()
}

// Factor is a group of questions scored together (yếu tố).
type Factor struct {
	Code FactorCode `json:"code" yaml:"code"`
	Name Words      `json:"name" yaml:"name"`
}

// Question is one question with the scale its answers are given on.
type Question struct {
	Code          QuestionCode `json:"code" yaml:"code"`
	Factor        FactorCode   `json:"factor,omitempty" yaml:"factor,omitempty"` // absent for overall questions
	Kind          QuestionKind `json:"kind" yaml:"kind"`
	Scale         ScaleCode    `json:"scale" yaml:"scale"`
	Words         Words        `json:"words" yaml:"words"`
	NotApplicable bool         `json:"not_applicable,omitempty" yaml:"not_applicable,omitempty"` // "không sử dụng" is offered as an answer
}

// Questionnaire is one version of a questionnaire (phiếu hỏi). A version never
// changes: its name is the hash of its content, so any change makes another version.
type Questionnaire struct {
	Code      QuestionnaireCode `json:"code" yaml:"code"`
	Title     Words             `json:"title" yaml:"title"`
	Scales    []Scale           `json:"scales" yaml:"scales"`
	Factors   []Factor          `json:"factors,omitempty" yaml:"factors,omitempty"`
	Questions []Question        `json:"questions" yaml:"questions"`
}

// Hash names the version: SHA-256 over its canonical JSON (struct fields in the order
// of this package, map keys sorted).
func (q *Questionnaire) Hash() Hash {
	b, err := json.Marshal(q)
	if err != nil {
		panic("survey: a questionnaire always has a JSON form: " + err.Error())
	}
	return sha256.Sum256(append([]byte("hailong/questionnaire/v1\x00"), b...))
}

// ID is the name of this version in every interface: code@hash.
func (q *Questionnaire) ID() string { return string(q.Code) + "@" + q.Hash().String() }

// Question finds a question by its code.
func (q *Questionnaire) Question(code QuestionCode) (*Question, bool) {
	for i := range q.Questions {
		if q.Questions[i].Code == code {
			return &q.Questions[i], true
		}
	}
	return nil, false
}

// Scale finds a scale by its code; nil if there is none.
func (q *Questionnaire) Scale(code ScaleCode) *Scale {
	for i := range q.Scales {
		if q.Scales[i].Code == code {
			return &q.Scales[i]
		}
	}
	return nil
}

// Headline are the questions that a total of this questionnaire pools: the
// satisfaction questions of its factors; where it has none, its overall question;
// where it has neither, its satisfaction questions without a factor.
func (q *Questionnaire) Headline() []QuestionCode {
	var inFactors, overall, loose []QuestionCode
	for _, x := range q.Questions {
		switch {
		case x.Kind == Satisfaction && x.Factor != "":
			inFactors = append(inFactors, x.Code)
		case x.Kind == Overall:
			overall = append(overall, x.Code)
		case x.Kind == Satisfaction:
			loose = append(loose, x.Code)
		}
	}
	switch {
	case len(inFactors) > 0:
		return inFactors
	case len(overall) > 0:
		return overall
	default:
		return loose
	}
}

// Validate checks the questionnaire by itself. The error, if any, is [Problems].
func (q *Questionnaire) Validate() error {
	var ps Problems
	ps.Check(CodeProblem("code", string(q.Code)))
	q.Title.problems("title", &ps)
	scales := map[ScaleCode]bool{}
	for i, s := range q.Scales {
		path := fmt.Sprintf("scales[%d]", i)
		s.problems(path, &ps)
		if scales[s.Code] {
			ps.Add(path+".code", string(s.Code), "mã thang đo bị lặp", "the scale's code is there twice")
		}
		scales[s.Code] = true
	}
	factors := map[FactorCode]int{}
	for i, f := range q.Factors {
		path := fmt.Sprintf("factors[%d]", i)
		ps.Check(CodeProblem(path+".code", string(f.Code)))
		f.Name.problems(path+".name", &ps)
		if _, twice := factors[f.Code]; twice {
			ps.Add(path+".code", string(f.Code), "mã yếu tố bị lặp", "the factor's code is there twice")
		}
		factors[f.Code] = 0
	}
	q.questionProblems(scales, factors, &ps)
	for i, f := range q.Factors {
		if factors[f.Code] == 0 {
			ps.Add(fmt.Sprintf("factors[%d]", i), string(f.Code), "yếu tố không có câu hỏi nào", "the factor has no question")
		}
	}
	return ps.Err()
}

func (q *Questionnaire) questionProblems(scales map[ScaleCode]bool, factors map[FactorCode]int, ps *Problems) {
	if len(q.Questions) == 0 {
		ps.Add("questions", "", "phải có ít nhất một câu hỏi", "at least one question is needed")
	}
	seen, overall := map[QuestionCode]bool{}, 0
	for i, x := range q.Questions {
		path := fmt.Sprintf("questions[%d]", i)
		ps.Check(CodeProblem(path+".code", string(x.Code)))
		x.Words.problems(path+".words", ps)
		if seen[x.Code] {
			ps.Add(path+".code", string(x.Code), "mã câu hỏi bị lặp", "the question's code is there twice")
		}
		seen[x.Code] = true
		if !slices.Contains(questionKinds, x.Kind) {
			ps.Add(path+".kind", string(x.Kind), "loại câu hỏi phải là một trong: "+joined(questionKinds), "the kind must be one of: "+joined(questionKinds))
		}
		if !scales[x.Scale] {
			ps.Add(path+".scale", string(x.Scale), "thang đo chưa được khai báo trong scales", "the scale is not declared under scales")
		}
		if x.Kind == Overall {
			overall++
		}
		if x.Kind == Overall && overall > 1 {
			ps.Add(path+".kind", string(x.Kind), "phiếu hỏi chỉ có nhiều nhất một câu hỏi chung", "a questionnaire has at most one overall question")
		}
		if x.Kind == Overall && x.Factor != "" {
			ps.Add(path+".factor", string(x.Factor), "câu hỏi chung không thuộc yếu tố nào", "an overall question belongs to no factor")
		}
		if x.Kind == Reason {
			q.reasonProblems(path, x, ps)
		}
		if _, ok := factors[x.Factor]; ok {
			factors[x.Factor]++
		} else if x.Factor != "" {
			ps.Add(path+".factor", string(x.Factor), "yếu tố chưa được khai báo trong factors", "the factor is not declared under factors")
		}
	}
}

// reasonProblems are those of a question whose answers have no order of merit.
func (q *Questionnaire) reasonProblems(path string, x Question, ps *Problems) {
	if x.Factor != "" {
		ps.Add(path+".factor", string(x.Factor), "câu hỏi về lý do không thuộc yếu tố nào", "a question about reasons belongs to no factor")
	}
	if s := q.Scale(x.Scale); s != nil && slices.ContainsFunc(s.Levels, func(l ScaleLevel) bool { return l.Satisfied }) {
		ps.Add(path+".scale", string(x.Scale), "lựa chọn của câu hỏi về lý do không được đánh dấu hài lòng (satisfied)", "the choices of a question about reasons cannot be marked satisfied")
	}
}

func (s *Scale) problems(path string, ps *Problems) {
	ps.Check(CodeProblem(path+".code", string(s.Code)))
	if len(s.Levels) < 2 {
		ps.Add(path+".levels", strconv.Itoa(len(s.Levels)), "thang đo phải có ít nhất hai mức", "a scale has at least two levels")
	}
	for i, l := range s.Levels {
		at := fmt.Sprintf("%s.levels[%d]", path, i)
		l.Words.problems(at+".words", ps)
		if l.Value > MaxLevel {
			ps.Add(at+".value", strconv.Itoa(int(l.Value)), "giá trị mức phải từ 0 đến 99", "a level's value lies between 0 and 99")
		}
		if i == 0 {
			continue
		}
		if before := s.Levels[i-1]; l.Value <= before.Value {
			ps.Add(at+".value", strconv.Itoa(int(l.Value)), "các mức phải xếp tăng dần, từ kém nhất đến tốt nhất", "levels must ascend, from the worst to the best")
		} else if before.Satisfied && !l.Satisfied {
			ps.Add(at+".satisfied", "false", "mức cao hơn một mức hài lòng cũng phải là hài lòng", "a level above a satisfied one is satisfied too")
		}
	}
}

// Version is a questionnaire with its hash, worked out once.
type Version struct {
	Hash Hash
	*Questionnaire
}

// ID is the version's name in every interface: code@hash.
func (v Version) ID() string { return string(v.Code) + "@" + v.Hash.String() }

// Catalogue is a set of questionnaire versions, found by code or by code@hash. It does
// not change once made, so it may be shared.
type Catalogue struct {
	byHash map[Hash]*Questionnaire
	latest map[QuestionnaireCode]Hash
	order  []Version
}

// NewCatalogue makes a catalogue. Where a code is there more than once, the last one
// is the version in force.
func NewCatalogue(list ...*Questionnaire) *Catalogue {
	c := &Catalogue{byHash: map[Hash]*Questionnaire{}, latest: map[QuestionnaireCode]Hash{}}
	for _, q := range list {
		h := q.Hash()
		if c.byHash[h] == nil {
			c.order = append(c.order, Version{h, q})
			c.byHash[h] = q
		}
		c.latest[q.Code] = h
	}
	return c
}

// All are the versions in the order in which they came.
func (c *Catalogue) All() []Version { return c.order }

// ByHash finds one version.
func (c *Catalogue) ByHash(h Hash) (*Questionnaire, bool) {
	q, ok := c.byHash[h]
	return q, ok
}

// InForce is the version that a code alone means.
func (c *Catalogue) InForce(code QuestionnaireCode) (Version, bool) {
	h, ok := c.latest[code]
	return Version{h, c.byHash[h]}, ok
}

// Find finds a version by code@hash, or the version in force by code alone.
func (c *Catalogue) Find(id string) (Version, bool) {
	code, hash, pinned := strings.Cut(id, "@")
	if !pinned {
		return c.InForce(QuestionnaireCode(code))
	}
	h, err := ParseHash(hash)
	if err != nil {
		return Version{}, false
	}
	q, ok := c.byHash[h]
	return Version{h, q}, ok && q.Code == QuestionnaireCode(code)
}

// Codes are the codes in force, for messages that say what is allowed.
func (c *Catalogue) Codes() string {
	var codes []string
	for code := range c.latest {
		codes = append(codes, string(code))
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}
