package score

import (
	"slices"

	"hailong/survey"
)

// ItemKind says what an [Item] counts.
type ItemKind uint8

// The kinds of items.
const (
	QuestionItem ItemKind = 1 // answers to one question, told apart by level
	FactorItem   ItemKind = 2 // respondents who answered at least one question of a factor
	HeadlineItem ItemKind = 3 // respondents who answered at least one of several headline questions of a questionnaire
	OverallItem  ItemKind = 4 // respondents who answered the overall question of any questionnaire
)

// Item is one thing counted: inside one questionnaire version, or, for an
// OverallItem, over all of them.
type Item struct {
	Questionnaire survey.Hash // zero for an OverallItem
	Kind          ItemKind
	Code          string // the question's or the factor's code; "" for the other kinds
}

// Outcome is what was answered: a level, blank or not applicable. Items that count
// people and not levels have the zero Outcome.
type Outcome struct {
	Kind  survey.AnswerKind
	Level survey.Level
}

// TimeKey is a row of the time roll-up.
type TimeKey struct {
	Hour     survey.Hour // first hour of the month where a query asked for totals only
	Counter  survey.CounterCode
	Channel  survey.Channel
	Stage    survey.Stage
	Item     Item
	Outcome  Outcome
	Excluded survey.Flag // "" = in the headline score
}

// ServiceKey is a row of the service roll-up.
type ServiceKey struct {
	Day        survey.Date // first day of the month where a query asked for totals only
	Receiving  survey.UnitCode
	Resolving  survey.UnitCode
	Field      survey.FieldCode
	Procedure  survey.ProcedureCode
	Respondent survey.RespondentKind
	Item       Item
	Outcome    Outcome
	Excluded   survey.Flag
}

// Count is what a roll-up row holds. For a question both numbers are equal; for a
// factor, headline or overall, Respondents are people and Answers their answers.
type Count struct {
	Answers     int64
	Respondents int64
}

// Add is the sum of two counts.
func (c Count) Add(o Count) Count {
	return Count{c.Answers + o.Answers, c.Respondents + o.Respondents}
}

// IsZero reports whether nothing is counted.
func (c Count) IsZero() bool { return c == Count{} }

// Fact is one row's worth of a session, in the terms of both roll-ups.
type Fact struct {
	Time      TimeKey
	Receiving survey.UnitCode
	Resolving survey.UnitCode
	Field     survey.FieldCode
	Procedure survey.ProcedureCode
	Kind      survey.RespondentKind
}

// Service is the fact's row in the service roll-up.
func (f Fact) Service() ServiceKey {
	return ServiceKey{
		Day: f.Time.Hour.Date(), Receiving: f.Receiving, Resolving: f.Resolving, Field: f.Field, Procedure: f.Procedure,
		Respondent: f.Kind, Item: f.Time.Item, Outcome: f.Time.Outcome, Excluded: f.Time.Excluded,
	}
}

// Placed is a kept response with what the centre knows about it: the hour it is
// counted in and the unit whose counter received it.
type Placed struct {
	ID        survey.RecordID
	Hour      survey.Hour
	Receiving survey.UnitCode
	Response  *survey.Response
}

