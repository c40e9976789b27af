package console

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/survey"
	"hailong/survey/custody"
)

// shelf holds backups for tests.
type shelf struct {
	list []Backup
	err  error
}

func (s *shelf) List() ([]Backup, error) { return s.list, nil }

func (s *shelf) Make() (Backup, error) {
	if s.err != nil {
		return Backup{}, s.err
	}
	b := Backup{Name: "b", Path: "/b", State: BackupVerified, At: noon, Verified: &noon, Bytes: 12}
	s.list = append([]Backup{b}, s.list...)
	return b, nil
}

const someHash = "3f2a9c00d1e4b5a6978812345678abcdef0123456789abcdef0123456789abcd"

// ledger is a centre with closings of every kind, a loss, and things set aside.
func ledger(t *testing.T, s Settings, prepare ...func(*centre)) *centre {
	today := survey.DateOf(noon)
	return open(t, s, append([]func(*centre){busy, func(c *centre) {
		c.store.kiosks[3].Revoked = nil
		c.store.closings = []custody.Closing{
			{Kiosk: "k-4xq2mzt7ab", Date: custody.UnknownDay, Issued: 3, Received: 3, Held: 3},
			{Kiosk: "k-4xq2mzt7ab", Date: today - 1, Issued: 1204, Received: 1204, Counted: 1180, Excluded: map[survey.Flag]uint64{survey.TooSoon: 21, survey.Test: 3, survey.Replaced: 0}},
			{Kiosk: "k-4xq2mzt7ab", Date: today, Issued: 480, Received: 480, Counted: 477, Excluded: map[survey.Flag]uint64{survey.TooSoon: 3}},
			{Kiosk: "k-copied9xyz", Date: today, Issued: 95, Received: 95, Counted: 91, Disputed: 4},
			{Kiosk: "k-h2k9vw3cde", Date: today - 1, Issued: 240, Received: 233, Counted: 228, Held: 4, Quarantined: 1},
		}
		c.store.lost = []custody.Loss{
			{Kiosk: "k-h2k9vw3cde", Chain: survey.Chain{9}, AtLeast: 1, AtMost: 12, From: noon.Add(-50 * time.Hour).UnixMilli(), Heard: noon.Add(-48 * time.Hour), Succession: custody.Succession{
				Predecessor: survey.Chain{2}, Reason: "tệp 0001.db rỗng",
			}},
		}
		id := func(n uint64) survey.RecordID { return survey.RecordID{Chain: survey.Chain{2}, Sequence: n} }
		c.store.held = []custody.Waiting{{ID: id(7), Kiosk: "k-h2k9vw3cde", Day: today - 1, Reason: "questionnaire " + someHash + " is not known"}, {ID: id(8), Kiosk: "k-4xq2mzt7ab", Reason: "its day is not known"}}
		c.store.bad = []custody.Waiting{{ID: id(9), Kiosk: "k-h2k9vw3cde", Day: today - 1, Reason: "answers.Z0: level 9 is not on the scale"}}
		c.store.rejected = []custody.Rejected{
			{Number: 1, Kiosk: "k-nobody", Reason: "no kiosk of that name is enrolled", Bytes: []byte("x"), Received: noon.Add(-2 * time.Hour)},
			{Number: 2, Kiosk: "k-h2k9vw3cde", Reason: "the batch's signature does not fit the kiosk's key", Bytes: make([]byte, 2345), Received: noon.Add(-time.Hour)},
		}
	}}, prepare...)...)
}

