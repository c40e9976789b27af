package screen

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/kiosk"
	"hailong/survey"
)

// kind is one way in which a request can fail; the list is closed.
type kind struct {
	slug   string // the last part of the problem's type
	status int
	retry  int // seconds for Retry-After; 0 = none
	title  survey.Words
	detail survey.Words // what to do about it
}

func says(vi, en string) survey.Words {
	return survey.Words{survey.Vietnamese: vi, survey.English: en}
}

var (
	malformed = &kind{"malformed", 400, 0, says("Yêu cầu không đọc được", "The request cannot be read"),
		says("Thân yêu cầu phải là một đối tượng JSON duy nhất, mã hóa UTF-8.", "The body must be one JSON object in UTF-8.")}
	notLocal = &kind{"not-local", 403, 0, says("Chỉ dùng tại thiết bị", "Only at the kiosk itself"),
		says("Địa chỉ này chỉ trả lời chính thiết bị (127.0.0.1, không qua proxy).", "This address answers the kiosk's own machine only (127.0.0.1, not through a proxy).")}
	foreignHost = &kind{"foreign-host", 403, 0, says("Tên máy lạ", "A foreign host name"),
		says("Hãy gọi thiết bị bằng địa chỉ IP, localhost hoặc tên đã cấu hình.", "Call the kiosk by its IP address, localhost or a configured name.")}
	crossSite = &kind{"cross-site", 403, 0, says("Yêu cầu từ trang khác", "A request of another site"),
		says("Trình duyệt chỉ được gửi từ chính trang của thiết bị.", "A browser may send this from the kiosk's own page only.")}
	notFound = &kind{"not-found", 404, 0, says("Không có địa chỉ này", "There is no such address"),
		says("Các địa chỉ có: POST /api/v1/responses, GET /api/v1/status.", "There are: POST /api/v1/responses, GET /api/v1/status.")}
	wrongMethod = &kind{"method", 405, 0, says("Phương thức không dùng được ở đây", "This method does not work here"),
		says("Tiêu đề Allow nói phương thức nào dùng được.", "The Allow header says which methods do.")}
	notPaired = &kind{"not-paired", 403, 0, says("Chỉ dùng tại thiết bị hoặc trên máy tính bảng đã ghép", "Only at the kiosk itself, or on a paired tablet"),
		says("Máy này chưa được ghép với quầy nào, hoặc đã bị thu hồi. Người vận hành tạo mã ghép tại thiết bị.", "This machine is paired with no counter, or was revoked. The operator makes a pairing code at the kiosk.")}
	otherCounter = &kind{"other-counter", 403, 0, says("Quầy khác", "Another counter"),
		says("Máy tính bảng này chỉ được ghép với một quầy khác.", "This tablet is paired with another counter only.")}
	otherChannel = &kind{"other-channel", 403, 0, says("Kênh không dùng được ở đây", "Not a channel of a tablet"),
		says("Máy tính bảng chỉ gửi được kênh touch và button.", "A tablet sends the channels touch and button only.")}
	otherAnswer = &kind{"other-answer", 403, 0, says("Điều mà màn hình không hỏi", "Not what a screen asks"),
		says("Máy tính bảng không gửi được stage, resolving_unit, field, procedure, respondent, comment.", "A tablet sends no stage, resolving_unit, field, procedure, respondent or comment.")}
	noCounter = &kind{"no-counter", 404, 0, says("Không có quầy này", "There is no such counter"),
		says("Thiết bị này không phục vụ quầy đó.", "This kiosk does not serve that counter.")}
	noCode = &kind{"no-code", 404, 0, says("Không có mã QR", "There is no QR code"),
		says("Quầy này hiện không có mã QR để hiện.", "This counter has no QR code to show now.")}
	noTablet = &kind{"no-tablet", 404, 0, says("Không có máy tính bảng này", "There is no such tablet"),
		says("Xem danh sách: GET /api/v1/tablets.", "For a list: GET /api/v1/tablets.")}
	manyTablets = &kind{"many-tablets", 409, 0, says("Đã ghép quá nhiều máy tính bảng", "Too many tablets are paired"),
		says("Hãy thu hồi những máy không còn dùng.", "Revoke those that are not used any more.")}
	guessedAt = &kind{"locked", 429, 0, says("Tạm khóa vì nhập sai mã quá nhiều lần", "Locked: a wrong code was typed too often"),
		says("Hãy đợi rồi tạo mã mới.", "Wait, then make a new code.")}
	notKept = &kind{"not-kept", 503, 0, says("Đã thu hồi, nhưng chưa ghi được lên đĩa", "Revoked, but not on disk"),
		says("Nếu chương trình khởi động lại, máy tính bảng sẽ lại dùng được. Hãy xem lại đĩa rồi thu hồi lần nữa.", "If the program restarts, the tablet is paired again. Look at the disk, then revoke it once more.")}
	paused = &kind{"paused", 503, 30, says("Tạm ngưng nhận đánh giá", "Out of service"),
		says("Người vận hành đã tạm ngưng thiết bị.", "The operator has taken the kiosk out of service.")}
	tooSlow = &kind{"timeout", 408, 0, says("Yêu cầu đến quá chậm", "The request came too slowly"),
		says("Hãy gửi lại, với cùng khóa.", "Send it again, with the same key.")}
	conflict = &kind{"conflict", 409, 0, says("Khóa đã dùng cho nội dung khác", "The key was used for other content"),
		says("idempotency_key này đã dùng cho một phiếu có nội dung khác; mỗi phiếu cần một khóa riêng.", "This idempotency_key was used before for other content; each response needs a key of its own.")}
	tooLarge = &kind{"too-large", 413, 0, says("Yêu cầu quá lớn", "The request is too large"),
		says("Thân yêu cầu được nhiều nhất 32 KiB (32768 byte).", "The body may have at most 32 KiB (32768 bytes).")}
	wrongMedia = &kind{"media-type", 415, 0, says("Kiểu nội dung không nhận", "This content type is not accepted"),
		says("Cần Content-Type: application/json (UTF-8), không nén.", "Content-Type: application/json (UTF-8) is needed, not compressed.")}
	invalid = &kind{"invalid", 422, 0, says("Phiếu trả lời không hợp lệ", "The response is not valid"), nil}
	tooMuch = &kind{"header-too-large", 431, 0, says("Tiêu đề quá lớn", "The headers are too large"),
		says("Hãy bớt tiêu đề hoặc cookie.", "Send fewer headers or cookies.")}
	broken = &kind{"internal", 500, 0, says("Lỗi của chương trình", "A fault of the program"),
		says("Nhật ký của thiết bị ghi nguyên nhân. Nếu đang gửi phiếu: hãy gửi lại với cùng khóa.", "The kiosk's log has the cause. If this was a response: send it again with the same key.")}
	unknown = &kind{"unknown-outcome", 503, 1, says("Chưa biết đã ghi được hay chưa", "Not known whether it was kept"),
		says("Hãy gửi lại với cùng khóa: nếu đã ghi rồi thì không ghi thêm.", "Send it again with the same key: if it was kept, nothing is added.")}
	cannotRecord = &kind{"cannot-record", 503, 5, says("Thiết bị chưa ghi nhận được", "The kiosk cannot record"),
		says("Nhật ký không ghi được lúc này. Hãy gửi lại sau, với cùng khóa.", "The journal cannot be written now. Send it again later, with the same key.")}
	diskFull = &kind{"disk-full", 503, 30, says("Đĩa của thiết bị đã đầy", "The kiosk's disk is full"),
		says("Câu trả lời này chưa được ghi. Người vận hành cần giải phóng chỗ trên đĩa; thiết bị tự ghi lại khi có chỗ.", "This answer was not kept. The operator must make room on the disk; the kiosk goes on by itself when there is some.")}
	notEnrolled = &kind{"not-enrolled", 503, 5, says("Thiết bị chưa được ghi danh", "The kiosk is not enrolled yet"),
		says("Trung tâm chưa nhận thiết bị này; thiết bị vẫn tiếp tục xin ghi danh.", "The centre has not taken this kiosk in; it goes on asking.")}
	tooManyStreams = &kind{"too-many-streams", 503, 5, says("Quá nhiều trang đang mở", "Too many pages are open"),
		says("Hãy thử lại sau.", "Try again later.")}
	starting = &kind{"starting", 503, 1, says("Thiết bị đang khởi động", "The kiosk is starting"),
		says("Hãy gửi lại sau giây lát, với cùng khóa.", "Send it again in a moment, with the same key.")}
)

