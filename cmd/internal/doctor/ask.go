package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// askWithin is how long a running program may take to answer.
const askWithin = 5 * time.Second

// get reads a page of a running program; the body comes whatever the status.
func get(ctx context.Context, url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
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
	status, body, err := get(ctx, strings.TrimRight(base, "/")+"/readyz")
	start := words("xem nhật ký của dịch vụ: journalctl -u tên-dịch-vụ", "look at the service's log: journalctl -u its-name")
	switch {
	case err != nil:
		e.warn("ready", words(fmt.Sprintf("chương trình đang chạy nhưng %s không trả lời: %v", base, err), fmt.Sprintf("the program runs, but %s does not answer: %v", base, err)),
			words("nêu đúng địa chỉ bằng --kiosk-url hoặc --aggregator-url", "name its address with --kiosk-url or --aggregator-url"))
		return false
	case status != http.StatusOK:
		e.bad("ready", words(fmt.Sprintf("chưa sẵn sàng: %s", said(body)), fmt.Sprintf("it is not ready: %s", said(body))), start)
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
	Last   uint64  `json:"last_sequence"`
	Unsent uint64  `json:"unsent"`
	Oldest float64 `json:"oldest_unsent_seconds"`
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

func (e *exam) askKiosk(ctx context.Context) {
	if !e.ready(ctx, e.KioskURL) {
		return
	}
	status, body, err := get(ctx, strings.TrimRight(e.KioskURL, "/")+"/api/v1/status")
	var st kioskStatus
	if err == nil {
		err = json.Unmarshal(body, &st)
	}
	if err != nil || status != http.StatusOK {
		e.warn("status", words(fmt.Sprintf("%s không cho xem trạng thái (%d)", e.KioskURL, status), fmt.Sprintf("%s does not show its status (%d)", e.KioskURL, status)),
			words("chạy lệnh này trên chính thiết bị", "run this on the kiosk itself"))
		return
	}
	e.unsent(st)
	e.skew(st)
}

func (e *exam) unsent(st kioskStatus) {
	oldest := time.Duration(st.Oldest * float64(time.Second)).Round(time.Second)
	vi, en := fmt.Sprintf("%d bản ghi, chưa gửi %d", st.Last, st.Unsent), fmt.Sprintf("records: %d, not sent: %d", st.Last, st.Unsent)
	if st.Unsent > 0 {
		vi, en = vi+fmt.Sprintf(" (cũ nhất %s)", oldest), en+fmt.Sprintf(" (the oldest %s)", oldest)
	}
	look := words("kiểm tra mạng và địa chỉ NATS; xem hailong diary", "check the network and the NATS address; see hailong diary")
	switch {
	case st.Link.Problem != nil:
		e.warn("link", words(vi+"; "+*st.Link.Problem, en+"; "+*st.Link.Problem), look)
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
