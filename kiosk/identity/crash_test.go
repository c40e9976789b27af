package identity_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"hailong/kiosk/identity"
	"hailong/survey"
)

// saverFolder makes the test binary a program that saves in that folder until killed.
const saverFolder = "HAILONG_TEST_IDENTITY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(saverFolder); dir != "" {
		os.Exit(saver(dir))
	}
	os.Exit(m.Run())
}

// saver saves an identity whose chain counts up, and says each save that returned.
func saver(dir string) int {
	id, err := identity.Load(dir)
	for n := countOf(id) + 1; err == nil; n++ {
		binary.BigEndian.PutUint64(id.Chain[:], n)
		if err = id.Save(dir); err == nil {
			fmt.Println(id.Kiosk(), n)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func countOf(id *identity.Identity) uint64 {
	if id == nil {
		return 0
	}
	return binary.BigEndian.Uint64(id.Chain[:])
}

// Whenever the kiosk is killed, its next start finds a whole identity: the same key,
// and what the last save that returned had said, or the one that was under way.
func TestKilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	var key survey.KioskID
	var saved uint64
	for round := range 10 {
		name, n := killedSaver(t, dir, round < 2)
		if name != "" {
			if key != "" && name != key {
				t.Fatalf("round %d: the kiosk was %s and is %s", round, key, name)
			}
			key, saved = name, n
		}
		id := load(t, dir)
		if key != "" && id.Kiosk() != key {
			t.Fatalf("round %d: the kiosk was %s and is %s", round, key, id.Kiosk())
		}
		if got := countOf(id); got != saved && got != saved+1 {
			t.Fatalf("round %d: save %d returned, and %d is there", round, saved, got)
		}
		key, saved = id.Kiosk(), countOf(id)
	}
	t.Logf("%d saves in 10 lives", saved)
}

// killedSaver runs a saver, kills it soon after its start or soon after its first save,
// and gives the last save that it said.
func killedSaver(t *testing.T, dir string, early bool) (kiosk survey.KioskID, n uint64) {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), saverFolder+"="+dir)
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() } // if it ended by itself, that is found below
	moment := time.Duration(rand.IntN(40)) * time.Millisecond
	if early {
		time.AfterFunc(moment, kill)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n == 0 && !early {
			time.AfterFunc(moment, kill)
		}
		if _, err := fmt.Sscan(lines.Text(), &kiosk, &n); err != nil {
			t.Errorf("the saver said %q: %v", lines.Text(), err)
		}
	}
	_ = cmd.Wait() // it was killed
	if complaints.Len() > 0 {
		t.Fatalf("the saver ended by itself: %s", complaints.String())
	}
	return kiosk, n
}
