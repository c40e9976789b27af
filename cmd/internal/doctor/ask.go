package doctor

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hailong/kiosk/identity"
	"hailong/survey"
	"hailong/sync/uplink"
)

// askWithin is how long a running program may take to answer.
const askWithin = 5 * time.Second

// get reads a page of a running program, in one language; the body comes whatever the
// status.
func get(ctx context.Context, url string, lang survey.Lang) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept-Language", string(lang))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, body, err
}

// ready asks a program that runs whether it is ready, and reports whether it answers.
func (e *exam) ready(ctx context.Context, base string) bool {
	page := strings.TrimRight(base, "/") + "/readyz"
	status, vi, err := get(ctx, page, survey.Vietnamese)
	start := words("xem nhật ký của dịch vụ: journalctl -u tên-dịch-vụ", "look at the service's log: journalctl -u its-name")
	switch {
	case err != nil:
		e.warn("ready", words(fmt.Sprintf("chương trình đang chạy nhưng %s không trả lời: %v", base, err), fmt.Sprintf("the program runs, but %s does not answer: %v", base, err)),
			words("nêu đúng địa chỉ bằng --kiosk-url hoặc --aggregator-url", "name its address with --kiosk-url or --aggregator-url"))
		return false
	case status != http.StatusOK:
		_, en, _ := get(ctx, page, survey.English) // it has just answered
		e.bad("ready", words(fmt.Sprintf("chưa sẵn sàng: %s", said(vi)), fmt.Sprintf("it is not ready: %s", said(en))), start)
	default:
		e.good("ready", words("sẵn sàng", "it is ready"))
	}
	return true
}

// said is the reason in an answer (RFC 9457), or the answer itself.
func said(body []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(body, &p) == nil && p.Title != "" {
		return strings.TrimSuffix(p.Title+": "+p.Detail, ": ")
	}
	return strings.TrimSpace(string(body[:min(len(body), 200)]))
}

// kioskStatus is what is read of a kiosk's /api/v1/status.
type kioskStatus struct {
	Kiosk  survey.KioskID `json:"kiosk"` // "" before enrolment
	Last   uint64         `json:"last_sequence"`
	Unsent uint64         `json:"unsent"`
	Oldest float64        `json:"oldest_unsent_seconds"`
	Clock  struct {
		Skew *float64 `json:"skew_seconds"` // the box's clock less the centre's
	} `json:"clock"`
	Link struct {
		Connected bool    `json:"connected"`
		Problem   *string `json:"problem"`
	} `json:"link"`
}

// Limits of what a running kiosk may say of itself.
const (
	oldUnsent = 15 * time.Minute
	farClock  = 5 * time.Minute
)

// askKiosk asks the kiosk that runs what it says of itself, if it is the folder's own.
func (e *exam) askKiosk(ctx context.Context) {
	page := strings.TrimRight(e.KioskURL, "/") + "/api/v1/status"
	st, status, err := kioskSays(ctx, page, survey.Vietnamese)
	if own := e.kioskID(); err == nil && own != "" && st.Kiosk != "" && st.Kiosk != own {
		e.warn("kiosk_url", words(fmt.Sprintf("ở %s là thiết bị %s, còn thư mục %s là của %s: không hỏi được thiết bị đang chạy", e.KioskURL, st.Kiosk, e.Kiosk, own),
			fmt.Sprintf("at %s is the kiosk %s, and the folder %s is that of %s: the one that runs was not asked", e.KioskURL, st.Kiosk, e.Kiosk, own)),
			words("nêu địa chỉ của chính thiết bị này (khóa listen): --kiosk-url URL", "name this kiosk's own address (the key listen): --kiosk-url URL"))
		return
	}
	if !e.ready(ctx, e.KioskURL) {
		return
	}
	if err != nil || status != http.StatusOK {
		e.warn("status", words(fmt.Sprintf("%s không cho xem trạng thái (%d)", e.KioskURL, status), fmt.Sprintf("%s does not show its status (%d)", e.KioskURL, status)),
			words("chạy lệnh này trên chính thiết bị", "run this on the kiosk itself"))
		return
	}
	var problem survey.Words
	if st.Link.Problem != nil {
		problem = words(*st.Link.Problem, *st.Link.Problem)
		if st, _, err := kioskSays(ctx, page, survey.English); err == nil && st.Link.Problem != nil {
			problem[survey.English] = *st.Link.Problem
		}
	}
	e.unsent(st, problem)
	e.skew(st)
}

// kioskSays is what a kiosk says of itself in one language.
func kioskSays(ctx context.Context, page string, lang survey.Lang) (st kioskStatus, status int, err error) {
	status, body, err := get(ctx, page, lang)
	if err == nil {
		err = json.Unmarshal(body, &st)
	}
	return st, status, err
}

