// Package demo runs the whole of Hài Lòng in one process, for trying it out: an
// aggregator with its message server, a counter's kiosk and an online gateway, which
// talk to each other over real NATS as they would over a network.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/survey"
	"hailong/survey/disk"
)

// Config is what `hailong demo` was asked for. Addresses without a host mean this
// machine; port 0 picks a free one.
type Config struct {
	Data                           string // folder; "" = a new one that is removed at the end
	Empty                          bool   // without a simulated past
	Console, Kiosk, Online, Broker string
	Repeat                         time.Duration // repeat-press interval; 0 = off
	FollowUp                       string        // code of what the counter screen asks after every first answer; "" = nothing
	PublicURL                      string        // of the console, as told to people
	Now                            func() time.Time
	Log                            *slog.Logger
	Program                        string // this program's own file, which looks at damaged files; see kioskapp.Options
}

// Demo is a running demo.
type Demo struct {
	Info   Info
	Centre *centreapp.App
	Kiosk  *kioskapp.App
	Online *kioskapp.App
	online atomic.Pointer[string] // where phones reach the gateway; "" before it listens
	data   string
	repeat time.Duration
	opened run.Stack
	cancel context.CancelFunc
	parts  chan error
	alive  int
}

// Info is what demo.json says: where everything is, and a token that may do all.
type Info struct {
	Console        string             `json:"console"`
	Kiosk          string             `json:"kiosk"`
	Online         string             `json:"online"`
	NATS           string             `json:"nats"`
	Token          string             `json:"token"`
	Unit           survey.UnitCode    `json:"unit"`
	Counter        survey.CounterCode `json:"counter"`
	KioskID        survey.KioskID     `json:"kiosk_id"`
	Questionnaires map[string]string  `json:"questionnaires"`
}

// InfoFile is the name of Info's file in the data folder.
const InfoFile = "demo.json"

// The banners of the console's pages, without and with a simulated past.
var (
	sampleBanner = survey.Words{
		survey.Vietnamese: "Bản trình diễn: đơn vị và quầy là mẫu.",
		survey.English:    "Demonstration: sample units and counters.",
	}
	pastBanner = survey.Words{
		survey.Vietnamese: "Bản trình diễn: đơn vị và quầy là mẫu; số liệu của các quầy khác, trừ quầy đầu tiên, là mô phỏng, không phải kết quả thật.",
		survey.English:    "Demonstration: sample units and counters; figures of all counters but the first are simulated, not real results.",
	}
)

// Start starts everything and returns when presses can be recorded.
func Start(ctx context.Context, c Config) (*Demo, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Demo{data: c.Data, repeat: c.Repeat, parts: make(chan error, 3)}
	d.online.Store(new(string))
	if err := d.start(ctx, c); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, c Config) (err error) {
	if d.data == "" {
		if d.data, err = os.MkdirTemp("", "hailong-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		d.opened.Push("the demo's folder", func() error { return os.RemoveAll(d.data) })
	}
	ctx, d.cancel = context.WithCancel(ctx)
	behind, err := pastOf(ctx, filepath.Join(d.data, "aggregator", "store.db"))
	if err != nil {
		return err
	}
	fill := behind == blank && !c.Empty
	banner := sampleBanner
	if fill || behind == simulated {
		banner = pastBanner
	}
	if err := d.startCentre(ctx, c, banner); err != nil {
		return err
	}
	if fill {
		counters, err := simulatePast(ctx, d.Centre.Store(), c.Now())
		if err != nil {
			return err
		}
		d.Centre.Console().Changed(counters)
	}
	if d.Online, err = d.newKiosk(c, survey.OnlineGateway, "online", c.Online); err != nil {
		return err
	}
	d.online.Store(ptr("http://" + reachable(d.Online.Addr()))) // from here on the centre tells it
	if d.Kiosk, err = d.newKiosk(c, survey.CounterKiosk, "kiosk", c.Kiosk); err != nil {
		return err
	}
	d.run(ctx, "kiosk", d.Kiosk)
	if err := d.untilReady(ctx, d.Kiosk); err != nil { // before the gateway asks whose codes are good
		return err
	}
	d.run(ctx, "online", d.Online)
	if err := d.untilReady(ctx, d.Online); err != nil {
		return err
	}
	return d.describe(ctx, c)
}

func ptr[T any](v T) *T { return &v }

func (d *Demo) startCentre(ctx context.Context, c Config, banner survey.Words) (err error) {
	config := centreapp.Defaults()
	config.Data = filepath.Join(d.data, "aggregator")
	config.Listen, config.NATS.Listen = onThisMachine(c.Console), onThisMachine(c.Broker)
	if host, port, err := net.SplitHostPort(c.Broker); err == nil && net.ParseIP(host).IsUnspecified() && port != "0" {
		config.NATS.Advertise = "nats://" + reachable(c.Broker)
	}
	config.PublicURL = c.PublicURL
	config.Minimum, config.LiveStep = 1, 1
	if d.Centre, err = centreapp.New(ctx, config, centreapp.Options{
		Log: c.Log.With("part", "aggregator"), Now: c.Now, Demo: banner, Online: func() string { return *d.online.Load() },
	}); err != nil {
		return blame(blame(err, "--console", config.Listen), "--nats", config.NATS.Listen)
	}
	d.opened.Push("the aggregator", d.Centre.Close)
	d.run(ctx, "aggregator", d.Centre)
	return nil
}

// newKiosk makes a kiosk that holds its address, and is not run yet.
func (d *Demo) newKiosk(c Config, role survey.KioskRole, name, addr string) (*kioskapp.App, error) {
	config := kioskapp.Defaults()
	config.Data = filepath.Join(d.data, name)
	config.Listen, config.Role, config.Repeat = onThisMachine(addr), role, c.Repeat
	if role == survey.CounterKiosk {
		config.Screen.FollowUp = c.FollowUp
	}
	config.Centre = kioskapp.Centre{URL: "http://" + local(d.Centre.Addr()), NATS: d.Centre.NATS()}
	a, err := kioskapp.New(config, kioskapp.Options{Log: c.Log.With("part", name), Now: c.Now, Program: c.Program, Together: true})
	if err != nil {
		return nil, blame(fmt.Errorf("%s: %w", name, err), "--"+name, config.Listen)
	}
	d.opened.Push(name, a.Close)
	return a, nil
}

// run runs one part until the demo ends.
func (d *Demo) run(ctx context.Context, name string, s run.Service) {
	d.alive++
	go func() {
		err := s.Run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		d.parts <- err
	}()
}

// blame names the flag whose address cannot be opened, where that is why a part did not
// start.
func blame(err error, flag, addr string) error {
	l, cannot := net.Listen("tcp", addr)
	if cannot != nil {
		return fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return errors.Join(err, l.Close())
}

// onThisMachine puts this machine's address before a bare port.
func onThisMachine(addr string) string {
	if strings.HasPrefix(addr, ":") {
		return "127.0.0.1" + addr
	}
	return addr
}

// untilReady waits until a kiosk can record.
func (d *Demo) untilReady(ctx context.Context, a *kioskapp.App) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if a.Ready() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.parts:
			d.alive--
			return errors.Join(errors.New("a part stopped before the demo was ready"), err)
		case <-tick.C:
		}
	}
}

