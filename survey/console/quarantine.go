package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/custody"
)

// waitingJSON is something that arrived and is not counted.
type waitingJSON struct {
	State    waitingState   `json:"state"`
	ID       string         `json:"id,omitempty"`     // of a record
	Number   uint64         `json:"number,omitempty"` // of a batch that was rejected
	Kiosk    survey.KioskID `json:"kiosk"`
	Date     string         `json:"date,omitempty"` // of a record: its closing's
	Received string         `json:"received,omitempty"`
	Bytes    int            `json:"bytes,omitempty"` // of a batch
	Reason   string         `json:"reason"`
}

// waitingState says why something is not counted.
type waitingState string

const (
	isHeld        waitingState = "held"        // a record that waits for its day, counter, questionnaire or a newer program
	isQuarantined waitingState = "quarantined" // a record that cannot be read, or does not fit its questionnaire
	isRejected    waitingState = "rejected"    // a whole batch that was not admitted
)

// How many records of each state one answer lists, whose number the closings have, and how
// many batches, which are read whole.
const (
	maxWaiting  = 10_000
	maxRejected = 1000
)

// setAside are things that are not counted, and how many records there are of all.
type setAside struct {
	items             []waitingJSON
	held, quarantined uint64
}

func (c *Console) setAside(ctx context.Context, limit int) (s setAside, err error) {
	s.items = []waitingJSON{}
	add := func(state waitingState, list []custody.Waiting) {
		for _, w := range list {
			day := custody.Closing{Date: w.Day}
			s.items = append(s.items, waitingJSON{State: state, ID: w.ID.String(), Kiosk: w.Kiosk, Date: day.Day(), Reason: w.Reason})
		}
	}
	rejected, err := c.store.Rejected(ctx, 0, min(limit, maxRejected))
	if err != nil {
		return s, err
	}
	for _, r := range rejected {
		s.items = append(s.items, waitingJSON{
			State: isRejected, Number: r.Number, Kiosk: r.Kiosk, Received: rfc3339(r.Received), Bytes: len(r.Bytes), Reason: r.Reason,
		})
	}
	list, n, err := c.store.Quarantined(ctx, limit)
	if err != nil {
		return s, err
	}
	s.quarantined = n
	add(isQuarantined, list)
	list, s.held, err = c.store.Held(ctx, limit)
	add(isHeld, list)
	return s, err
}

func rfc3339(at time.Time) string { return at.In(survey.Zone).Format(time.RFC3339) }

func (c *Console) getQuarantine(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	s, err := c.setAside(ctx.UserContext(), maxWaiting)
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, listJSON[waitingJSON]{Items: s.items})
}

// retriedJSON says what trying again has brought.
type retriedJSON struct {
	Rejudged int `json:"rejudged"` // records that became something else
	Admitted int `json:"admitted"` // batches that were rejected before
	Refused  int `json:"refused"`  // batches that are rejected still
}

func (c *Console) postRetry(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	done, err := c.retry(ctx.UserContext())
	if err != nil {
		return err
	}
	return sendJSON(ctx, fiber.StatusOK, done)
}

// retry tries again what is not counted, the oldest batches first, so that those of one
// chain come in its order. Two at a time would do the same work twice.
func (c *Console) retry(ctx context.Context) (done retriedJSON, err error) {
	if !c.trying.TryLock() {
		return done, refuse(fiber.StatusConflict,
			"đang có một lần thử lại khác chạy; hãy đợi lần đó xong rồi xem lại trang này",
			"it is being tried again already; wait until that has ended, then look here again")
	}
	defer c.trying.Unlock()
	began := c.now()
	for after := uint64(0); c.settings.Ingest != nil; {
		rejected, err := c.store.Rejected(ctx, after, retrySlice)
		if err != nil {
			return done, err
		}
		if len(rejected) == 0 {
			break
		}
		for _, r := range rejected {
			if c.now().Sub(began) > retryTime {
				return done, refuse(fiber.StatusServiceUnavailable,
					fmt.Sprintf("chưa thử hết: đã nhận %d lô, còn bị từ chối %d lô; hãy bấm thử lại lần nữa để tiếp tục", done.Admitted, done.Refused),
					fmt.Sprintf("not all was tried: %d batches were taken in, %d are refused still; try again to go on", done.Admitted, done.Refused))
			}
			if err := c.retryBatch(ctx, r, &done); err != nil {
				return done, err
			}
			after = r.Number
		}
	}
	if done.Rejudged, err = c.store.Rejudge(ctx); err != nil {
		return done, err
	}
	c.log.Info("what is not counted was tried again", "rejudged", done.Rejudged, "admitted", done.Admitted, "refused", done.Refused)
	return done, nil
}

