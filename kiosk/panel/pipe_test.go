package panel_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/kiosk/panel"
	"hailong/survey"
)

// stamped is a clock that leaves the time to the stamps of the events: it is far behind
// them, and nothing falls due by itself.
type stamped struct{}

const longAfter = time.Hour

func (stamped) Now() time.Duration                   { return longAfter }
func (stamped) After(time.Duration) <-chan time.Time { return nil }

// record opens a journal and a recorder over it; the recorder's clock stands long after.
func record(t *testing.T, now func() time.Time) (*kiosk.Recorder, *journal.Journal) {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Kiosk: "K-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return kiosk.NewRecorder(kiosk.Settings{
		Catalogue: survey.NewCatalogue(quick()), Counters: []survey.CounterCode{"H-1", "H-2"}, Repeat: 5 * time.Second, Now: now,
	}, j), j
}

// Through a pipe of the system, in pieces of any size and faster than they were made, the
// recorded bytes make the same records: the stamps of the events say when, not the moment
// at which they are read.
func TestThroughAPipeOfTheSystem(t *testing.T) {
	for name, want := range map[string][]string{
		"keypad": {"1", "2", "3", "4", "5"},
		"bounce": {"1", "5", "3"},
		"tremor": {"4", "4 too_soon", "2", "2 too_soon", "3", "3 too_soon", "4", "4 too_soon"},
		"mind":   {"5", "2 for #1", "3", "3 too_soon", "1 for #3"},
		"palm":   {"2", "4", "5 for #2"},
		"stuck":  {"3", "5", "3"},
	} {
		for word, layout := range layouts {
			t.Run(name+", "+word, func(t *testing.T) {
				t.Parallel()
				now := time.Now()
				recorder, j := record(t, func() time.Time { return now })
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				gone := make(chan struct{})
				p := panel.New(named(keypad(), "/dev/input/event0"), panel.Options{
					Record: recorder.Record, Now: func() time.Time { return now }, Clock: stamped{},
					Ask:  func() (string, survey.QuestionCode) { return "quick", "Z0" },
					Open: func(panel.Device) (*panel.Port, error) { return &panel.Port{ReadWriteCloser: r, Layout: layout}, nil },
					Tell: func(w survey.Words) {
						if strings.Contains(w.In(survey.English), "was unplugged, or failed (EOF)") {
							close(gone)
						}
					},
				})
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { p.Run(ctx) })
				feed(t, w, stream(t, name, layout))
				<-gone
				stop()
				running.Wait()
				d := &desk{t: t, journal: j}
				if got := d.list(); !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			})
		}
	}
}

// feed writes a stream in pieces of seven bytes, and ends it.
func feed(t *testing.T, w io.WriteCloser, list []moment) {
	t.Helper()
	var all []byte
	for _, m := range list {
		all = append(all, m.bytes...)
	}
	for len(all) > 0 {
		n := min(7, len(all))
		if _, err := w.Write(all[:n]); err != nil {
			t.Fatal(err)
		}
		all = all[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func named(d panel.Device, path string) panel.Device {
	d.Path = path
	return d
}
