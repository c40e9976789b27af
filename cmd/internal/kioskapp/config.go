package kioskapp

import (
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hailong/kiosk/panel"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/files"
	"hailong/survey/ticket"
)

// Config is the kiosk's settings file. Every key may be left out; configs/kiosk.yaml
// is the example with each key explained.
type Config struct {
	// Data is the folder of the kiosk's key and journal.
	Data string `yaml:"data"`
	// Listen is the address of the touch screen's page, host:port. Presses are taken
	// from this very machine and from paired tablets only, whatever the address.
	Listen string `yaml:"listen"`
	// TLS makes Listen speak https with whoever is not this very machine.
	TLS TLS `yaml:"tls"`
	// Role is "counter" (a screen on a counter) or "online" (the gateway for phones).
	Role survey.KioskRole `yaml:"role"`
	// Centre is where the aggregator is and how to be taken in there.
	Centre Centre `yaml:"centre"`
	// Online overrides where phones reach the online gateway, as the centre names it:
	// http(s)://host[:port]. It goes into the QR codes on the screen.
	Online string `yaml:"online"`
	// Questionnaires are files of the questionnaires that may be answered here; none =
	// those that come with the program. Of versions with one code the last is in force.
	Questionnaires []string `yaml:"questionnaires"`
	// Screen is what the touch screen shows.
	Screen Screen `yaml:"screen"`
	// Buttons are the panels of buttons beside the screen, or in its place; none = none.
	Buttons []panel.Device `yaml:"buttons"`
	// Stage is the point of a case at which this kiosk asks, where a press names none.
	Stage survey.Stage `yaml:"stage"`
	// Repeat is the repeat-press interval: a press on the same counter's screen or
	// buttons closer than this to the one before is kept, flagged too_soon, and left out
	// of the headline score. 0 = off.
	Repeat time.Duration `yaml:"repeat"`
	// Test marks every record as a test and shows a banner.
	Test bool `yaml:"test"`
	// Disk is what the journal does as the disk fills.
	Disk Disk `yaml:"disk"`
	// Clock is what is known of the box's clock.
	Clock Clock `yaml:"clock"`
	// Hours are the counters' opening hours; nil = always open.
	Hours *Hours `yaml:"hours"`
	// Operator is the operator's menu on the box's own screen.
	Operator Operator `yaml:"operator"`
	// Hosts are names, besides addresses and localhost, by which browsers call the kiosk.
	Hosts []string `yaml:"hosts"`

	// Internal is where a gateway serves status, metrics and the JSON interface, host:port.
	Internal string `yaml:"internal"`
	// Proxies are addresses of reverse proxies before a gateway, whose X-Forwarded-For is
	// believed for rate limits.
	Proxies []string `yaml:"proxies"`
	// Web is a gateway's form.
	Web Web `yaml:"web"`
}

// Disk is what the journal does as the disk fills.
type Disk struct {
	// Full is how many MiB must be free for a press to be taken.
	Full int64 `yaml:"full_mb"`
	// Spare is how many MiB free are enough to keep records that a backup holds for all
	// of KeepDays.
	Spare int64 `yaml:"spare_mb"`
	// KeepDays is for how many days records stay on the box that the centre's verified
	// backup holds. Others stay for ever.
	KeepDays int64 `yaml:"keep_days"`
}

// Clock is what is known of the box's clock.
type Clock struct {
	// Hardware says whether the box has a clock that goes on while it is off: yes, no, or
	// auto to look.
	Hardware string `yaml:"hardware"`
}

// Centre is where the aggregator is.
type Centre struct {
	// URL is the aggregator's address for enrolment.
	URL string `yaml:"url"`
	// Code is the one-time code that `hailong kiosks add` printed. Once the kiosk is
	// taken in it is not used any more and may stay here. Another code takes the kiosk in
	// again, with its key and its journal.
	Code string `yaml:"code"`
	// CA is a PEM file of the authority that signed the aggregator's certificates; none
	// = the system's.
	CA string `yaml:"ca"`
	// NATS overrides the message server's address that the aggregator names.
	NATS string `yaml:"nats"`
}

// Screen is what the touch screen shows.
type Screen struct {
	// Questionnaire is the code of the one whose overall question is asked.
	Questionnaire string `yaml:"questionnaire"`
	// Languages in the order of the switch; the first is shown first.
	Languages []survey.Lang `yaml:"languages"`
	// Thanks is how long the thank-you stays.
	Thanks time.Duration `yaml:"thanks"`
	// FollowUp is the code of the questionnaire whose questions, but for an overall one,
	// are asked after every first answer; none = nothing more is asked.
	FollowUp string `yaml:"follow_up"`
	// Idle is how long a visit waits for somebody who does not go on, its countdown
	// included.
	Idle time.Duration `yaml:"idle"`
	// Audio is the folder of what is read out; none = nothing is.
	Audio string `yaml:"audio"`
}

// Defaults are the settings of a kiosk without a file: it looks for an aggregator on
// this machine and is served on this machine only.
func Defaults() Config {
	return Config{
		Data: ".hailong/kiosk", Listen: "127.0.0.1:8081", Role: survey.CounterKiosk,
		Centre: Centre{URL: "http://127.0.0.1:8080"},
		Screen: Screen{Questionnaire: "quick", Languages: []survey.Lang{survey.Vietnamese, survey.English}, Thanks: 3 * time.Second, Idle: 40 * time.Second},
		Stage:  survey.Result, Repeat: 5 * time.Second,
		Disk: Disk{Full: 50, Spare: 200, KeepDays: 90}, Clock: Clock{Hardware: "auto"},
		Internal: "127.0.0.1:8083", Web: defaultWeb(),
	}
}