// failure is a request that failed, as an error of a handler.
type failure struct {
	kind  *kind
	value string          // what was found, shown where it helps
	found survey.Problems // only with invalid
	wait  time.Duration   // for Retry-After, where the kind does not say; 0 = as the kind says
	code  string          // a short reason for the out-of-service page
	told  survey.Words    // a sentence for the kiosk's operator, after the detail
	cause error           // for the log alone
}

// Error is the failure in English, with its cause, for the log.
func (f *failure) Error() string {
	said := f.kind.title.In(survey.English)
	if f.cause != nil {
		said += ": " + f.cause.Error()
	}
	return said
}

// Unwrap is the cause.
func (f *failure) Unwrap() error { return f.cause }

// body is a problem of RFC 9457.
type body struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Errors []bodyError `json:"errors,omitempty"`
}

type bodyError struct {
	Path    string `json:"path"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

// maxErrors is how many problems of one request are told.
const maxErrors = 20

func (f *failure) body(lang survey.Lang) body {
	b := body{Type: "/problems/" + f.kind.slug, Title: f.kind.title.In(lang), Status: f.kind.status, Detail: f.kind.detail.In(lang)}
	if f.value != "" {
		b.Detail = strconv.Quote(short(f.value)) + ": " + b.Detail
	}
	if told := f.told.In(lang); told != "" {
		b.Detail += " (" + told + ")"
	}
	listed := f.found[:min(len(f.found), maxErrors)]
	if len(listed) > 0 {
		b.Detail = listed.Text(lang)
	}
	for _, p := range listed {
		m := p.Vi
		if lang == survey.English {
			m = p.En
		}
		b.Errors = append(b.Errors, bodyError{Path: p.Path, Value: p.Value, Message: m})
	}
	return b
}

// short keeps what is shown back to a caller short.
func short(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	return string(r[:60]) + "…"
}

// recordFailure says what an error of the recorder means to the caller.
func recordFailure(err error) *failure {
	var ps survey.Problems
	switch {
	case errors.As(err, &ps):
		return &failure{kind: invalid, found: ps}
	case errors.Is(err, kiosk.ErrConflict):
		return &failure{kind: conflict}
	case errors.Is(err, kiosk.ErrUnknown):
		return &failure{kind: unknown, cause: err}
	case errors.Is(err, kiosk.ErrFull):
		return &failure{kind: diskFull, code: "E3", cause: err}
	default:
		return &failure{kind: cannotRecord, cause: err}
	}
}

// ofFiber says what an error of the HTTP machinery means; anything else is our fault.
func ofFiber(err error) *failure {
	kinds := map[int]*kind{
		400: malformed, 404: notFound, 405: wrongMethod, 408: tooSlow, 413: tooLarge, 431: tooMuch,
		502: malformed, // the connection broke while the request was read
	}
	var fe *fiber.Error
	if errors.As(err, &fe) && kinds[fe.Code] != nil {
		return &failure{kind: kinds[fe.Code]}
	}
	return &failure{kind: broken, cause: err}
}

// fail answers every request that ended in an error, and logs what its caller cannot
// mend.
func (s *Screen) fail(c *fiber.Ctx, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		f = ofFiber(err)
	}
	if f.cause != nil {
		s.options.Log.Error("request failed", "method", c.Method(), "path", short(c.Path()), "status", f.kind.status, "error", f.Error())
	}
	harden(c) // a request that never reached a handler has no headers yet
	page := !strings.HasPrefix(c.Path(), "/api/") && c.Method() == fiber.MethodGet
	if page && f.kind == notFound {
		return s.message(c, "lost", notFound.status)
	}
	if people := []string{"/press", "/pair", "/operator"}; slices.Contains(people, c.Path()) && (f.kind == notLocal || f.kind == notPaired || f.kind == foreignHost) {
		return s.message(c, "away", f.kind.status)
	}
	return send(c, f)
}

// send writes a failure as problem+json in the caller's language.
func send(c *fiber.Ctx, f *failure) error {
	lang := preferred(c)
	out, err := json.Marshal(f.body(lang))
	if err != nil {
		return fmt.Errorf("write the problem: %w", err)
	}
	if after := cmp.Or(wholeSeconds(f.wait), f.kind.retry); after > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(after))
	}
	c.Set(fiber.HeaderContentLanguage, string(lang))
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
	c.Set(fiber.HeaderContentType, "application/problem+json; charset=utf-8")
	return c.Status(f.kind.status).Send(out)
}
