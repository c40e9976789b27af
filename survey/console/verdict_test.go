package console

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// closed is a centre with one kiosk whose day closes, as change leaves it.
func closed(t *testing.T, change func(*memory)) *centre {
	return open(t, Settings{}, func(c *centre) {
		c.store.kiosks = []survey.Kiosk{
			{ID: "k-4xq2mzt7ab", Name: "Máy quầy 1", Counters: []survey.CounterCode{"TT-01"}},
			{ID: "k-h2k9vw3cde", Name: "Máy phường", Counters: []survey.CounterCode{"HP-01"}},
		}
		for i, k := range c.store.kiosks {
			c.store.chains = append(c.store.chains, custody.ChainState{Chain: survey.Chain{byte(i + 1)}, Kiosk: k.ID, Received: noon})
		}
		c.store.closings = []custody.Closing{
			{Kiosk: "k-4xq2mzt7ab", Date: survey.DateOf(noon), Issued: 10, Received: 10, Counted: 8, Held: 1, Quarantined: 1},
		}
		change(c.store)
	})
}

// declared is a loss between two days before noon's.
func declared(kiosk survey.KioskID, from, to int, atMost uint64) custody.Loss {
	at := func(days int) time.Time { return noon.Add(-time.Duration(days) * 24 * time.Hour) }
	return custody.Loss{Kiosk: kiosk, Chain: survey.Chain{9, byte(from)}, AtMost: atMost, From: at(from).UnixMilli(), Heard: at(to), Succession: custody.Succession{
		Predecessor: survey.Chain{8, byte(from)}, To: at(to).UnixMilli(), Reason: "the journal is damaged: it is not sealed",
	}}
}

// The headline says that the days close only where they do, whatever stands against it and
// wherever. The page and the API judge alike.
func TestTheHeadlineIsTrue(t *testing.T) {
	const closes = "Khép đến lượt bấm cuối cùng: thiết bị đã ghi 10 lượt, trung tâm đã nhận đủ."
	first := func(m *memory) *custody.Closing { return &m.closings[0] }
	for name, c := range map[string]struct {
		change func(*memory)
		want   []string
	}{
		"it closes": {func(*memory) {}, []string{closes, "2 lượt đã nhận nhưng chưa được tính", "khép đến lượt cuối cùng"}},
		"one is missing": {func(m *memory) { first(m).Received, first(m).Counted = 9, 7 },
			[]string{"Chưa khép: còn thiếu 1 trong số 10 lượt thiết bị đã ghi.", "Còn thiếu ở: Máy quầy 1 k-4xq2mzt7ab (1)."}},
		"another kiosk received more than was issued": {func(m *memory) {
			first(m).Received, first(m).Counted = 9, 7
			m.closings = append(m.closings, custody.Closing{Kiosk: "k-h2k9vw3cde", Date: first(m).Date, Issued: 4, Received: 5, Counted: 5})
		}, []string{"Chưa khép: còn thiếu 1 trong số 14 lượt"}},
		"some are in dispute": {func(m *memory) { first(m).Counted, first(m).Disputed = 5, 3 },
			[]string{"Chưa khép: tranh chấp 3 lượt.", "Tranh chấp ở: Máy quầy 1 k-4xq2mzt7ab (3)."}},
		"a loss is declared": {func(m *memory) { m.lost = append(m.lost, declared("k-4xq2mzt7ab", 1, 0, 12)) },
			[]string{"Chưa khép: thiết bị khai mất nhiều nhất 12 lượt.", "ở: Máy quầy 1 k-4xq2mzt7ab (12).", "khai mất nhiều nhất 12 lượt</span>", "nhật ký bị hỏng: chưa được niêm phong"}},
		"a loss is declared at a kiosk of which nothing came": {func(m *memory) { m.lost = append(m.lost, declared("k-h2k9vw3cde", 3, 3, 2)) },
			[]string{"Chưa khép: thiết bị khai mất nhiều nhất 2 lượt.", "ở: Máy phường k-h2k9vw3cde (2)."}},
		"of days that are not shown": {func(m *memory) { m.lost = append(m.lost, declared("k-4xq2mzt7ab", 30, 20, 12)) }, []string{closes}},
		"nothing was lost":           {func(m *memory) { m.lost = append(m.lost, declared("k-4xq2mzt7ab", 1, 0, 0)) }, []string{closes}},
		"an old loss, and records without a day": {func(m *memory) {
			m.lost = append(m.lost, declared("k-4xq2mzt7ab", 30, 20, 12))
			m.closings = append(m.closings, custody.Closing{Kiosk: "k-4xq2mzt7ab", Issued: 1, Received: 1, Held: 1})
		}, []string{"Chưa khép: thiết bị khai mất nhiều nhất 12 lượt."}},
		"an old loss, and records without a day of another kiosk": {func(m *memory) {
			m.lost = append(m.lost, declared("k-4xq2mzt7ab", 30, 20, 12))
			m.closings = append(m.closings, custody.Closing{Kiosk: "k-h2k9vw3cde", Issued: 1, Received: 1, Held: 1})
		}, []string{"Khép đến lượt bấm cuối cùng: thiết bị đã ghi 11 lượt"}},
		"the account is damaged": {func(m *memory) { first(m).Unaccounted = 2 },
			[]string{"Chưa khép: sổ của trung tâm lệch 2 lượt.", "không cân ở: Máy quầy 1 k-4xq2mzt7ab (2)."}},
		"the sums differ": {func(m *memory) { first(m).Counted = 7 }, []string{"Chưa khép: sổ của trung tâm lệch 1 lượt."}},
		"a revoked kiosk has not sent all": {func(m *memory) {
			m.kiosks[0].Revoked = &noon
			first(m).Received, first(m).Counted = 9, 7
		}, []string{"còn thiếu 1 trong số 10", "Máy quầy 1 (đã thu hồi) k-4xq2mzt7ab (1)", "Thiết bị đã thu hồi không gửi được nữa."}},
	} {
		t.Run(name, func(t *testing.T) {
			centre := closed(t, c.change)
			page := centre.page("/closings")
			for _, want := range c.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			open := !strings.Contains(strings.Join(c.want, ""), "trung tâm đã nhận đủ") && !strings.HasPrefix(c.want[0], "Khép")
			if open == strings.Contains(page, "trung tâm đã nhận đủ") || open != strings.Contains(page, `class="card verdict lacks"`) {
				t.Errorf("it closes and does not: %s", page)
			}
		})
	}
}

