package kioskapp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/screen"
	"hailong/survey"
)

// enrolled is the centre's answer to a kiosk that it takes in.
type enrolled struct {
	Kiosk     survey.KioskID     `json:"kiosk"`
	Name      string             `json:"name"`
	Role      survey.KioskRole   `json:"role"`
	Counters  []identity.Counter `json:"counters"`
	CentreKey string             `json:"centre_key"`
	NATS      string             `json:"nats"`
}

// enrol asks until the centre takes the kiosk in, and keeps what it said. The error says
// that asking on makes no sense.
func (a *App) enrol(ctx context.Context) error {
	e, err := a.askOn(ctx, func(why survey.Words) {
		a.keepOut(&screen.NotEnrolled{Why: why})
		a.note(told(DiaryNotEnrolled, "chưa được trung tâm nhận: "+why.In(survey.Vietnamese), "not taken in yet: "+why.In(survey.English)))
	})
	if err != nil {
		return err
	}
	a.identity.Enrolment = e
	if err := a.identity.Save(a.config.Data); err != nil {
		return err
	}
	a.log.Info("taken in by the centre", "kiosk", a.identity.Kiosk(), "name", e.Name, "counters", len(e.Counters))
	a.note(told(DiaryEnrolled, strings.TrimSpace("trung tâm đã nhận thiết bị này "+e.Name), strings.TrimSpace("the centre has taken this kiosk in "+e.Name)))
	return a.checkRole()
}

