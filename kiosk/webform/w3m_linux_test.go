package webform

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hailong/assets/browsertest"
)

// terminal is a program that believes that somebody sits before it.
type terminal struct {
	t   *testing.T
	pty *os.File
	mu  sync.Mutex // protects out
	out bytes.Buffer
}

// sit starts a program in a pseudo-terminal of 100 columns and 60 lines.
func sit(t *testing.T, path string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 100}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm", "LANG=C.UTF-8", "HOME="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, pty: master}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			x.mu.Lock()
			x.out.Write(b[:n])
			x.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
	})
	return x
}

var (
	onward = regexp.MustCompile(`\x1b\[(\d*)C`)
	other  = regexp.MustCompile(`\x1b\[[\d;?]*[A-Za-z]|\x1b[()][AB0]|\x00`)
)

// shows waits until a text stands on the screen. The program is asked to draw the screen
// anew, since it draws only what has changed; blanks it steps over.
func (x *terminal) shows(text string) {
	x.t.Helper()
	var screen string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		x.mu.Lock()
		x.out.Reset()
		x.mu.Unlock()
		x.types("\x0c")
		for range 20 {
			time.Sleep(10 * time.Millisecond)
			x.mu.Lock()
			screen = x.out.String()
			x.mu.Unlock()
			if strings.Contains(other.ReplaceAllString(onward.ReplaceAllString(screen, " "), ""), text) {
				return
			}
		}
	}
	x.t.Fatalf("%q is not shown:\n%q", text, screen)
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := x.pty.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

const (
	tab   = "\t"
	enter = "\r"
)

// In a text browser the form is answered with the keyboard, and counted.
func TestInW3m(t *testing.T) {
	w3m := browsertest.Need(t, "the form is not tried in a text browser", "w3m")
	s := open(t)
	at := s.fresh()
	read, err := exec.Command(w3m, "-dump", "-cols", "80", "-O", "UTF-8", s.base+at+"?lang=vi").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", read)
	for _, needed := range []string{"Quầy 1 – Hộ tịch", "Nhìn chung", "( )", "Rất hài lòng", "Gửi đánh giá", "tự nguyện"} {
		if !strings.Contains(string(read), needed) {
			t.Errorf("w3m does not show %q", needed)
		}
	}
	if strings.Contains(string(read), "(*)") {
		t.Error("something is chosen in advance")
	}
	x := sit(t, w3m, "-O", "UTF-8", "-I", "UTF-8", "-cookie", "-o", "confirm_qq=0", s.base+at+"?lang=vi")
	x.shows("Gửi đánh giá")
	// The link to the other language, five levels, the comment, the button.
	x.types(strings.Repeat(tab, 5) + enter) // the fourth level
	x.shows("(*)")
	x.types(strings.Repeat(tab, 3) + enter)
	x.shows("đã được lưu và được tính")
	if e := s.counted(1)[0]; levelOf(e, "Z0") != 4 {
		t.Errorf("%+v", e)
	}
	x.types("G") // to the end of the page: the last thing is the button
	x.types("[" + tab + strings.Repeat(tab, 1) + enter)
	x.shows("(*)")
	x.types("]" + enter)
	x.shows("Tất cả câu trả lời đã được lưu")
	if all := s.counted(2); levelOf(all[1], "A1") == 0 || all[1].Response.Continues != all[0].ID {
		t.Errorf("%+v", all[1])
	}
	x.types("q")
}
