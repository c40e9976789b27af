package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// ClosingsVerifyCmd checks the signatures on closings that were saved. It needs no centre
// unless the key is asked of one.
type ClosingsVerifyCmd struct {
	File string `arg:"" help:"Tệp do hailong closings -o json ghi, hoặc văn bản đã ký tải từ trang chốt số liệu / a file of hailong closings -o json, or the signed text from the page of closings"`
	Key  string `required:"" placeholder:"KEY|FILE|URL" help:"Khóa công khai của trung tâm: chữ base64, tệp chứa nó, hoặc địa chỉ trung tâm (lấy ở /open/key) / the centre's public key: base64 text, a file that holds it, or the centre's address (it is taken from /open/key)"`
}

// publicKey is the centre's key as /open/key gives it.
type publicKey struct {
	Algorithm string `json:"algorithm"`
	Key       []byte `json:"key"`
}

// checkedClosing is a closing and what was found of it.
type checkedClosing struct {
	Kiosk    survey.KioskID `json:"kiosk"`
	Date     string         `json:"date"`
	Signed   bool           `json:"signed"`   // by this key, over these very numbers
	Balanced bool           `json:"balanced"` // received = counted + excluded + held + quarantined + disputed, of each chain, and missing and closes follow from the numbers
	Missing  uint64         `json:"missing"`  // issued and not received
	Declared *uint64        `json:"declared_lost"`
	Closes   bool           `json:"closes"` // by these numbers
	AsOf     string         `json:"as_of"`  // when it was signed; "" = it does not say
}

// Run prints what was found, and fails where a signature is not the key's, or a closing
// does not add up.
func (cmd *ClosingsVerifyCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	items, err := cmd.read()
	if err != nil {
		return err
	}
	key, err := cmd.key(ctx, t)
	if err != nil {
		return err
	}
	checked := make([]checkedClosing, len(items))
	wrong := 0
	for i := range items {
		if checked[i] = items[i].check(key); !checked[i].Signed || !checked[i].Balanced {
			wrong++
		}
	}
	if err := t.checked(g.Output, checked); err != nil {
		return err
	}
	if wrong > 0 {
		return &Error{
			Vi: fmt.Sprintf("%d trong số %d dòng không đúng: số liệu đã bị sửa, khóa không phải của trung tâm này, hoặc sổ của trung tâm không cân", wrong, len(items)),
			En: fmt.Sprintf("%d of %d rows are not right: the figures were changed, the key is not this centre's, or the centre's own account is off", wrong, len(items)),
		}
	}
	return nil
}

// read reads the file.
func (cmd *ClosingsVerifyCmd) read() ([]closingItem, error) {
	b, err := os.ReadFile(cmd.File)
	if err != nil {
		return nil, unreadable(cmd.File, err)
	}
	var list closingList
	if item, is := closingText(string(b)); is {
		list.Items = []closingItem{item}
	} else if json.Unmarshal(b, &list) != nil {
		list.Items = nil
	}
	if len(list.Items) == 0 {
		return nil, &Error{
			Vi: fmt.Sprintf("%s không có chốt số liệu nào; cần tệp do lệnh này ghi: hailong closings -o json > TỆP, hoặc văn bản đã ký tải từ trang chốt số liệu", cmd.File),
			En: fmt.Sprintf("%s holds no closings; a file of this command is needed: hailong closings -o json > FILE, or the signed text from the page of closings", cmd.File),
		}
	}
	return list.Items, nil
}

// closingText reads a closing in the very lines that were signed, with the line of the
// signature after them. Of a text that is any other, were it by a line that is there twice or
// before the first, it says no: whoever reads it would see what nobody signed.
func closingText(text string) (k closingItem, is bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	numbers := map[string]*uint64{
		"issued": &k.Issued, "received": &k.Received, "counted": &k.Counted, "held": &k.Held, "quarantined": &k.Quarantined, "disputed": &k.Disputed,
		"unaccounted": &k.Unaccounted,
	}
	k.Excluded = map[survey.Flag]uint64{}
	for _, line := range lines[1:] {
		var err error
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "kiosk":
			k.Kiosk = survey.KioskID(f[1])
		case len(f) == 2 && f[0] == "date":
			k.Date = f[1]
		case len(f) == 2 && f[0] == "signature":
			k.Signature = f[1]
		case len(f) == 2 && f[0] == "as_of":
			k.AsOf = new(time.Time)
			*k.AsOf, err = time.Parse(time.RFC3339, f[1])
		case len(f) == 2 && f[0] == "declared_lost" && f[1] == "unknown":
			k.DeclaredLost = nil
		case len(f) == 2 && f[0] == "declared_lost":
			k.DeclaredLost = new(uint64)
			*k.DeclaredLost, err = strconv.ParseUint(f[1], 10, 64)
		case len(f) == 2 && numbers[f[0]] != nil:
			*numbers[f[0]], err = strconv.ParseUint(f[1], 10, 64)
		case len(f) == 3 && f[0] == "excluded":
			k.Excluded[survey.Flag(f[1])], err = strconv.ParseUint(f[2], 10, 64)
		default:
			return k, false
		}
		if err != nil {
			return k, false
		}
	}
	c, is := k.closing()
	return k, is && text == c.Text()+"signature "+k.Signature+"\n"
}

