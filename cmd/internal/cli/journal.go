package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// JournalCmd groups the commands that carry a kiosk's journal to the centre by hand.
type JournalCmd struct {
	Export JournalExportCmd `cmd:"" help:"Ghi những bản ghi chưa gửi của một thiết bị đã dừng vào tệp có chữ ký / write what a stopped kiosk has not sent into a signed file"`
	Import JournalImportCmd `cmd:"" help:"Đưa tệp nhật ký của thiết bị vào trung tâm / bring a kiosk's journal file into the centre"`
}

// JournalExportCmd writes what the centre does not have of a kiosk's journal into a
// file. It needs no centre; the kiosk must not be running.
type JournalExportCmd struct {
	Dir   string  `arg:"" name:"data_dir" help:"Thư mục dữ liệu của thiết bị / the kiosk's data folder"`
	File  string  `arg:"" help:"Tệp mới, thường trên USB / a new file, mostly on a USB stick"`
	After *uint64 `xor:"which" placeholder:"SEQ" help:"Từ sau số này, thay vì từ sau biên nhận cuối của trung tâm / after this number, not after the centre's last receipt"`
	All   bool    `xor:"which" help:"Mọi bản ghi còn giữ / all records that are kept"`
}

// Run writes the file.
func (cmd *JournalExportCmd) Run(t *Terminal) error {
	h, err := inspect(cmd.Dir)
	if err != nil {
		return err
	}
	if len(h.Chains) == 0 {
		return &Error{
			Vi: fmt.Sprintf("không đọc được bản ghi nào của nhật ký trong %s, nên không biết trung tâm còn thiếu gì; không ghi tệp nào. Đừng xóa gì; hailong salvage %[1]s cho biết tệp nào hỏng", cmd.Dir),
			En: fmt.Sprintf("no record of the journal in %s can be read, so that nobody knows what the centre lacks; no file is written. Remove nothing; hailong salvage %[1]s says which files are damaged", cmd.Dir),
		}
	}
	id, err := signer(cmd.Dir)
	if err != nil {
		return err
	}
	records, err := t.travel(cmd.Dir, cmd.File, h, id, func(c *journal.Held) uint64 {
		switch {
		case cmd.All:
			return 0
		case cmd.After != nil && c == &h.Chains[len(h.Chains)-1]:
			return *cmd.After
		}
		return durable(c, id)
	})
	if err != nil || records > 0 {
		return err
	}
	return t.write(t.say("Không có gì phải gửi: trung tâm đã giữ tất cả. Không ghi tệp nào; --all ghi mọi bản ghi còn giữ.\n",
		"There is nothing to send: the centre holds all of it. No file is written; --all writes all records that are kept.\n"))
}

// durable is up to where the centre has signed for a chain; 0 where it has not.
func durable(c *journal.Held, id *identity.Identity) uint64 {
	if id.Enrolment == nil || c.Receipt == nil {
		return 0
	}
	r, err := custody.OpenReceipt(c.Receipt, ed25519.PublicKey(id.Enrolment.CentreKey))
	if err != nil || r.Chain != c.Chain {
		return 0
	}
	return r.Durable
}

// JournalImportCmd sends a journal file to the centre.
type JournalImportCmd struct {
	File string `arg:"" help:"Tệp do hailong journal export hoặc hailong salvage ghi / a file of hailong journal export or hailong salvage"`
}

// imported is what the centre says became of a journal file.
type imported struct {
	Kiosks     []survey.KioskID `json:"kiosks"`
	Batches    int              `json:"batches"`
	New        int              `json:"new"`
	Duplicates int              `json:"duplicates"`
	Gaps       int              `json:"gaps"`
	Forks      int              `json:"forks"`
	Refused    []struct {
		Batch  int            `json:"batch"`
		Kiosk  survey.KioskID `json:"kiosk"`
		Reason string         `json:"reason"`
	} `json:"refused"`
}

// importChunk is how many bytes are sent to the centre at once, importWait how long it
// may take over them.
const (
	importChunk = 16 << 20
	importWait  = 10 * time.Minute
)

