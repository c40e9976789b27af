package kioskapp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hailong/cmd/internal/run"
	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/kiosk/screen"
	"hailong/survey"
)

// The diary tells people what happened to the kiosk, in plain words. It is no record of
// answers and holds nothing about citizens. It gives way before everything else: a line
// that cannot be written is left out, and nothing ever waits for it.

// The diary's two files in the data folder, one event a line. The first is written; when
// it is full it becomes the second.
const (
	diaryFile  = "diary.jsonl"
	diaryOlder = "diary.1.jsonl"
)

// DiaryLength is how many events a diary tells. Its files hold up to twice as many.
const DiaryLength = 1000

// diaryText is the most characters of one event's words.
const diaryText = 600

// diaryLine is more bytes than any line of a diary has.
const diaryLine = 16 << 10

// DiaryKind names what sort of event happened, for programs.
type DiaryKind string

// The kinds of events.
const (
	DiaryStarted      DiaryKind = "started"
	DiaryStopped      DiaryKind = "stopped"
	DiaryEnrolled     DiaryKind = "enrolled"
	DiaryNotEnrolled  DiaryKind = "not_enrolled"
	DiaryReached      DiaryKind = "centre_reached"
	DiaryLost         DiaryKind = "centre_lost"
	DiaryShutOut      DiaryKind = "shut_out"
	DiaryAllSent      DiaryKind = "all_sent"
	DiaryAlarm        DiaryKind = "alarm"
	DiaryAlarmOver    DiaryKind = "alarm_over"
	DiaryNewEpoch     DiaryKind = "centre_restored"
	DiaryJournal      DiaryKind = "journal"
	DiarySealed       DiaryKind = "segment_sealed"
	DiaryLetGo        DiaryKind = "segment_let_go"
	DiaryDiskLow      DiaryKind = "disk_low"
	DiaryDiskFull     DiaryKind = "disk_full"
	DiaryDiskFree     DiaryKind = "disk_free"
	DiaryClockStepped DiaryKind = "clock_stepped"
	DiaryClockSkew    DiaryKind = "clock_compared"
	DiaryGap          DiaryKind = "diary_gap"
	DiaryOperator     DiaryKind = screen.EventOperator
	DiaryWrongPIN     DiaryKind = screen.EventRefused
	DiaryTablet       DiaryKind = screen.EventTablet
)

// DiaryEntry is one event.
type DiaryEntry struct {
	At    time.Time    `json:"at"`         // by the box's clock
	Sure  bool         `json:"clock_sure"` // the clock was known to be right then
	Kind  DiaryKind    `json:"kind"`
	Words survey.Words `json:"words"`
}

// diary writes events. Safe for many goroutines; a nil diary writes nothing.
type diary struct {
	dir   string
	mu    sync.Mutex // protects what follows
	f     *os.File   // nil = not open
	lines int        // in the file that is written
	left  int        // events that could not be written
	torn  bool       // the file's last line may lack its end
	last  DiaryKind  // of the event before; "" = there was none
}

// openDiary reads where the diary in a data folder ends. It writes nothing yet.
func openDiary(dir string) *diary {
	d := &diary{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, diaryFile))
	if err == nil {
		d.lines = bytes.Count(b, []byte("\n"))
		d.torn = len(b) > 0 && b[len(b)-1] != '\n'
	}
	if list, err := ReadDiary(dir); err == nil && len(list) > 0 {
		d.last = list[len(list)-1].Kind
	}
	return d
}

// note writes one event, if it can be written.
func (d *diary) note(e DiaryEntry) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = e.Kind
	if d.left > 0 {
		gap := DiaryEntry{At: e.At, Sure: e.Sure, Kind: DiaryGap, Words: problem(
			fmt.Sprintf("số sự kiện trước đó không ghi được vào sổ: %d", d.left),
			fmt.Sprintf("events before this that could not be written into the diary: %d", d.left))}
		if d.write(gap) != nil {
			d.left++
			return
		}
		d.left = 0
	}
	if d.write(e) != nil {
		d.left++
	}
}

func (d *diary) write(e DiaryEntry) error {
	words := survey.Words{}
	for lang, text := range e.Words {
		if r := []rune(text); len(r) > diaryText {
			text = string(r[:diaryText]) + "…"
		}
		words[lang] = text
	}
	e.Words = words
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := d.ready(); err != nil {
		return err
	}
	if d.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := d.f.Write(append(line, '\n'))
	d.torn = err != nil && (n > 0 || d.torn)
	if err == nil {
		d.lines++
	}
	return err
}

