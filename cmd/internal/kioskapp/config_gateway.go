package kioskapp

import (
	"fmt"
	"net"
	"net/netip"

	"hailong/kiosk/webform"
	"hailong/survey"
)

// Web is what the gateway's form asks, on whose behalf, and how much it takes.
type Web struct {
	// Questionnaire is the code of the one that is asked where a ticket names none.
	Questionnaire string `yaml:"questionnaire"`
	// Office is who asks, by language; none = the counter's unit.
	Office survey.Words `yaml:"office"`
	// Contact is where people turn with what concerns their data.
	Contact string `yaml:"contact"`
	// KeepMonths is for how many months the office keeps comments, as people are told.
	KeepMonths int `yaml:"keep_months"`
	// Limits bound what the form takes.
	Limits WebLimits `yaml:"limits"`
}

// WebLimits are requests per second, of which ten seconds' worth may come at once, and
// open connections.
type WebLimits struct {
	// Prefix is from one neighbourhood of addresses: /24, or /56 of IPv6.
	Prefix float64 `yaml:"prefix"`
	// Ticket is for one ticket that is good for one answer.
	Ticket float64 `yaml:"ticket"`
	// Poster is for one poster's code.
	Poster float64 `yaml:"poster"`
	// Total is in all.
	Total float64 `yaml:"total"`
	// Conns is open connections in all.
	Conns int `yaml:"connections"`
	// PerPlace is open connections from one neighbourhood.
	PerPlace int `yaml:"prefix_connections"`
}

// defaultWeb are a gateway's settings where its file says nothing.
func defaultWeb() Web {
	return Web{Questionnaire: "service", KeepMonths: 24, Limits: WebLimits(webform.DefaultLimits)}
}

// leastKept is for how many days a gateway keeps records at least: a ticket is good for 72 h,
// and a form that was opened with it for 72 h more.
const leastKept = 6

// checkGateway checks what a gateway has more than a counter's kiosk.
func (c *Config) checkGateway(ps *survey.Problems) {
	if c.Role != survey.OnlineGateway {
		return
	}
	if _, _, err := net.SplitHostPort(c.Internal); err != nil {
		ps.Add("internal", c.Internal, "cần địa chỉ dạng máy:cổng", "an address host:port is needed")
	}
	for i, p := range c.Proxies {
		if _, err := parseProxy(p); err != nil {
			ps.Add(fmt.Sprintf("proxies[%d]", i), p, "cần một địa chỉ IP, hoặc một dải như 10.0.0.0/8", "an IP address is needed, or a range like 10.0.0.0/8")
		}
	}
	if c.Disk.KeepDays < leastKept {
		ps.Add("disk.keep_days", fmt.Sprint(c.Disk.KeepDays), fmt.Sprintf("cổng trực tuyến phải giữ ít nhất %d ngày, để nhớ vé nào đã dùng", leastKept), fmt.Sprintf("a gateway keeps them for at least %d days, to know which tickets are spent", leastKept))
	}
	if c.Web.KeepMonths < 1 {
		ps.Add("web.keep_months", fmt.Sprint(c.Web.KeepMonths), "phải là số nguyên từ 1 trở lên", "must be a whole number of at least 1")
	}
	l := c.Web.Limits
	for _, v := range []struct {
		path  string
		value float64
	}{{"prefix", l.Prefix}, {"ticket", l.Ticket}, {"poster", l.Poster}, {"total", l.Total}, {"connections", float64(l.Conns)}, {"prefix_connections", float64(l.PerPlace)}} {
		if !(v.value > 0 && v.value <= 1e6) {
			ps.Add("web.limits."+v.path, fmt.Sprint(v.value), "phải lớn hơn 0, nhiều nhất 1000000", "must be above 0, at most 1000000")
		}
	}
}

// parseProxy reads an address, or a range of them.
func parseProxy(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	return netip.ParsePrefix(s)
}

// proxies are those of the settings, which were checked.
func (c *Config) proxies() (all []netip.Prefix) {
	for _, s := range c.Proxies {
		if p, err := parseProxy(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}
