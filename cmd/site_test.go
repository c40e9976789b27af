package cmd_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/fault"
	"hailong/survey"
)

// site is one aggregator and two kiosks, each a process of its own, with the settings
// of configs/ but for addresses and folders, enrolled by one-time codes.
type site struct {
	dir        string
	bin        string
	centre     string // base address
	token      string
	kiosks     [2]string
	aggregator *process
	boxes      [2]*process
	aggConfig  string
	boxConfig  [2]string
	boxEnv     []string // for the kiosks
	boxPath    string   // the kiosk program
}

// newSite starts the three programs and waits until both kiosks can record.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), bin: programs(t)}
	s.boxPath = filepath.Join(s.bin, "kiosk")
	addr := freeAddr(t)
	s.centre = "http://" + addr
	s.aggConfig = settings(t, "aggregator.yaml", s.dir, map[string]string{
		"data": filepath.Join(s.dir, "aggregator"), "listen": addr, "nats.listen": freeAddr(t), "units": "../configs/units/sample.yaml", "minimum": "1",
	})
	s.startAggregator(t)
	token, err := os.ReadFile(filepath.Join(s.dir, "aggregator", centreapp.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	s.token = strings.TrimSpace(string(token))
	for i, file := range []string{"kiosk.yaml", "kiosk-minimal.yaml"} {
		box := freeAddr(t)
		s.kiosks[i] = "http://" + box
		s.boxConfig[i] = settings(t, file, s.dir, map[string]string{
			"data": filepath.Join(s.dir, strings.TrimSuffix(file, ".yaml")), "listen": box,
			"centre.url": s.centre, "centre.code": s.invite(t, []string{"HS-01", "HS-02"}[i]),
		})
		s.startBox(t, i)
	}
	return s
}

// invite asks for a one-time code as an operator would.
func (s *site) invite(t *testing.T, counter string) string {
	t.Helper()
	add := exec.Command(filepath.Join(s.bin, "hailong"), "kiosks", "add", "--counter", counter, "-o", "json")
	add.Env = append(os.Environ(), "HAILONG_SERVER="+s.centre, "HAILONG_TOKEN="+s.token)
	out, err := add.Output()
	if err != nil {
		t.Fatalf("hailong kiosks add: %v %s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), `"code"`)
	parts := strings.SplitN(rest, `"`, 3)
	if len(parts) < 3 {
		t.Fatalf("hailong kiosks add printed no code: %s", out)
	}
	return `"` + parts[1] + `"`
}

func (s *site) startAggregator(t *testing.T) {
	t.Helper()
	s.aggregator = launch(t, nil, filepath.Join(s.bin, "aggregator"), "--config", s.aggConfig)
	within(t, 20*time.Second, "the aggregator starts", ready(s.centre))
}

func (s *site) startBox(t *testing.T, i int) {
	t.Helper()
	s.boxes[i] = launch(t, s.boxEnv, s.boxPath, "--config", s.boxConfig[i])
	within(t, 20*time.Second, "the kiosk starts", ready(s.kiosks[i]))
}

// drained waits until the centre has signed for every record of both kiosks.
func (s *site) drained(t *testing.T) {
	t.Helper()
	for _, k := range s.kiosks {
		within(t, 20*time.Second, "everything is sent", func() error { return allSent(k) })
	}
}

// counted is how many answers the centre counts, those left out of the score included.
func (s *site) counted(t *testing.T) int64 {
	t.Helper()
	r, err := scores(s.centre, s.token, "?questionnaire=quick")
	if err != nil {
		t.Fatal(err)
	}
	return r.Total.N + r.Total.Excluded
}

func TestOneAggregatorAndTwoKiosksFromTheExampleFiles(t *testing.T) {
	s := newSite(t)
	for i, k := range s.kiosks {
		for n := range 30 {
			p := fault.Press{Questionnaire: "quick", Answers: map[string]int{"Z0": n%5 + 1}, Channel: survey.Web, Key: strings.Repeat("k", i+1) + string(rune('A'+n))}
			if _, err := send(k, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.drained(t)
	r, err := scores(s.centre, s.token, "?by=counter")
	if err != nil {
		t.Fatal(err)
	}
	if r.Total.N != 60 || len(r.Rows) != 2 || r.Rows[0].Key != "HS-01" || r.Rows[0].N != 30 || r.Rows[1].Key != "HS-02" || *r.Rows[1].Rate != 40 {
		t.Fatalf("counted %+v", r)
	}
	st, err := statusOf(s.kiosks[1])
	if err != nil || len(st.Counters) != 1 || st.Counters[0] != "HS-02" || !st.Link.Connected {
		t.Fatalf("the second kiosk: %+v %v", st, err)
	}
	if status, _ := fault.Call(http.MethodGet, s.centre+"/api/v1/scores", "", nil, nil); status != http.StatusUnauthorized {
		t.Fatalf("a stranger gets %d", status)
	}
	for _, b := range s.boxes {
		b.stop(t)
	}
	s.aggregator.stop(t)
}