// Where a kiosk is not connected, or was shut out, it may have recorded more than it told:
// page and API say so of every day that was not over when it was last heard of, and of no
// other.
func TestSilentKiosksMayHaveRecordedMore(t *testing.T) {
	const said, whole = "khớp theo lời báo gần nhất; 1 thiết bị im lặng, nghe lần cuối lúc 11:20 31/03/2026", "khép đến lượt cuối cùng"
	hourAgo := noon.Add(-time.Hour)
	shut := func(m *memory) { m.kiosks[1].Revoked, m.chains[1].Received = &noon, hourAgo }
	for name, c := range map[string]struct {
		change func(*memory)
		query  string
		want   string // on the page
		never  string
		silent string // in the API
	}{
		"all are connected":                      {func(*memory) {}, "", whole, "im lặng", "[]"},
		"one is not":                             {func(m *memory) { m.chains[1].Received = hourAgo }, "", said, whole, `[{"kiosk":"k-h2k9vw3cde","last_contact":"2026-03-31T11:20:00+07:00"}]`},
		"one was shut out":                       {shut, "", "(mất kết nối hoặc đã thu hồi) có thể đã ghi thêm; nghe lần cuối lúc 11:20 31/03/2026.", whole, `[{"kiosk":"k-h2k9vw3cde","last_contact":"2026-03-31T11:20:00+07:00"}]`},
		"one that was never in use was shut out": {func(m *memory) { shut(m); m.chains = m.chains[:1] }, "", whole, "im lặng", "[]"},
		"one was never heard of":                 {func(m *memory) { m.chains = m.chains[:1] }, "", "khớp theo lời báo gần nhất; 1 thiết bị im lặng, có thiết bị chưa từng nghe thấy", whole, `[{"kiosk":"k-h2k9vw3cde","last_contact":null}]`},
		"another one is asked for":               {shut, "from=2026-03-31&to=2026-03-31&kiosk=k-4xq2mzt7ab", whole, "im lặng", "[]"},
		"it was heard of after that day":         {func(m *memory) { shut(m); m.closings[0].Date-- }, "from=2026-03-30&to=2026-03-30", whole, "im lặng", "[]"},
		"heard of after one day of two": {func(m *memory) {
			shut(m)
			yesterday := m.closings[0]
			yesterday.Date--
			m.closings = append(m.closings, yesterday)
		}, "from=2026-03-30&to=2026-03-31", whole, "Khép đến lượt bấm cuối cùng: ", `[{"kiosk":"k-h2k9vw3cde","last_contact":"2026-03-31T11:20:00+07:00"}]`},
		"nothing was issued": {func(m *memory) { shut(m); m.closings = nil }, "", "1 thiết bị im lặng (mất kết nối hoặc đã thu hồi) có thể đã ghi mà chưa báo; nghe lần cuối lúc 11:20", "Không có lượt nào", `[{"kiosk":"k-h2k9vw3cde","last_contact":"2026-03-31T11:20:00+07:00"}]`},
		"days to come":       {func(m *memory) { shut(m) }, "from=2026-04-01&to=2026-04-02", "Không có lượt nào", "im lặng", "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			centre := closed(t, c.change)
			page := centre.page("/closings?" + c.query)
			if !strings.Contains(page, c.want) || strings.Contains(page, c.never) {
				t.Errorf("it should say %q and not %q: %s", c.want, c.never, page)
			}
			if green := strings.Contains(page, `class="card verdict"`); green != (c.silent == "[]") {
				t.Errorf("green: %v", green)
			}
			if body := string(centre.ask("GET", "/api/v1/closings?"+c.query, "").body); !strings.Contains(body, `"silent":`+c.silent) {
				t.Errorf("the API says %s", body)
			}
		})
	}
}