func TestClosingsAreSigned(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := ledger(t, Settings{Sign: func(k custody.Closing) []byte { return k.Sign(key) }})
	for query, want := range map[string]string{
		"":                                    "unknown 2026-03-30 2026-03-31 2026-03-31 2026-03-30",
		"?date=2026-03-31":                    "2026-03-31 2026-03-31",
		"?date=unknown":                       "unknown",
		"?kiosk=k-h2k9vw3cde":                 "2026-03-30",
		"?from=2026-03-31":                    "2026-03-31 2026-03-31",
		"?to=2026-03-30&kiosk=":               "2026-03-30 2026-03-30",
		"?from=2026-03-30&to=2026-03-31":      "2026-03-30 2026-03-31 2026-03-31 2026-03-30",
		"?from=2030-01-01&to=2030-01-02":      "",
		"?date=2026-03-31&kiosk=k-copied9xyz": "2026-03-31",
	} {
		got := c.ask("GET", "/api/v1/closings"+query, "")
		var list closingsJSON
		if err := json.Unmarshal(got.body, &list); err != nil || got.StatusCode != 200 || list.Items == nil || !strings.Contains(string(got.body), `"next":null`) {
			t.Fatalf("%s: %d %s", query, got.StatusCode, got.body)
		}
		var days []string
		for _, item := range list.Items {
			days = append(days, item.Date)
			k := custody.Closing{
				Kiosk: item.Kiosk, Issued: item.Issued, Received: item.Received, Counted: item.Counted, Excluded: item.Excluded,
				Held: item.Held, Quarantined: item.Quarantined, Disputed: item.Disputed, LostUnknown: item.DeclaredLost == nil,
			}
			if k.AsOf, err = time.Parse(time.RFC3339, item.AsOf); err != nil || !k.AsOf.Equal(noon) {
				t.Errorf("%s: signed as of %s", query, item.AsOf)
			}
			if item.DeclaredLost != nil {
				k.DeclaredLost = *item.DeclaredLost
			}
			if item.Date != "unknown" {
				k.Date, _ = survey.ParseDate(item.Date)
			}
			signature, err := base64.StdEncoding.DecodeString(item.Signature)
			if err != nil || !k.Signed(signature, public) {
				t.Errorf("%s: the signature of %+v does not fit what is said, %v", query, item, err)
			}
			for _, figure := range []*uint64{&k.Received, &k.DeclaredLost} {
				if *figure++; k.Signed(signature, public) {
					t.Error("the signature fits other numbers, too")
				}
				*figure--
			}
		}
		if strings.Join(days, " ") != want {
			t.Errorf("%s: %s, want %s", query, strings.Join(days, " "), want)
		}
	}
	if body := string(c.ask("GET", "/api/v1/closings?date=2026-03-30&kiosk=k-4xq2mzt7ab", "").body); !strings.Contains(body, `"excluded":{"test":3,"too_soon":21}`) {
		t.Errorf("reasons without a record should not be there: %s", body)
	}
}

func TestClosingParameters(t *testing.T) {
	c := ledger(t, Settings{})
	for query, path := range map[string]string{
		"date=2026-02-30": "date", "date=today": "date", "from=x": "from", "to=x": "to", "kiosk=k-x": "kiosk", "unit=SB": "unit",
		"date=2026-03-31&from=2026-03-31": "date", "from=2026-03-31&to=2026-03-30": "from", "date=unknown&date=unknown": "date",
	} {
		got := c.ask("GET", "/api/v1/closings?"+query, "")
		if p := got.problem(t); got.StatusCode != 400 || len(p.Errors) == 0 || p.Errors[0].Path != path {
			t.Errorf("%s: %d %s", query, got.StatusCode, got.body)
		}
	}
}

