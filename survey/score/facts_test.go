package score_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hailong/survey"
	"hailong/survey/score"
)

// shown is what a session adds, one line per row: "what level reason answers/people".
func shown(facts map[score.Fact]score.Count) string {
	var lines []string
	for f, n := range facts {
		item := map[score.ItemKind]string{
			score.QuestionItem: f.Time.Item.Code, score.FactorItem: "factor " + f.Time.Item.Code,
			score.HeadlineItem: "headline", score.OverallItem: "overall",
		}[f.Time.Item.Kind]
		if o := f.Time.Outcome; o.Kind != 0 {
			item += "=" + map[survey.AnswerKind]string{survey.AtLevel: fmt.Sprint(o.Level), survey.Blank: "blank", survey.NotApplicable: "na"}[o.Kind]
		}
		if f.Time.Excluded != "" {
			item += " (" + string(f.Time.Excluded) + ")"
		}
		lines = append(lines, fmt.Sprintf("%s %d/%d", item, n.Answers, n.Respondents))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func TestFactsOfOneRespondent(t *testing.T) {
	nine, ten := hour("2026-03-02", 9), hour("2026-03-02", 10)
	for name, c := range map[string]struct {
		session func(d *desk) []score.Placed
		want    string
	}{
		"a press is one answer of one person": {
			func(d *desk) []score.Placed { return []score.Placed{d.give(quick, "A-1", nine, "Z0=5")} },
			"Z0=5 1/1, overall 1/1",
		},
		"a questionnaire is one person per factor, headline and overall": {
			func(d *desk) []score.Placed {
				return []score.Placed{d.give(service, "A-1", nine, "A1=4", "A2=5", "B1=3", "Z0=4")}
			},
			"A1=4 1/1, A2=5 1/1, B1=3 1/1, Z0=4 1/1, factor A 2/1, factor B 1/1, headline 3/1, overall 1/1",
		},
		"perception enters no factor and no headline": {
			func(d *desk) []score.Placed { return []score.Placed{d.give(service, "A-1", nine, "P1=2")} },
			"P1=2 1/1",
		},
		"blank and not applicable are no answers": {
			func(d *desk) []score.Placed {
				return []score.Placed{d.give(service, "A-1", nine, "A1=blank", "E1=na")}
			},
			"A1=blank 1/1, E1=na 1/1",
		},
		"who continues is the same person": {
			func(d *desk) []score.Placed {
				first := d.give(service, "A-1", nine, "A1=4")
				return []score.Placed{first, continuing(d.give(service, "A-1", ten, "A2=5", "B1=2"), first)}
			},
			"A1=4 1/1, A2=5 1/1, B1=2 1/1, factor A 2/1, factor B 1/1, headline 3/1",
		},
		"a press and the whole questionnaire after it": {
			func(d *desk) []score.Placed {
				first := d.give(quick, "A-1", nine, "Z0=5")
				return []score.Placed{first, continuing(d.give(service, "A-1", nine, "A1=4", "Z0=4"), first)}
			},
			"A1=4 1/1, Z0=4 1/1, Z0=5 1/1, factor A 1/1, headline 1/1, overall 2/1",
		},
		"a change of mind: the later counts": {
			func(d *desk) []score.Placed {
				first := d.give(quick, "A-1", nine, "Z0=1")
				return []score.Placed{first, replacing(d.give(quick, "A-1", nine, "Z0=5"), first)}
			},
			"Z0=1 (replaced) 1/1, Z0=5 1/1, overall 1/1",
		},
		"changed twice: the last counts": {
			func(d *desk) []score.Placed {
				a := d.give(quick, "A-1", nine, "Z0=1")
				b := replacing(d.give(quick, "A-1", nine, "Z0=5"), a)
				return []score.Placed{a, b, replacing(d.give(quick, "A-1", nine, "Z0=3"), b)}
			},
			"Z0=1 (replaced) 1/1, Z0=3 1/1, Z0=5 (replaced) 1/1, overall 1/1",
		},
		"changed twice, both naming the first: still one answer": {
			func(d *desk) []score.Placed {
				a := d.give(quick, "A-1", nine, "Z0=1")
				return []score.Placed{a, replacing(d.give(quick, "A-1", nine, "Z0=5"), a), replacing(d.give(quick, "A-1", nine, "Z0=3"), a)}
			},
			"Z0=1 (replaced) 1/1, Z0=3 1/1, Z0=5 (replaced) 1/1, overall 1/1",
		},
		"the same question answered again in a follow-up: the last word holds": {
			func(d *desk) []score.Placed {
				a := d.give(service, "A-1", nine, "A1=1")
				b := continuing(d.give(service, "A-1", nine, "B1=5"), a)
				return []score.Placed{a, b, continuing(d.give(service, "A-1", nine, "A1=5"), b)}
			},
			"A1=1 (replaced) 1/1, A1=5 1/1, B1=5 1/1, factor A 1/1, factor B 1/1, headline 2/1",
		},
		"left blank afterwards: the answer stays": {
			func(d *desk) []score.Placed {
				a := d.give(service, "A-1", nine, "A1=1")
				return []score.Placed{a, continuing(d.give(service, "A-1", nine, "A1=blank"), a)}
			},
			"A1=1 1/1, A1=blank 1/1, factor A 1/1, headline 1/1",
		},
		"too soon is counted beside the score": {
			func(d *desk) []score.Placed {
				return []score.Placed{flagged(d.give(quick, "A-1", nine, "Z0=5"), survey.TooSoon)}
			},
			"Z0=5 (too_soon) 1/1, overall (too_soon) 1/1",
		},
		"a repeat that is changed stays a repeat": {
			func(d *desk) []score.Placed {
				a := flagged(d.give(quick, "A-1", nine, "Z0=1"), survey.TooSoon)
				return []score.Placed{a, replacing(flagged(d.give(quick, "A-1", nine, "Z0=5"), survey.TooSoon), a)}
			},
			"Z0=1 (replaced) 1/1, Z0=5 (too_soon) 1/1, overall (replaced) 2/1",
		},
		"a left out record does not take the word from one that counts": {
			func(d *desk) []score.Placed {
				a := d.give(service, "A-1", nine, "A1=1")
				return []score.Placed{a, continuing(flagged(d.give(service, "A-1", nine, "A1=5"), survey.SpentTicket), a)}
			},
			"A1=1 1/1, A1=5 (spent_ticket) 1/1, factor A 1/1, headline 1/1",
		},
		"a test stays a test, replaced or not": {
			func(d *desk) []score.Placed {
				a := flagged(d.give(quick, "A-1", nine, "Z0=1"), survey.Test)
				return []score.Placed{a, replacing(flagged(d.give(quick, "A-1", nine, "Z0=5"), survey.Test), a)}
			},
			"Z0=1 (test) 1/1, Z0=5 (test) 1/1, overall (test) 2/1",
		},
		"the person counts where the first answer in the score is": {
			func(d *desk) []score.Placed {
				a := flagged(d.give(service, "A-1", nine, "A1=1"), survey.TooSoon)
				return []score.Placed{a, continuing(d.give(service, "A-1", ten, "A2=5"), a)}
			},
			"A1=1 (too_soon) 1/1, A2=5 1/1, factor A 1/1, headline 1/1",
		},
		"an unknown questionnaire is held": {
			func(d *desk) []score.Placed {
				other := *quick
				other.Code = "other"
				return []score.Placed{d.give(&other, "A-1", nine, "Z0=5")}
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{world: province()}
			if got := shown(score.Facts(c.session(d), catalogue)); got != c.want {
				t.Errorf("adds\n%s, want\n%s", got, c.want)
			}
		})
	}
}

func TestAPersonIsPlacedAtTheirFirstAnswer(t *testing.T) {
	d := &desk{world: province()}
	first := d.give(service, "A-1", hour("2026-03-02", 9), "A1=4")
	later := continuing(d.give(service, "A-1", hour("2026-03-02", 10), "A2=5"), first)
	later.Response.Channel = survey.QR
	for f, n := range score.Facts([]score.Placed{first, later}, catalogue) {
		if f.Time.Item.Kind != score.QuestionItem && (f.Time.Hour != first.Hour || f.Time.Channel != survey.Touch || n.Respondents != 1) {
			t.Errorf("the person is counted at hour %d, %s: %v", f.Time.Hour.OfDay(), f.Time.Channel, n)
		}
	}
}

func TestServiceRowSaysWhereTheCaseWas(t *testing.T) {
	d := &desk{world: province()}
	p := d.give(quick, "A-1", hour("2026-03-02", 9), "Z0=5")
	p.Response.ResolvingUnit, p.Response.Field, p.Response.Procedure, p.Response.Respondent = "S", "land", "1.001", survey.Organisation
	for f := range score.Facts([]score.Placed{p}, catalogue) {
		k := f.Service()
		if k.Day != day("2026-03-02") || k.Receiving != "X1" || k.Resolving != "S" || k.Field != "land" || k.Procedure != "1.001" || k.Respondent != survey.Organisation {
			t.Errorf("the row is %+v", k)
		}
	}
}

// sessionGen draws the records of one respondent: follow-ups, changes of mind, flags.
func sessionGen(d *desk) *rapid.Generator[[]score.Placed] {
	return rapid.Custom(func(t *rapid.T) []score.Placed {
		counter := rapid.SampledFrom([]survey.CounterCode{"A-1", "B-1", "S-1"}).Draw(t, "counter")
		start := hour("2026-02-25", 0) + survey.Hour(rapid.IntRange(0, 24*40).Draw(t, "hour"))
		var session []score.Placed
		for i := range rapid.IntRange(1, 4).Draw(t, "records") {
			q := rapid.SampledFrom([]*survey.Questionnaire{quick, quick3, service}).Draw(t, "questionnaire")
			p := d.give(q, counter, start+survey.Hour(i%2), answersGen(t, q)...)
			if i > 0 {
				of := session[rapid.IntRange(0, i-1).Draw(t, "of")]
				if rapid.Bool().Draw(t, "replaces") {
					p = replacing(p, of)
				} else {
					p = continuing(p, of)
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "flag") == 0 {
				p = flagged(p, rapid.SampledFrom(survey.Exclusions).Draw(t, "which"))
			}
			session = append(session, p)
		}
		return session
	})
}

func answersGen(t *rapid.T, q *survey.Questionnaire) []string {
	var list []string
	for _, x := range q.Questions {
		best := len(q.Scale(x.Scale).Levels)
		switch v := rapid.IntRange(-1, best).Draw(t, string(x.Code)); {
		case v > 0:
			list = append(list, fmt.Sprintf("%s=%d", x.Code, v))
		case v == 0 && x.NotApplicable:
			list = append(list, string(x.Code)+"=na")
		case v == 0:
			list = append(list, string(x.Code)+"=blank")
		}
	}
	return list
}

// A store receives a session record by record and replaces what the session added so
// far each time; another receives it whole. Both hold the same.
func TestAddingThenMergingIsMergingThenAdding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &desk{world: province()}
		sessions := rapid.SliceOfN(sessionGen(d), 1, 4).Draw(t, "sessions")
		stepwise, merged := newRollups(), newRollups()
		left := slices.Clone(sessions)
		done := make([]int, len(sessions))
		for len(left) > 0 { // records of the sessions arrive interleaved
			i := rapid.IntRange(0, len(sessions)-1).Draw(t, "next")
			if done[i] == len(sessions[i]) {
				left = slices.DeleteFunc(left, func(s []score.Placed) bool { return s[0].ID == sessions[i][0].ID })
				continue
			}
			stepwise.take(score.Facts(sessions[i][:done[i]], catalogue))
			done[i]++
			stepwise.add(score.Facts(sessions[i][:done[i]], catalogue))
		}
		for _, i := range rapid.Permutation(indexes(len(sessions))).Draw(t, "order") {
			merged.add(score.Facts(sessions[i], catalogue))
		}
		zero := func(_ score.TimeKey, n score.Count) bool { return n.IsZero() }
		maps.DeleteFunc(stepwise.time, zero)
		maps.DeleteFunc(merged.time, zero)
		if !maps.Equal(stepwise.time, merged.time) {
			t.Fatalf("step by step\n%v\nmerged\n%v", stepwise.time, merged.time)
		}
		for k, n := range merged.time {
			if n.Answers < 0 || n.Respondents < 0 {
				t.Fatalf("%v holds %v", k, n)
			}
		}
	})
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func BenchmarkFactsOfAPress(b *testing.B) {
	d := &desk{world: province()}
	session := []score.Placed{d.give(quick, "A-1", hour("2026-03-02", 9), "Z0=5")}
	b.ReportAllocs()
	for b.Loop() {
		score.Facts(session, catalogue)
	}
}