// Facts are the counts that one respondent's session adds to the roll-ups: a record
// with all that continue or replace it, in sequence order.
//
// Nobody counts twice. A record that another of the session replaces is counted as
// excluded, and so is an answer to a question that a later record of the session
// answers again: the last word holds. A respondent is counted once per factor,
// headline and overall, at their first answer there that is in the score, or, where
// every one is left out, at the first.
//
// Facts of a whole session do not depend on when its records came. So a store that
// receives one more record of a session adds Facts(all) and takes away Facts(before).
func Facts(session []Placed, catalogue *survey.Catalogue) map[Fact]Count {
	facts := map[Fact]Count{}
	people := map[Item]person{}
	word := findLastWord(session)
	for i := range session {
		p := &session[i]
		q, ok := catalogue.ByHash(p.Response.Questionnaire)
		if !ok {
			continue // held until its definition arrives
		}
		headline := q.Headline()
		for _, a := range p.Response.Answers {
			item := Item{p.Response.Questionnaire, QuestionItem, string(a.Question)}
			excluded := word.exclusion(i, p.Response, item, a)
			f := place(p, item, Outcome{a.Kind, a.Level}, excluded)
			facts[f] = facts[f].Add(Count{1, 1})
			x, known := q.Question(a.Question)
			if a.Kind != survey.AtLevel || !known {
				continue
			}
			for _, group := range groups(p.Response.Questionnaire, x, headline) {
				people[group] = people[group].with(place(p, group, Outcome{}, excluded))
			}
		}
	}
	for _, who := range people {
		facts[who.at] = facts[who.at].Add(Count{who.answers, 1})
	}
	return facts
}

// lastWord is what holds in a session: which of its records are replaced, and which
// record, by its place in the session, answers each question last.
type lastWord struct {
	replaced []bool
	last     map[Item]int
}

func findLastWord(session []Placed) lastWord {
	w := lastWord{replaced: make([]bool, len(session)), last: map[Item]int{}}
	if len(session) == 1 {
		return w // the usual case: nobody to replace it
	}
	place := map[survey.RecordID]int{}
	for i := range session {
		place[session[i].ID] = i
	}
	for i := range session {
		id := session[i].Response.Replaces
		if target, ok := place[id]; ok && !id.IsZero() && target != i {
			w.replaced[target] = true
		}
	}
	for i := range session {
		r := session[i].Response
		if w.replaced[i] || r.Excluded() != "" {
			continue
		}
		for _, a := range r.Answers {
			if a.Kind == survey.AtLevel {
				w.last[Item{r.Questionnaire, QuestionItem, string(a.Question)}] = i
			}
		}
	}
	return w
}

// exclusion is the reason for which an answer of record i is left out of the headline
// score, "" if it is in.
func (w lastWord) exclusion(i int, r *survey.Response, item Item, a survey.Answer) survey.Flag {
	if w.replaced[i] {
		marked := *r
		marked.WithFlag(survey.Replaced)
		return marked.Excluded()
	}
	if excluded := r.Excluded(); excluded != "" {
		return excluded
	}
	if last, again := w.last[item]; again && last != i && a.Kind == survey.AtLevel {
		return survey.Replaced
	}
	return ""
}

// person is one respondent's presence in a group of questions.
type person struct {
	at      Fact
	answers int64 // counted answers, or, while all are left out, those left out
}

func (w person) with(f Fact) person {
	in, wasIn := f.Time.Excluded == "", w.at.Time.Excluded == ""
	switch {
	case w.answers == 0, in && !wasIn:
		return person{f, 1}
	case in == wasIn:
		w.answers++
	}
	return w
}

func place(p *Placed, item Item, outcome Outcome, excluded survey.Flag) Fact {
	r := p.Response
	return Fact{
		Time: TimeKey{
			Hour: p.Hour, Counter: r.Counter, Channel: r.Channel, Stage: r.Stage,
			Item: item, Outcome: outcome, Excluded: excluded,
		},
		Receiving: p.Receiving, Resolving: r.ResolvingUnit, Field: r.Field, Procedure: r.Procedure, Kind: r.Respondent,
	}
}

// groups are the items that count people and that an answer to question x belongs to.
// A headline of one question needs no item of its own: the question counts them.
func groups(hash survey.Hash, x *survey.Question, headline []survey.QuestionCode) []Item {
	var list []Item
	if x.Kind == survey.Overall {
		list = append(list, Item{Kind: OverallItem})
	}
	if x.Factor != "" && x.Kind == survey.Satisfaction {
		list = append(list, Item{hash, FactorItem, string(x.Factor)})
	}
	if len(headline) > 1 && slices.Contains(headline, x.Code) {
		list = append(list, Item{hash, HeadlineItem, ""})
	}
	return list
}
