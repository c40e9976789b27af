package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"hailong/survey"
)

// QuarantineCmd groups the commands about what arrived and is not counted.
type QuarantineCmd struct {
	List  QuarantineListCmd  `cmd:"" help:"Liệt kê lượt chờ, cách ly và lô bị từ chối, kèm lý do / list what is held, quarantined or rejected, and why"`
	Retry QuarantineRetryCmd `cmd:"" help:"Xét lại tất cả, sau khi đã khai báo hoặc sửa / try all of it again, after something was declared or mended"`
}

// QuarantineListCmd lists them.
type QuarantineListCmd struct{}

// asideItem is something not counted, as the centre lists it.
type asideItem struct {
	State    string         `json:"state"`
	ID       string         `json:"id"`
	Number   uint64         `json:"number"`
	Kiosk    survey.KioskID `json:"kiosk"`
	Date     string         `json:"date"`
	Received string         `json:"received"`
	Reason   string         `json:"reason"`
}

// what names the record or the batch.
func (i *asideItem) what() string {
	if i.Number > 0 {
		return "#" + strconv.FormatUint(i.Number, 10)
	}
	return i.ID
}

func (i *asideItem) when() string {
	if i.Number > 0 {
		return i.Received
	}
	return i.Date
}

// Run prints the list.
func (*QuarantineListCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	list, raw, err := ask[listOf[asideItem]](ctx, g, t, http.MethodGet, "/api/v1/quarantine", nil, nil)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, i := range list.Items {
		state := i.State
		if g.Output != AsCSV {
			state = t.asideState(state)
		}
		rows = append(rows, []string{state, string(i.Kiosk), i.when(), i.what(), i.Reason})
	}
	return t.list(g.Output, raw, []string{"state", "kiosk", "when", "what", "reason"}, []column{
		{vi: "Tình trạng", en: "State"},
		{vi: "Thiết bị", en: "Kiosk"},
		{vi: "Ngày", en: "When"},
		{vi: "Bản ghi hoặc lô", en: "Record or batch"},
		{vi: "Lý do", en: "Reason"},
	}, rows)
}

func (t *Terminal) asideState(state string) string {
	switch state {
	case "held":
		return t.say("chờ khai báo", "held")
	case "quarantined":
		return t.say("cách ly", "quarantined")
	case "rejected":
		return t.say("bị từ chối", "rejected")
	}
	return state
}

// QuarantineRetryCmd tries all of it again.
type QuarantineRetryCmd struct{}

// retried is what trying again has brought.
type retried struct {
	Rejudged int `json:"rejudged"`
	Admitted int `json:"admitted"`
	Refused  int `json:"refused"`
}

// Run says what it has brought.
func (*QuarantineRetryCmd) Run(ctx context.Context, g *Globals, t *Terminal) error {
	done, raw, err := ask[retried](ctx, g, t, http.MethodPost, "/api/v1/quarantine/retry", nil, nil)
	if err != nil {
		return err
	}
	switch g.Output {
	case AsJSON:
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"rejudged", "admitted", "refused"}, [][]string{{strconv.Itoa(done.Rejudged), strconv.Itoa(done.Admitted), strconv.Itoa(done.Refused)}})
	default:
		return t.write(fmt.Sprintf(t.say(
			"Lượt được xét khác đi: %d. Lô nay được nhận: %d. Lô vẫn bị từ chối: %d.\n",
			"Records judged otherwise now: %d. Batches admitted now: %d. Batches rejected still: %d.\n"), done.Rejudged, done.Admitted, done.Refused))
	}
}