// describe mints a token and writes demo.json anew, whole.
func (d *Demo) describe(ctx context.Context, c Config) error {
	token, err := d.Centre.Console().MintToken(ctx, "demo")
	if err != nil {
		return fmt.Errorf("make the demo's token: %w", err)
	}
	catalogue, err := d.Centre.Store().Catalogue(ctx)
	if err != nil {
		return fmt.Errorf("read the questionnaires: %w", err)
	}
	st := d.Kiosk.Status()
	d.Info = Info{
		Console: "http://" + reachable(d.Centre.Addr()), Kiosk: "http://" + local(d.Kiosk.Addr()), Online: "http://" + reachable(d.Online.Addr()), NATS: d.Centre.NATS(),
		Token: token, Unit: d.Kiosk.Unit(), Counter: st.Counters[0], KioskID: st.Kiosk, Questionnaires: map[string]string{},
	}
	if c.PublicURL != "" {
		d.Info.Console = strings.TrimRight(c.PublicURL, "/")
	}
	for _, code := range []survey.QuestionnaireCode{"quick", "quick3", "service"} {
		v, _ := catalogue.InForce(code)
		d.Info.Questionnaires[string(code)] = v.ID()
	}
	if err := d.Info.write(filepath.Join(d.data, InfoFile)); err != nil {
		return fmt.Errorf("write %s: %w", InfoFile, err)
	}
	return nil
}

// write puts i into a file, whole or not at all, for its owner only: it holds a token.
func (i Info) write(path string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return disk.Write(path, append(b, '\n'))
}

// local is an address on this machine at which a part that may listen on every address
// is reached: a kiosk takes presses from its own machine only.
func local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// reachable is an address that a browser can open: where a part listens on every
// address, this machine's own on the hall's network.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return addr
	}
	list, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range list {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
				return net.JoinHostPort(ip.IP.String(), port)
			}
		}
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// Tell says to a person where everything is.
func (d *Demo) Tell(w io.Writer, kept bool) {
	folder := "sẽ xóa khi dừng / removed at the end"
	if kept {
		folder = "được giữ lại / kept"
	}
	fmt.Fprintf(w, `
Hài Lòng đang chạy. / Hài Lòng is running.

  Màn hình quầy / Counter screen      %s
  Bảng điều khiển / Console           %s
  Đăng nhập một lần / Sign in once    %s
  Cổng trực tuyến / Online gateway    %s
  NATS                                %s
  Dữ liệu / Data                      %s (%s)

Mở màn hình quầy và bảng điều khiển cạnh nhau rồi bấm một khuôn mặt. Ctrl-C để dừng.
Open the counter screen and the console side by side and press a face. Ctrl-C stops.
`, d.Info.Kiosk, d.Info.Console, d.Info.Console+d.Centre.Console().OneTimeLink(), d.Info.Online, d.Info.NATS, d.data, folder)
	if s := d.repeat.Seconds(); s > 0 {
		fmt.Fprintf(w, `
Hai lượt bấm cách nhau dưới %g giây: lượt sau được lưu nhưng không tính (--repeat 0 để tắt).
Presses closer than %g s: the later is kept but not counted (--repeat 0 turns this off).
`, s, s)
	}
}

// Wait runs until ctx ends or a part stops by itself.
func (d *Demo) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.parts:
		d.alive--
		return err
	}
}

// Close stops everything, the kiosks before the aggregator.
func (d *Demo) Close() error {
	var all error
	if d.cancel != nil {
		d.cancel()
	}
	for ; d.alive > 0; d.alive-- {
		all = errors.Join(all, <-d.parts)
	}
	return errors.Join(all, d.opened.Close())
}