// key finds the public key: in the option itself, at an address, or in a file.
func (cmd *ClosingsVerifyCmd) key(ctx context.Context, t *Terminal) (ed25519.PublicKey, error) {
	if strings.HasPrefix(cmd.Key, "http://") || strings.HasPrefix(cmd.Key, "https://") {
		base, _ := strings.CutSuffix(cmd.Key, "/open/key")
		found, _, err := ask[publicKey](ctx, &Globals{Server: base}, t, http.MethodGet, "/open/key", nil, nil)
		if err == nil && len(found.Key) != ed25519.PublicKeySize {
			return nil, notAKey(cmd.Key)
		}
		return found.Key, err
	}
	if key := keyIn(cmd.Key); key != nil {
		return key, nil
	}
	b, err := os.ReadFile(cmd.Key)
	if err != nil {
		e := unreadable(cmd.Key, err)
		e.Vi, e.En, e.Code = e.Vi+"; --key cần chữ base64 của khóa, một tệp, hoặc http://…", e.En+"; --key takes a key as base64 text, a file, or http://…", usage
		return nil, e
	}
	if key := keyIn(string(b)); key != nil {
		return key, nil
	}
	return nil, notAKey(cmd.Key)
}

// keyIn is the key in a text: JSON as of /open/key, or base64 alone; nil = there is none.
func keyIn(text string) ed25519.PublicKey {
	var k publicKey
	if json.Unmarshal([]byte(text), &k) != nil {
		k.Key, _ = base64.StdEncoding.DecodeString(strings.TrimSpace(text)) // what cannot be read has no 32 bytes
	}
	if len(k.Key) != ed25519.PublicKeySize {
		return nil
	}
	return k.Key
}

func notAKey(where string) error {
	return &Error{
		Vi: fmt.Sprintf("%s không có khóa công khai Ed25519 (32 byte, viết bằng base64); khóa của trung tâm lấy ở /open/key", where),
		En: fmt.Sprintf("%s holds no public Ed25519 key (32 bytes in base64); the centre's is at /open/key", where),
	}
}

// closing is what the centre signs of it; false = it is of no day.
func (k *closingItem) closing() (c custody.Closing, is bool) {
	c = custody.Closing{
		Kiosk: k.Kiosk, Issued: k.Issued, Received: k.Received, Counted: k.Counted, Excluded: k.Excluded, Held: k.Held,
		Quarantined: k.Quarantined, Disputed: k.Disputed, Unaccounted: k.Unaccounted, LostUnknown: k.DeclaredLost == nil,
	}
	if k.DeclaredLost != nil {
		c.DeclaredLost = *k.DeclaredLost
	}
	if k.AsOf != nil {
		c.AsOf = *k.AsOf
	}
	if k.Date == unknownDay {
		c.Date = custody.UnknownDay
		return c, true
	}
	day, err := survey.ParseDate(k.Date)
	c.Date = day
	return c, err == nil
}

// check compares a closing with its signature, and adds it up. What is missing and whether it
// closes are no part of what is signed, but follow from the numbers that are: a claim that
// does not is blamed.
func (k *closingItem) check(key ed25519.PublicKey) checkedClosing {
	c, known := k.closing()
	signature, err := base64.StdEncoding.DecodeString(k.Signature)
	return checkedClosing{
		Kiosk: k.Kiosk, Date: k.Date, Signed: known && err == nil && c.Signed(signature, key),
		Balanced: c.Balanced() && (k.Closes == nil || *k.Closes == c.Closes()) && (k.Missing == nil || *k.Missing == c.Missing()),
		Missing:  c.Missing(), Declared: k.DeclaredLost, Closes: c.Closes(), AsOf: rfc3339(k.AsOf),
	}
}

func (t *Terminal) checked(form Format, list []checkedClosing) error {
	raw, err := json.Marshal(map[string]any{"items": list, "next": nil})
	if err != nil {
		return fmt.Errorf("write what was found: %w", err)
	}
	word := func(ok bool, yes, no string) string {
		switch {
		case form == AsCSV:
			return fmt.Sprint(ok)
		case ok:
			return yes
		}
		return no
	}
	right, wrong, unknown := t.say("đúng", "right"), t.say("SAI", "WRONG"), t.say("không rõ", "unknown")
	if form == AsCSV {
		unknown = ""
	}
	var rows [][]string
	for _, c := range list {
		lost := unknown
		if c.Declared != nil {
			lost = number(*c.Declared)
		}
		rows = append(rows, []string{
			c.Date, string(c.Kiosk), word(c.Signed, right, wrong), word(c.Balanced, right, wrong), number(c.Missing),
			lost, word(c.Closes, t.say("khép", "yes"), t.say("chưa", "no")), c.AsOf,
		})
	}
	if err := t.list(form, raw, []string{"date", "kiosk", "signed", "balanced", "missing", "declared_lost", "closes", "as_of"}, []column{
		{vi: "Ngày", en: "Date"},
		{vi: "Thiết bị", en: "Kiosk"},
		{vi: "Chữ ký", en: "Signature"},
		{vi: "Phép cộng", en: "Adds up"},
		{vi: "Thiếu", en: "Missing", number: true},
		{vi: "Báo mất", en: "Declared lost", number: true},
		{vi: "Khép", en: "Closes"},
		{vi: "Ký lúc", en: "Signed as of"},
	}, rows); err != nil || form == AsCSV || form == AsJSON {
		return err
	}
	return t.write(t.say("\nMỗi dòng có chữ ký riêng: dòng bị bỏ khỏi danh sách thì không nhận ra được.\n",
		"\nEach row is signed by itself: rows left out of a list cannot be noticed.\n"))
}
