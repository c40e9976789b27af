package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"hailong/assets"
	"hailong/kiosk/qr"
	"hailong/survey"
)

// PosterCmd makes posters at the centre and a print-ready sheet of them: one A4 page for
// each counter, in one file that needs no other.
type PosterCmd struct {
	Counter       []survey.CounterCode     `placeholder:"CODE" help:"Quầy; nêu nhiều lần được / the counter; may be given several times"`
	All           survey.UnitCode          `placeholder:"UNIT" help:"Mọi quầy của đơn vị này và các đơn vị trực thuộc / every counter of this unit and of those below it"`
	Questionnaire survey.QuestionnaireCode `placeholder:"CODE" help:"Phiếu hỏi mở ra khi quét mã; không nêu = theo cổng trực tuyến / the questionnaire that opens; left out = the gateway's own choice"`
	Name          string                   `help:"Tên để nhận ra áp phích, ví dụ nơi treo / a name to know the poster by, for example where it hangs"`
	Until         *survey.Date             `placeholder:"DATE" help:"Ngày cuối mã còn dùng được; không nêu = 2 năm / the last day on which the code is good; left out = 2 years"`
	Out           string                   `placeholder:"FILE.html" help:"Tệp in; không nêu = poster-MÃ.html / the file to print; left out = poster-CODE.html"`
}

const postersPath = "/api/v1/posters"

// posterItem is a poster as the centre gives it.
type posterItem struct {
	Short         string                   `json:"short"`
	Counter       survey.CounterCode       `json:"counter"`
	CounterName   survey.Words             `json:"counter_name"`
	Unit          survey.UnitCode          `json:"unit"`
	UnitName      survey.Words             `json:"unit_name"`
	Questionnaire survey.QuestionnaireCode `json:"questionnaire"`
	Name          string                   `json:"name"`
	URL           string                   `json:"url"`
	Address       string                   `json:"address"`
	Made          time.Time                `json:"made"`
	Expires       time.Time                `json:"expires"`
	Withdrawn     *time.Time               `json:"withdrawn"`
}

// Run makes the posters and writes the sheet. Where the centre refuses one of several, those
// made before it are printed, and the error is returned.
func (cmd *PosterCmd) Run(ctx context.Context, g *Globals, t *Terminal) (err error) {
	if (cmd.All == "") == (len(cmd.Counter) == 0) {
		return &Error{Vi: "cần --counter hoặc --all, đúng một trong hai", En: "--counter or --all is needed, exactly one of them", Code: usage}
	}
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	counters, err := cmd.counters(ctx, c)
	if err != nil {
		return err
	}
	path := cmp.Or(cmd.Out, "poster-"+cmp.Or(string(cmd.All), string(counters[0]))+".html")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) // before anything is made
	if err != nil {
		return cannotWrite(path, err)
	}
	var made []posterItem
	var raws []json.RawMessage
	for _, code := range counters {
		var p posterItem
		raw, refused := c.call(ctx, http.MethodPost, postersPath, nil, cmd.request(code), &p)
		if err = refused; err != nil {
			break
		}
		made, raws = append(made, p), append(raws, raw)
	}
	if len(made) == 0 {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	sheet, drawn := posterSheet(made)
	if drawn == nil {
		_, drawn = f.Write(sheet)
	}
	if wrong := errors.Join(drawn, f.Close()); wrong != nil {
		return errors.Join(err, cannotWrite(path, wrong))
	}
	return errors.Join(err, t.madePosters(g.Output, path, made, raws))
}

// counters are those for which posters are made.
func (cmd *PosterCmd) counters(ctx context.Context, c *client) ([]survey.CounterCode, error) {
	if cmd.All == "" {
		return cmd.Counter, nil
	}
	s, _, err := c.structure(ctx)
	if err != nil {
		return nil, err
	}
	today := survey.DateOf(time.Now())
	units := s.Subtree(cmd.All, today)
	var codes []survey.CounterCode
	for _, row := range s.Counters {
		if row.InForce(today) && units[row.Unit] {
			codes = append(codes, row.Code)
		}
	}
	if len(codes) == 0 {
		return nil, &Error{
			Vi: fmt.Sprintf("hôm nay đơn vị %q không có quầy nào; xem: hailong units list", cmd.All), En: fmt.Sprintf("today the unit %q has no counter; see: hailong units list", cmd.All),
		}
	}
	slices.Sort(codes)
	return codes, nil
}

// request is what the centre is asked for.
func (cmd *PosterCmd) request(code survey.CounterCode) map[string]string {
	in := map[string]string{"counter": string(code), "questionnaire": string(cmd.Questionnaire), "name": cmd.Name}
	if cmd.Until != nil {
		in["expires"] = (*cmd.Until + 1).Start().Add(-time.Second).Format(time.RFC3339)
	}
	return in
}

func cannotWrite(path string, err error) error {
	vi, en := plainly(err)
	if errors.Is(err, os.ErrExist) {
		vi, en = "tệp này đã có; hãy xóa nó hoặc nêu tệp khác bằng --out", "this file is there already; remove it, or name another with --out"
	}
	return &Error{Vi: fmt.Sprintf("không ghi được %s: %s", path, vi), En: fmt.Sprintf("%s cannot be written: %s", path, en), Err: err}
}

