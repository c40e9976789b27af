package webform

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/survey"
	"hailong/survey/ticket"
)

// A whole visit: the overall question, thanks, the rest, thanks again.
func TestAVisitIsCountedAsItGoes(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	first := p.get(at).want(t, 200, "first")
	for _, needed := range []string{"Trung tâm Phục vụ hành chính công phường Hải Châu", "Quầy 1 – Hộ tịch", "Rất không hài lòng", "không bắt buộc", "tự nguyện", "Văn phòng UBND thành phố", `href="/privacy?lang=vi"`} {
		if !strings.Contains(first.body, needed) {
			t.Errorf("the first page does not say %q", needed)
		}
	}
	if strings.Contains(first.body, " checked>") {
		t.Error("something is chosen in advance")
	}
	if len(first.header["Set-Cookie"]) > 0 {
		t.Error("there is a cookie before anything was committed")
	}
	thanks := p.post(at, first.form(), "a.Z0", "2", "comment", "Chờ lâu.\r\nGọi 0912 345 678").want(t, 201, "more")
	if !strings.Contains(thanks.body, "đã được lưu và được tính") || !strings.Contains(thanks.body, "số điện thoại") {
		t.Errorf("the thanks are %s", thanks.body)
	}
	e := s.counted(1)[0]
	r := e.Response
	if r.Counter != counter || r.Channel != survey.QR || r.Stage != survey.Result || levelOf(e, "Z0") != 2 || e.Comment != "Chờ lâu.\nGọi [số điện thoại]" || r.Ticket.Class != survey.ScreenTicket {
		t.Errorf("the record is %+v", e)
	}
	if strings.Count(thanks.body, "<fieldset") != len(mustFind(t, "service").Questions)-1 {
		t.Error("the rest is not offered whole")
	}
	p.post(at, thanks.form(), "a.A1", "5", "a.C1", "3", "a.E1", "na").want(t, 201, "done")
	more := s.counted(2)[1].Response
	if more.Continues != e.ID || *more.Ticket != *r.Ticket || len(more.Answers) != len(mustFind(t, "service").Questions)-1 {
		t.Errorf("the rest is %+v", more)
	}
	for _, a := range more.Answers {
		want := map[survey.QuestionCode]survey.Answer{
			"A1": {Question: "A1", Kind: survey.AtLevel, Level: 5}, "C1": {Question: "C1", Kind: survey.AtLevel, Level: 3}, "E1": {Question: "E1", Kind: survey.NotApplicable},
		}[a.Question]
		if want.Question == "" {
			want = survey.Answer{Question: a.Question, Kind: survey.Blank}
		}
		if a != want {
			t.Errorf("the answer %+v, want %+v", a, want)
		}
	}
}

func mustFind(t testing.TB, id string) survey.Version {
	t.Helper()
	v, ok := catalogue(t).Find(id)
	if !ok {
		t.Fatal(id)
	}
	return v
}