// ready opens the file that is written, and begins a new one where it is full.
func (d *diary) ready() (err error) {
	path := filepath.Join(d.dir, diaryFile)
	if d.lines >= DiaryLength {
		if err := os.Rename(path, filepath.Join(d.dir, diaryOlder)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		d.lines, d.torn = 0, false
		d.shut()
	}
	if d.f == nil {
		d.f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	return err
}

func (d *diary) shut() {
	if d.f != nil {
		_ = d.f.Close() // nothing waits for the diary
		d.f = nil
	}
}

// close closes the file. A later event opens it again.
func (d *diary) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut()
	return nil
}

// before is the kind of the event before; "" = there was none.
func (d *diary) before() DiaryKind {
	if d == nil {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// ReadDiary reads the last [DiaryLength] events of the kiosk with that data folder, the
// latest last, also while the kiosk runs. Lines that a power cut left torn are passed
// over. A kiosk without a diary has none.
func ReadDiary(dir string) (list []DiaryEntry, err error) {
	for _, name := range []string{diaryOlder, diaryFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the diary: %w", err)
		}
		more, err := readEntries(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read the diary: %w", err)
		}
		list = append(list, more...)
	}
	return list[max(0, len(list)-DiaryLength):], nil
}

func readEntries(r io.Reader) (list []DiaryEntry, err error) {
	in := bufio.NewReaderSize(r, diaryLine)
	for {
		line, long, err := in.ReadLine()
		for long && err == nil { // not one of ours
			line = nil
			_, long, err = in.ReadLine()
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		var e DiaryEntry
		if json.Unmarshal(line, &e) == nil && e.Kind != "" && !e.At.IsZero() {
			e.At = e.At.In(survey.Zone)
			list = append(list, e)
		}
	}
}

// note writes a remark into the diary, with the time. The first one comes after the
// program's start: one that finds another at work on its folder leaves the diary alone.
func (a *App) note(r remark) {
	a.greeted.Do(a.greet)
	a.write(r)
}

func (a *App) write(r remark) {
	now := a.options.Now()
	w := a.working.Load()
	a.diary.note(DiaryEntry{At: now.In(survey.Zone), Sure: w != nil && w.journal.Sure(now), Kind: r.kind, Words: r.words})
}

// diaryEvery is the time between two looks at what there is to tell.
const diaryEvery = 2 * time.Second

// greet tells that the kiosk has started.
func (a *App) greet() {
	if before := a.diary.before(); before == "" || before == DiaryStopped {
		a.write(told(DiaryStarted, "chương trình bắt đầu, phiên bản "+run.Version(), "the program starts, version "+run.Version()))
	} else {
		a.write(told(DiaryStarted, "chương trình bắt đầu, phiên bản "+run.Version()+"; lần trước không được dừng bình thường (mất điện hoặc bị ngắt)",
			"the program starts, version "+run.Version()+"; it was not stopped before (power lost, or killed)"))
	}
}

// keepDiary tells what happens, until stop is called with the error that the kiosk
// stopped for.
func (a *App) keepDiary() (stop func(error)) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		d := diarist{spare: a.config.Disk.Spare << 20}
		tick := time.NewTicker(diaryEvery)
		defer tick.Stop()
		for {
			a.lookOn(&d)
			a.screen.Look()
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	return func(why error) {
		close(ended)
		<-done
		switch {
		case errors.Is(why, journal.ErrLocked): // the diary is another program's
		case why != nil:
			a.note(told(DiaryStopped, "chương trình dừng vì lỗi: "+wordsOf(why).In(survey.Vietnamese), "the program stops because of an error: "+wordsOf(why).In(survey.English)))
		default:
			a.note(told(DiaryStopped, "chương trình dừng theo yêu cầu", "the program stops as it was told to"))
		}
	}
}

func (a *App) lookOn(d *diarist) {
	now, space := a.options.Now(), journal.SpaceOf(a.config.Data)
	a.space.Store(&space)
	w := a.working.Load()
	if w == nil {
		return
	}
	up, worries := w.link()
	s := sight{
		wall: time.Duration(now.UnixNano()), mono: now.Sub(a.began), up: up.Up, worries: worries, kiosk: a.identity.Kiosk(), unsent: w.uplink.Unsent(),
		free: -1, full: errors.Is(w.journal.Err(), kiosk.ErrFull), refused: w.journal.Refused(), chain: w.journal.Chain(),
	}
	for _, p := range w.pasts {
		s.unsent += p.Unsent()
	}
	if space.Total > 0 {
		s.free = space.Free
	}
	s.skew, s.compared = w.journal.Skew()
	s.oldest, s.newest = w.journal.Segments()
	for _, r := range d.look(s) {
		if r.kind == DiaryShutOut || r.kind == DiaryAlarm {
			a.tell(r)
		} else {
			a.note(r)
		}
	}
}

// events is the diary for the screen's /api/v1/diary.
func (a *App) events() ([]screen.Event, error) {
	list, err := ReadDiary(a.config.Data)
	out := make([]screen.Event, len(list))
	for i, e := range list {
		out[i] = screen.Event{At: e.At, Sure: e.Sure, Kind: string(e.Kind), Words: e.Words}
	}
	return out, err
}