// retrySlice is how many rejected batches are in memory at once. retryTime is how long one
// retry goes on with batches: less than whoever asked waits for the answer.
const (
	retrySlice = 100
	retryTime  = 45 * time.Second
)

func (c *Console) retryBatch(ctx context.Context, r custody.Rejected, done *retriedJSON) error {
	got, err := c.settings.Ingest(ctx, r.Kiosk, r.Bytes)
	if err != nil {
		return fmt.Errorf("try rejected batch %d again: %w", r.Number, err)
	}
	if got.Refused != "" || got.Case == custody.Gap {
		done.Refused++
		return nil
	}
	if err := c.store.Resolved(ctx, r.Number); err != nil {
		return fmt.Errorf("mark rejected batch %d as resolved: %w", r.Number, err)
	}
	done.Admitted++
	return nil
}

// journalJSON says what became of a journal file.
type journalJSON struct {
	Kiosks     []survey.KioskID `json:"kiosks"`
	Batches    int              `json:"batches"`    // in the file
	New        int              `json:"new"`        // kept and counted
	Duplicates int              `json:"duplicates"` // here already
	Gaps       int              `json:"gaps"`       // not kept, because records before them are missing
	Forks      int              `json:"forks"`      // kept as evidence: they contradict what is here
	Refused    []refusedJSON    `json:"refused"`    // not admitted, kept as rejected
}

type refusedJSON struct {
	Batch  int            `json:"batch"` // from 1
	Kiosk  survey.KioskID `json:"kiosk"`
	Reason string         `json:"reason"`
}

// journalLimit is the most bytes that a journal file may have: about half a million
// presses. journalTime is how long it may take to arrive.
const (
	journalPath  = "/api/v1/journals"
	journalLimit = 128 << 20
	journalTime  = 10 * time.Minute
)

// postJournals takes in a journal file that somebody carried here.
func (c *Console) postJournals(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	if c.settings.Ingest == nil {
		return refuse(fiber.StatusServiceUnavailable, "chương trình này không nhận tệp nhật ký", "this program takes no journal files")
	}
	body, err := readBody(ctx, journalLimit)
	if err != nil {
		return err
	}
	file, err := custody.NewTravelReader(bytes.NewReader(body))
	if err != nil {
		return journalFault(err, 0)
	}
	out := journalJSON{Kiosks: []survey.KioskID{}, Refused: []refusedJSON{}}
	for {
		message, err := file.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return journalFault(err, out.Batches)
		}
		got, err := c.settings.Ingest(ctx.UserContext(), "", message)
		if err != nil {
			return fmt.Errorf("take in batch %d of a journal file: %w", out.Batches+1, err)
		}
		out.add(got, spokenLang(ctx))
	}
	c.log.Info("journal file taken in", "batches", out.Batches, "new", out.New, "refused", len(out.Refused))
	return sendJSON(ctx, fiber.StatusOK, out)
}

// add counts one more batch, and says in a language why it was refused, if it was.
func (j *journalJSON) add(got Ingested, lang survey.Lang) {
	j.Batches++
	if got.Refused != "" {
		j.Refused = append(j.Refused, refusedJSON{Batch: j.Batches, Kiosk: got.Kiosk, Reason: reasonIn(lang, got.Refused)})
		return
	}
	*map[custody.Case]*int{custody.New: &j.New, custody.Duplicate: &j.Duplicates, custody.Gap: &j.Gaps, custody.Fork: &j.Forks}[got.Case]++
	if n := len(j.Kiosks); n == 0 || j.Kiosks[n-1] != got.Kiosk {
		j.Kiosks = append(j.Kiosks, got.Kiosk)
	}
}

// journalFault says what to do about a file that cannot be read to its end. The batches
// before the fault are in; the whole file sent again does no harm.
func journalFault(err error, taken int) error {
	if errors.Is(err, custody.ErrNotTravel) {
		return refuse(fiber.StatusUnprocessableEntity,
			"nội dung gửi lên không phải tệp nhật ký xuất từ thiết bị, hoặc thuộc phiên bản chưa biết",
			"the body is not a journal file exported on a kiosk, or of a version that is not known")
	}
	return refuse(fiber.StatusUnprocessableEntity,
		fmt.Sprintf("tệp nhật ký bị cắt hoặc hỏng sau %d lô, các lô đó đã được nhận; hãy chép lại tệp từ thiết bị rồi gửi lại toàn bộ (%v)", taken, err),
		fmt.Sprintf("the journal file is cut short or damaged after %d batches, which were taken in; copy it from the kiosk once more and send all of it again (%v)", taken, err))
}
