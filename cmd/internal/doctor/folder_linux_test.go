package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"hailong/survey"
)

// stranger is nobody's number, as systemd gives them to its services.
const stranger = 61234

func onlyRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("HAILONG_REQUIRE") != "" {
		t.Fatal("only root can give files to others, and look at them as others do")
	}
	t.Skip("only root can give files to others, and look at them as others do")
}

// as does something with the rights that another user has to files.
func as(t *testing.T, user int, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(user); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// stopped are the data folders of a kiosk and of an aggregator that do not run.
func stopped(t *testing.T) (kiosk, aggregator string) {
	t.Helper()
	kiosk, j := box(t, 5, 5, time.Minute)
	shut(t, j)
	aggregator, s := centre(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return kiosk, aggregator
}

// Of a full folder that may not be read nobody is told that it holds nothing, and that another
// one should be named.
func TestAFolderThatMayNotBeReadIsNotCalledEmpty(t *testing.T) {
	onlyRoot(t)
	kiosk, centre := stopped(t)
	for dir, look := range map[string]func(*exam){kiosk: askKiosk, centre: askCentre} {
		for _, above := range []string{filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} {
			if err := os.Chmod(above, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		e := &exam{Options: Options{Kiosk: dir, Aggregator: dir, Now: time.Now}, part: Kiosk}
		as(t, stranger, func() { look(e) })
		if len(e.found) != 1 || e.found[0].Check != "folder" || e.found[0].Verdict != Warn ||
			!strings.Contains(e.found[0].Words.In(survey.English), "permission denied") || !strings.Contains(e.found[0].Advice.In(survey.English), "as root") {
			t.Errorf("%s: %+v", dir, e.found)
		}
	}
}

// A file of another user in a data folder stops a program that is not root's.
func TestFilesOfAnotherUserAreFound(t *testing.T) {
	onlyRoot(t)
	kiosk, centre := stopped(t)
	segments, err := filepath.Glob(filepath.Join(kiosk, "journal", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	for dir, c := range map[string]struct {
		look func(*exam)
		file string
	}{
		kiosk:  {askKiosk, segments[0]},
		centre: {askCentre, filepath.Join(centre, storeFile)},
	} {
		err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700) // root's, wherever a whole disk is the folder
		if err == nil {
			err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
				if err != nil || filepath.Base(path) == "lost+found" {
					return err
				}
				return os.Chown(path, stranger, -1)
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Kiosk: dir, Aggregator: dir, Full: 1, Spare: 2}
		if got, said := examined(t, o, c.look); got["permissions"] != OK {
			t.Errorf("all of one user: %v\n%s", got, said)
		}
		if err := os.Chown(c.file, 0, -1); err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, c.file)
		if err != nil {
			t.Fatal(err)
		}
		e := &exam{Options: o, part: Kiosk}
		e.Now = time.Now
		c.look(e)
		for _, f := range e.found {
			if f.Check == "permissions" && f.Verdict == Warn {
				if want := fmt.Sprintf("than the data folder's, %d: 1 (%s: root);", stranger, name); !strings.Contains(f.Words.In(survey.English), want) || !strings.HasSuffix(f.Advice.In(survey.English), fmt.Sprintf("chown -R %d %s", stranger, dir)) {
					t.Errorf("told: %v %v", f.Words, f.Advice)
				}
				name = ""
			}
		}
		if name != "" {
			t.Errorf("%s is not told: %+v", name, e.found)
		}
	}
}
