package console

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// hall is a centre with a forked kiosk, a good one without a name, one with unreadable
// records, a silent one, and one that was shut out with its forks.
func hall(t *testing.T, s Settings) *centre {
	s.Heartbeats = func() map[survey.KioskID]Heartbeat {
		return map[survey.KioskID]Heartbeat{"k-good": {At: noon.Add(-30 * time.Second)}, "k-silent": {At: noon.Add(-20 * time.Minute)}}
	}
	return open(t, s, func(c *centre) {
		one := func(code survey.CounterCode) []survey.CounterCode { return []survey.CounterCode{code} }
		c.store.kiosks = []survey.Kiosk{
			{ID: "k-out", Counters: one("TA-01"), Revoked: &noon},
			{ID: "k-good", Counters: one("TT-02"), Role: survey.CounterKiosk},
			{ID: "k-silent", Name: "Máy im", Counters: one("HP-01"), Role: survey.CounterKiosk},
			{ID: "k-bad", Name: "Máy hỏng", Counters: one("HP-02"), Role: survey.CounterKiosk},
			{ID: "k-fork", Name: "Máy đôi", Counters: one("TT-01"), Role: survey.CounterKiosk},
		}
		state := func(n byte, k survey.KioskID, quarantined, forks uint64) custody.ChainState {
			return custody.ChainState{Chain: survey.Chain{n}, Kiosk: k, Head: custody.Head{Sequence: 9}, Quarantined: quarantined, Forks: forks, Received: noon.Add(-time.Hour)}
		}
		c.store.said = []custody.Said{
			{Kiosk: "k-good", Chain: survey.Chain{5}, Totals: custody.Totals{Last: 1234}}, {Kiosk: "k-silent", Chain: survey.Chain{6}},
		}
		c.store.chains = []custody.ChainState{state(1, "k-out", 0, 3), state(2, "k-bad", 2, 0), state(3, "k-fork", 0, 1)}
	})
}

func TestTheKioskPageShowsTroubleFirst(t *testing.T) {
	c := hall(t, Settings{})
	page := c.page("/kiosks")
	last := -1
	for _, id := range []string{"k-fork", "k-bad", "k-silent", "k-good", "k-out"} {
		at := strings.Index(page, `<span class="code">`+id+`</span>`)
		if at <= last {
			t.Errorf("%s is not in its place", id)
		}
		last = at
	}
	rows := map[string]string{}
	for _, row := range strings.Split(page, "<tr ")[1:] {
		_, id, _ := strings.Cut(row, `<span class="code">`)
		id, _, _ = strings.Cut(id, "<")
		rows[id], _, _ = strings.Cut(row, "</tr>")
	}
	for id, list := range map[string][]string{
		"k-fork":   {`class="forked"`, "Thẻ nhớ bị sao chép hoặc dữ liệu bị sửa – cần ghi danh lại", "mất từ 11:20"},
		"k-good":   {"Quầy 2: Đăng ký kinh doanh – Trung tâm Phục vụ hành chính công tỉnh", "đang nối", ">1.234<", ">–<"},
		"k-silent": {"mất từ 12:00", ">0<"},
		"k-out":    {"đã thu hồi", `class="revoked"`},
	} {
		for _, want := range list {
			if !strings.Contains(rows[id], want) {
				t.Errorf("%s lacks %q: %s", id, want, rows[id])
			}
		}
	}
	for _, want := range []string{"không mất lượt nào", "Lô nhận trước được tính", "không khớp phiếu hỏi"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not explain: %q", want)
		}
	}
}

// What is unsent is reckoned when it is asked: it falls as records arrive, by whichever way,
// and stays known of a kiosk that is not heard of any more.
func TestUnsentIsWhatWasToldLessWhatArrived(t *testing.T) {
	c := open(t, Settings{}, func(c *centre) {
		c.store.kiosks = []survey.Kiosk{{ID: "k-a"}, {ID: "k-mute"}}
		c.store.chains = []custody.ChainState{
			{Chain: survey.Chain{1}, Kiosk: "k-a", Head: custody.Head{Sequence: 90}, Received: noon},
			{Chain: survey.Chain{2}, Kiosk: "k-a", Head: custody.Head{Sequence: 7}, Received: noon},
		}
		c.store.said = []custody.Said{
			{Kiosk: "k-a", Chain: survey.Chain{1}, Totals: custody.Totals{Last: 100}}, // damaged: chain 2 went on for it
			{Kiosk: "k-a", Chain: survey.Chain{2}, Totals: custody.Totals{Last: 11}},
			{Kiosk: "k-a", Chain: survey.Chain{3}, Totals: custody.Totals{Last: 2}}, // nothing of it has come
		}
		c.store.lost = []custody.Loss{{Kiosk: "k-a", Chain: survey.Chain{2}, Succession: custody.Succession{Predecessor: survey.Chain{1}, To: noon.UnixMilli()}}}
	})
	for _, step := range []struct {
		head uint64
		want string
	}{{7, `"unsent":6,`}, {11, `"unsent":2,`}, {12, `"unsent":2,`}} {
		c.store.chains[1].Head.Sequence = step.head
		body := string(c.ask("GET", "/api/v1/kiosks", "").body)
		if !strings.Contains(body, step.want) || strings.Count(body, `"unsent":null`) != 1 {
			t.Errorf("received to %d: %s", step.head, body)
		}
	}
	if page := c.page("/kiosks"); !strings.Contains(page, `data-label="Chưa gửi">2</td>`) {
		t.Error("the page says something else")
	}
}

