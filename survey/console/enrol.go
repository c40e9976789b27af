package console

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

// newCode draws a one-time code of 80 random bits, for people to read and type.
func newCode() string {
	s := survey.DrawSigns(16)
	return strings.Join([]string{s[:4], s[4:8], s[8:12], s[12:]}, "-")
}

// codeHash is what is kept of a one-time code, however it is typed.
func codeHash(code string) survey.Hash {
	return sha256.Sum256([]byte("hailong/invitation/v1\x00" + survey.PlainSigns(code)))
}

// enrolJSON is a kiosk's request to be taken in.
type enrolJSON struct {
	Code string           `json:"code"`
	Key  string           `json:"key"` // Ed25519 public key, in base64 or hexadecimal
	Name string           `json:"name"`
	Role survey.KioskRole `json:"role"`
}

// enrolledJSON is what a kiosk must know to work.
type enrolledJSON struct {
	Kiosk     survey.KioskID        `json:"kiosk"`
	Name      string                `json:"name"`
	Role      survey.KioskRole      `json:"role"`
	Counters  []enrolledCounterJSON `json:"counters"`
	CentreKey string                `json:"centre_key"` // Ed25519 public key in base64: whose receipts to believe
	NATS      string                `json:"nats"`
}

type enrolledCounterJSON struct {
	Code     survey.CounterCode `json:"code"`
	Name     survey.Words       `json:"name"`
	Unit     survey.UnitCode    `json:"unit"`
	UnitName survey.Words       `json:"unit_name"`
}

// postEnrol takes a kiosk in: by a one-time code, or without one where that is allowed.
func (c *Console) postEnrol(ctx *fiber.Ctx) error {
	if err := c.sameOrigin(ctx); err != nil {
		return err
	}
	body, err := readBody(ctx, smallBody)
	if err != nil {
		return err
	}
	var in enrolJSON
	if err := readJSON(body, &in); err != nil {
		return err
	}
	k, err := in.kiosk()
	if err != nil {
		return err
	}
	if in.Code == "" { // nothing to be guessed
		k, err = c.enrolHere(ctx, k)
	} else {
		k, err = c.enrolByCode(ctx, codeHash(in.Code), k)
	}
	if err != nil {
		return err
	}
	c.log.Info("kiosk enrolled", "kiosk", k.ID, "name", k.Name, "role", k.Role, "counters", k.Counters, "by_code", in.Code != "")
	return c.sendEnrolled(ctx, k)
}

// kiosk checks the request and makes the kiosk it asks for, not enrolled yet.
func (in *enrolJSON) kiosk() (survey.Kiosk, error) {
	var ps survey.Problems
	if in.Role == "" {
		in.Role = survey.CounterKiosk
	}
	key := parseKey(in.Key)
	if key == nil {
		ps.Add("key", in.Key, "phải là khóa công khai Ed25519, 32 byte viết dạng base64 hoặc hệ 16", "must be an Ed25519 public key: 32 bytes in base64 or hexadecimal")
	}
	ps.Check(nameProblem(in.Name))
	ps.Check(roleProblem(in.Role))
	if err := ps.Err(); err != nil {
		return survey.Kiosk{}, err
	}
	return survey.Kiosk{ID: custody.KioskName(key), Name: in.Name, Role: in.Role, Key: key}, nil
}

func parseKey(s string) ed25519.PublicKey {
	if b, err := hex.DecodeString(s); err == nil && len(b) == ed25519.PublicKeySize {
		return b
	}
	s = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(s)
	if b, err := base64.RawStdEncoding.DecodeString(s); err == nil && len(b) == ed25519.PublicKeySize {
		return b
	}
	return nil
}

// enrolByCode finds the place that a one-time code was made for, and keeps the kiosk.
func (c *Console) enrolByCode(ctx *fiber.Ctx, code survey.Hash, k survey.Kiosk) (survey.Kiosk, error) {
	if wait, ok := c.enrols.try(code); !ok {
		r := refuse(fiber.StatusTooManyRequests, "đã có quá nhiều lần thử mã không thành; hãy đợi rồi thử lại", "too many failed tries; wait and try again")
		r.retry = wait
		return k, r
	}
	known, _, err := c.knownKiosk(ctx, k)
	if err != nil {
		return k, err
	}
	k.Enrolled = c.now()
	k, err = c.store.Redeem(ctx.UserContext(), code, k, c.now())
	if errors.Is(err, survey.ErrNoInvitation) {
		return k, refuse(fiber.StatusForbidden,
			"mã ghi danh không đúng, đã dùng hoặc quá 24 giờ; hãy tạo mã mới: hailong kiosks add --counter QUẦY",
			"the one-time code is wrong, used up or older than 24 hours; make a new one: hailong kiosks add --counter COUNTER")
	}
	if err == nil {
		c.enrols.succeeded(code)
		if known.Revoked != nil {
			c.log.Warn("kiosk allowed again by a one-time code", "kiosk", k.ID, "name", k.Name, "revoked", *known.Revoked)
		}
	}
	return k, err
}

