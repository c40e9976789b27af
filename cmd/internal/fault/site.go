//go:build linux

package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hailong/configs"
)

// Programs builds the aggregator, the kiosk and the operator's tool, as a user would,
// into a folder.
func Programs(folder string) error {
	build := exec.Command("go", "build", "-o", folder, "hailong/cmd/aggregator", "hailong/cmd/kiosk", "hailong/cmd/hailong")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w: %s", err, out)
	}
	return nil
}

// SiteOptions say what a [Site] is made of.
type SiteOptions struct {
	Programs string // folder with the programs
	Folder   string // for settings, and for data that lie nowhere else; must exist
	Kiosks   int    // how many
	// CentreData and KioskData are folders for data that are to lie elsewhere, on a disk
	// that loses power for example. "" and what is missing = below Folder.
	CentreData string
	KioskData  []string
	// BusAt is the address under which kiosks are told to find the message server: a
	// proxy's, for example, that passes on to [Site.Bus]. nil = the server itself.
	BusAt func(bus string) (string, error)
	// CentreSettings and KioskSettings are lines added to the settings files.
	CentreSettings, KioskSettings string
	// Kiosk changes how the kiosks are started; nil = not.
	Kiosk func(Command) Command
}

// Site is one aggregator and some kiosks, each a real program with settings of its own,
// enrolled by one-time codes.
type Site struct {
	Centre *Box
	Kiosks []*Box
	Bus    string // host:port of the aggregator's message server
	folder string
	token  string
}

// Box is one program of a site. Its Command may be changed between two starts.
type Box struct {
	Command Command
	URL     string // its base address
	Data    string // its folder
	Process *Process
}

// counters are those of the sample province at which kiosks stand, in turn.
var counters = []string{"HS-01", "HS-02", "TINH-01", "TINH-02"}

// startWithin is how long a program may take until it is ready.
const startWithin = 30 * time.Second

// NewSite starts the programs and returns once every kiosk can record. The caller
// closes the site, also after an error if the site is not nil.
func NewSite(o SiteOptions) (*Site, error) {
	addrs, err := freeAddrs(2 + o.Kiosks)
	if err != nil {
		return nil, err
	}
	s := &Site{folder: o.Folder, Bus: addrs[1]}
	if err := s.makeCentre(o, addrs[0]); err != nil {
		return s, err
	}
	for i := range o.Kiosks {
		if err := s.makeKiosk(o, i, addrs[2+i]); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Site) makeCentre(o SiteOptions, addr string) error {
	units := filepath.Join(o.Folder, "units.yaml")
	if err := os.WriteFile(units, configs.SampleUnits.Bytes(), 0o600); err != nil {
		return err
	}
	if o.CentreData == "" {
		o.CentreData = filepath.Join(o.Folder, "centre")
	}
	advertise := s.Bus
	if o.BusAt != nil {
		var err error
		if advertise, err = o.BusAt(s.Bus); err != nil {
			return err
		}
	}
	b, err := s.box(o.Programs, "aggregator", "centre", addr, o.CentreData, fmt.Sprintf(
		"nats: {listen: %q, advertise: %q}\nunits: %q\nminimum: 1\n%s", s.Bus, "nats://"+advertise, units, o.CentreSettings))
	if err != nil {
		return err
	}
	s.Centre = b
	if err := b.Start(); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(b.Data, "admin.token"))
	s.token = strings.TrimSpace(string(token))
	return err
}

func (s *Site) makeKiosk(o SiteOptions, i int, addr string) error {
	var invited struct{ Code string }
	if _, err := Call(http.MethodPost, s.Centre.URL+"/api/v1/kiosks", s.token, map[string]string{"counter": counters[i%len(counters)]}, &invited); err != nil {
		return fmt.Errorf("invite a kiosk: %w", err)
	}
	name := fmt.Sprint("kiosk", i)
	data := filepath.Join(o.Folder, name)
	if i < len(o.KioskData) && o.KioskData[i] != "" {
		data = o.KioskData[i]
	}
	b, err := s.box(o.Programs, "kiosk", name, addr, data, fmt.Sprintf("centre: {url: %q, code: %q}\n%s", s.Centre.URL, invited.Code, o.KioskSettings))
	if err != nil {
		return err
	}
	if o.Kiosk != nil {
		b.Command = o.Kiosk(b.Command)
	}
	s.Kiosks = append(s.Kiosks, b)
	return b.Start()
}

// box writes a program's settings.
func (s *Site) box(programs, program, name, addr, data, settings string) (*Box, error) {
	file := filepath.Join(s.folder, name+".yaml")
	settings = fmt.Sprintf("data: %q\nlisten: %q\n%s", data, addr, settings)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	return &Box{Command: Command{Path: filepath.Join(programs, program), Args: []string{"--config", file}}, URL: "http://" + addr, Data: data}, nil
}

// Start starts the program and returns once it is ready, or with what it said.
func (b *Box) Start() error {
	if err := b.Launch(); err != nil {
		return err
	}
	return b.Ready(startWithin)
}

// Launch starts the program without waiting.
func (b *Box) Launch() (err error) {
	b.Process, err = Start(b.Command)
	return err
}

