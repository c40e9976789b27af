package screen

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// busyFolder makes the test binary a program that pairs tablets, revokes them and guesses
// PINs in that folder until killed.
const busyFolder = "HAILONG_TEST_SCREEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(busyFolder); dir != "" {
		fmt.Fprintln(os.Stderr, busy(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// busy says each thing that was done, as its caller is told of it. It ends only by an error.
func busy(dir string) error {
	now := time.Now()
	for {
		tab, err := tabletsIn(dir)
		if err != nil {
			return err
		}
		op, err := operatorIn(dir, "24680")
		if err != nil {
			return err
		}
		now = now.Add(op.lock.left(now))
		v, err := op.enter("11111", now)
		if err != nil || v.token != "" {
			return fmt.Errorf("a wrong PIN: %+v, %w", v, err)
		}
		fmt.Println("tried", op.lock.Wrong, op.lock.Waits)
		code, _, err := tab.invite("Q1", now)
		if err != nil {
			return err
		}
		p, secret, _, err := tab.redeem(code, now)
		if err != nil {
			return err
		}
		fmt.Println("paired", p.ID, secret)
		if list := tab.list(); len(list) > 2 {
			fmt.Println("revokes", list[0].ID, "-")
			if _, ok, err := tab.revoke(list[0].ID); !ok || err != nil {
				return fmt.Errorf("revoke: %v, %w", ok, err)
			}
			fmt.Println("revoked", list[0].ID, "-")
		}
	}
}

// Whenever the box is killed, its next start knows every tablet that was told it is paired,
// none that was said to be revoked, and every wrong PIN that somebody was told of.
func TestKilledWhilePairingAndGuessing(t *testing.T) {
	dir := t.TempDir()
	paired := map[string]string{} // id → credential
	var guessed lockout
	did := 0
	for round := 0; round < 10 || did < 20 && round < 100; round++ {
		doubtful := "" // the tablet whose end was not said
		for _, line := range killedBusy(t, dir) {
			var what, a, b string
			if _, err := fmt.Sscan(line, &what, &a, &b); err != nil {
				t.Fatalf("it said %q: %v", line, err)
			}
			doubtful = ""
			switch what {
			case "paired":
				paired[a] = b
				did++
			case "revokes":
				doubtful = a
			case "revoked":
				delete(paired, a)
			case "tried":
				_, _ = fmt.Sscan(a, &guessed.Wrong) // the child prints numbers
				_, _ = fmt.Sscan(b, &guessed.Waits)
			}
		}
		tab, err := tabletsIn(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for id, secret := range paired {
			switch _, known := tab.who(secret, time.Now()); {
			case !known && id != doubtful:
				t.Fatalf("round %d: tablet %s was paired, and nobody knows it", round, id)
			case !known:
				delete(paired, id)
			}
		}
		// At most one stands there that nobody was told of.
		if n := len(tab.list()); n > len(paired)+1 {
			t.Fatalf("round %d: %d tablets, %d were paired and not revoked", round, n, len(paired))
		}
		for _, one := range tab.list() {
			if _, told := paired[one.ID]; !told {
				if _, _, err := tab.revoke(one.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		op, err := operatorIn(dir, "24680")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		next := guessed
		next.miss(time.Now())
		if has, told := (lockout{Wrong: op.lock.Wrong, Waits: op.lock.Waits}), guessed; has != told && has != (lockout{Wrong: next.Wrong, Waits: next.Waits}) {
			t.Fatalf("round %d: %+v were told of, and %+v is known", round, told, has)
		}
		guessed = lockout{Wrong: op.lock.Wrong, Waits: op.lock.Waits}
	}
	if did < 20 {
		t.Fatalf("only %d tablets were paired", did)
	}
	t.Logf("%d tablets paired, %d waits", did, guessed.Waits)
}

// killedBusy runs a child, kills it soon after it began to say something, and gives its lines.
func killedBusy(t *testing.T, dir string) (said []string) {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), busyFolder+"="+dir)
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(rand.IntN(40)) * time.Millisecond
	for lines := bufio.NewScanner(out); lines.Scan(); said = append(said, lines.Text()) {
		if len(said) == 0 {
			time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) // if it ended by itself, that is found below
		}
	}
	_ = cmd.Wait() // it was killed
	if complaints.Len() > 0 {
		t.Fatalf("the child ended by itself: %s", complaints.String())
	}
	return said
}