// Run checks the whole file, and then sends it, in parts that are whole files
// themselves.
func (cmd *JournalImportCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	c, err := newClient(g, t)
	if err != nil {
		return err
	}
	c.http.Timeout = importWait
	whole := 0
	if err := chunks(cmd.File, func(_ []byte, n int) error { whole += n; return nil }); err != nil {
		return cmd.unreadable(err)
	}
	var sum imported
	err = chunks(cmd.File, func(chunk []byte, _ int) error {
		var got imported
		if _, err := c.call(ctx, http.MethodPost, "/api/v1/journals", nil, chunk, &got); err != nil {
			return err
		}
		sum.add(got)
		if interactive(t.Err) {
			fmt.Fprintf(t.Err, "\r\x1b[K%d/%d", sum.Batches, whole)
		}
		return nil
	})
	if interactive(t.Err) {
		fmt.Fprint(t.Err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if err := t.imported(g.Output, sum); err != nil {
		return err
	}
	return sum.untaken()
}

// untaken says what to do about batches that the centre did not take; nil = it took all.
func (i *imported) untaken() error {
	n := i.Gaps + len(i.Refused)
	if n == 0 {
		return nil
	}
	e := &Error{Vi: fmt.Sprintf("số lô chưa được nhận: %d", n), En: fmt.Sprintf("batches that were not taken: %d", n)}
	if i.Gaps > 0 {
		e.Vi += fmt.Sprintf("; %d lô thiếu phần trước: nếu còn tệp xuất trước đó thì nhập tệp ấy trước, rồi nhập lại tệp này; không có thì xuất lại trên thiết bị với --all. Nếu vẫn thiếu, chính nhật ký bị đứt: hãy khởi động chương trình kiosk với thư mục dữ liệu đó; nó mở chuỗi mới mang theo các bản ghi này, gửi qua mạng hoặc bằng một lần xuất nữa", i.Gaps)
		e.En += fmt.Sprintf("; after a gap: %d. If there is an earlier file of this kiosk, import that first and then this one again; if not, export again at the kiosk with --all. If records are still missing then, the journal itself has a gap: start the program kiosk with that data folder; it begins a new chain, in which these records go up over the network or in another export", i.Gaps)
	}
	if len(i.Refused) > 0 {
		e.Vi += fmt.Sprintf("; %d lô bị từ chối: xem hailong quarantine", len(i.Refused))
		e.En += fmt.Sprintf("; refused: %d, see hailong quarantine", len(i.Refused))
	}
	return e
}

// unreadable says what is wrong with the file.
func (cmd *JournalImportCmd) unreadable(err error) error {
	e := unreadable(cmd.File, err)
	switch {
	case errors.Is(err, custody.ErrNotTravel):
		e.Vi = fmt.Sprintf("%s không phải tệp nhật ký của thiết bị (do hailong journal export ghi), hoặc thuộc phiên bản chưa biết; chưa gửi gì", cmd.File)
		e.En = fmt.Sprintf("%s is no kiosk's journal file (of hailong journal export), or of a version that is not known; nothing was sent", cmd.File)
	case errors.Is(err, custody.ErrCutShort):
		e.Vi = fmt.Sprintf("%s bị cắt ngắn: hãy chép lại từ thiết bị; chưa gửi gì", cmd.File)
		e.En = fmt.Sprintf("%s is cut short: copy it from the kiosk once more; nothing was sent", cmd.File)
	case errors.Is(err, custody.ErrAltered):
		e.Vi = fmt.Sprintf("%s bị thay đổi hoặc hỏng trên đường: hãy chép lại từ thiết bị; chưa gửi gì", cmd.File)
		e.En = fmt.Sprintf("%s was altered or damaged on its way: copy it from the kiosk once more; nothing was sent", cmd.File)
	}
	return e
}

// chunks reads a travel file and gives it to visit in parts, each a travel file of at
// most about importChunk bytes, with how many messages it has. The error after the last
// good part says why the file is not whole.
func chunks(path string, visit func(chunk []byte, messages int) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is only read
	in, err := custody.NewTravelReader(f)
	for err == nil {
		var b bytes.Buffer
		out, _ := custody.NewTravelWriter(&b) // a buffer takes everything
		for err == nil && b.Len() < importChunk {
			var message []byte
			if message, err = in.Next(); err == nil {
				err = out.Add(message)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if out.Count() == 0 {
			break
		}
		if err := out.End(); err != nil {
			return err
		}
		if err := visit(b.Bytes(), int(out.Count())); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// add adds what became of the next part of the file.
func (i *imported) add(next imported) {
	for _, r := range next.Refused {
		r.Batch += i.Batches
		i.Refused = append(i.Refused, r)
	}
	for _, k := range next.Kiosks {
		if n := len(i.Kiosks); n == 0 || i.Kiosks[n-1] != k {
			i.Kiosks = append(i.Kiosks, k)
		}
	}
	i.Batches += next.Batches
	i.New += next.New
	i.Duplicates += next.Duplicates
	i.Gaps += next.Gaps
	i.Forks += next.Forks
}

func (t *Terminal) imported(form Format, i imported) error {
	counts := []int{i.Batches, i.New, i.Duplicates, i.Gaps, i.Forks, len(i.Refused)}
	row := make([]string, len(counts))
	for n, count := range counts {
		row[n] = strconv.Itoa(count)
	}
	switch form {
	case AsJSON:
		raw, err := json.Marshal(i)
		if err != nil {
			return fmt.Errorf("write what became of the file: %w", err)
		}
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"batches", "new", "duplicates", "gaps", "forks", "refused"}, [][]string{row})
	}
	err := t.table([]column{
		{vi: "Lô", en: "Batches", number: true}, {vi: "Mới", en: "New", number: true}, {vi: "Đã có", en: "There already", number: true},
		{vi: "Thiếu phần trước", en: "After a gap", number: true}, {vi: "Rẽ nhánh", en: "Forks", number: true}, {vi: "Bị từ chối", en: "Refused", number: true},
	}, [][]string{row})
	for _, r := range i.Refused {
		if err == nil {
			err = t.write(fmt.Sprintf(t.say("Lô %d (%s): %s\n", "Batch %d (%s): %s\n"), r.Batch, oneLine(string(r.Kiosk)), oneLine(r.Reason)))
		}
	}
	return err
}