// Each kiosk is named once, in whichever order the losses come.
func TestAKioskWithSeveralUnknownLossesIsNamedOnce(t *testing.T) {
	c := closed(t, func(m *memory) {
		for _, k := range []survey.KioskID{"k-4xq2mzt7ab", "k-h2k9vw3cde", "k-4xq2mzt7ab"} {
			l := declared(k, 1, 0, 0)
			l.Succession.Unbounded = true
			m.lost = append(m.lost, l)
		}
	})
	if page := c.page("/closings"); !strings.Contains(page, "bao nhiêu: Máy phường k-h2k9vw3cde, Máy quầy 1 k-4xq2mzt7ab.") {
		t.Error(page)
	}
}

// A declared loss is told where a person looks first, with the way to it, and the kiosk is
// not said to be well.
func TestADeclaredLossRaisesAnAlarm(t *testing.T) {
	const alarm = `id="alarm-losses"`
	c := closed(t, func(m *memory) {
		m.lost = []custody.Loss{declared("k-h2k9vw3cde", 2, 1, 12), declared("k-h2k9vw3cde", 9, 8, 3)}
	})
	if page := c.page("/"); !strings.Contains(page, "Nhật ký của 1 thiết bị từng bị hỏng: mất nhiều nhất 15 lượt.") || !strings.Contains(page, `href="/closings#losses"`) {
		t.Errorf("no alarm: %s", page)
	}
	if body := string(c.ask("GET", "/api/v1/kiosks", "").body); strings.Count(body, `"problems":["damaged"]`) != 1 {
		t.Error(body)
	}
	nothing := closed(t, func(m *memory) { m.lost = []custody.Loss{declared("k-h2k9vw3cde", 2, 1, 0)} })
	if strings.Contains(nothing.page("/"), alarm) {
		t.Error("an alarm for a journal that lost nothing")
	}
}

// The API says of each row whether it closes, what its kiosk declares lost, and lists the
// losses, each once.
func TestClosingsTellLosses(t *testing.T) {
	c := closed(t, func(m *memory) {
		m.closings = append(m.closings,
			custody.Closing{Kiosk: "k-h2k9vw3cde", Date: survey.DateOf(noon), Issued: 3, Received: 2, Counted: 2},
			custody.Closing{Kiosk: "k-h2k9vw3cde", Date: survey.DateOf(noon) - 1, Issued: 2, Received: 2, Counted: 2})
		m.lost = []custody.Loss{declared("k-h2k9vw3cde", 1, 0, 12), declared("k-h2k9vw3cde", 9, 8, 5)}
	})
	for query, want := range map[string]string{
		"":                                    "0 0 true, 1 12 false, 0 12 false; 2",
		"?date=2026-03-31":                    "0 0 true, 1 12 false; 1",
		"?date=2026-03-23":                    "; 1",
		"?date=2026-03-25":                    "; 0",
		"?date=unknown":                       "; 0",
		"?date=2026-03-31&kiosk=k-4xq2mzt7ab": "0 0 true; 0",
	} {
		var list closingsJSON
		got := c.ask("GET", "/api/v1/closings"+query, "")
		if err := json.Unmarshal(got.body, &list); err != nil || list.Losses == nil {
			t.Fatalf("%s: %s %v", query, got.body, err)
		}
		var rows []string
		for _, k := range list.Items {
			b, _ := json.Marshal([]any{k.Missing, k.DeclaredLost, k.Closes})
			rows = append(rows, strings.NewReplacer("[", "", "]", "", ",", " ").Replace(string(b)))
		}
		if told := strings.Join(rows, ", ") + "; " + string(rune('0'+len(list.Losses))); told != want {
			t.Errorf("%s: %s, want %s", query, told, want)
		}
	}
	unknown := declared("k-h2k9vw3cde", 1, 0, 0)
	unknown.Succession.Unbounded = true
	u := closed(t, func(m *memory) { m.lost = []custody.Loss{unknown} })
	if body := string(u.ask("GET", "/api/v1/closings?date=2026-03-31", "").body); !strings.Contains(body, `"at_least":0,"at_most":null`) {
		t.Errorf("a loss of unknown size: %s", body)
	}
	if page := u.page("/closings"); !strings.Contains(page, "không rõ mất bao nhiêu") || !strings.Contains(page, "Khai mất mà không còn gì cho biết bao nhiêu: ") {
		t.Errorf("a loss of unknown size: %s", page)
	}
	if body := string(c.ask("GET", "/api/v1/closings?date=2026-03-31", "").body); !strings.Contains(body, `"losses":[{"kiosk":"k-h2k9vw3cde",`) || !strings.Contains(body, `"next":null`) {
		t.Error(body)
	}
}

