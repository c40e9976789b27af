package centreapp

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"hailong/configs"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/files"
	"hailong/survey/ticket"
)

// Config is the aggregator's settings file. Every key may be left out;
// configs/aggregator.yaml is the example with each key explained.
type Config struct {
	// Data is the folder of the store, the centre's key and the message server's files.
	Data string `yaml:"data"`
	// Listen is the address of the console, the API and enrolment, host:port.
	Listen string `yaml:"listen"`
	// PublicURL is how people and kiosks reach Listen, where a proxy or a name stands
	// before it; none = http://Listen.
	PublicURL string `yaml:"public_url"`
	// TLS makes Listen speak https.
	TLS TLS `yaml:"tls"`
	// Online is where phones reach the online gateway: http(s)://host[:port]. It goes into
	// QR codes and links; none = there are none.
	Online string `yaml:"online"`
	// NATS is the message server.
	NATS NATS `yaml:"nats"`
	// Units is a file of units, counters, fields and procedures. It is read only while
	// the store has none; afterwards /api/v1/units is the place to change them.
	Units string `yaml:"units"`
	// Questionnaires are files of questionnaires; none = those that come with the
	// program. Versions once known stay known for ever.
	Questionnaires []string `yaml:"questionnaires"`
	// Minimum is the least number of respondents for which figures are shown.
	Minimum int64 `yaml:"minimum"`
	// LiveStep is the number of answers by which a counter's live figure moves.
	LiveStep int64 `yaml:"live_step"`
	// AutoEnrol takes in kiosks on this very machine without a code.
	AutoEnrol bool `yaml:"auto_enrol"`
	// Backup is the daily backup of the store.
	Backup Backup `yaml:"backup"`
}

// Backup says where, when and how many.
type Backup struct {
	// Folder holds one folder for each backup; none = "backups" in Data, which is the
	// same disk.
	Folder string `yaml:"folder"`
	// At is the time of day in Vietnam, HH:MM.
	At string `yaml:"at"`
	// Keep is how many verified backups are kept.
	Keep int64 `yaml:"keep"`
}