// Load reads a settings file over the defaults; no file is the defaults alone. Unknown
// keys are refused by name.
func Load(path string) (Config, error) {
	c := Defaults()
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read the settings: %w", err)
	}
	if err := files.Strict(path, b, &c); err != nil {
		return c, err
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	var ps survey.Problems
	if c.Data == "" {
		ps.Add("data", "", "cần một thư mục", "a folder is needed")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		ps.Add("listen", c.Listen, "cần địa chỉ dạng máy:cổng", "an address host:port is needed")
	}
	if c.Role != survey.CounterKiosk && c.Role != survey.OnlineGateway {
		ps.Add("role", string(c.Role), "phải là counter hoặc online", "must be counter or online")
	}
	for _, v := range []struct {
		path  string
		value int64
	}{{"disk.full_mb", c.Disk.Full}, {"disk.spare_mb", c.Disk.Spare}, {"disk.keep_days", c.Disk.KeepDays}} {
		if v.value < 1 {
			ps.Add(v.path, fmt.Sprint(v.value), "phải là số nguyên từ 1 trở lên", "must be a whole number of at least 1")
		}
	}
	if h := c.Clock.Hardware; h != "auto" && h != "yes" && h != "no" {
		ps.Add("clock.hardware", h, "phải là auto, yes hoặc no", "must be auto, yes or no")
	}
	c.Centre.check(&ps)
	ps.Check(ticket.OnlineProblem("online", c.Online))
	c.Screen.check(&ps)
	c.checkButtons(&ps)
	c.checkGateway(&ps)
	c.TLS.check(&ps)
	c.Operator.check(&ps)
	if _, err := c.Hours.timetable(); err != nil {
		ps = append(ps, err.(survey.Problems)...)
	}
	for i, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, " \t\r\n/:@?#[]") {
			ps.Add(fmt.Sprintf("hosts[%d]", i), h, "cần một tên máy, không kèm http:// hay cổng", "a host name is needed, without http:// or a port")
		}
	}
	if !slices.Contains(survey.Stages, c.Stage) {
		ps.Add("stage", string(c.Stage), "phải là reception, supplement, refusal hoặc result", "must be reception, supplement, refusal or result")
	}
	if c.Repeat < 0 || c.Repeat > time.Minute {
		ps.Add("repeat", c.Repeat.String(), "phải từ 0s đến 1m", "must lie between 0s and 1m")
	}
	return ps.Err()
}

func (c *Centre) check(ps *survey.Problems) {
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		ps.Add("centre.url", c.URL, "cần địa chỉ http:// hoặc https:// của trung tâm", "the aggregator's address is needed, http:// or https://")
	}
	if c.NATS != "" && !isNATS(c.NATS) {
		ps.Add("centre.nats", c.NATS, "cần địa chỉ nats:// hoặc tls://, hoặc để trống", "an address nats:// or tls:// is needed, or none")
	}
	// Not shown: a code with one letter too many is still a secret.
	if n, good := codeForm(c.Code); !good {
		ps.Add("centre.code", "", fmt.Sprintf("mã ghi danh gồm 16 chữ số và chữ cái (không có U), như hailong kiosks add in ra; ở đây có %d", n),
			fmt.Sprintf("a one-time code has 16 digits and letters (no U), as hailong kiosks add printed it; there are %d here", n))
	}
}

// isNATS reports whether a text is a message server's address.
func isNATS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "nats" || u.Scheme == "tls")
}

// codeForm reports whether a one-time code, if there is one, has the form of those that
// the centre makes, and how many characters it has. Case, hyphens and spaces do not
// matter; I, L and O are read as the digits that they look like.
func codeForm(code string) (n int, good bool) {
	plain := strings.NewReplacer("-", "", " ", "").Replace(code)
	n = utf8.RuneCountInString(plain)
	return n, code == "" || n == 16 && strings.Trim(strings.ToUpper(plain), "0123456789ABCDEFGHIJKLMNOPQRSTVWXYZ") == ""
}

// exposed reports whether the one-time code would travel to another machine in the open.
func (c *Centre) exposed() bool {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	return !net.ParseIP(u.Hostname()).IsLoopback()
}

// sounds is the folder of what is read out; nil = nothing is.
func (s *Screen) sounds() fs.FS {
	if s.Audio == "" {
		return nil
	}
	return os.DirFS(s.Audio)
}

func (s *Screen) check(ps *survey.Problems) {
	for i, lang := range s.Languages {
		if known := screen.Languages(); !slices.Contains(known, lang) || slices.Contains(s.Languages[:i], lang) {
			ps.Add(fmt.Sprintf("screen.languages[%d]", i), string(lang), fmt.Sprintf("phải là một trong %v, mỗi thứ tiếng một lần", known), fmt.Sprintf("must be one of %v, each once", known))
		}
	}
	if s.Thanks < 2*time.Second || s.Thanks > 10*time.Second {
		ps.Add("screen.thanks", s.Thanks.String(), "phải từ 2s đến 10s", "must lie between 2s and 10s")
	}
	if s.Idle < 15*time.Second || s.Idle > 180*time.Second {
		ps.Add("screen.idle", s.Idle.String(), "phải từ 15s đến 180s", "must lie between 15s and 180s")
	}
	if s.Audio != "" {
		if info, err := os.Stat(s.Audio); err != nil || !info.IsDir() {
			ps.Add("screen.audio", s.Audio, "không có thư mục này", "there is no such folder")
		}
	}
}
