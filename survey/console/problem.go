package console

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// refusal is an answer other than what was asked for: a status, what to do about it in
// both languages, and the places at fault. Handlers return it as their error.
type refusal struct {
	status int
	detail survey.Words
	errors survey.Problems
	retry  time.Duration // when to try again; 0 = not said
}

// Error is the refusal for the log; people get its detail in their language.
func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.status, r.detail[survey.English]) }

// refuse makes a refusal without places.
func refuse(status int, vi, en string) *refusal {
	return &refusal{status: status, detail: survey.Words{survey.Vietnamese: vi, survey.English: en}}
}

// atFault makes a refusal out of problems, with their sentences as its detail.
func atFault(status int, ps survey.Problems) *refusal {
	return &refusal{status: status, detail: survey.Words{
		survey.Vietnamese: firstFew(ps, survey.Vietnamese), survey.English: firstFew(ps, survey.English),
	}, errors: ps}
}

// maxErrors bounds how many problems one answer lists: a tree of thousands of units
// can be wrong in every line.
const maxErrors = 50

func firstFew(ps survey.Problems, lang survey.Lang) string {
	text := strings.ReplaceAll(ps[:min(len(ps), 3)].Text(lang), "\n", "; ")
	if len(ps) > 3 {
		text += "; …"
	}
	return text
}

// titles are the short names of the statuses that the console answers with.
var titles = map[int]survey.Words{
	400: {"vi": "Yêu cầu chưa đúng", "en": "Bad request"},
	401: {"vi": "Cần đăng nhập", "en": "Not signed in"},
	403: {"vi": "Không được phép", "en": "Forbidden"},
	404: {"vi": "Không có địa chỉ này", "en": "Not found"},
	405: {"vi": "Phương thức không dùng được ở đây", "en": "Method not allowed"},
	409: {"vi": "Không hợp với tình trạng hiện tại", "en": "Conflict"},
	410: {"vi": "Không còn dùng được", "en": "Gone"},
	413: {"vi": "Nội dung quá lớn", "en": "Content too large"},
	415: {"vi": "Không đọc được kiểu nội dung này", "en": "Unsupported media type"},
	422: {"vi": "Nội dung có chỗ chưa hợp lệ", "en": "Unprocessable content"},
	429: {"vi": "Quá nhiều lần thử", "en": "Too many requests"},
	500: {"vi": "Lỗi phía máy chủ", "en": "Internal server error"},
	503: {"vi": "Tạm thời chưa phục vụ được", "en": "Service unavailable"},
}

// details are what to do about refusals that come from the HTTP library itself.
var details = map[int]survey.Words{
	400: {"vi": "không đọc được yêu cầu này", "en": "this request cannot be read"},
	404: {"vi": "hãy xem lại địa chỉ", "en": "check the address"},
	405: {"vi": "địa chỉ này có, nhưng nhận phương thức khác; xem đầu mục Allow", "en": "this address exists but takes another method; see the Allow header"},
	413: {"vi": "nội dung gửi lên được nhiều nhất 4 MiB", "en": "a body may have at most 4 MiB"},
	500: {"vi": "lỗi này đã được ghi lại; hãy thử lại sau, nếu còn lỗi xin báo người quản trị", "en": "this was logged; try again later, and tell the administrator if it stays"},
}

// problemJSON is RFC 9457's problem, with the places at fault.
type problemJSON struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []fieldError `json:"errors,omitempty"`
}

type fieldError struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

// asRefusal turns any error of a handler into a refusal; inside says that it is the
// centre's own fault, whose cause belongs in the log.
func asRefusal(err error) (r *refusal, inside bool) {
	var ps survey.Problems
	var fe *fiber.Error
	switch {
	case errors.As(err, &r):
		return r, false
	case errors.As(err, &ps) && len(ps) > 0:
		return atFault(fiber.StatusUnprocessableEntity, ps), false
	case errors.As(err, &fe):
		detail, known := details[fe.Code]
		if !known {
			detail = survey.Words{survey.Vietnamese: fe.Message, survey.English: fe.Message}
		}
		return &refusal{status: fe.Code, detail: detail}, fe.Code >= 500
	}
	return &refusal{status: fiber.StatusInternalServerError, detail: details[500]}, true
}

// fail is the one place where errors become answers.
func (c *Console) fail(ctx *fiber.Ctx, err error) error {
	if underAPI(ctx) && ctx.Locals(signerKey) == nil {
		// The HTTP library may refuse a request (a body too large) before any handler
		// has asked who sends it. A stranger does not learn even that.
		if _, who := c.authenticate(ctx); who != nil {
			err = who
		}
	}
	r, inside := asRefusal(err)
	if inside {
		c.log.Error("request failed", "method", ctx.Method(), "route", ctx.Route().Path, "error", err)
	}
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	if r.retry > 0 {
		ctx.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(r.retry.Seconds()))))
	}
	if r.status == fiber.StatusUnauthorized {
		challenge(ctx)
	}
	if underAPI(ctx) || ctx.Path() == enrolPath || !wantsPage(ctx) {
		return sendProblem(ctx, r)
	}
	return c.sendMessage(ctx, r)
}

func sendProblem(ctx *fiber.Ctx, r *refusal) error {
	lang := spokenLang(ctx)
	p := problemJSON{Type: "about:blank", Title: titles[r.status].In(lang), Status: r.status, Detail: r.detail.In(lang)}
	for _, e := range r.errors[:min(len(r.errors), maxErrors)] {
		message := e.Vi
		if lang == survey.English {
			message = e.En
		}
		p.Errors = append(p.Errors, fieldError{e.Path, e.Value, message})
	}
	ctx.Set(fiber.HeaderContentLanguage, string(lang))
	ctx.Vary(fiber.HeaderAcceptLanguage)
	return sendAs(ctx, r.status, "application/problem+json", p)
}
