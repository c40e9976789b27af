package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"hailong/survey"
)

// How long the centre may take, and how much it may say. A structure of a whole country
// is below a mebibyte.
const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 60 * time.Second
	maxAnswer      = 64 << 20
)

// side is whose API a client calls.
type side struct {
	vi, en string // what it is
	option string // what names its address
	or     string // what else does; "" = nothing
}

var (
	theCentre = side{"trung tâm", "the centre", "--server", "HAILONG_SERVER"}
	theKiosk  = side{"thiết bị", "the kiosk", "--kiosk", ""}
)

// client calls the API of a centre, or of a kiosk.
type client struct {
	side
	base  *url.URL
	token string
	lang  survey.Lang
	http  *http.Client
}

func newClient(g *Globals, t *Terminal) (*client, error) {
	return newClientOf(theCentre, g.Server, g.Token, t)
}

func newClientOf(who side, address, token string, t *Terminal) (*client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, &Error{
			Vi:   fmt.Sprintf("%s = %q: cần địa chỉ dạng http://máy:cổng hoặc https://…", who.option, address),
			En:   fmt.Sprintf("%s = %q: an address like http://host:port or https://… is needed", who.option, address),
			Code: usage,
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	return &client{side: who, base: base, token: token, lang: t.Lang, http: &http.Client{
		Timeout:   requestTimeout,
		Transport: transport,
		// The API never redirects; following one could hand the token to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// do sends one request and returns the JSON that answers it. In is sent as JSON, bytes as
// they are, nil not at all. Anything but success is an error that says what to do.
func (c *client) do(ctx context.Context, method, path string, query url.Values, in any) ([]byte, error) {
	kind, body := "", []byte(nil)
	switch in := in.(type) {
	case nil:
	case []byte:
		kind, body = "application/octet-stream", in
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		kind, body = "application/json", b
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("Accept-Language", string(c.lang))
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if len(answer) > maxAnswer {
		return nil, c.stranger("answer too long")
	}
	return c.understood(res, answer)
}

// understood is the JSON of a success, or the error that the answer tells.
func (c *client) understood(res *http.Response, answer []byte) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300 && kind == "application/json" && json.Valid(answer):
		return answer, nil
	case kind == "application/problem+json":
		return nil, c.problem(res, answer)
	default:
		return nil, c.stranger(res.Status)
	}
}

// unreachable says that no answer came.
func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx.Err())
	}
	cause := err
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		cause = urlErr.Err
	}
	vi, en := plainly(cause)
	viOr, enOr := "", ""
	if c.or != "" {
		viOr, enOr = " hoặc "+c.or, " or "+c.or
	}
	return &Error{
		Vi:  fmt.Sprintf("không kết nối được tới %s %s: %s\n%s có đang chạy không? Địa chỉ đặt bằng %s%s.", c.vi, c.base.Redacted(), vi, capital(c.vi), c.option, viOr),
		En:  fmt.Sprintf("%s %s cannot be reached: %s\nIs it running? The address is set with %s%s.", c.en, c.base.Redacted(), en, c.option, enOr),
		Err: err,
	}
}

// stranger says that somebody answers there, but not a centre's API.
func (c *client) stranger(what string) error {
	return &Error{
		Vi: fmt.Sprintf("%s có trả lời (%s), nhưng không giống API của %s Hài Lòng; hãy xem lại %s", c.base.Redacted(), what, c.vi, c.option),
		En: fmt.Sprintf("%s answers (%s), but not like the API of a Hài Lòng %s; check %s", c.base.Redacted(), what, strings.TrimPrefix(c.en, "the "), c.option),
	}
}

// capital is a text with a capital at its beginning.
func capital(s string) string {
	r := []rune(s)
	return string(unicode.ToUpper(r[0])) + string(r[1:])
}

// problem is the API's own error (RFC 9457). Its words come in the language asked for.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Path    string `json:"path"`
		Value   string `json:"value"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (c *client) problem(res *http.Response, answer []byte) error {
	var p problem
	if json.Unmarshal(answer, &p) != nil || p.Title == "" {
		return c.stranger(res.Status)
	}
	if res.StatusCode == http.StatusNotFound && strings.Contains(p.Detail, "/api/") {
		p.Title = "" // not the address is missing but what was asked for, and the detail says where to look
	}
	text := asCommands.Replace(p.text())
	e := &Error{Vi: text, En: text}
	if res.StatusCode == http.StatusUnauthorized {
		e.Vi += "\nMã truy cập đặt bằng --token hoặc HAILONG_TOKEN."
		e.En += "\nThe token is set with --token or HAILONG_TOKEN."
	}
	if after := res.Header.Get("Retry-After"); after != "" {
		e.Vi += fmt.Sprintf("\nThử lại sau: %s giây.", after)
		e.En += fmt.Sprintf("\nTry again in: %s s.", after)
	}
	return e
}

// asCommands puts commands in the place of the addresses that the API tells its callers to
// look at.
var asCommands = strings.NewReplacer("GET "+backupsPath, "hailong backup --list", kiosksPath, "hailong kiosks list", postersPath, "hailong posters list", unitsPath, "hailong units list", "GET "+tabletsPath, "hailong tablets list")

// text is the problem for people. Where places are listed they say more than the
// detail, which then only repeats the first of them.
func (p *problem) text() string {
	if len(p.Errors) == 0 {
		return strings.Trim(p.Title+": "+p.Detail, ": ")
	}
	lines := []string{p.Title + ":"}
	for _, e := range p.Errors {
		where := survey.Problem{Path: e.Path, Value: e.Value, En: e.Message}
		lines = append(lines, "  "+where.Text(survey.English))
	}
	return strings.Join(lines, "\n")
}

// get reads an address into v and returns the JSON as it came.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) ([]byte, error) {
	return c.call(ctx, http.MethodGet, path, query, nil, v)
}

// call sends a request and reads its answer into v.
func (c *client) call(ctx context.Context, method, path string, query url.Values, in, v any) ([]byte, error) {
	answer, err := c.do(ctx, method, path, query, in)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return nil, c.stranger(err.Error())
	}
	return answer, nil
}

// ask calls the centre that the options name and reads its answer into a T; raw is the
// JSON as it came.
func ask[T any](ctx context.Context, g *Globals, t *Terminal, method, path string, query url.Values, in any) (v T, raw []byte, err error) {
	c, err := newClient(g, t)
	if err != nil {
		return v, nil, err
	}
	raw, err = c.call(ctx, method, path, query, in, &v)
	return v, raw, err
}

// listOf is a list as the API gives it.
type listOf[T any] struct {
	Items []T `json:"items"`
}