// Ready waits until the program says that it is ready.
func (b *Box) Ready(within time.Duration) error {
	err := poll(within, func() error {
		if !b.Process.Running() {
			return errEnded
		}
		_, err := Call(http.MethodGet, b.URL+"/readyz", "", nil, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", filepath.Base(b.Command.Path), err, b.Process.Said())
	}
	return nil
}

// errEnded ends a poll at once.
var errEnded = errors.New("the program has ended")

// poll repeats until ok is nil, for at most so long.
func poll(within time.Duration, ok func() error) error {
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		if err := ok(); err == nil || errors.Is(err, errEnded) || time.Now().After(end) {
			return err
		}
	}
}

// kioskStatus is a part of /api/v1/status.
type kioskStatus struct {
	Chain     string `json:"chain"`
	Last      uint64 `json:"last_sequence"`
	Receipted uint64 `json:"receipted_sequence"`
	Unsent    uint64 `json:"unsent"`
	Link      struct {
		Connected bool      `json:"connected"`
		Since     time.Time `json:"since"`
		Problem   string    `json:"problem"`
	} `json:"link"`
}

func (b *Box) status() (st kioskStatus, err error) {
	_, err = Call(http.MethodGet, b.URL+"/api/v1/status", "", nil, &st)
	return st, err
}

// Settle waits until the centre has signed for every record of every kiosk.
func (s *Site) Settle(within time.Duration) error {
	for _, k := range s.Kiosks {
		err := poll(within, func() error {
			st, err := k.status()
			if err == nil && (st.Unsent != 0 || st.Last != st.Receipted) {
				err = fmt.Errorf("%d of %d records are not sent", st.Unsent, st.Last)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("not settled within %s: %w\n%s", within, err, k.Process.Said())
		}
	}
	return nil
}

// Counted is how many answers the running aggregator counts today, those left out of
// the headline included.
func (s *Site) Counted() (int, error) {
	var r struct {
		Total struct{ N, Excluded int }
	}
	_, err := Call(http.MethodGet, s.Centre.URL+"/api/v1/scores", s.token, nil, &r)
	return r.Total.N + r.Total.Excluded, err
}

// Close ends all programs at once.
func (s *Site) Close() {
	for _, b := range append(slices.Clone(s.Kiosks), s.Centre) {
		if b != nil && b.Process != nil {
			b.Process.Kill()
		}
	}
}

// stopWithin is how long a program may take to stop by itself.
const stopWithin = 30 * time.Second

// Judge ends a run: when everything is sent it reads what there is and compares it with
// the ledger.
func (s *Site) Judge(ctx context.Context, l *Ledger, within time.Duration) (Verdict, error) {
	if err := s.Settle(within); err != nil {
		return Verdict{Thanked: l.Thanks(), Violations: []string{"I8: " + err.Error()}}, nil
	}
	stored, err := s.Read(ctx)
	if err != nil {
		return Verdict{}, err
	}
	return l.Check(stored), nil
}

// Read asks the running aggregator what it counts, stops all programs, and reads the
// store.
func (s *Site) Read(ctx context.Context) (*Stored, error) {
	live, err := s.Counted()
	if err != nil {
		return nil, err
	}
	told, err := s.Told()
	if err != nil {
		return nil, err
	}
	var marks []kioskStatus
	for _, k := range s.Kiosks {
		st, err := k.status()
		if err != nil {
			return nil, err
		}
		marks = append(marks, st)
	}
	for _, b := range append(slices.Clone(s.Kiosks), s.Centre) {
		if err := b.Process.Stop(stopWithin); err != nil {
			return nil, err
		}
	}
	said := s.Centre.Process.Said()
	for _, k := range s.Kiosks {
		said += k.Process.Said()
	}
	copied := filepath.Join(s.folder, "store.copy.db")
	if err := copyFile(filepath.Join(s.Centre.Data, "store.db"), copied); err != nil {
		return nil, err
	}
	stored, err := ReadStore(ctx, copied)
	if err != nil {
		return nil, err
	}
	stored.Told = told
	if strings.Contains(said, commentMark) {
		stored.wrong("I10: a program says the text of a comment")
	}
	for _, k := range s.Kiosks {
		if err := stored.keeps(k.Data, s.folder); err != nil {
			return nil, err
		}
	}
	if live != stored.Counted {
		stored.wrong("I7: the running aggregator counted %d, its store %d", live, stored.Counted)
	}
	for _, m := range marks {
		if head := stored.Heads[m.Chain]; m.Receipted > head {
			stored.wrong("I6: a kiosk holds a receipt up to %s/%d, and the store goes up to %d", m.Chain, m.Receipted, head)
		}
	}
	return stored, os.Remove(copied)
}

// Forks is how many batches the running aggregator keeps as evidence of clones.
func (s *Site) Forks() (n int, err error) {
	list, err := s.kiosks()
	for _, k := range list {
		n += k.Forks
	}
	return n, err
}

// given are the ports that this process's sites have: a program that is down would lose
// its port to another site.
var given struct {
	mu    sync.Mutex // protects ports
	ports map[int]bool
}

// freeAddrs are addresses on this machine that were free a moment ago and that no other
// site of this process has. Their ports are not those that the system gives to
// connections, or somebody would have one of them while a program is down.
func freeAddrs(n int) (list []string, err error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	for tries := 0; len(list) < n; tries++ {
		port := 10000 + rand.IntN(22000)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil && tries < 100 {
			continue
		} else if err != nil {
			return nil, err
		}
		defer l.Close()
		given.ports[port] = true
		list = append(list, l.Addr().String())
	}
	return list, nil
}
