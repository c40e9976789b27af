package score

import "hailong/survey"

// ItemKind says what an [Item] counts.
type ItemKind uint8

// The kinds of items.
const (
	QuestionItem ItemKind = 1 // answers to one question, told apart by level
	FactorItem   ItemKind = 2 // respondents who answered at least one question of a factor
	HeadlineItem ItemKind = 3 // respondents who answered at least one headline question of a questionnaire
)

// Item is one thing counted, inside one questionnaire version.
type Item struct {
	Questionnaire survey.Hash
	Kind          ItemKind
	Code          string // the question's or the factor's code; "" for the headline
}

// Outcome is what was answered: a level, blank or not applicable. Factor and headline
// items, which count people and not levels, have the zero Outcome.
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

// Count is what a roll-up row holds. For a question both numbers are equal unless one
// respondent answered it twice; for a factor or headline, Respondents are people and
// Answers their answers.
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
// with all that continue or replace it, in sequence order. A record that another of
// the session replaces is counted as excluded; a respondent is counted once per
// factor and headline, at their first answer there that is in the score, or, where
// every one is left out, at the first.
//
// Facts of a whole session do not depend on when its records came. So a store that
// receives one more record of a session adds Facts(all) and takes away Facts(before).
func Facts(session []Placed, catalogue *survey.Catalogue) map[Fact]Count {
	facts := map[Fact]Count{}
	people := map[Item]person{}
	for i := range session {
		p := &session[i]
		q, ok := catalogue.ByHash(p.Response.Questionnaire)
		if !ok {
			continue // held until its definition arrives
		}
		excluded := exclusion(p, session)
		for _, a := range p.Response.Answers {
			item := Item{p.Response.Questionnaire, QuestionItem, string(a.Question)}
			f := place(p, item, Outcome{a.Kind, a.Level}, excluded)
			facts[f] = facts[f].Add(Count{1, 1})
			if a.Kind != survey.AtLevel {
				continue
			}
			for _, group := range groups(q, p.Response.Questionnaire, a.Question) {
				people[group] = people[group].with(place(p, group, Outcome{}, excluded))
			}
		}
	}
	for _, who := range people {
		facts[who.at] = facts[who.at].Add(Count{who.answers, 1})
	}
	return facts
}

// person is one respondent's presence in a group of questions.
type person struct {
	at      Fact
	answers int64 // counted answers, or, while all are left out, those left out
}

func (w person) with(f Fact) person {
	switch in := f.Time.Excluded == ""; {
	case w.answers == 0, in && w.at.Time.Excluded != "":
		return person{f, 1}
	case in == (w.at.Time.Excluded == ""):
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

// exclusion is the reason for which p is left out of the headline score: its own, or
// that a later record of the session stands for it.
func exclusion(p *Placed, session []Placed) survey.Flag {
	r := *p.Response
	for i := range session {
		if session[i].Response.Replaces == p.ID && !p.ID.IsZero() {
			r.WithFlag(survey.Replaced)
		}
	}
	return r.Excluded()
}

// groups are the factor and the headline that an answered question belongs to.
func groups(q *survey.Questionnaire, hash survey.Hash, code survey.QuestionCode) []Item {
	x, ok := q.Question(code)
	if !ok {
		return nil
	}
	var list []Item
	if x.Factor != "" && x.Kind == survey.Satisfaction {
		list = append(list, Item{hash, FactorItem, string(x.Factor)})
	}
	if inHeadline(q, x) {
		list = append(list, Item{hash, HeadlineItem, ""})
	}
	return list
}

func inHeadline(q *survey.Questionnaire, x *survey.Question) bool {
	for _, code := range q.Headline() {
		if code == x.Code {
			return true
		}
	}
	return false
}
