package console

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

// closingJSON is one kiosk's day, with the centre's signature over it.
type closingJSON struct {
	Kiosk       survey.KioskID         `json:"kiosk"`
	Date        string                 `json:"date"` // "unknown" = records whose day is not known
	Issued      uint64                 `json:"issued"`
	Received    uint64                 `json:"received"`
	Counted     uint64                 `json:"counted"`
	Excluded    map[survey.Flag]uint64 `json:"excluded"`
	Held        uint64                 `json:"held"`
	Quarantined uint64                 `json:"quarantined"`
	Disputed    uint64                 `json:"disputed"`
	Unaccounted uint64                 `json:"unaccounted"` // by how much the centre's own account is off; 0 = it is not
	Missing     uint64                 `json:"missing"`     // issued, and not received
	// DeclaredLost is at most how many records the kiosk declares lost that may be of this
	// day, some of them perhaps among the missing. A loss stands in each day that it may
	// touch, so these numbers are not to be added up: the losses of the list are.
	DeclaredLost *uint64 `json:"declared_lost"`
	Closes       bool    `json:"closes"`    // nothing is missing, disputed or declared lost, and it adds up
	AsOf         string  `json:"as_of"`     // when it was signed
	Signature    string  `json:"signature"` // base64, Ed25519 over the closing's text: see custody.Closing
}

// closingsJSON are closings, and what stands against them beside the numbers.
type closingsJSON struct {
	listJSON[closingJSON]
	Losses []lossJSON   `json:"losses"`
	Silent []silentJSON `json:"silent"` // kiosks that may have recorded more than they told
}

const closingParams = "kiosk, date, from, to"

func (c *Console) getClosings(ctx *fiber.Ctx) error {
	q, ps := closingQuery(ctx)
	if q.Kiosk != "" {
		if _, known, err := c.store.Kiosk(ctx.UserContext(), q.Kiosk); err != nil {
			return err
		} else if !known {
			ps.Add("kiosk", string(q.Kiosk), "không có thiết bị nào mang mã này; xem /api/v1/kiosks", "there is no kiosk with this id; see /api/v1/kiosks")
		}
	}
	if len(ps) > 0 {
		return atFault(fiber.StatusBadRequest, ps)
	}
	at := c.now()
	closings, losses, err := c.store.Closings(ctx.UserContext(), q)
	if err != nil {
		return err
	}
	kiosks, err := c.kiosks(ctx.UserContext())
	if err != nil {
		return err
	}
	out := closingsJSON{Losses: []lossJSON{}, Silent: silentOnes(kiosks, q, c.today())}
	out.Items = []closingJSON{}
	for i := range closings {
		k := &closings[i]
		out.Items = append(out.Items, c.signed(k, losses, at))
	}
	for _, l := range against(losses, closings, q) {
		out.Losses = append(out.Losses, newLossJSON(l))
	}
	return sendJSON(ctx, fiber.StatusOK, out)
}

// declare completes a closing for the signature: what of losses stands against it, and when
// that was read.
func declare(k *custody.Closing, losses []custody.Loss, at time.Time) {
	lost := allLost(against(losses, []custody.Closing{*k}, ofDay(k.Kiosk, k.Date)))
	if k.LostUnknown = lost.AtMost == nil; !k.LostUnknown {
		k.DeclaredLost = *lost.AtMost
	}
	k.AsOf = at
}

// signed is a closing with the losses that stand against it, signed.
func (c *Console) signed(k *custody.Closing, losses []custody.Loss, at time.Time) closingJSON {
	declare(k, losses, at)
	item := closingJSON{
		Kiosk: k.Kiosk, Date: k.Day(), Issued: k.Issued, Received: k.Received, Counted: k.Counted, Excluded: map[survey.Flag]uint64{},
		Held: k.Held, Quarantined: k.Quarantined, Disputed: k.Disputed, Unaccounted: k.Unaccounted, Missing: k.Missing(),
		Closes: k.Closes(), AsOf: rfc3339(k.AsOf),
	}
	if !k.LostUnknown {
		item.DeclaredLost = &k.DeclaredLost
	}
	for reason, n := range k.Excluded {
		if n > 0 {
			item.Excluded[reason] = n
		}
	}
	if c.settings.Sign != nil {
		item.Signature = base64.StdEncoding.EncodeToString(c.settings.Sign(*k))
	}
	return item
}

// getClosingText is one closing as the centre signed it: its text, and after it a line
// with the signature. Everything before that line is what was signed.
func (c *Console) getClosingText(ctx *fiber.Ctx) error {
	if _, ok, err := c.signedFrame(ctx, "closings_title", "closings"); !ok {
		return err
	}
	q, ps := closingQuery(ctx)
	if len(ps) > 0 {
		return atFault(fiber.StatusBadRequest, ps)
	}
	at := c.now()
	closings, losses, err := c.store.Closings(ctx.UserContext(), q)
	if err != nil {
		return err
	}
	if q.Kiosk == "" || len(closings) != 1 || c.settings.Sign == nil {
		return refuse(fiber.StatusNotFound, "không có chốt số liệu nào của thiết bị và ngày này; xem trang chốt số liệu", "there is no closing of this kiosk and day; see the page of closings")
	}
	k := &closings[0]
	declare(k, losses, at)
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	ctx.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	ctx.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`inline; filename="closing-%s-%s.txt"`, k.Kiosk, k.Day()))
	return ctx.SendString(k.Text() + "signature " + base64.StdEncoding.EncodeToString(c.settings.Sign(*k)) + "\n")
}