func TestWhatATicketSaysIsInTheRecord(t *testing.T) {
	s := open(t)
	p := s.phone()
	for _, c := range []struct {
		name string
		at   string
		want survey.Response
	}{
		{"transaction", sign(t, centreKey, ticket.Ticket{
			Class: survey.TransactionTicket, Nonce: ticket.NewNonce(), Expires: noon.Add(time.Hour), Counter: counter, Questionnaire: "dvctt-3", Stage: survey.Refusal,
			Channel: survey.Portal, Respondent: survey.Organisation, ResolvingUnit: "STP", Field: "HO-TICH", Procedure: "1.004194"}),
			survey.Response{Channel: survey.Portal, Stage: survey.Refusal, Respondent: survey.Organisation, ResolvingUnit: "STP", Field: "HO-TICH", Procedure: "1.004194"}},
		{"transaction that says little", sign(t, centreKey, ticket.Ticket{Class: survey.TransactionTicket, Nonce: ticket.NewNonce(), Expires: noon.Add(time.Hour), Counter: counter}),
			survey.Response{Channel: survey.Web, Stage: survey.Result}},
		{"poster", "/" + s.quick,
			survey.Response{Channel: survey.Web, Stage: survey.Result}},
		{"a questionnaire that is not known here", "/" + s.unknown,
			survey.Response{Channel: survey.Web, Stage: survey.Result}},
	} {
		first := p.get(c.at).want(t, 200, "first")
		if got := p.post(c.at, first.form(), "a.Z0", "3"); got.status != 201 {
			t.Fatalf("%s: %d %s", c.name, got.status, got.body)
		}
		all := s.records()
		r := all[len(all)-1].Response
		got := survey.Response{Channel: r.Channel, Stage: r.Stage, Respondent: r.Respondent, ResolvingUnit: r.ResolvingUnit, Field: r.Field, Procedure: r.Procedure}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || r.Counter != counter {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		want := mustFind(t, cmp.Or(map[string]string{"transaction": "dvctt-3", "poster": "quick"}[c.name], "service"))
		if r.Questionnaire != want.Hash {
			t.Errorf("%s: another questionnaire than %s", c.name, want.Code)
		}
	}
}

// Double tap, reload, back and send again: the same page, one record.
func TestTheSameFormCountsOnce(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	pages := make([]page, 20)
	var all sync.WaitGroup
	for i := range pages {
		all.Go(func() { pages[i] = p.post(at, form, "a.Z0", "5", "comment", "tốt") })
	}
	all.Wait()
	for _, g := range pages {
		if g.want(t, 201, "more"); g.body != pages[0].body {
			t.Error("the same form got another page")
		}
	}
	s.counted(1)
	more := pages[0].form()
	for range 3 {
		p.post(at, more, "a.A1", "4").want(t, 201, "done")
	}
	s.counted(2)
	// Back and another answer: the first one counts, and that is said.
	p.post(at, form, "a.Z0", "1", "comment", "tốt").want(t, 409, "kept")
	p.post(at, more, "a.A1", "1").want(t, 409, "kept")
	if all := s.counted(2); levelOf(all[0], "Z0") != 5 || levelOf(all[1], "A1") != 4 {
		t.Errorf("another answer replaced the first: %+v", all)
	}
	// The form is the same in the other language, and when the phone went without cookies.
	q := s.phone()
	q.post(at, form, "a.Z0", "5", "comment", "tốt", "lang", "en").want(t, 201, "more")
	s.counted(2)
}

// Somebody else with the same code learns that it is used, never what was said.
func TestASpentTicketTellsNothing(t *testing.T) {
	s := open(t)
	at := s.fresh()
	theirs, mine := s.phone(), s.phone()
	early := theirs.get(at).form() // opened before it was spent
	mine.post(at, mine.get(at).form(), "a.Z0", "2").want(t, 201, "more")
	got := theirs.get(at).want(t, 410, "spent")
	for _, level := range []string{"1", "2", "3", "4", "5"} {
		if p := theirs.post(at, early, "a.Z0", level).want(t, 409, "spent"); p.body != got.body || len(p.header["Set-Cookie"]) > 0 {
			t.Errorf("the page after level %s is another one", level)
		}
	}
	early.Set("step", "more")
	theirs.post(at, early, "a.A1", "1").want(t, 409, "spent")
	s.counted(1)
}

func TestTheSamePhoneGoesOn(t *testing.T) {
	s := open(t)
	at := s.fresh()
	p := s.phone()
	thanks := p.post(at, p.get(at).form(), "a.Z0", "4")
	cookie := thanks.header.Get("Set-Cookie")
	for _, needed := range []string{"visit=", "path=" + at + ";", "HttpOnly", "SameSite=Strict", "max-age=259200"} {
		if !strings.Contains(cookie, needed) {
			t.Errorf("the cookie %q has no %s", cookie, needed)
		}
	}
	if strings.Contains(strings.ToLower(cookie), "secure") || strings.Contains(cookie, "domain") {
		t.Errorf("the cookie is %q", cookie)
	}
	s.set(func() { s.now = noon.Add(time.Hour) }) // its ticket has expired meanwhile: the visit has not
	again := p.get(at).want(t, 200, "more")
	if !strings.Contains(again.body, "đã được tính") {
		t.Error("the page does not say that the answer is counted")
	}
	p.post(at, again.form(), "a.B1", "3").want(t, 201, "done")
	s.counted(2)
	p.get(at).want(t, 200, "done")
	s.phone().get(at).want(t, 410, "spent")
	if p.get(s.fresh()).view() == "more" {
		t.Error("the cookie works at another ticket's address")
	}
}

// Whoever comes to the same browser later, with its cookie and what its pages hold, cannot
// find out by sending forms what was answered.
func TestWhoComesToTheSameBrowserLearnsNoAnswer(t *testing.T) {
	s := open(t)
	at := s.fresh()
	p := s.phone()
	opened := p.get(at).form()
	thanks := p.post(at, opened, "a.Z0", "4").want(t, 201, "more")
	held := []string{strings.TrimSuffix(p.client.Jar.(*jar).all[at].Value, "-done"), thanks.form().Get("visit")}
	probe := func(step string) {
		t.Helper()
		for _, visit := range held {
			for _, level := range "12345" {
				guess := p.post(at, thanks.form(), "step", step, "visit", visit, "a.Z0", string(level), "a.A1", string(level))
				if guess.status != 400 && guess.view() != "spent" {
					t.Errorf("%s as %s with level %c: %d %q", step, visit, level, guess.status, guess.view())
				}
			}
		}
	}
	probe("first")
	p.post(at, thanks.form(), "a.A1", "3").want(t, 201, "done")
	held = []string{strings.TrimSuffix(p.client.Jar.(*jar).all[at].Value, "-done")}
	probe("first")
	probe("more")
	if held[0] == opened.Get("visit") {
		t.Error("the cookie tells the visit")
	}
	s.counted(2)
}

// A form that was opened in time may be sent later; nobody else may send one.
func TestAFormOpenedInTimeMayBeSentLater(t *testing.T) {
	s := open(t)
	p := s.phone()
	at, other := s.fresh(), s.fresh()
	form, foreign := p.get(at).form(), p.get(other).form()
	s.set(func() { s.now = noon.Add(31 * time.Minute) })
	p.get(at).want(t, 410, "expired")
	for name, opened := range map[string]string{"nothing": "", "another ticket's": foreign.Get("opened"), "a changed moment": "00" + form.Get("opened")[2:14] + "ff" + form.Get("opened")[16:], "no hash": form.Get("opened")[:16]} {
		p.post(at, form, "a.Z0", "5", "opened", opened).want(t, 410, "expired")
		t.Log(name)
	}
	p.post(at, form, "a.Z0", "5", "visit", foreign.Get("visit")).want(t, 410, "expired")
	p.post(at, foreign, "a.Z0", "5").want(t, 410, "expired") // all of another ticket's form
	visit, _ := parseVisit(form.Get("visit"))
	p.post(at, form, "a.Z0", "5", "opened", s.form.opened(at[len("/q/"):], visit, noon.Add(30*time.Minute))).want(t, 410, "expired") // opened too late
	s.counted(0)
	p.post(at, form, "a.Z0", "5").want(t, 201, "more")
	p.post(at, form, "a.Z0", "5", "opened", "").want(t, 201, "more") // kept already: the same record
	s.counted(1)
	s.set(func() { s.now = noon.Add(80 * time.Hour) })
	p.post(other, foreign, "a.Z0", "5").want(t, 410, "expired")
	s.counted(1)
}

func TestAPosterTakesAnyNumberOfVisits(t *testing.T) {
	s := open(t)
	p := s.phone()
	typed := "/" + strings.ToLower(s.short[:3]) + "-" + s.short[3:]
	for i := range 3 {
		first := p.get(typed).want(t, 200, "first")
		form := first.form()
		for range 2 {
			got := p.post("/"+s.short, form, "a.Z0", fmt.Sprint(i+1)).want(t, 201, "more")
			if len(got.header["Set-Cookie"]) > 0 {
				t.Error("a poster's form left a cookie")
			}
			p.post("/"+s.short, got.form(), "a.A1", "5").want(t, 201, "done")
		}
		p.post("/"+s.short, form, "a.Z0", "5").want(t, 409, "kept")
	}
	all := s.counted(6)
	for i, e := range all {
		if r := e.Response; r.Ticket == nil || r.Ticket.Class != survey.PosterTicket || !r.Ticket.ID.IsZero() || r.Channel != survey.Web || (i%2 == 1) != (r.Continues == all[i&^1].ID) {
			t.Errorf("record %d is %+v", i+1, r)
		}
	}
	// A visit cannot go on with another one's record.
	form := p.get("/" + s.short).form()
	form.Set("step", "more")
	form.Set("record", all[0].ID.String())
	p.post("/"+s.short, form, "a.A1", "1").want(t, 409, "spent")
	form.Set("record", "")
	if got := p.post("/"+s.short, form, "a.A1", "1"); got.status != 303 || got.header.Get("Location") != "/"+s.short {
		t.Errorf("%d %v", got.status, got.header)
	}
	s.counted(6)
}

// Whatever is wrong with a ticket, the page is the same.
func TestABadTicketTellsNothing(t *testing.T) {
	s := open(t)
	good := s.fresh()
	wrong := screenTicket()
	wrong.Counter = "HS-99"
	poster := ticket.Ticket{Class: survey.PosterTicket, Expires: noon.Add(time.Hour), Counter: counter}
	var seen string
	for name, at := range map[string]string{
		"malformed": "/q/ABC", "forged": good[:len(good)-10] + "AAAAAAAAAA", "foreign": sign(t, otherKey, screenTicket()), "wrong counter": sign(t, kioskKey, wrong),
		"a kiosk's poster": sign(t, kioskKey, poster), "oversized": "/q/" + strings.Repeat("A", 5000), "lower case": strings.ToLower(good), "markup": "/q/%3Cscript%3E",
		"longer": good + "A", "a path below": good + "/x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := s.phone().do(method, at, "step=first&visit=0102030405060708&a.Z0=5").want(t, 404, "bad")
			if seen == "" {
				seen = got.body
			}
			if got.body != seen {
				t.Errorf("%s %s: another page", method, name)
			}
		}
	}
	if !strings.Contains(seen, "quét mã mới") || strings.Contains(seen, "script&") {
		t.Error(seen)
	}
	english := s.phone()
	english.lang = "en-GB,en;q=0.9,vi;q=0.1"
	if got := english.get("/q/ABC"); !strings.Contains(got.body, "scan a new code") || !strings.Contains(got.body, `<html lang="en">`) {
		t.Error("an English browser is not told in English")
	}
	expired := screenTicket()
	expired.Expires = noon
	s.phone().get(sign(t, kioskKey, expired)).want(t, 410, "expired")
	got := s.phone().do(http.MethodGet, "/q/"+strings.Repeat("A", 20000), "")
	if got.status != 431 || got.view() != "fault" {
		t.Errorf("headers beyond all measure: %d %s", got.status, got.body)
	}
	s.counted(0)
}

