package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/score"
)

// How event streams behave.
const (
	maxStreams = 200
	heartbeat  = 15 * time.Second // a comment that finds out whether the listener is still there
	streamLife = writeTimeout - 10*time.Second
)

// liveJSON is one event: the published figures that changed since the event before, or
// all of them in the first event of a stream.
type liveJSON struct {
	Version  uint64       `json:"version"`
	Date     survey.Date  `json:"date"`
	At       time.Time    `json:"at"`
	Step     int64        `json:"step"`     // answers by which a counter's figures move
	Complete bool         `json:"complete"` // these rows are all there are: forget others
	Method   score.Method `json:"method"`
	Rows     []liveRow    `json:"rows"`
}

type liveRow struct {
	Kind  rowKind          `json:"kind"`
	Unit  *survey.UnitCode `json:"unit"`  // null for the total
	Scale survey.ScaleCode `json:"scale"` // rows of different scales are different rows
	score.Row
}

// getLive sends published figures as server-sent events.
func (c *Console) getLive(ctx *fiber.Ctx) error {
	if err := noParams(ctx); err != nil {
		return err
	}
	if _, err := c.present(ctx.UserContext()); err != nil {
		return err
	}
	ctx.Set(fiber.HeaderContentType, "text/event-stream")
	if ctx.Method() == fiber.MethodHead {
		return nil
	}
	if !c.boards.enter() {
		r := refuse(fiber.StatusServiceUnavailable, "đang có quá nhiều màn hình theo dõi trực tiếp; hãy thử lại sau", "too many live streams are open; try again later")
		r.retry = heartbeat
		return r
	}
	ctx.Set("X-Accel-Buffering", "no") // a proxy must pass events on as they come
	ctx.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer c.boards.leave()
		c.stream(w)
	})
	return nil
}

// enter counts a stream in, unless there are too many.
func (b *boards) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams >= maxStreams {
		return false
	}
	b.streams++
	return true
}

func (b *boards) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams--
}

// stream writes events until the listener goes, the console stops or the stream has
// lived long enough. Whoever is cut off in between comes back after a second and is
// sent everything anew.
func (c *Console) stream(w *bufio.Writer) {
	beat, life := time.NewTicker(heartbeat), time.NewTimer(streamLife)
	defer beat.Stop()
	defer life.Stop()
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil {
		return
	}
	var last *board
	for {
		b, next := c.boards.current()
		if b != last {
			if err := writeEvent(w, b, last, c.settings.LiveStep); err != nil {
				return
			}
			last = b
		}
		select {
		case <-next:
		case <-beat.C:
			if _, err := fmt.Fprint(w, ": here\n\n"); err != nil || w.Flush() != nil {
				return
			}
		case <-life.C:
			return
		case <-c.stop:
			return
		}
	}
}

// writeEvent sends what differs between two boards; without a board before, and at the
// turn of a day, everything.
func writeEvent(w *bufio.Writer, b, last *board, step int64) error {
	e := liveJSON{
		Version: b.version, Date: b.day, At: b.at.In(survey.Zone), Step: step, Method: score.RatePooled, Rows: []liveRow{},
		Complete: last == nil || last.day != b.day || !sameRows(last, b),
	}
	scales := map[string]survey.ScaleCode{}
	for _, s := range b.scales {
		scales[s.key] = s.scale.Code
	}
	b.each(func(scale string, r *boardRow) {
		if !e.Complete && r.version <= last.version {
			return
		}
		row := liveRow{Kind: r.kind, Scale: scales[scale], Row: r.row}
		if r.kind != totalRow {
			row.Unit = &r.unit
		}
		e.Rows = append(e.Rows, row)
	})
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if _, err := fmt.Fprintf(w, "event: scores\nid: %d\ndata: %s\n\n", b.version, data); err != nil {
		return err
	}
	return w.Flush()
}

// sameRows reports whether two boards have the same rows, whatever their figures.
func sameRows(a, b *board) bool {
	names := map[rowName]bool{}
	a.each(func(scale string, r *boardRow) { names[rowName{scale, r.kind, r.unit, r.counter}] = true })
	count := len(names)
	same := true
	b.each(func(scale string, r *boardRow) {
		count--
		same = same && names[rowName{scale, r.kind, r.unit, r.counter}]
	})
	return same && count == 0
}