// askOn asks until the centre takes the kiosk in. The key was made and kept before: asking
// twice with one code is the same kiosk. While it is not taken in, not hears why, once for
// each reason. The error says that asking on makes no sense.
func (a *App) askOn(ctx context.Context, not func(why survey.Words)) (*identity.Enrolment, error) {
	client, err := a.config.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections() // it is not needed again, and would be kept alive over the line
	said := ""
	var p patience
	for {
		e, err := a.askIn(ctx, client)
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		wait := p.next(err)
		if err.Error() != said { // once, not at every try
			said = err.Error()
			a.log.Warn("not taken in yet; asking again", "centre", a.config.Centre.URL, "error", err, "next", wait.Round(time.Second))
			not(wordsOf(err))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// askIn asks once.
func (a *App) askIn(ctx context.Context, client *http.Client) (*identity.Enrolment, error) {
	ask, err := json.Marshal(map[string]string{
		"code": a.config.Centre.Code, "key": base64.StdEncoding.EncodeToString(a.identity.Public()), "role": string(a.config.Role),
	})
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(a.config.Centre.URL, "/")+"/enrol", bytes.NewReader(ask))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Language", "vi")
	resp, err := client.Do(req)
	if err != nil {
		return nil, away(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, away(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, refused(resp, body)
	}
	var e enrolled
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, misread("không đọc được", "it cannot be read")
	}
	return a.accept(e)
}

// away is a centre that did not answer.
func away(cause error) error {
	return because(cause, "không tới được trung tâm", "cannot reach the centre")
}

// reasons are what an answer's status says about why a kiosk is not taken in.
var reasons = map[int]survey.Words{
	http.StatusForbidden: problem(
		"mã ghi danh thiếu, sai, đã dùng hoặc quá hạn, hoặc thiết bị đã bị thu hồi",
		"most often its one-time code is missing, wrong, used up or too old; make a new one: hailong kiosks add --counter COUNTER"),
	http.StatusConflict:        problem("một thiết bị khác đã mang tên này", "another kiosk has this name; it needs a new key"),
	http.StatusTooManyRequests: problem("đã có quá nhiều lần thử không thành", "there were too many failed tries; it asks again later"),
}

// refused is an answer that takes nobody in, with the centre's own sentence in the
// language asked for, or what its status says.
func refused(resp *http.Response, body []byte) *refusal {
	var said struct{ Title, Detail string }
	_ = json.Unmarshal(body, &said) // another answer has no words of its own
	known := reasons[resp.StatusCode]
	vi := cmp.Or(said.Detail, said.Title, known.In(survey.Vietnamese), "không nói lý do")
	en := cmp.Or(known.In(survey.English), said.Detail, said.Title, "no reason given")
	r := &refusal{words: problem(fmt.Sprintf("trung tâm chưa nhận thiết bị này (%d): %s", resp.StatusCode, vi), fmt.Sprintf("the centre refuses this kiosk (%d): %s", resp.StatusCode, en))}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = time.Duration(min(s, int(enrolMercy/time.Second))) * time.Second
	}
	return r
}

// misread is an answer that is no enrolment, though it says that it is one.
func misread(vi, en string) *refusal {
	return &refusal{words: problem("câu trả lời của trung tâm không dùng được: "+vi, "the centre's answer cannot be used: "+en)}
}

// accept checks that the centre's answer is whole and about this kiosk, and that the
// centre is the one that took it in before.
func (a *App) accept(e enrolled) (*identity.Enrolment, error) {
	key, err := base64.StdEncoding.DecodeString(e.CentreKey)
	switch {
	case err != nil || len(key) != 32:
		return nil, misread("không có khóa của trung tâm", "it names no key of the centre")
	case e.Kiosk != a.identity.Kiosk():
		return nil, misread(fmt.Sprintf("trung tâm gọi thiết bị là %s, khóa của nó cho tên %s", e.Kiosk, a.identity.Kiosk()),
			fmt.Sprintf("the centre calls this kiosk %s, its key makes it %s", e.Kiosk, a.identity.Kiosk()))
	case len(e.Counters) == 0:
		return nil, misread("không có quầy nào", "it gives this kiosk no counter")
	case len(e.Counters) > screen.MaxCounters:
		return nil, misread(fmt.Sprintf("có %d quầy; một thiết bị phục vụ nhiều nhất %d quầy", len(e.Counters), screen.MaxCounters),
			fmt.Sprintf("it gives this kiosk %d counters; a box serves at most %d", len(e.Counters), screen.MaxCounters))
	case a.config.Centre.NATS == "" && !isNATS(e.NATS):
		return nil, misread(fmt.Sprintf("địa chỉ máy chủ bản tin %q không dùng được; ở trung tâm, nats.advertise phải là địa chỉ nats:// hoặc tls://", e.NATS),
			fmt.Sprintf("the message server's address %q cannot be used; at the centre, nats.advertise must be an address nats:// or tls://", e.NATS))
	}
	if was := a.identity.Enrolment; was != nil {
		if err := a.sameAs(was, e.Role, key); err != nil {
			return nil, err
		}
	}
	return &identity.Enrolment{Name: e.Name, Role: e.Role, Counters: e.Counters, CentreKey: key, NATS: e.NATS, Code: codeHash(a.config.Centre.Code)}, nil
}

// checkRole refuses settings that give the kiosk another role than its code did.
func (a *App) checkRole() error {
	given, role := a.identity.Enrolment.Role, a.config.Role
	if given == "" || given == role {
		return nil
	}
	return survey.Problems{{
		Path: "role", Value: string(role),
		Vi: fmt.Sprintf("thiết bị này được ghi danh bằng mã cho vai trò %s; hãy đặt role: %s, hoặc tạo mã cho vai trò %s rồi bắt đầu lại với thư mục data trống", given, given, role),
		En: fmt.Sprintf("this kiosk was enrolled with a code for the role %s; set role: %s, or make a code for the role %s and begin again with an empty data folder", given, given, role),
	}}
}

// client is the HTTP client for enrolment.
func (c *Config) client() (*http.Client, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if c.Centre.CA != "" {
		pem, err := os.ReadFile(c.Centre.CA)
		if err != nil {
			return nil, fmt.Errorf("centre.ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("centre.ca = %q: the file holds no certificate", c.Centre.CA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}