// A chain that was damaged is sent on as far as it is whole: what the kiosk has of it and has
// not sent is unsent like that of any other, and what it told of behind that is lost.
func TestUnsentOfADamagedChainIsWhatIsStillThere(t *testing.T) {
	at := noon.UnixMilli()
	for name, c := range map[string]struct {
		head, there uint64
		want        string
	}{
		"a part of it is here":       {60, 100, `"unsent":40,`},
		"what is there is here":      {60, 60, `"unsent":0,`},
		"more is here than is there": {60, 40, `"unsent":0,`},
		"nothing is there":           {0, 0, `"unsent":0,`},
	} {
		for _, told := range []bool{true, false} { // of the damaged chain, before
			centre := open(t, Settings{}, func(o *centre) {
				o.store.kiosks = []survey.Kiosk{{ID: "k-a"}}
				o.store.chains = []custody.ChainState{{Chain: survey.Chain{1}, Kiosk: "k-a", Head: custody.Head{Sequence: c.head}, Received: noon}}
				if told {
					o.store.said = []custody.Said{{Kiosk: "k-a", Chain: survey.Chain{1}, Totals: custody.Totals{Last: 110}}}
				}
				o.store.lost = []custody.Loss{{Kiosk: "k-a", Chain: survey.Chain{2}, Succession: custody.Succession{Predecessor: survey.Chain{1}, Last: c.there, To: at}}}
			})
			if body := string(centre.ask("GET", "/api/v1/kiosks", "").body); !strings.Contains(body, c.want) {
				t.Errorf("%s, told %v: want %s in %s", name, told, c.want, body)
			}
		}
	}
}

