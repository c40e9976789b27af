package kioskapp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/uplink"
)

// good is a kiosk at rest, s seconds after it began.
func good(s int, change ...func(*sight)) sight {
	since := time.Duration(s) * time.Second
	v := sight{
		wall: 20_000*24*time.Hour + since, mono: since, up: true, free: 9 << 30, compared: true, skew: 300 * time.Millisecond,
		chain: survey.Chain{1}, oldest: 1, newest: 1,
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func down(why string) func(*sight) {
	return func(s *sight) {
		if s.up = false; why != "" {
			s.worries = []worry{{problem: why}}
		}
	}
}

func waiting(n uint64) func(*sight) { return func(s *sight) { s.unsent = n } }

// kindsOf are what a diarist says of each sight.
func kindsOf(sights ...sight) (kinds []DiaryKind, words []string) {
	d := diarist{spare: 200 << 20}
	for _, s := range sights {
		for _, r := range d.look(s) {
			kinds = append(kinds, r.kind)
			words = append(words, r.words.In(survey.English), r.words.In(survey.Vietnamese))
		}
	}
	return kinds, words
}

func TestTheDiaristTellsWhatChanged(t *testing.T) {
	full := func(refused uint64) func(*sight) {
		return func(s *sight) { s.full, s.free, s.refused = true, 30<<20, refused }
	}
	free := func(mib int64) func(*sight) { return func(s *sight) { s.free = mib << 20 } }
	skew := func(d time.Duration) func(*sight) { return func(s *sight) { s.skew = d } }
	moved := func(d time.Duration) func(*sight) { return func(s *sight) { s.wall += d } }
	segments := func(oldest, newest int) func(*sight) { return func(s *sight) { s.oldest, s.newest = oldest, newest } }
	worried := func(w ...worry) func(*sight) { return func(s *sight) { s.worries = w } }
	alarmed := worried(worry{problem: string(uplink.Refused) + ": no such day"})
	earlier := worry{past: survey.Chain{7}, problem: string(uplink.Forked)}
	unknown := worried(worry{problem: string(uplink.Refused) + ": no kiosk of that name is enrolled"})
	for name, c := range map[string]struct {
		sights []sight
		kinds  []DiaryKind
		words  string // in one of the sentences
	}{
		"a quiet day":                     {[]sight{good(0), good(2), good(4)}, []DiaryKind{DiaryClockSkew, DiaryReached}, "agrees with the centre's"},
		"the clock is late":               {[]sight{good(0, skew(-90*time.Second))}, []DiaryKind{DiaryClockSkew, DiaryReached}, "1m30s behind"},
		"the clock is early":              {[]sight{good(0, skew(400*24*time.Hour))}, []DiaryKind{DiaryClockSkew, DiaryReached}, "nhanh hơn trung tâm 9600h"},
		"an outage":                       {[]sight{good(0), good(2, down("no route")), good(4, down("no route"), waiting(12)), good(6, waiting(12)), good(8, waiting(5)), good(10), good(12)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryLost, DiaryReached, DiaryAllSent}, "waited are sent: 12"},
		"an outage in which nobody came":  {[]sight{good(0), good(2, down("")), good(4)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryLost, DiaryReached}, "sent: 0"},
		"started with records unsent":     {[]sight{good(0, down(""), waiting(3)), good(2)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryAllSent}, "còn chờ: 3"},
		"presses while the centre is up":  {[]sight{good(0), good(2, waiting(3)), good(4)}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
		"revoked at work":                 {[]sight{good(0), good(2, down("nats: Authorization Violation")), good(4, down("nats: Authorization Violation"))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryShutOut}, "thu hồi"},
		"revoked, seen after the loss":    {[]sight{good(0), good(2, down("EOF")), good(4, down("nats: authorization violation"))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryLost, DiaryShutOut}, "revoked"},
		"revoked before the start":        {[]sight{good(0, down("nats: Authorization Violation"))}, []DiaryKind{DiaryClockSkew, DiaryShutOut}, ""},
		"an alarm that ends":              {[]sight{good(0), good(2, alarmed), good(4, alarmed), good(6)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryAlarm, DiaryAlarmOver}, "trung tâm từ chối một lô: hệ thống báo “no such day”"},
		"an alarm of an earlier chain":    {[]sight{good(0), good(2, worried(earlier)), good(4, worried(earlier)), good(6)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryAlarm, DiaryAlarmOver}, "cảnh báo: chuỗi cũ 07000000000000000000000000000000: trung tâm đang giữ"},
		"refused behind a foreign server": {[]sight{good(0), good(2, unknown), good(4, unknown), good(6)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryShutOut, DiaryAlarmOver}, "hailong kiosks add"},
		"an alarm, and then an outage":    {[]sight{good(0), good(2, alarmed), good(4, down("EOF")), good(6)}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryAlarm, DiaryLost, DiaryReached}, ""},
		"the disk fills":                  {[]sight{good(0), good(2, free(150)), good(4, free(150)), good(6, full(0)), good(8, full(7)), good(10, free(150), func(s *sight) { s.refused = 7 }), good(12, free(150))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryDiskLow, DiaryDiskFull, DiaryDiskFree}, "refused meanwhile: 7"},
		"the disk fills twice":            {[]sight{good(0, full(5)), good(2, free(900), func(s *sight) { s.refused = 6 }), good(4, free(100), func(s *sight) { s.refused = 6 })}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryDiskFull, DiaryDiskFree, DiaryDiskLow}, "trong lúc đầy: 1"},
		"the disk is at the limit":        {[]sight{good(0, free(199)), good(2, free(201)), good(4, free(199))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryDiskLow}, ""},
		"the disk's room is not known":    {[]sight{good(0, func(s *sight) { s.free = -1 })}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
		"the clock is put right":          {[]sight{good(0), good(2, moved(3*time.Hour)), good(4, moved(3*time.Hour))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryClockStepped}, "forward by 3h0m0s"},
		"the clock is put back":           {[]sight{good(0), good(2, moved(-2*time.Minute))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryClockStepped}, "nhảy lùi 2m0s"},
		"the clock is moved a little":     {[]sight{good(0), good(2, moved(50*time.Second))}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
		"a look that comes late":          {[]sight{good(0), good(7200)}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
		"a segment is sealed":             {[]sight{good(0), good(2, segments(1, 2))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiarySealed}, "segment 1 of the journal"},
		"segments are let go":             {[]sight{good(0, segments(1, 4)), good(2, segments(3, 4))}, []DiaryKind{DiaryClockSkew, DiaryReached, DiaryLetGo}, "đến đoạn 2"},
		"the journal is closed meanwhile": {[]sight{good(0, segments(1, 4)), good(2, segments(0, 0)), good(4, segments(1, 4))}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
		"another chain begins":            {[]sight{good(0), good(2, segments(1, 4), func(s *sight) { s.chain = survey.Chain{2} })}, []DiaryKind{DiaryClockSkew, DiaryReached}, ""},
	} {
		kinds, words := kindsOf(c.sights...)
		if !slices.Equal(kinds, c.kinds) || !strings.Contains(strings.Join(words, "\n"), c.words) {
			t.Errorf("%s: told\n%v\n%s\nwant\n%v %q", name, kinds, strings.Join(words, "\n"), c.kinds, c.words)
		}
		if slices.Contains(words, "") {
			t.Errorf("%s: something is told in one language only", name)
		}
	}
}

// A new life of the centre is told where the mark moves with it, and only there.
func TestANewLifeOfTheCentreIsTold(t *testing.T) {
	receipt := func(epoch byte, durable uint64) custody.Receipt {
		return custody.Receipt{Epoch: custody.Epoch{epoch}, Chain: survey.Chain{1}, Durable: durable}
	}
	var l life
	for i, c := range []struct {
		r    custody.Receipt
		want string
	}{
		{receipt(1, 5), ""}, {receipt(1, 9), ""}, {receipt(2, 3), "from 9 to 3"}, {receipt(2, 9), ""}, {receipt(3, 9), ""}, {receipt(3, 9), ""}, {receipt(4, 0), "from 9 to 0"}, {receipt(5, 0), ""},
	} {
		got := ""
		for _, r := range l.hear(c.r) {
			got += r.words.In(survey.English)
		}
		if (got != "") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("receipt %d: %q, want %q", i, got, c.want)
		}
	}
}

func entry(n int) DiaryEntry {
	return DiaryEntry{At: time.Unix(1_800_000_000+int64(n), 0), Sure: n%2 == 0, Kind: DiaryReached, Words: problem(fmt.Sprintf("sự kiện %d", n), fmt.Sprintf("event %d", n))}
}

// numbersOf are the events that a diary tells.
func numbersOf(t *testing.T, dir string) (list []int) {
	t.Helper()
	all, err := ReadDiary(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		var n int
		if _, err := fmt.Sscanf(e.Words.In(survey.English), "event %d", &n); err != nil {
			t.Fatalf("%+v", e)
		}
		if want := entry(n); !e.At.Equal(want.At) || e.Sure != want.Sure || e.Kind != want.Kind || e.Words.In(survey.Vietnamese) != want.Words.In(survey.Vietnamese) {
			t.Fatalf("read %+v, written %+v", e, want)
		}
		list = append(list, n)
	}
	return list
}

func TestTheDiaryKeepsTheLastThousand(t *testing.T) {
	dir := t.TempDir()
	d := openDiary(dir)
	if d.before() != "" {
		t.Error("a new diary has an event")
	}
	for n := range 2*DiaryLength + 10 {
		if n == DiaryLength+77 { // another start
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
			d = openDiary(dir)
			if d.before() != DiaryReached {
				t.Errorf("the event before was %q", d.before())
			}
		}
		d.note(entry(n))
		if n%500 == 3 {
			list := numbersOf(t, dir)
			if len(list) != min(n+1, DiaryLength) || list[len(list)-1] != n || list[0] != max(0, n+1-DiaryLength) {
				t.Fatalf("after event %d it tells %d, from %d to %d", n, len(list), list[0], list[len(list)-1])
			}
		}
	}
	lines := 0
	for _, name := range []string{diaryFile, diaryOlder} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(b), "\n")
	}
	if lines > 2*DiaryLength {
		t.Errorf("its files hold %d lines", lines)
	}
}

func TestADiaryIsReadHoweverItWasLeft(t *testing.T) {
	for name, left := range map[string]string{
		"torn by a power cut":  `{"at":"2027-01-15T08:00:00Z","clock_su`,
		"with a line of zeros": "\x00\x00\x00\x00\x00\x00\n", "with rubbish": "not json\n", "with another's object": "{}\n",
		"with a line without end": strings.Repeat("x", 3*diaryLine),
	} {
		dir := t.TempDir()
		d := openDiary(dir)
		d.note(entry(0))
		_ = d.close()
		f, err := os.OpenFile(filepath.Join(dir, diaryFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(left); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		openDiary(dir).note(entry(1))
		if list := numbersOf(t, dir); !slices.Equal(list, []int{0, 1}) {
			t.Errorf("%s: it tells %v", name, list)
		}
	}
}

// A diary that cannot be written holds nothing up, and says later that it has a gap.
func TestADiaryThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := openDiary(dir) // the folder is not there
	for n := range 5 {
		d.note(entry(n))
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.note(entry(5))
	d.note(entry(6))
	list, err := ReadDiary(dir)
	if err != nil || len(list) != 3 || list[0].Kind != DiaryGap || !strings.HasSuffix(list[0].Words.In(survey.English), "could not be written into the diary: 5") {
		t.Fatalf("%+v %v", list, err)
	}
	(*diary)(nil).note(entry(7))
}

func TestTheDiaryOfAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		if os.Getenv("HAILONG_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip("no device that is always full: ", err)
	}
	dir := t.TempDir()
	d := openDiary(dir)
	d.f = full
	d.note(entry(0))
	d.note(entry(1))
	d.shut() // there is room again
	d.note(entry(2))
	list, err := ReadDiary(dir)
	if err != nil || len(list) != 2 || list[0].Kind != DiaryGap || !strings.HasSuffix(list[0].Words.In(survey.English), "could not be written into the diary: 2") {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	dir := t.TempDir()
	words := problem(strings.Repeat("ệ", 100_000), strings.Repeat("\x01", 100_000))
	d := openDiary(dir)
	d.note(DiaryEntry{At: time.Unix(1, 0), Kind: DiaryJournal, Words: words})
	list, err := ReadDiary(dir)
	if err != nil || len(list) != 1 || len([]rune(list[0].Words.In(survey.Vietnamese))) != diaryText+1 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	if len(words.In(survey.English)) != 100_000 {
		t.Error("the caller's words were changed")
	}
}