// madePosters says what was made and where the sheet is.
func (t *Terminal) madePosters(form Format, path string, made []posterItem, raws []json.RawMessage) error {
	raw, err := json.Marshal(map[string]any{"items": raws, "next": nil})
	if err != nil {
		return fmt.Errorf("write the posters as JSON: %w", err)
	}
	if err := t.posters(form, raw, made); err != nil {
		return err
	}
	return t.note(fmt.Sprintf(t.say("Đã ghi %s: %d trang A4. Mở bằng trình duyệt rồi in, tỷ lệ 100 %%.", "%s is written; pages of A4: %d. Open it in a browser and print it at 100 %%."), path, len(made)))
}

// posters prints posters in the form asked for; raw is the centre's own JSON.
func (t *Terminal) posters(form Format, raw []byte, items []posterItem) error {
	var rows, plain [][]string
	for _, p := range items {
		state := t.say("đang dùng", "in use")
		if p.Withdrawn != nil {
			state = t.say("đã rút ", "withdrawn ") + moment(p.Withdrawn)
		} else if !time.Now().Before(p.Expires) {
			state = t.say("hết hạn", "expired")
		}
		rows = append(rows, []string{p.Short, string(p.Counter), cmp.Or(p.UnitName.In(t.Lang), nothing), cmp.Or(string(p.Questionnaire), nothing), cmp.Or(p.Name, nothing), moment(&p.Expires), state, cmp.Or(p.Address, nothing)})
		plain = append(plain, []string{p.Short, string(p.Counter), string(p.Unit), string(p.Questionnaire), p.Name, rfc3339(&p.Made), rfc3339(&p.Expires), rfc3339(p.Withdrawn), p.Address, p.URL})
	}
	if form == AsCSV {
		rows = plain
	}
	return t.list(form, raw, []string{"short", "counter", "unit", "questionnaire", "name", "made", "expires", "withdrawn", "address", "url"}, []column{
		{vi: "Địa chỉ ngắn", en: "Short"}, {vi: "Quầy", en: "Counter"}, {vi: "Đơn vị", en: "Unit"}, {vi: "Phiếu hỏi", en: "Questionnaire"}, {vi: "Tên", en: "Name"},
		{vi: "Hết hạn", en: "Expires"}, {vi: "Tình trạng", en: "State"}, {vi: "Địa chỉ", en: "Address"},
	}, rows)
}

// PostersCmd groups the commands about posters that were made.
type PostersCmd struct {
	List     PostersListCmd     `cmd:"" default:"1" help:"Liệt kê áp phích / list the posters"`
	Withdraw PostersWithdrawCmd `cmd:"" help:"Rút một áp phích: mã và địa chỉ của nó không mở được nữa / withdraw a poster: its code and address open nothing any more"`
}

// PostersListCmd lists all posters ever made.
type PostersListCmd struct{}

// Run prints the posters.
func (*PostersListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	list, raw, err := ask[listOf[posterItem]](ctx, g, t, http.MethodGet, postersPath, nil, nil)
	if err != nil {
		return err
	}
	return t.posters(g.Output, raw, list.Items)
}

// PostersWithdrawCmd withdraws a poster: it was defaced, or hangs where it should not.
type PostersWithdrawCmd struct {
	Short string `arg:"" help:"Địa chỉ ngắn trên áp phích, xem: hailong posters list / the short address on the poster, see: hailong posters list"`
}

// Run withdraws the poster and prints it. What was answered with it stays counted.
func (cmd *PostersWithdrawCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	p, raw, err := ask[posterItem](ctx, g, t, http.MethodDelete, postersPath+"/"+url.PathEscape(cmd.Short), nil, nil)
	if err != nil {
		return err
	}
	return t.posters(g.Output, raw, []posterItem{p})
}

// sheetTexts are a unit's or counter's name on the sheet.
type sheetTexts struct{ survey.Words }

// Other is the English name, where there is one of its own.
func (s sheetTexts) Other() string {
	if en := s.Words[survey.English]; en != s.Words[survey.Vietnamese] {
		return en
	}
	return ""
}

// sheetPage is one page of the sheet.
type sheetPage struct {
	Unit, Counter sheetTexts
	CounterCode   survey.CounterCode
	Name          string
	Code          template.HTML // the QR code's own drawing
	Host, Short   string
	Long          bool   // the host's letters must be smaller to stay on one line
	Until         string // the last day
}

// unbroken is a hyphen at which no line ends: on paper one could not be told from a hyphen
// that only divides a word.
const unbroken = "\u2011"

// posterSheet is the file to print.
func posterSheet(items []posterItem) ([]byte, error) {
	page, err := template.ParseFS(assets.Poster, "poster/sheet.html")
	if err != nil {
		return nil, fmt.Errorf("read the poster's sheet: %w", err)
	}
	var pages []sheetPage
	for _, p := range items {
		picture, err := qr.Draw(p.URL)
		if err != nil {
			return nil, err
		}
		host := strings.TrimSuffix(p.Address, "/"+p.Short)
		pages = append(pages, sheetPage{
			Unit: sheetTexts{p.UnitName}, Counter: sheetTexts{p.CounterName}, CounterCode: p.Counter, Name: p.Name, Code: template.HTML(picture.SVG()),
			Host: strings.ReplaceAll(host, "-", unbroken), Long: len(host) > 36, Short: p.Short, Until: p.Expires.In(survey.Zone).Format("02/01/2006"),
		})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, pages); err != nil {
		return nil, fmt.Errorf("make the poster's sheet: %w", err)
	}
	return b.Bytes(), nil
}
