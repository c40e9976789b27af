package console

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// rows are the closings that the API gives.
func (c *centre) rows(t *testing.T, path string) (list closingsJSON) {
	t.Helper()
	got := c.ask("GET", path, "")
	if err := json.Unmarshal(got.body, &list); err != nil || got.StatusCode != 200 {
		t.Fatalf("%s: %d %s %v", path, got.StatusCode, got.body, err)
	}
	return list
}

// boundless is a loss of two chains of its own.
func boundless(kiosk survey.KioskID, chain byte, atMost uint64) custody.Loss {
	l := declared(kiosk, 0, 0, atMost)
	l.Chain, l.Succession.Predecessor = survey.Chain{chain}, survey.Chain{chain + 100}
	return l
}

// A kiosk may say any number. None makes a sum begin anew at nothing, its own or that of
// others, and a loss that no kiosk can have had is one of which nobody knows the size.
func TestNoNumberOfAKioskUndoesAnother(t *testing.T) {
	const half = 1 << 63
	for name, c := range map[string]struct {
		change func(*memory)
		page   []string
		lost   string // in the API, of the first row
	}{
		"two losses that add up to 2^64": {func(m *memory) {
			m.lost = append(m.lost, boundless("k-4xq2mzt7ab", 9, half), boundless("k-4xq2mzt7ab", 10, half))
		}, []string{"Chưa khép: thiết bị khai không rõ mất bao nhiêu.", "bao nhiêu: Máy quầy 1 k-4xq2mzt7ab."}, "null"},
		"one above what is believed": {func(m *memory) { m.lost = append(m.lost, boundless("k-4xq2mzt7ab", 9, maxLoss+1)) }, nil, "null"},
		"the greatest believed":      {func(m *memory) { m.lost = append(m.lost, boundless("k-4xq2mzt7ab", 9, maxLoss)) }, []string{"nhiều nhất 9.007.199.254.740.992 lượt"}, "9007199254740992"},
		"two of those": {func(m *memory) {
			m.lost = append(m.lost, boundless("k-4xq2mzt7ab", 9, maxLoss), boundless("k-4xq2mzt7ab", 10, maxLoss))
		}, nil, "null"},
		"another kiosk's loss": {func(m *memory) {
			m.lost = append(m.lost, boundless("k-4xq2mzt7ab", 9, 12), boundless("k-h2k9vw3cde", 10, math.MaxUint64-11))
		}, []string{"Máy quầy 1 k-4xq2mzt7ab (12)", "bao nhiêu: Máy phường k-h2k9vw3cde."}, "12"},
		"another kiosk's missing": {func(m *memory) {
			m.closings[0].Issued = 13
			m.closings = append(m.closings, custody.Closing{Kiosk: "k-h2k9vw3cde", Date: m.closings[0].Date, Issued: math.MaxUint64 - 2})
		}, []string{"còn thiếu 18.446.744.073.709.551.615 trong số 18.446.744.073.709.551.615 lượt", "Máy quầy 1 k-4xq2mzt7ab (3)"}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			centre := closed(t, c.change)
			list := centre.rows(t, "/api/v1/closings?date=2026-03-31")
			lost, _ := json.Marshal(list.Items[0].DeclaredLost)
			if row := list.Items[0]; string(lost) != c.lost || row.Closes && (c.lost != "0" || row.Missing > 0) {
				t.Errorf("%+v, %s declared lost", row, lost)
			}
			page := centre.page("/closings")
			if strings.Contains(page, `class="card verdict"`) || !strings.Contains(page, "Chưa khép") {
				t.Errorf("the page says that it closes: %s", page)
			}
			for _, want := range c.page {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q: %s", want, page)
				}
			}
			if overview := centre.page("/") + centre.page("/kiosks"); strings.Contains(page+overview, "-9.2") || strings.Contains(page+overview, "nhiều nhất 0 ") {
				t.Error("a number became another one")
			}
		})
	}
}

// What was told of any chain adds up to the greatest number at most.
func TestUnsentEndsAtTheGreatestNumber(t *testing.T) {
	c := closed(t, func(m *memory) {
		for n := range byte(2) {
			m.said = append(m.said, custody.Said{Kiosk: "k-4xq2mzt7ab", Chain: survey.Chain{n + 50}, Totals: custody.Totals{Last: 1 << 63}})
		}
	})
	if body := string(c.ask("GET", "/api/v1/kiosks", "").body); !strings.Contains(body, `"unsent":18446744073709551615,`) {
		t.Error(body)
	}
	if page := c.page("/kiosks"); !strings.Contains(page, ">18.446.744.073.709.551.615<") {
		t.Error(page)
	}
}

// A kiosk may tell any time, too. One that cannot be written is not known, and nobody else
// goes without an answer for it.
func TestALossOfATimeThatCannotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		from int64
		want string // in the API
		page string
	}{
		"from after the centre heard": {noon.UnixMilli() + 1, `"from":null,"to":"2026-03-31T12:20:00+07:00"`, "trước 12:20 31/03/2026"},
		"from the last that can be":   {noon.UnixMilli(), `"from":"2026-03-31T12:20:00+07:00","to":"2026-03-31T12:20:00+07:00"`, "12:20 31/03/2026 – 12:20 31/03/2026"},
		"from before 1970":            {math.MinInt64, `"from":null,"to":"2026-03-31T12:20:00+07:00"`, "trước 12:20 31/03/2026"},
		"the greatest":                {math.MaxInt64, `"from":null,"to":"2026-03-31T12:20:00+07:00"`, "trước 12:20 31/03/2026"},
	} {
		t.Run(name, func(t *testing.T) {
			centre := closed(t, func(m *memory) {
				l := declared("k-h2k9vw3cde", 0, 0, 3)
				l.From, l.Succession.To = c.from, 1<<58
				m.lost = append(m.lost, l)
			})
			for _, path := range []string{"/api/v1/kiosks", "/api/v1/closings"} {
				if got := centre.ask("GET", path, ""); got.StatusCode != 200 || !strings.Contains(string(got.body), c.want) {
					t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
				}
			}
			if list := centre.rows(t, "/api/v1/closings?date=2026-03-31&kiosk=k-4xq2mzt7ab"); !list.Items[0].Closes {
				t.Errorf("the other kiosk: %+v", list.Items[0])
			}
			if page := centre.page("/closings"); !strings.Contains(page, c.page) {
				t.Errorf("the page lacks %q: %s", c.page, page)
			}
		})
	}
}

// Closings and losses are read at once, because what arrives between two readings may fill a
// row and open a loss; and the moment that is signed is not after what was read.
func TestTheAccountIsReadAtOnce(t *testing.T) {
	c := closed(t, func(*memory) {})
	c.store.reading = func() { c.pass(time.Hour) }
	for path, as := range map[string]string{"/api/v1/closings?date=2026-03-31": rfc3339(noon), "/closings": ""} {
		c.store.reads = 0
		if text := c.page(path); !strings.Contains(text, as) || c.store.reads != 1 {
			t.Errorf("%s: read %d times: %s", path, c.store.reads, text)
		}
	}
	signed := ledger(t, Settings{Sign: func(k custody.Closing) []byte { return []byte(k.Text()) }})
	signed.store.reading = func() { signed.pass(time.Hour) }
	if text := signed.page("/closings/text?kiosk=k-4xq2mzt7ab&date=unknown"); !strings.Contains(text, "\nas_of "+rfc3339(noon)+"\n") {
		t.Error(text)
	}
}