// enrolHere takes in a kiosk of this very machine, where that is allowed.
func (c *Console) enrolHere(ctx *fiber.Ctx, k survey.Kiosk) (survey.Kiosk, error) {
	known, is, err := c.knownKiosk(ctx, k)
	if err != nil {
		return k, err
	}
	if !c.settings.AutoEnrol || !c.onThisMachine(ctx) {
		return k, refuse(fiber.StatusForbidden,
			"cần mã ghi danh một lần; người quản trị tạo bằng: hailong kiosks add --counter QUẦY",
			"a one-time code is needed; an administrator makes one with: hailong kiosks add --counter COUNTER")
	}
	switch {
	case is && known.Revoked != nil:
		return k, refuse(fiber.StatusForbidden, fmt.Sprintf("thiết bị này đã bị thu hồi; người quản trị nhận lại bằng: hailong kiosks allow %s", k.ID),
			fmt.Sprintf("this kiosk was revoked; an administrator takes it in again with: hailong kiosks allow %s", k.ID))
	case is:
		return known, nil
	}
	counter, err := c.defaultCounter(ctx)
	if err != nil {
		return k, err
	}
	k.Counters, k.Enrolled = []survey.CounterCode{counter}, c.now()
	if err := c.store.PutKiosk(ctx.UserContext(), k); err != nil {
		return k, fmt.Errorf("keep kiosk %s: %w", k.ID, err)
	}
	return k, nil
}

// knownKiosk finds the kiosk that was enrolled under the same key, if there is one, and
// refuses a key that gives another one's name.
func (c *Console) knownKiosk(ctx *fiber.Ctx, k survey.Kiosk) (known survey.Kiosk, is bool, err error) {
	known, is, err = c.store.Kiosk(ctx.UserContext(), k.ID)
	switch {
	case err != nil:
		return known, is, err
	case is && !bytes.Equal(known.Key, k.Key):
		return known, is, refuse(fiber.StatusConflict, "một thiết bị khác đã mang tên mà khóa này cho; cần tạo khóa mới trên thiết bị", "another kiosk has the name that this key gives; it needs a new key")
	}
	return known, is, nil
}

func (c *Console) defaultCounter(ctx *fiber.Ctx) (survey.CounterCode, error) {
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return "", err
	}
	for _, row := range s.Counters {
		if now, ok := s.Counter(row.Code, c.today()); ok {
			return now.Code, nil
		}
	}
	return "", refuse(fiber.StatusForbidden, "chưa có quầy nào; hãy khai báo đơn vị và quầy trước", "there is no counter yet; declare units and counters first")
}

func (c *Console) sendEnrolled(ctx *fiber.Ctx, k survey.Kiosk) error {
	s, err := c.store.Structure(ctx.UserContext())
	if err != nil {
		return err
	}
	out := enrolledJSON{
		Kiosk: k.ID, Name: k.Name, Role: k.Role, Counters: []enrolledCounterJSON{},
		CentreKey: base64.StdEncoding.EncodeToString(c.settings.CentreKey), NATS: c.settings.NATS,
	}
	for _, code := range k.Counters {
		row := enrolledCounterJSON{Code: code, Name: survey.Words{survey.Vietnamese: string(code)}}
		if counter, ok := s.Counter(code, c.today()); ok {
			unit, _ := s.Unit(counter.Unit, c.today())
			row.Name, row.Unit, row.UnitName = counter.Name, counter.Unit, unit.Name
		}
		out.Counters = append(out.Counters, row)
	}
	ctx.Set(fiber.HeaderCacheControl, "no-store")
	return sendJSON(ctx, fiber.StatusOK, out)
}

// maxName is the longest name of a kiosk, in characters.
const maxName = 100

func nameProblem(name string) *survey.Problem {
	if utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName && strings.IndexFunc(name, unicode.IsControl) < 0 {
		return nil
	}
	return &survey.Problem{
		Path: "name", Value: string([]rune(name)[:min(20, utf8.RuneCountInString(name))]),
		Vi: fmt.Sprintf("tên có nhiều nhất %d ký tự, không có ký tự điều khiển", maxName), En: fmt.Sprintf("a name has at most %d characters and no control characters", maxName),
	}
}

func roleProblem(role survey.KioskRole) *survey.Problem {
	if role == survey.CounterKiosk || role == survey.OnlineGateway {
		return nil
	}
	return &survey.Problem{Path: "role", Value: string(role), Vi: "phải là một trong: counter, online", En: "must be one of: counter, online"}
}
