package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// SalvageCmd tells what can still be read of a kiosk's journal, and writes it into a file
// that a centre takes. It needs no centre; the kiosk must not be running.
type SalvageCmd struct {
	Dir string `arg:"" name:"data_dir" help:"Thư mục dữ liệu của thiết bị / the kiosk's data folder"`
	Out string `placeholder:"FILE" help:"Ghi mọi thứ đọc được vào tệp này, đã ký, để hailong journal import / write all that can be read into this file, signed, for hailong journal import"`
}

// Run reads, prints, and writes.
func (cmd *SalvageCmd) Run(g *Globals, t *Terminal) error {
	h, err := inspect(cmd.Dir)
	if err != nil {
		return err
	}
	if err := t.holding(g.Output, h); err != nil {
		return err
	}
	id, err := signer(cmd.Dir)
	if cmd.Out != "" {
		if err != nil {
			return err
		}
		records, err := t.travel(cmd.Dir, cmd.Out, h, id, func(*journal.Held) uint64 { return 0 })
		if err == nil && records == 0 {
			err = &Error{Vi: "không có bản ghi nào để mang đi; không ghi tệp nào", En: "there is no record to carry; no file is written"}
		}
		return err
	}
	if err != nil {
		return nil // nothing tells whose the files should be
	}
	missing := left(cmd.Dir, h, id)
	if other := foreign(cmd.Dir, h, id); other != nil {
		missing = other
	}
	if missing == nil {
		return nil
	}
	return t.note(missing.Text(t.Lang))
}

// inspect reads the journal of a kiosk that does not run.
func inspect(dir string) (*journal.Holding, error) {
	program := run.Self()
	h, err := journal.Inspect(filepath.Join(dir, identity.JournalFolder), journal.Options{Reserve: dir, Child: kioskapp.ChildOf(program)})
	switch {
	case errors.Is(err, journal.ErrLocked):
		return nil, &Error{
			Vi:  "thiết bị đang chạy và giữ nhật ký này; hãy dừng nó trước",
			En:  "the kiosk runs and holds this journal; stop it first",
			Err: err,
		}
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, noJournal(dir, err)
	case err != nil:
		return nil, unreadable(dir, err)
	case len(h.Chains) == 0 && len(h.Segments) == 0 && len(h.Aside) == 0:
		return nil, noJournal(dir, nil)
	}
	return h, nil
}

// signer is the kiosk's identity, which signs what leaves the box by hand.
func signer(dir string) (*identity.Identity, error) {
	missing := 0
	for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing++
		}
	}
	err := errors.New("both copies are missing") // reading would make a new one
	if missing < 2 {
		var id *identity.Identity
		if id, err = identity.Load(dir); id != nil { // one that cannot be mended on its disk signs all the same
			return id, nil
		}
	}
	return nil, &Error{
		Vi:  fmt.Sprintf("không đọc được khóa của thiết bị trong %s (%v): không ký được tệp; hãy mang %s từ bản sao về đó", dir, err, identity.FirstCopy),
		En:  fmt.Sprintf("the kiosk's key in %s cannot be read (%v), so that nothing can be signed; bring %s back there from a copy", dir, err, identity.FirstCopy),
		Err: err,
	}
}

// holding prints what a journal holds.
func (t *Terminal) holding(form Format, h *journal.Holding) error {
	if form == AsJSON {
		return t.holdingJSON(h)
	}
	var rows [][]string
	for i := range h.Chains {
		for _, r := range h.Chains[i].Runs {
			row := []string{h.Chains[i].Chain.String(), number(r.First), number(r.Last), number(r.Last - r.First + 1), moment(&r.From), moment(&r.To)}
			if form == AsCSV {
				row = append(row[:4], rfc3339(&r.From), rfc3339(&r.To))
			}
			rows = append(rows, row)
		}
	}
	if form == AsCSV {
		return t.csv([]string{"chain", "first", "last", "records", "from", "to"}, rows)
	}
	err := t.table([]column{
		{vi: "Chuỗi", en: "Chain"}, {vi: "Từ số", en: "First", number: true}, {vi: "Đến số", en: "Last", number: true}, {vi: "Bản ghi", en: "Records", number: true},
		{vi: "Từ lúc", en: "From"}, {vi: "Đến lúc", en: "To"},
	}, rows)
	if err != nil {
		return err
	}
	return t.write(t.losses(h))
}

