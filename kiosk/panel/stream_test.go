package panel_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hailong/kiosk/panel"
)

// moment is one event of a recorded stream: when it came, and its bytes.
type moment struct {
	at    time.Duration
	bytes []byte
}

// stream reads a recorded stream in one of the layouts.
func stream(t testing.TB, name string, l panel.Layout) (out []moment) {
	t.Helper()
	word := map[panel.Layout]string{panel.Layout64: "64", panel.Layout32: "32"}[l]
	lines := strings.Fields(read(t, name+"."+word+".hex"))
	for _, line := range strings.Split(read(t, name+".events"), "\n") {
		var sec, usec int64
		var kind, code, value int32
		if !strings.HasPrefix(line, "E:") {
			continue
		}
		if _, err := fmt.Sscanf(line, "E: %d.%d %x %x %d", &sec, &usec, &kind, &code, &value); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		b, err := hex.DecodeString(lines[len(out)])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, moment{time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond, b})
	}
	if len(out) != len(lines) || len(out) == 0 {
		t.Fatalf("%s has %d events as text and %d as bytes", name, len(out), len(lines))
	}
	return out
}

// stamp is an event at another time.
func stamp(event []byte, at time.Duration) []byte {
	b := slices.Clone(event)
	sec, usec := uint64(at/time.Second), uint64(at%time.Second/time.Microsecond)
	if len(b) == int(panel.Layout32) {
		binary.LittleEndian.PutUint32(b, uint32(sec))
		binary.LittleEndian.PutUint32(b[4:], uint32(usec))
	} else {
		binary.LittleEndian.PutUint64(b, sec)
		binary.LittleEndian.PutUint64(b[8:], usec)
	}
	return b
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