// Every byte of a ticket is altered, every ticket opens nothing.
func TestAnAlteredTicketOpensNothing(t *testing.T) {
	s := open(t)
	p, good := s.phone(), s.fresh()
	for i := len("/q/"); i < len(good); i++ {
		for _, b := range []byte("A7") {
			if good[i] == b {
				continue
			}
			at := good[:i] + string(b) + good[i+1:]
			p.get(at).want(t, 404, "bad")
			p.post(at, nil, "step", "first", "visit", "0102030405060708", "a.Z0", "5").want(t, 404, "bad")
		}
	}
	s.counted(0)
	p.get(good).want(t, 200, "first")
}

func TestOneTicketReplayedAHundredTimesIsOneRecord(t *testing.T) {
	s := open(t)
	at := s.fresh()
	results := make([]page, 100)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			p := s.phone()
			if first := p.get(at); first.status == 200 {
				results[i] = p.post(at, first.form(), "a.Z0", fmt.Sprint(1+i%5))
			} else {
				results[i] = first
			}
		})
	}
	all.Wait()
	thanked := 0
	for _, r := range results {
		switch {
		case r.status == 201:
			thanked++
		case r.view() != "spent" || r.status != 409 && r.status != 410:
			t.Errorf("%d %s", r.status, r.view())
		}
	}
	if s.counted(1); thanked != 1 {
		t.Errorf("%d were thanked for one record", thanked)
	}
}