// losses are the sentences below a table of runs.
func (t *Terminal) losses(h *journal.Holding) string {
	var b strings.Builder
	for i := range h.Chains {
		c := &h.Chains[i]
		fmt.Fprintf(&b, t.say("Chuỗi %s: %d câu trả lời đọc được, thiếu %d số ở giữa.", "Chain %s: answers that can be read: %d; numbers missing in between: %d."), c.Chain, c.Answers, c.Missing())
		if c.Reserved > c.Last() {
			fmt.Fprintf(&b, t.say(" Sau số %d: không có số nào trên %d từng được cấp.", " After %d: no number above %d was ever given out."), c.Last(), c.Reserved)
		}
		b.WriteByte('\n')
	}
	for _, s := range h.Segments {
		if s.Fault != nil {
			fmt.Fprintf(&b, t.say("Đoạn %d: %s\n", "Segment %d: %s\n"), s.Number, oneLine(s.Words().In(t.Lang)))
		}
	}
	if len(h.Aside) > 0 {
		fmt.Fprintf(&b, t.say("Đã để riêng: %s\n", "Set aside before: %s\n"), oneLine(strings.Join(h.Aside, ", ")))
	}
	return b.String()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func (t *Terminal) holdingJSON(h *journal.Holding) error {
	type run struct {
		First uint64 `json:"first"`
		Last  uint64 `json:"last"`
		From  string `json:"from"`
		To    string `json:"to"`
	}
	type chain struct {
		Chain    survey.Chain `json:"chain"`
		Kept     uint64       `json:"kept_from"`
		Runs     []run        `json:"runs"`
		Answers  int          `json:"answers"`
		Missing  uint64       `json:"missing"`
		Reserved uint64       `json:"reserved"`
	}
	out := struct {
		Ended   journal.Ending `json:"ended"`
		Refused uint64         `json:"refused"`
		Items   []chain        `json:"items"`
		Aside   []string       `json:"set_aside"`
		Next    *string        `json:"next"`
	}{Ended: h.Ended, Refused: h.Refused, Items: []chain{}, Aside: append([]string{}, h.Aside...)}
	for i := range h.Chains {
		c := &h.Chains[i]
		item := chain{Chain: c.Chain, Kept: c.Kept, Runs: []run{}, Answers: c.Answers, Missing: c.Missing(), Reserved: c.Reserved}
		for _, r := range c.Runs {
			item.Runs = append(item.Runs, run{r.First, r.Last, rfc3339(&r.From), rfc3339(&r.To)})
		}
		out.Items = append(out.Items, item)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write what was found: %w", err)
	}
	return t.json(raw)
}

// travel writes what the centre can take of each chain after a sequence into a new file,
// signed, and says what it cannot. Where there is nothing that it can take there is no file,
// and records is 0.
func (t *Terminal) travel(dir, path string, h *journal.Holding, id *identity.Identity, after func(*journal.Held) uint64) (records uint64, err error) {
	if other := foreign(dir, h, id); other != nil {
		return 0, other
	}
	has := func(c *journal.Held) uint64 { return max(after(c), durable(c, id)) }
	for i := range h.Chains {
		c := &h.Chains[i]
		if !h.Own(c.Chain, id.Kiosk(), id.Chain) {
			continue
		}
		ready, _ := h.Unsent(c.Chain, after(c), has(c))
		records += ready
	}
	missing := left(dir, h, id)
	switch {
	case records == 0 && missing != nil:
		return 0, missing
	case records == 0:
		return 0, nil
	}
	count, err := writeTravel(path, func(w *custody.TravelWriter) error {
		for i := range h.Chains {
			c := &h.Chains[i]
			if !h.Own(c.Chain, id.Kiosk(), id.Chain) {
				continue
			}
			if err := h.Batches(c.Chain, after(c), has(c), id.Kiosk(), id.Key(), func(b *custody.Batch) error { return w.Add(b.Message()) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(t.Err, t.say("Đã ghi %d bản ghi (%d lô) vào %s. Mang tệp tới trung tâm: hailong journal import %s\n",
		"Records written into %[3]s: %[1]d (batches: %[2]d). Carry it to the centre: hailong journal import %[4]s\n"), records, count, path, path)
	if missing != nil {
		err = t.note(missing.Text(t.Lang))
	}
	return records, err
}

// writeTravel makes a new travel file, readable by its owner alone: it holds comments.
// One that could not be written whole is removed.
func writeTravel(path string, fill func(*custody.TravelWriter) error) (count uint64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return 0, &Error{Vi: fmt.Sprintf("%s đã có; hãy chọn tên khác", path), En: fmt.Sprintf("%s is there already; choose another name", path), Err: err}
	}
	if folder := filepath.Dir(path); errors.Is(err, os.ErrNotExist) {
		return 0, &Error{Vi: fmt.Sprintf("không có thư mục %s", folder), En: fmt.Sprintf("there is no folder %s", folder), Err: err}
	}
	if err != nil {
		vi, en := plainly(err)
		return 0, &Error{Vi: fmt.Sprintf("không tạo được tệp %s: %s", path, vi), En: fmt.Sprintf("the file %s cannot be made: %s", path, en), Err: err}
	}
	w, err := custody.NewTravelWriter(f)
	if err == nil {
		err = fill(w)
	}
	if err == nil {
		err = w.End()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return w.Count(), nil
}