// Numbers of different chains are not one column: the present chain's stands there, and each
// earlier one's beside its name, even where the earlier one's records arrived last.
func TestEachChainHasANumberOfItsOwn(t *testing.T) {
	old, present := survey.Chain{0xaa}, survey.Chain{0xbb}
	c := open(t, Settings{}, func(c *centre) {
		c.store.kiosks = []survey.Kiosk{{ID: "k-a"}, {ID: "k-one"}}
		c.store.chains = []custody.ChainState{
			{Chain: present, Kiosk: "k-a", Head: custody.Head{Sequence: 7}, Received: noon.Add(-time.Hour)},
			{Chain: old, Kiosk: "k-a", Head: custody.Head{Sequence: 9000}, Received: noon}, // a file exported on the box
			{Chain: survey.Chain{0xcc}, Kiosk: "k-one", Head: custody.Head{Sequence: 31}, Received: noon},
		}
		c.store.lost = []custody.Loss{{Kiosk: "k-a", Chain: present, Succession: custody.Succession{Predecessor: old, To: noon.UnixMilli()}}}
	})
	page := c.page("/kiosks")
	for _, want := range []string{
		`">7<span class="line hint">chuỗi bb000000</span><span class="line hint">chuỗi trước aa000000: 9.000</span></td>`, `">31</td>`, "đánh số lại từ 1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	var list listJSON[kioskJSON]
	got := c.ask("GET", "/api/v1/kiosks", "")
	if err := json.Unmarshal(got.body, &list); err != nil || list.Items[0].Head != 7 || list.Items[0].Chains[0].Chain != present.String() || !list.Items[0].LastContact.Equal(noon) {
		t.Errorf("%s %v", got.body, err)
	}
}

// A gateway can be told from the kiosk at whose counter it stands, wherever kiosks are named.
func TestAGatewayIsNamedAsOne(t *testing.T) {
	c := open(t, Settings{}, func(c *centre) {
		at := []survey.CounterCode{"TA-01"}
		c.store.kiosks = []survey.Kiosk{
			{ID: "k-hall", Role: survey.CounterKiosk, Counters: at}, {ID: "k-phones", Role: survey.OnlineGateway, Counters: at},
			{ID: "k-named", Name: "Máy 7", Role: survey.OnlineGateway}, {ID: "k-said", Name: "CỔNG TRỰC TUYẾN số 2", Role: survey.OnlineGateway},
			{ID: "k-bare", Role: survey.OnlineGateway},
		}
	})
	for id, want := range map[string]string{
		"k-hall": "Quầy chung – Xã Tân An", "k-phones": "Cổng trực tuyến – Quầy chung – Xã Tân An", "k-named": "Cổng trực tuyến – Máy 7",
		"k-said": "CỔNG TRỰC TUYẾN số 2", "k-bare": "Cổng trực tuyến",
	} {
		if !strings.Contains(c.page("/kiosks"), `class="name">`+want+` <span class="code">`+id) || !strings.Contains(c.page("/closings"), `<option value="`+id+`">`+want+" – "+id) {
			t.Errorf("%s is not called %s", id, want)
		}
	}
}

// The banner is there while a kiosk in service has forks, and goes when it is revoked.
func TestForksRaiseABanner(t *testing.T) {
	c := hall(t, Settings{})
	if page := c.page("/"); !strings.Contains(page, `role="alert"`) || !strings.Contains(page, "1 thiết bị gửi dữ liệu mâu thuẫn") {
		t.Error("no banner tells of the fork")
	}
	if got := c.ask("POST", "/api/v1/kiosks/k-fork/revoke", ""); got.StatusCode != 200 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if strings.Contains(c.page("/"), `role="alert"`) {
		t.Error("the banner stays")
	}
}

func TestAKioskIsShutOut(t *testing.T) {
	var told []survey.KioskID
	c := hall(t, Settings{OnRevoked: func(id survey.KioskID) error {
		told = append(told, id)
		return errors.New("the connection does not end")
	}})
	for range 2 { // once more changes nothing
		got := c.ask("POST", "/api/v1/kiosks/k-good/revoke", "")
		var k kioskJSON
		if err := json.Unmarshal(got.body, &k); err != nil || got.StatusCode != 200 || k.ID != "k-good" || k.Revoked == nil || !k.Revoked.Equal(noon) {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		c.pass(time.Hour)
	}
	if k, _, _ := c.store.Kiosk(t.Context(), "k-good"); k.Revoked == nil || len(told) != 2 || told[0] != "k-good" {
		t.Errorf("%+v, told %v", k, told)
	}
	got := c.ask("POST", "/api/v1/kiosks/k-nobody/revoke", "")
	if p := got.problem(t); got.StatusCode != 404 || !strings.Contains(p.Detail, "/api/v1/kiosks") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// Whoever shut a kiosk out can take that back, by the API or the page's button; only signed-in
// people on this site's own pages can press that.
func TestAKioskIsAllowedAgain(t *testing.T) {
	c := hall(t, Settings{})
	revoked := func() bool {
		k, _, _ := c.store.Kiosk(t.Context(), "k-out")
		return k.Revoked != nil
	}
	if page := c.page("/kiosks"); strings.Count(page, `action="/kiosks/k-out/allow"`) != 1 || strings.Count(page, "/allow") != 1 {
		t.Error("the button is not where it should be")
	}
	id := c.sessions.begin(signer{name: "x"}, "")
	for _, try := range []struct {
		cookie, site string
		status       int
	}{{"", "same-origin", 401}, {id, "cross-site", 403}, {id, "same-origin", 303}} {
		if !revoked() {
			t.Fatal("it is allowed already")
		}
		if got := c.send("POST", "/kiosks/k-out/allow", "", "Cookie", "hailong="+try.cookie, "Sec-Fetch-Site", try.site); got.StatusCode != try.status {
			t.Errorf("%+v: %d %s", try, got.StatusCode, got.body)
		}
	}
	if revoked() {
		t.Error("the button changes nothing")
	}
	for _, path := range []string{"revoke", "allow", "allow"} { // once more changes nothing
		if got := c.ask("POST", "/api/v1/kiosks/k-out/"+path, ""); got.StatusCode != 200 || strings.Contains(string(got.body), `"revoked":null`) != (path == "allow") || revoked() == (path == "allow") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	if got := c.ask("POST", "/api/v1/kiosks/k-nobody/allow", ""); got.StatusCode != 404 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestAnInvitationNamesWhomItReplaces(t *testing.T) {
	c := hall(t, Settings{})
	for body, want := range map[string][]survey.KioskID{
		`{"counters":["TT-01","TT-02"]}`: {"k-good", "k-fork"}, `{"counter":"TA-01"}`: {}, `{"counter":"TT-01","role":"online"}`: {},
	} {
		if got := c.invite(t, body).Replaces; got == nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}