// timeOfDay is At as a span after midnight.
func (b Backup) timeOfDay() (time.Duration, error) {
	t, err := time.Parse("15:04", b.At)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// TLS names the PEM files of a certificate and its key.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// NATS is the message server: embedded, or an external one by URL.
type NATS struct {
	// Listen is the embedded server's address, host:port.
	Listen string `yaml:"listen"`
	// Advertise is the address told to kiosks; none = nats://Listen.
	Advertise string `yaml:"advertise"`
	// URL is an external server's address for the centre. Listen is not used then, and
	// Advertise, or the URL itself, is told to kiosks.
	URL string `yaml:"url"`
	// Credentials is a NATS credentials file for URL.
	Credentials string `yaml:"credentials"`
	// MaxBytes bounds the stream of batches.
	MaxBytes int64 `yaml:"max_bytes"`
	// TLS makes the embedded server's listener speak TLS only.
	TLS TLS `yaml:"tls"`
}

// Defaults are the settings of an aggregator without a file: everything on this
// machine only, a sample province, and kiosks of this machine taken in by themselves.
func Defaults() Config {
	c := fileDefaults()
	c.AutoEnrol = true
	return c
}

// fileDefaults are what a settings file leaves out.
func fileDefaults() Config {
	return Config{
		Data: ".hailong/aggregator", Listen: "127.0.0.1:8080", NATS: NATS{Listen: "127.0.0.1:4222", MaxBytes: 1 << 30},
		Minimum: 10, LiveStep: 5, Backup: Backup{At: "02:00", Keep: 7},
	}
}

// Load reads a settings file over the defaults; no file is the defaults alone. Unknown
// keys are refused by name.
func Load(path string) (Config, error) {
	if path == "" {
		return Defaults(), nil
	}
	c := fileDefaults()
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
	addr := func(path, v string) {
		if _, _, err := net.SplitHostPort(v); err != nil {
			ps.Add(path, v, "cần địa chỉ dạng máy:cổng", "an address host:port is needed")
		}
	}
	link := func(path, v string) {
		if u, err := url.Parse(v); v != "" && (err != nil || u.Host == "") {
			ps.Add(path, v, "cần địa chỉ đầy đủ, ví dụ https://danhgia.example.vn", "a whole address is needed, for example https://danhgia.example.vn")
		}
	}
	pair := func(path string, t TLS) {
		if (t.Certificate == "") != (t.Key == "") {
			ps.Add(path, "", "cần cả certificate và key, hoặc không có cả hai", "certificate and key are needed together, or neither")
		}
	}
	addr("listen", c.Listen)
	if c.NATS.URL == "" {
		addr("nats.listen", c.NATS.Listen)
	}
	link("public_url", c.PublicURL)
	link("nats.url", c.NATS.URL)
	link("nats.advertise", c.NATS.Advertise)
	if c.NATS.URL == "" && c.NATS.Advertise == "" && everywhere(c.NATS.Listen) {
		ps.Add("nats.advertise", "", "nats.listen là mọi địa chỉ của máy này; hãy ghi địa chỉ báo cho thiết bị, ví dụ nats://nats.example.vn:4222",
			"nats.listen is every address of this machine; say which one kiosks are told, for example nats://nats.example.vn:4222")
	}
	ps.Check(ticket.OnlineProblem("online", c.Online))
	pair("tls", c.TLS)
	pair("nats.tls", c.NATS.TLS)
	if c.Minimum < 1 {
		ps.Add("minimum", fmt.Sprint(c.Minimum), "phải từ 1 trở lên", "must be 1 or more")
	}
	if c.LiveStep < 1 {
		ps.Add("live_step", fmt.Sprint(c.LiveStep), "phải từ 1 trở lên", "must be 1 or more")
	}
	if c.NATS.MaxBytes < 1<<20 {
		ps.Add("nats.max_bytes", fmt.Sprint(c.NATS.MaxBytes), "phải từ 1048576 trở lên", "must be 1048576 or more")
	}
	if _, err := c.Backup.timeOfDay(); err != nil {
		ps.Add("backup.at", c.Backup.At, "cần giờ trong ngày dạng HH:MM, ví dụ \"02:00\"", "a time of day HH:MM is needed, for example \"02:00\"")
	}
	if c.Backup.Keep < 1 {
		ps.Add("backup.keep", fmt.Sprint(c.Backup.Keep), "phải từ 1 trở lên", "must be 1 or more")
	}
	return ps.Err()
}

// everywhere reports whether an address is every one of this machine, on a port that
// others can know beforehand.
func everywhere(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && port != "0" && (host == "" || net.ParseIP(host).IsUnspecified())
}

// structure reads the units' file; without one, and only where kiosks of this machine
// are taken in by themselves, it is the sample province.
func (c *Config) structure() (*survey.Structure, error) {
	switch {
	case c.Units != "":
		b, err := os.ReadFile(c.Units)
		if err != nil {
			return nil, fmt.Errorf("units = %q: %w", c.Units, err)
		}
		return files.Structure(c.Units, b)
	case c.AutoEnrol:
		return files.Structure(string(configs.SampleUnits), configs.SampleUnits.Bytes())
	}
	return nil, nil
}

// fill brings the store up to the settings: questionnaires always, units only while
// it has none.
func (c *Config) fill(ctx context.Context, s *boltstore.Store, today survey.Date) error {
	list, err := files.Questionnaires(c.Questionnaires)
	if err != nil {
		return err
	}
	if err := s.AddQuestionnaires(ctx, list...); err != nil {
		return fmt.Errorf("keep the questionnaires: %w", err)
	}
	have, err := s.Structure(ctx)
	if err != nil {
		return fmt.Errorf("read the units: %w", err)
	}
	if len(have.Units) > 0 {
		return nil
	}
	first, err := c.structure()
	if err != nil || first == nil {
		return err
	}
	if err := s.PutStructure(ctx, first, today); err != nil {
		return fmt.Errorf("keep the units: %w", err)
	}
	return nil
}