func TestShortAddressesAreTyped(t *testing.T) {
	s := open(t)
	p := s.phone()
	front := p.get("/").want(t, 200, "front")
	if !strings.Contains(front.body, `name="code"`) {
		t.Error("nothing can be typed")
	}
	got := p.get("/?code=" + strings.ToLower(s.short[:4]) + "%20-" + s.short[4:] + "&lang=en")
	if got.status != 303 || !strings.EqualFold(got.header.Get("Location"), "/"+s.short+"?lang=en") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	p.get(got.header.Get("Location")).want(t, 200, "first")
	wrong := s.short[:6] + map[bool]string{true: "1", false: "0"}[s.short[6] == '0']
	for _, at := range []string{"/" + wrong, "/" + ticket.NewShort(), "/xin-chao", "/favicon.ico", "/ABC"} {
		got := p.get(at).want(t, 404, "short")
		if !strings.Contains(got.body, `name="code"`) || strings.Contains(got.body, "xin-chao") {
			t.Errorf("%s: %s", at, got.body)
		}
	}
	if got := p.get("/?code=//evil.example/"); got.header.Get("Location") != "/evilexample" {
		t.Errorf("it leads to %s", got.header.Get("Location"))
	}
}

// What is not saved is not thanked for, and can be sent again as it is.
func TestWhatIsNotSavedIsSaidAndSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*stand)
		kept   int
	}{
		"the disk is full":           {func(s *stand) { s.fails = func() error { return kiosk.ErrFull } }, 0},
		"the journal is away":        {func(s *stand) { s.ready = errors.New("nhật ký không ghi được") }, 0},
		"nobody knows":               {func(s *stand) { s.after = func() error { return kiosk.ErrUnknown } }, 1},
		"the journal says something": {func(s *stand) { s.fails = func() error { return errors.New("input/output error") } }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			p, at := s.phone(), s.fresh()
			form := p.get(at).form()
			s.set(func() { c.break_(s) })
			got := p.post(at, form, "a.Z0", "3", "comment", "Xin \"cảm\" ơn <b> & tạm biệt").want(t, 503, "unsaved")
			if !strings.Contains(got.body, "CHƯA lưu") || strings.Contains(got.body, "Cảm ơn") || got.header.Get("Retry-After") == "" || len(got.header["Set-Cookie"]) > 0 || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", got.header, got.body)
			}
			s.counted(c.kept)
			s.set(func() { s.fails, s.after, s.ready = nil, nil, nil })
			again := got.form()
			again.Set("comment", strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(again.Get("comment")))
			thanks := p.post(at, again).want(t, 201, "more")
			if e := s.counted(1)[0]; e.Comment != `Xin "cảm" ơn <b> & tạm biệt` || levelOf(e, "Z0") != 3 {
				t.Errorf("%+v", e)
			}
			s.set(func() { c.break_(s) })
			got = p.post(at, thanks.form(), "a.A1", "2").want(t, 503, "unsaved")
			s.set(func() { s.fails, s.after, s.ready = nil, nil, nil })
			p.post(at, got.form()).want(t, 201, "done")
			s.counted(2)
		})
	}
}

