package kioskapp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hailong/cmd/internal/kioskapp"
	"hailong/kiosk/identity"
	"hailong/kiosk/journal"
	"hailong/survey"
)

// refused makes a kiosk that must not start, or must end by itself.
func refused(t *testing.T, c kioskapp.Config, want error, words ...string) {
	t.Helper()
	app, err := kioskapp.New(c, kioskapp.Options{})
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err = errors.Join(app.Run(ctx), app.Close())
	}
	if err == nil {
		t.Fatal("it started")
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v\ndoes not say %q", err, w)
		}
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := settings(t.TempDir(), "http://127.0.0.1:1")
	c.Listen = l.Addr().String()
	refused(t, c, nil, "listen", c.Listen)
}

func TestAKioskNeverStartsAnewOverItsOwnTraces(t *testing.T) {
	centre := startCentre(t)
	t.Run("its journal is gone", func(t *testing.T) {
		dir := enrolled(t, centre.base, 2)
		if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
			t.Fatal(err)
		}
		before := chainOf(t, dir)
		goesOn(t, settings(dir, centre.base), 2) // the first record says what it follows, and what may be lost
		if after := chainOf(t, dir); after == before {
			t.Fatal("the old chain goes on: its numbers would be used twice")
		}
	})
	t.Run("its identity is gone, its journal is not", func(t *testing.T) {
		dir := enrolled(t, centre.base, 2)
		for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, settings(dir, centre.base), identity.ErrLost, dir, "its journal is there")
	})
	t.Run("both copies of its identity are damaged", func(t *testing.T) {
		dir := enrolled(t, centre.base, 2)
		for _, name := range []string{identity.FirstCopy, identity.SecondCopy} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("?"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, settings(dir, centre.base), identity.ErrDamaged, fmt.Sprintf("data = %q", dir), "both copies")
	})
	t.Run("one copy of its identity is lost", func(t *testing.T) { // the control: this it survives
		dir := enrolled(t, centre.base, 2)
		if err := os.Remove(filepath.Join(dir, identity.FirstCopy)); err != nil {
			t.Fatal(err)
		}
		goesOn(t, settings(dir, centre.base), 3)
	})
}

func TestTheJournalsOfTwoKiosksAreSwapped(t *testing.T) {
	centre := startCentre(t)
	one, two := enrolled(t, centre.base, 1), enrolled(t, centre.base, 1)
	swap := filepath.Join(t.TempDir(), "swap")
	for _, move := range [][2]string{{one + "/journal", swap}, {two + "/journal", one + "/journal"}, {swap, two + "/journal"}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
	chains := []survey.Chain{chainOf(t, one), chainOf(t, two)}
	for i, dir := range []string{one, two} {
		k := goesOn(t, settings(dir, centre.base), 2)
		if slices.Contains(chains, chainOf(t, dir)) {
			t.Errorf("kiosk %d goes on with chain %s", i+1, chainOf(t, dir))
		}
		aside, err := filepath.Glob(filepath.Join(dir, "journal.foreign-*", "000001.log"))
		if err != nil || len(aside) != 1 {
			t.Errorf("kiosk %d: the other's journal was set aside as %v, %v", i+1, aside, err)
		}
		k.stop()
	}
}

// failFile makes every write to an open file of this process fail, as on a disk that is
// gone, until it is opened anew.
func failFile(t *testing.T, path string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no /dev/full here: %v", err)
	}
	defer full.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	failed := false
	for _, e := range fds {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		fd, notNumber := strconv.Atoi(e.Name())
		if err != nil || notNumber != nil || to != path {
			continue
		}
		if err := syscall.Dup3(int(full.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		failed = true
	}
	if !failed {
		t.Fatalf("nobody has %s open", path)
	}
}

// chainOf is the chain that a kiosk's identity remembers.
func chainOf(t *testing.T, dir string) survey.Chain {
	t.Helper()
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id.Chain
}

// A journal whose disk fails for a while is opened anew: the screen is out of service
// meanwhile, nobody is thanked for nothing, and a press sent again with its key is one.
func TestTheJournalFailsAndComesBack(t *testing.T) {
	centre := startCentre(t)
	dir := t.TempDir()
	k := inService(t, settings(dir, centre.base))
	k.press(t, "before")
	kept, chain := k.press(t, "twice"), chainOf(t, dir)
	failFile(t, filepath.Join(dir, "journal", "000001.log"))
	if code, header, answer := k.post(t, "during"); code != 503 || header.Get("Retry-After") == "" {
		t.Fatalf("a press that could not be written was answered with %d %v", code, answer)
	}
	until(t, "it is in service again", func() error {
		if code, _, answer := k.post(t, "during"); code != 201 || answer["sequence"] != float64(kept+1) {
			return fmt.Errorf("%d %v", code, answer)
		}
		return nil
	})
	if n := k.press(t, "twice"); n != kept || chainOf(t, dir) != chain {
		t.Fatalf("an old key gives %d of chain %s, gave %d", n, chainOf(t, dir), kept)
	}
	until(t, "all is sent", func() error {
		if st := k.status(t); st.Unsent != 0 || st.Receipted != 3 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

func TestTheDataFolderIsInUse(t *testing.T) {
	centre := startCentre(t)
	dir := t.TempDir()
	first := inService(t, settings(dir, centre.base))
	refused(t, settings(dir, centre.base), journal.ErrLocked, dir, "another program has this journal open", "chương trình khác đang mở nhật ký này")
	first.press(t, "still at work")
	first.stop()
	if kinds := told(t, dir); count(kinds, kioskapp.DiaryStarted) != 1 || count(kinds, kioskapp.DiaryStopped) != 1 {
		t.Errorf("the program that was refused wrote into the diary of the other: %v", kinds)
	}
	goesOn(t, settings(dir, centre.base), 2)
}

// A kiosk that cannot reach the centre goes on recording, also after a restart, and says
// so on its status page.
func TestTheCentreCannotBeReached(t *testing.T) {
	centre := startCentre(t)
	dir := t.TempDir()
	k := inService(t, settings(dir, centre.base))
	k.press(t, "with the centre")
	until(t, "all is sent", func() error {
		if st := k.status(t); st.Unsent != 0 || st.Receipted != 1 || !st.Link.Connected || st.Link.Problem != nil {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	centre.stop()
	for life := range 2 {
		k.press(t, fmt.Sprint("without the centre ", life))
		until(t, "the kiosk says that the centre cannot be reached", func() error {
			st := k.status(t)
			if st.Link.Connected || st.Link.Problem == nil || !strings.Contains(*st.Link.Problem, "không tới được trung tâm") {
				return fmt.Errorf("%+v", st)
			}
			if _, ready, err := k.get("/readyz"); err != nil || ready != "ok\n" {
				t.Errorf("a centre that is away is told of as %s %v", ready, err)
			}
			if st.Last != uint64(2+life) || st.Receipted != 1 || st.Unsent != uint64(1+life) {
				t.Fatalf("it counts %+v", st)
			}
			return nil
		})
		k.stop()
		k = inService(t, settings(dir, centre.base))
	}
}

// Ready means that the very next press is kept.
func TestReadyMeansThatAPressIsKept(t *testing.T) {
	centre := startCentre(t)
	dir := t.TempDir()
	for life := range 3 { // the first is taken in, the others come back
		app, err := kioskapp.New(settings(dir, centre.base), kioskapp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if app.Ready() == nil {
			t.Error("it is ready before it runs")
		}
		k := start(t, app)
		for app.Ready() != nil {
			time.Sleep(100 * time.Microsecond)
		}
		k.press(t, fmt.Sprint(life))
		k.stop()
	}
}
