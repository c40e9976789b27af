package kioskapp

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"hailong/kiosk"
	"hailong/kiosk/screen"
	"hailong/survey"
)

// Operator is the operator's menu on the box's own screen.
type Operator struct {
	// PIN opens the menu: 4 to 12 digits; "" = there is no menu.
	PIN string `yaml:"pin"`
	// Exit is the command, and its arguments, with which the menu leaves the locked
	// browser; none = no such button.
	Exit []string `yaml:"exit"`
}

// Hours are the counters' opening hours, each day as stretches like "07:30-11:30". A day
// that is left out is closed.
type Hours struct {
	Mon []string `yaml:"mon"`
	Tue []string `yaml:"tue"`
	Wed []string `yaml:"wed"`
	Thu []string `yaml:"thu"`
	Fri []string `yaml:"fri"`
	Sat []string `yaml:"sat"`
	Sun []string `yaml:"sun"`
	// Holidays are days on which the counters are closed.
	Holidays []survey.Date `yaml:"holidays"`
	// Open are days with hours of their own, whatever the weekday or holiday.
	Open map[string][]string `yaml:"open"`
}

// timetable reads the hours; nil ones are always open.
func (h *Hours) timetable() (*kiosk.Hours, error) {
	if h == nil {
		return nil, nil
	}
	t := kiosk.Timetable{
		Week:     [7][]string{h.Sun, h.Mon, h.Tue, h.Wed, h.Thu, h.Fri, h.Sat},
		Holidays: h.Holidays, Special: map[survey.Date][]string{},
	}
	var ps survey.Problems
	for _, text := range slices.Sorted(maps.Keys(h.Open)) {
		d, err := survey.ParseDate(text)
		if err != nil {
			ps.Add("hours.open."+text, text, "ngày phải có dạng NĂM-THÁNG-NGÀY, ví dụ 2026-03-31", "a day is written YYYY-MM-DD, for example 2026-03-31")
			continue
		}
		t.Special[d] = h.Open[text]
	}
	hours, err := kiosk.NewHours("hours", t)
	if more := (survey.Problems)(nil); err != nil {
		more, _ = err.(survey.Problems)
		ps = append(ps, more...)
	}
	return hours, ps.Err()
}

// The bounds of a PIN, in digits.
const (
	leastPIN = 4
	mostPIN  = 12
)

func (o *Operator) check(ps *survey.Problems) {
	n := len(o.PIN)
	if o.PIN != "" && (n < leastPIN || n > mostPIN || strings.Trim(o.PIN, "0123456789") != "") {
		// Not shown: a PIN with one letter too many is still a secret.
		ps.Add("operator.pin", "", fmt.Sprintf("mã PIN gồm %d đến %d chữ số, đặt trong dấu nháy; để trống = không có menu", leastPIN, mostPIN),
			fmt.Sprintf("a PIN has %d to %d digits, in quotes; none = there is no menu", leastPIN, mostPIN))
	}
	if len(o.Exit) > 0 && o.Exit[0] == "" {
		ps.Add("operator.exit[0]", "", "cần tên lệnh", "the name of a command is needed")
	}
}

// screenOptions are what the screen needs for as long as the program runs.
func (a *App) screenOptions() (screen.Options, error) {
	o := screen.Options{
		State: a, Hosts: a.config.Hosts, Metrics: a.writeMetrics, Diary: a.events, Log: a.log, Now: a.options.Now,
		Folder: a.config.Data, Code: a.code, Operator: screen.Operator{PIN: a.config.Operator.PIN}, Addresses: a.addresses,
		Note: func(kind string, w survey.Words) { a.note(remark{DiaryKind(kind), w}) },
	}
	if len(a.config.Operator.Exit) > 0 {
		o.Operator.Exit = a.exit
	}
	if a.config.Role == survey.OnlineGateway {
		return o, nil // its public address is the web form's
	}
	var err error
	if o.TLS, err = a.config.TLS.load(); err != nil {
		return o, err
	}
	if o.TLS == nil && !own(a.Addr()) {
		a.log.Warn("listening beyond this machine without TLS: whoever shares the network can read a tablet's credential and press in its place; set tls, or keep the tablets on a network of their own", "listen", a.config.Listen)
	}
	return o, nil
}

// own reports whether an address is one that only this machine reaches.
func own(addr string) bool {
	at, err := netip.ParseAddrPort(addr)
	return err == nil && at.Addr().IsLoopback()
}

// addresses are where tablets of the hall find the box.
func (a *App) addresses() []string {
	at, err := netip.ParseAddrPort(a.Addr())
	if err != nil || at.Addr().IsLoopback() {
		return nil
	}
	scheme := "http://"
	if a.config.TLS.Certificate != "" {
		scheme = "https://"
	}
	if !at.Addr().IsUnspecified() {
		return []string{scheme + at.String()}
	}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		a.log.Warn("the box's addresses are not known", "error", err)
	}
	var list []string
	for _, n := range nets {
		p, err := netip.ParsePrefix(n.String())
		if err != nil || !p.Addr().Is4() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			continue // people type the shorter ones
		}
		list = append(list, scheme+netip.AddrPortFrom(p.Addr(), at.Port()).String())
	}
	return list
}

// exitWithin is how long the command may take that leaves the browser.
const exitWithin = 10 * time.Second

// exit runs the command that leaves the browser.
func (a *App) exit() error {
	ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
	defer cancel()
	command := a.config.Operator.Exit
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err == nil {
		return nil
	}
	if said := strings.TrimSpace(string(out)); said != "" {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, said[:min(len(said), 200)])
	}
	return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
}