// kioskID is whose data folder this is; "" where it cannot be read. It reads a copy of the
// identity as it is: [identity.Load] mends, which is the running kiosk's own affair.
func (e *exam) kioskID() survey.KioskID {
	var s struct{ Identity identity.Identity }
	b, err := os.ReadFile(filepath.Join(e.Kiosk, identity.FirstCopy))
	if err != nil || json.Unmarshal(b, &s) != nil || len(s.Identity.Seed) != ed25519.SeedSize {
		return ""
	}
	return s.Identity.Kiosk()
}

// unsent judges what a running kiosk has still to send; problem is what it says of its
// link, nil = nothing.
func (e *exam) unsent(st kioskStatus, problem survey.Words) {
	oldest := time.Duration(st.Oldest * float64(time.Second)).Round(time.Second)
	vi, en := fmt.Sprintf("%d bản ghi, chưa gửi %d", st.Last, st.Unsent), fmt.Sprintf("records: %d, not sent: %d", st.Last, st.Unsent)
	if st.Unsent > 0 {
		vi, en = vi+fmt.Sprintf(" (cũ nhất %s)", oldest), en+fmt.Sprintf(" (the oldest %s)", oldest)
	}
	look := words("kiểm tra mạng và địa chỉ NATS; xem hailong diary", "check the network and the NATS address; see hailong diary")
	switch why := problem[survey.English]; {
	case strings.Contains(why, "(code E4)"): // the network is well: the centre refuses the key
		look = words("mạng không hỏng: làm theo câu trên ở trung tâm (hailong kiosks allow, hoặc hailong kiosks add rồi ghi mã mới vào centre.code ở đây và chạy lại); giữ nguyên thư mục data",
			"the network is well: do at the centre what the sentence says (hailong kiosks allow, or hailong kiosks add, then the new code into centre.code here and restart); leave the data folder where it is")
	case st.Link.Connected && strings.Contains(why, string(uplink.Receded)):
		look = words("mạng không hỏng: ở trung tâm, khôi phục kho dữ liệu từ một bản sao lưu bất kỳ bằng hailong restore (không chép store.db bằng tay): kho bắt đầu kỳ sống mới, và các thiết bị tự gửi lại phần thiếu; ở đây đừng xóa gì",
			"the network is well: at the centre restore any backup with hailong restore (no copying of store.db by hand): the store begins a new life, and kiosks send again what is missing; remove nothing here")
	case st.Link.Connected:
		look = words("mạng không hỏng: xem hailong diary ở đây, và trang Thiết bị của trung tâm", "the network is well: see hailong diary here, and the centre's page of kiosks")
	}
	switch {
	case problem != nil:
		e.warn("link", words(vi+"; "+problem[survey.Vietnamese], en+"; "+problem[survey.English]), look)
	case !st.Link.Connected:
		e.warn("link", words(vi+"; chưa kết nối tới trung tâm", en+"; the centre is not reached"), look)
	case oldest > oldUnsent:
		e.warn("link", words(vi, en), look)
	default:
		e.good("link", words(vi+"; đang kết nối", en+"; the centre is reached"))
	}
}

func (e *exam) skew(st kioskStatus) {
	if st.Clock.Skew == nil {
		return // not compared yet
	}
	by := time.Duration(*st.Clock.Skew * float64(time.Second)).Round(time.Millisecond)
	w := words(fmt.Sprintf("đồng hồ lệch %s so với trung tâm", by), fmt.Sprintf("the clock differs from the centre's by %s", by))
	if by.Abs() > farClock {
		e.warn("skew", w, words("bật đồng bộ giờ của máy; ngày của bản ghi vẫn được tính theo giờ trung tâm", "turn the machine's time synchronisation on; the day of records is reckoned by the centre's clock all the same"))
		return
	}
	e.good("skew", w)
}

// ownCentre looks whether the aggregator at the address is the folder's own, by the key
// that it shows. One that shows none is taken for it.
func (e *exam) ownCentre(ctx context.Context) bool {
	var shown struct{ Key []byte }
	_, body, err := get(ctx, strings.TrimRight(e.AggregatorURL, "/")+"/open/key", survey.English)
	if err != nil || json.Unmarshal(body, &shown) != nil || len(shown.Key) == 0 {
		return true
	}
	text, _ := os.ReadFile(filepath.Join(e.Aggregator, keyFile)) // what is wrong with it is said elsewhere
	seed, _ := hex.DecodeString(strings.TrimSpace(string(text)))
	if len(seed) != ed25519.SeedSize || ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(shown.Key)) {
		return true
	}
	e.warn("aggregator_url", words(fmt.Sprintf("ở %s là một trung tâm khác, không phải của thư mục %s: không hỏi được trung tâm đang chạy", e.AggregatorURL, e.Aggregator),
		fmt.Sprintf("at %s is another aggregator, not that of the folder %s: the one that runs was not asked", e.AggregatorURL, e.Aggregator)),
		words("nêu địa chỉ của chính trung tâm này (khóa listen): --aggregator-url URL", "name this aggregator's own address (the key listen): --aggregator-url URL"))
	return false
}