// keyJSON is the centre's public key. It is no secret: whoever holds a receipt or a
// closing needs it to check the signature.
type keyJSON struct {
	Algorithm string `json:"algorithm"`
	Key       string `json:"key"` // base64
	Of        string `json:"of"`
}

func (c *Console) getKey(ctx *fiber.Ctx) error {
	if len(c.settings.CentreKey) == 0 {
		return fiber.ErrNotFound
	}
	ctx.Set(fiber.HeaderCacheControl, "no-cache")
	return sendJSON(ctx, fiber.StatusOK, keyJSON{"Ed25519", base64.StdEncoding.EncodeToString(c.settings.CentreKey), "centre"})
}

// closingQuery reads which closings are wanted: of all kiosks and days, where nothing is
// said. An empty parameter counts as left out.
func closingQuery(ctx *fiber.Ctx) (q custody.ClosingQuery, ps survey.Problems) {
	given := map[string]string{}
	ctx.Context().QueryArgs().VisitAll(func(k, v []byte) {
		key, value := string(k), string(v)
		if _, twice := given[key]; twice {
			ps.Add(key, value, "tham số này chỉ được có một lần", "this parameter may be there only once")
		}
		given[key] = value
		if !strings.Contains(", "+closingParams+",", ", "+key+",") {
			ps.Add(key, value, "không có tham số này; các tham số dùng được: "+closingParams, "there is no such parameter; there are: "+closingParams)
		}
	})
	q.Kiosk = survey.KioskID(given["kiosk"])
	date := given["date"]
	switch {
	case date != "" && (given["from"] != "" || given["to"] != ""):
		ps.Add("date", date, "hãy dùng date, hoặc from và to", "use date, or from and to")
	case date == "unknown":
		q.Unknown = true
	case date != "":
		q.From = dayParam(&ps, "date", date, 0)
		q.To = q.From
	}
	if v := given["from"]; v != "" {
		q.From = dayParam(&ps, "from", v, 0)
	}
	if v := given["to"]; v != "" {
		q.To = dayParam(&ps, "to", v, 0)
	}
	if q.From > 0 && q.To > 0 && q.From > q.To {
		ps.Add("from", q.From.String(), "phải không sau to", "must not be after to")
	}
	return q, ps
}

// backupJSON is a backup.
type backupJSON struct {
	Name      string      `json:"name"`
	Path      string      `json:"path"` // on the centre's machine
	State     BackupState `json:"state"`
	Time      string      `json:"time"`
	Verified  *string     `json:"verified"`
	Bytes     int64       `json:"bytes"`
	SameDisk  bool        `json:"same_disk"`
	Error     string      `json:"error,omitempty"`
	Verifying bool        `json:"verifying,omitempty"` // under way: done and total count batches, otherwise bytes
	Done      int64       `json:"done,omitempty"`
	Total     int64       `json:"total,omitempty"`
}

func newBackupJSON(b Backup) backupJSON {
	item := backupJSON{
		Name: b.Name, Path: b.Path, State: b.State, Time: rfc3339(b.At), Bytes: b.Bytes, SameDisk: b.SameDisk, Error: b.Error,
		Verifying: b.Verifying, Done: b.Done, Total: b.Total,
	}
	if b.Verified != nil {
		at := rfc3339(*b.Verified)
		item.Verified = &at
	}
	return item
}

func (c *Console) getBackups(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	all, _, err := c.backupsNow()
	if err != nil {
		return err
	}
	items := []backupJSON{}
	for _, b := range all {
		items = append(items, newBackupJSON(b))
	}
	return sendJSON(ctx, fiber.StatusOK, listJSON[backupJSON]{Items: items})
}

// postBackups makes a backup and answers when it is verified, which takes minutes where
// the store is large; GET says meanwhile how far it is. Whoever does not wait for the
// answer has the backup all the same.
func (c *Console) postBackups(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	if c.settings.Backups == nil {
		return refuse(fiber.StatusServiceUnavailable, "chương trình này không làm bản sao lưu", "this program makes no backups")
	}
	b, err := c.settings.Backups.Make()
	var known survey.Problem
	switch {
	case errors.Is(err, ErrBackupUnderWay):
		return refuse(fiber.StatusConflict, "đang có một bản sao lưu được tạo; xem tiến độ: GET /api/v1/backups", "a backup is being made; see how far it is: GET /api/v1/backups")
	case errors.As(err, &known):
		return refuse(fiber.StatusServiceUnavailable, "không tạo được bản sao lưu: "+known.Text(survey.Vietnamese), "no backup was made: "+known.Text(survey.English))
	case err != nil:
		c.log.Error("no backup was made", "error", err)
		return refuse(fiber.StatusServiceUnavailable,
			"không tạo được bản sao lưu: "+err.Error()+"; xem nhật ký của trung tâm và chỗ trống trên đĩa, rồi thử lại", "no backup was made: "+err.Error()+"; look at the centre's log and at the room on the disk, then try again")
	}
	ctx.Set(fiber.HeaderLocation, "/api/v1/backups")
	return sendJSON(ctx, fiber.StatusCreated, newBackupJSON(b))
}