func TestAFormThatMustBeMendedKeepsWhatWasWritten(t *testing.T) {
	s := open(t)
	p, at := s.phone(), s.fresh()
	form := p.get(at).form()
	got := p.post(at, form, "comment", "phòng chờ nóng").want(t, 422, "first")
	if !strings.Contains(got.body, "phòng chờ nóng") || !strings.Contains(got.body, "Xin chọn một mức") || got.form().Get("visit") != form.Get("visit") {
		t.Error(got.body)
	}
	got = p.post(at, form, "a.Z0", "4", "comment", strings.Repeat("ố", 2001)).want(t, 422, "first")
	if !strings.Contains(got.body, `value="4" checked`) || !strings.Contains(got.body, "2.000 ký tự") {
		t.Error("the choice is lost, or nothing is said")
	}
	p.post(at, form, "a.Z0", "4", "comment", "\xff\xfe").want(t, 422, "first")
	got = p.post(at, form, "a.Z0", "4", "questionnaire", "service@"+strings.Repeat("0", 64)).want(t, 422, "first")
	if !strings.Contains(got.body, "bản mới") || got.form().Get("questionnaire") != form.Get("questionnaire") {
		t.Error("a form of another version is not asked anew")
	}
	p.post(at, form, "a.Z0", "4", "questionnaire", mustFind(t, "quick3").ID()).want(t, 422, "first")
	for _, broken := range [][]string{{"a.Z0", "6"}, {"a.Z0", "na"}, {"a.Z0", "4", "visit", "xyz"}, {"a.Z0", "4", "step", "last"}, {"a.Z0", "-1"}} {
		p.post(at, form, broken...).want(t, 400, "fault")
	}
	p.do(http.MethodPost, at, form.Encode()+"&a.Z0=4&a.Z0=5").want(t, 400, "fault")
	p.do(http.MethodPost, at, form.Encode()+"&a.Z0=4", "Content-Type", "text/plain").want(t, 400, "fault")
	p.do(http.MethodPost, at, form.Encode()+"&a.Z0=4&x=%zz").want(t, 400, "fault")
	p.do(http.MethodPut, at, "").want(t, 405, "fault")
	s.counted(0)
	p.post(at, form, "a.Z0", "4", "comment", " \r\n ").want(t, 201, "more")
	if e := s.counted(1)[0]; e.HadComment {
		t.Errorf("blanks are a comment: %+v", e)
	}
}

// While nothing can be recorded nobody fills in a form for nothing.
func TestOutOfService(t *testing.T) {
	s := open(t)
	s.set(func() { s.ready = errors.New("starting") })
	got := s.phone().get(s.fresh()).want(t, 503, "out")
	if got.header.Get("Retry-After") == "" {
		t.Error("when to come back is not said")
	}
	s.phone().get("/privacy").want(t, 200, "privacy")
	if got := s.phone().get("/healthz"); got.status != 200 {
		t.Error(got.status)
	}
	if got := s.phone().do(http.MethodPost, "/xin/chao", "a.Z0=5"); got.status != 404 {
		t.Error(got.status)
	}
	s.phone().do(http.MethodPost, "/xin-chao", "a.Z0=5").want(t, 503, "out")
}