func TestTheClosingPageSaysWhetherTheDaysClose(t *testing.T) {
	c := ledger(t, Settings{})
	page := c.page("/closings")
	for _, want := range []string{
		"Chưa khép: còn thiếu 7 trong số 2.022 lượt thiết bị đã ghi; tranh chấp 4 lượt; thiết bị khai mất ít nhất 1, nhiều nhất 12 lượt.",
		"Còn thiếu ở: Máy phường k-h2k9vw3cde (7).", "Tranh chấp ở: Quầy 2: Bảo trợ xã hội – Phường Hòa Phú k-copied9xyz (4).", "ở: Máy phường k-h2k9vw3cde (12).",
		"còn thiếu 7 lượt", "31/03/2026", "Chưa rõ ngày", "8 lượt đã nhận nhưng chưa được tính",
		`<tr role="row" class="lacks">`, "bấm liền nhau 21", "mất ít nhất 1, nhiều nhất 12 lượt", "10:20 29/03/2026 – 12:20 29/03/2026", "tệp 0001.db rỗng", "theo lời báo gần nhất",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	whole := c.page("/closings?from=2026-03-31&to=2026-03-31&kiosk=k-4xq2mzt7ab")
	if !strings.Contains(whole, "Khép đến lượt bấm cuối cùng: thiết bị đã ghi 483 lượt, trung tâm đã nhận đủ.") || strings.Contains(whole, "k-copied9xyz</span>") {
		t.Errorf("of one kiosk that closes: %s", whole)
	}
	if english := c.page("/closings?lang=en"); !strings.Contains(english, "It does not close yet: 7 of the 2,022 presses that kiosks recorded are missing; 4 in dispute; kiosks declare at least 1, at most 12 lost.") {
		t.Error("the English page says something else")
	}
	if none := c.page("/closings?from=2020-01-01&to=2020-01-02&kiosk=k-copied9xyz"); !strings.Contains(none, "Không có lượt nào") {
		t.Error("a span without presses is not said to be one")
	}
}

// The page says which days it shows, whether they were chosen or not.
func TestTheClosingPageSaysWhichDaysItShows(t *testing.T) {
	c := ledger(t, Settings{})
	for query, want := range map[string]string{
		"": "25/03/2026 – 31/03/2026", "?from=2026-03-30": "30/03/2026 – 31/03/2026", "?from=2026-02-01&to=2026-02-28": "01/02/2026 – 28/02/2026",
		"?from=2026-03-31&to=2026-03-30": "30/03/2026 – 31/03/2026", "?from=x": "25/03/2026 – 31/03/2026", "?lang=en": "25 March 2026 – 31 March 2026",
	} {
		if page := c.page("/closings" + query); !strings.Contains(page, "<strong>"+want+"</strong>") {
			t.Errorf("%q does not say %s", query, want)
		}
	}
}

// Which backup is the newest is for the list to say, not for the dates: a clock that ran
// ahead must not hide that the newest is old, nor that its age is not known.
func TestABackupWithADateToCome(t *testing.T) {
	backup := func(name string, age time.Duration) Backup {
		at := noon.Add(-age)
		return Backup{Name: name, Path: "/" + name, State: BackupVerified, At: at, Verified: &at}
	}
	const old, ahead = "đã quá 26 giờ", "mang thời điểm chưa tới"
	for _, c := range []struct {
		name string
		list []Backup
		want string
	}{
		{"an older one is of the future", []Backup{backup("b", 30*time.Hour), backup("a", -9000*time.Hour)}, old},
		{"the newest is of the future", []Backup{backup("b", -9000*time.Hour), backup("a", 3*time.Hour)}, ahead},
		{"the newest is in time", []Backup{backup("b", 3*time.Hour), backup("a", -9000*time.Hour)}, ""},
	} {
		page := open(t, Settings{Backups: &shelf{list: c.list}}).page("/")
		for _, words := range []string{old, ahead} {
			if got := strings.Contains(page, words); got != (words == c.want) {
				t.Errorf("%s: %q is said: %v", c.name, words, got)
			}
		}
	}
}

func TestBackupsAreListedAndMade(t *testing.T) {
	yesterday := noon.Add(-27 * time.Hour)
	s := &shelf{list: []Backup{{Name: "a", Path: "/a", State: BackupVerified, At: yesterday, Verified: &yesterday, Bytes: 5 << 20, SameDisk: true}}}
	c := open(t, Settings{Backups: s})
	for _, path := range []string{"/", "/kiosks", "/closings"} {
		if !strings.Contains(c.page(path), "đã quá 26 giờ") {
			t.Errorf("%s does not say that the backup is old", path)
		}
	}
	if !strings.Contains(c.page("/closings"), "cùng đĩa với kho dữ liệu") {
		t.Error("nobody is told that it is the same disk")
	}
	got := c.ask("POST", "/api/v1/backups", "")
	if got.StatusCode != 201 || got.Header.Get("Location") == "" || !strings.Contains(string(got.body), `"state":"verified"`) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if page := c.page("/"); strings.Contains(page, "26 giờ") {
		t.Error("the alarm stays")
	}
	var list listJSON[backupJSON]
	got = c.ask("GET", "/api/v1/backups", "")
	if err := json.Unmarshal(got.body, &list); err != nil || len(list.Items) != 2 || list.Items[1].Verified == nil || !list.Items[1].SameDisk {
		t.Errorf("%s %v", got.body, err)
	}
	for err, want := range map[error]int{ErrBackupUnderWay: 409, errors.New("no room"): 503} {
		s.err = err
		got := c.ask("POST", "/api/v1/backups", "")
		if got.problem(t); got.StatusCode != want {
			t.Errorf("%v: %d %s", err, got.StatusCode, got.body)
		}
	}
}

func TestWhatIsNotCountedIsListedAndTriedAgain(t *testing.T) {
	var tried []string
	c := ledger(t, Settings{Ingest: func(_ context.Context, k survey.KioskID, message []byte) (Ingested, error) {
		tried = append(tried, fmt.Sprint(k, len(message)))
		if k == "k-nobody" {
			return Ingested{Kiosk: k, Case: custody.Fork}, nil
		}
		return Ingested{Kiosk: k, Refused: "still"}, nil
	}}, func(c *centre) { c.store.rejudged = 2 })
	var list listJSON[waitingJSON]
	got := c.ask("GET", "/api/v1/quarantine", "")
	if err := json.Unmarshal(got.body, &list); err != nil || len(list.Items) != 5 {
		t.Fatalf("%d %s %v", got.StatusCode, got.body, err)
	}
	page := c.page("/quarantine")
	for _, want := range []string{
		"2 lượt chờ khai báo, 1 lượt cách ly, 2 lô bị từ chối", "lô số 2, 2.345 byte", "level 9 is not on the scale", "Chưa rõ ngày", `action="/quarantine/retry"`,
		`chưa biết phiếu hỏi <abbr title="` + someHash + `">3f2a9c00d1e4…</abbr></td>`, "6 lượt đang tranh chấp và cũng không được tính",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	got = c.ask("POST", "/api/v1/quarantine/retry", "")
	if string(got.body) != `{"rejudged":2,"admitted":1,"refused":1}`+"\n" || fmt.Sprint(tried) != "[k-nobody1 k-h2k9vw3cde2345]" {
		t.Errorf("%d %s, tried %v", got.StatusCode, got.body, tried)
	}
	if page := c.page("/quarantine"); strings.Contains(page, "k-nobody") {
		t.Error("what was admitted is still there")
	}
}

// However many are rejected still, each is tried once, the oldest first.
func TestEachRejectedBatchIsTriedOnce(t *testing.T) {
	var tried []byte
	c := ledger(t, Settings{Ingest: func(_ context.Context, k survey.KioskID, message []byte) (Ingested, error) {
		tried = append(tried, message...)
		return Ingested{Kiosk: k, Refused: "still"}, nil
	}}, func(c *centre) {
		c.store.rejected = nil
		for n := range 2*retrySlice + 3 {
			c.store.rejected = append(c.store.rejected, custody.Rejected{Number: uint64(n) + 1, Kiosk: "k-nobody", Bytes: []byte{byte(n)}})
		}
	})
	if got := c.ask("POST", "/api/v1/quarantine/retry", ""); !strings.Contains(string(got.body), `"refused":203}`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	for n, b := range tried {
		if byte(n) != b {
			t.Fatalf("the %dth that was tried is %d", n, b)
		}
	}
	if page := c.page("/quarantine"); !strings.Contains(page, "≥ 200 lô bị từ chối") {
		t.Error("the page gives the listed as all")
	}
}

// The page's button is for signed-in people on this site's own pages.
func TestTheRetryButtonIsProtected(t *testing.T) {
	c := ledger(t, Settings{})
	if got := c.send("POST", "/quarantine/retry", ""); got.StatusCode != 401 {
		t.Errorf("a stranger: %d", got.StatusCode)
	}
	id := c.sessions.begin(signer{name: "x"}, "")
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 303} {
		got := c.send("POST", "/quarantine/retry", "", "Cookie", "hailong="+id, "Sec-Fetch-Site", site)
		if got.StatusCode != want {
			t.Errorf("%s: %d %s", site, got.StatusCode, got.body)
		}
		if want == 303 && got.Header.Get("Location") != "/quarantine?tried=0" {
			t.Errorf("it leads to %s", got.Header.Get("Location"))
		}
	}
	if got := c.send("GET", "/closings", "", "Accept", "text/html"); got.StatusCode != 303 {
		t.Errorf("a stranger reads the closings: %d", got.StatusCode)
	}
}

// What kiosks say of themselves is on their page and in the API.
func TestKiosksSayHowTheyAre(t *testing.T) {
	c := ledger(t, Settings{Heartbeats: func() map[survey.KioskID]Heartbeat { return troubledBeats() }})
	page := c.page("/kiosks")
	for _, want := range []string{
		"Sự cố: không ghi được: đĩa đầy</span>", "150,0\u00a0MB", "đồng hồ lệch &#43;93\u00a0s", "từ chối 17 lượt", "đĩa trống 21,7\u00a0GB", "Phiên bản v1.4.0", "Nhật ký từng bị hỏng, đã nối bằng chuỗi mới: mất ít nhất 1, nhiều nhất 12 lượt",
		"1 thiết bị báo có sự cố.", "6 lượt tranh chấp", "3 lô nữa hết chỗ giữ", "6 lượt trong đó đang bị tranh chấp",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	body := string(c.ask("GET", "/api/v1/kiosks", "").body)
	for _, want := range []string{`"trouble":"không ghi được: đĩa đầy / it cannot record: the disk is full"`, `"free":150000000`, `"refused":17`, `"clock_skew":93`, `"software":"v1.4.0"`, `"at_least":1,"at_most":12`, `"disputed":6,"unkept":3`, `"free":null`} {
		if !strings.Contains(body, want) {
			t.Errorf("the API lacks %s: %s", want, body)
		}
	}
}

func troubledBeats() map[survey.KioskID]Heartbeat {
	return map[survey.KioskID]Heartbeat{
		"k-h2k9vw3cde": {At: noon, Free: 150_000_000, Refused: 17, Trouble: "không ghi được: đĩa đầy / it cannot record: the disk is full", Skew: 93 * time.Second, Software: "v1.4.0"},
		"k-4xq2mzt7ab": {At: noon, Free: 21_700_000_000, Skew: 200 * time.Millisecond, Software: "v1.4.0"},
		"k-copied9xyz": {At: noon, Free: -1},
	}
}

// The new pages in a real browser, in the widths of a desk, a tablet and a phone.
func TestClosingsInTheBrowser(t *testing.T) {
	b := openBrowser(t)
	day := noon.Add(-10 * time.Hour)
	s := &shelf{list: []Backup{
		{Name: "20260331T051500.000Z-1a2b3c4d", Path: "/var/lib/hailong/aggregator/backups/20260331T051500.000Z-1a2b3c4d", State: BackupRunning, At: noon, SameDisk: true, Done: 41, Total: 100},
		{Name: "20260330T190000.000Z-1a2b3c4d", Path: "/var/lib/hailong/aggregator/backups/20260330T190000.000Z-1a2b3c4d", State: BackupVerified, At: day, Verified: &day, Bytes: 412_300_000, SameDisk: true},
		{Name: "20260329T190000.000Z-1a2b3c4d", Path: "/var/lib/hailong/aggregator/backups/20260329T190000.000Z-1a2b3c4d", State: BackupUnverified, At: day.Add(-24 * time.Hour), Bytes: 411_000_000, SameDisk: true, Error: "does not verify: /var/lib/hailong/aggregator/backup-scratch/store.db is damaged"},
	}}
	ingest := func(context.Context, survey.KioskID, []byte) (Ingested, error) {
		return Ingested{Case: custody.New}, nil
	}
	c := ledger(t, Settings{Backups: s, Ingest: ingest, Heartbeats: func() map[survey.KioskID]Heartbeat { return troubledBeats() }}, func(c *centre) {
		c.store.kiosks[1].Name = "Máy đánh giá tại bàn tiếp nhận số 3, Bộ phận một cửa Ủy ban nhân dân phường Hòa Phú, thành phố Thủ Dầu Một"
		c.store.kiosks[3].Revoked = &noon
		c.store.lost[0].Succession.Reason = "segment 1: the journal is damaged: 0001.db is not there"
	})
	at := serve(t, c)
	b.do(chromedp.Navigate(at + c.OneTimeLink()))
	b.until(`document.querySelector("#state.live") !== null`)
	b.do(chromedp.Navigate(at + "/closings"))
	b.look("closings")
	b.do(chromedp.EmulateViewport(1280, 800))
	if wide := ask[int](b, `document.querySelector("select").offsetWidth`); wide > 360 {
		t.Errorf("the choice of kiosks is %d px wide", wide)
	}
	b.do(chromedp.Navigate(at + "/kiosks"))
	b.look("kiosks-trouble")
	b.do(chromedp.Navigate(at + "/quarantine"))
	b.look("quarantine")
	ask[bool](b, `document.querySelector("form[action='/quarantine/retry'] button").click(), true`)
	b.until(`location.search === "?tried=2" && document.querySelector(".tried") !== null`)
	b.look("quarantine-tried")
	b.do(chromedp.Navigate(at + "/closings?lang=en&from=2026-03-31&to=2026-03-31"))
	b.look("closings-en")
	b.do(chromedp.Navigate(at + "/quarantine"))
	b.look("quarantine-en")
	b.do(chromedp.Navigate(at + "/kiosks"))
	b.look("kiosks-en")
	b.do(chromedp.Navigate(at + "/"))
	b.look("today-alarm-en")
	b.do(chromedp.Navigate(at + "/?lang=vi"))
	b.look("today-alarm")
}