// Whoever has the key, which needs no sign-in, can check a closing alone: by the numbers of
// the API, or by the text that the page leads to.
func TestAStrangerCanCheckAClosing(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := ledger(t, Settings{CentreKey: public, Sign: func(k custody.Closing) []byte { return k.Sign(key) }})
	var told keyJSON
	got := c.send("GET", "/open/key", "")
	if err := json.Unmarshal(got.body, &told); err != nil || got.StatusCode != 200 || told.Algorithm != "Ed25519" || told.Of != "centre" {
		t.Fatalf("%d %s %v", got.StatusCode, got.body, err)
	}
	asked, err := base64.StdEncoding.DecodeString(told.Key)
	if err != nil || !bytes.Equal(asked, public) {
		t.Fatalf("the key is %s", told.Key)
	}
	page := c.page("/closings")
	for _, want := range []string{told.Key, `href="/closings/text?date=2026-03-31&amp;kiosk=k-copied9xyz"`, `href="/api/v1/closings?from=2026-03-25&amp;kiosk=&amp;to=2026-03-31" download`} {
		if !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, path := range []string{"/closings/text?kiosk=k-copied9xyz&date=2026-03-31", "/closings/text?kiosk=k-4xq2mzt7ab&date=unknown"} {
		text := c.page(path)
		signed, last, found := strings.Cut(text, "signature ")
		signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(last))
		if !found || err != nil || !strings.HasPrefix(signed, "hailong/closing/v1\nkiosk k-") || !ed25519.Verify(asked, []byte(signed), signature) {
			t.Errorf("%s cannot be checked: %q %v", path, text, err)
		}
		if ed25519.Verify(asked, []byte(strings.Replace(signed, "received ", "received 1", 1)), signature) {
			t.Errorf("%s: other numbers pass, too", path)
		}
	}
	for path, want := range map[string]int{
		"/closings/text?kiosk=k-copied9xyz": 200, "/closings/text?kiosk=k-x&date=2026-03-31": 404, "/closings/text?date=2026-03-30": 404, "/closings/text?day=x": 400,
	} {
		if got := c.ask("GET", path, ""); got.StatusCode != want {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	if got := c.send("GET", "/closings/text?kiosk=k-copied9xyz&date=2026-03-31", "", "Accept", "text/html"); got.StatusCode != 303 {
		t.Errorf("a stranger reads a closing: %d", got.StatusCode)
	}
}

// An alarm is where a person looks first, on one line that leads to the kiosks.
func TestAForkIsToldOnEveryPage(t *testing.T) {
	c := ledger(t, Settings{})
	for path, link := range map[string]bool{"/": true, "/closings": true, "/kiosks": false} {
		page := c.page(path)
		if !strings.Contains(page, "1 thiết bị gửi dữ liệu mâu thuẫn") || strings.Contains(page, `<a id="alarm-forks-a" href="/kiosks">`) != link {
			t.Errorf("%s does not tell of the fork as it should", path)
		}
		if !strings.Contains(page, `<a href="/quarantine">Chưa tính</a>`) {
			t.Errorf("%s does not lead to what is not counted", path)
		}
	}
	if page := c.page("/quarantine"); !strings.Contains(page, `<a href="/quarantine" aria-current="page">`) {
		t.Error("the menu does not say where one is")
	}
}

// What is in dispute is nothing that was "all counted or left out by a rule".
func TestDisputesAreNotForgottenAmongWhatIsNotCounted(t *testing.T) {
	const all = "Mọi thứ nhận được đều đã được tính"
	if page := closed(t, func(*memory) {}).page("/quarantine"); !strings.Contains(page, all) || strings.Contains(page, "tranh chấp") {
		t.Errorf("with nothing aside: %s", page)
	}
	page := closed(t, func(m *memory) { m.chains[0].Disputed = 3 }).page("/quarantine")
	if strings.Contains(page, all) || !strings.Contains(page, "3 lượt đang tranh chấp") {
		t.Errorf("with a dispute: %s", page)
	}
}
