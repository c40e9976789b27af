package cmd_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hailong/assets/browsertest"
	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/fault"
)

// gateways is an aggregator, a counter's kiosk and two online gateways, each a process of
// its own with the settings of configs/. The gateways do not know of each other.
type gateways struct {
	*site
	kiosk  string    // base address
	forms  [2]string // public addresses
	inside [2]string // internal ones
}

func newGateways(t *testing.T) *gateways {
	t.Helper()
	g := &gateways{site: &site{dir: t.TempDir(), bin: programs(t)}}
	for i := range g.forms {
		g.forms[i] = "http://" + freeAddr(t)
	}
	addr := freeAddr(t)
	g.centre = "http://" + addr
	g.aggConfig = settings(t, "aggregator.yaml", g.dir, map[string]string{
		"data": filepath.Join(g.dir, "aggregator"), "listen": addr, "nats.listen": freeAddr(t), "units": "../configs/units/sample.yaml", "minimum": "1", "online": g.forms[0],
	})
	g.startAggregator(t)
	token, err := os.ReadFile(filepath.Join(g.dir, "aggregator", centreapp.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	g.token = strings.TrimSpace(string(token))
	start := func(file, folder, base string, values map[string]string) {
		dir := filepath.Join(g.dir, folder)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		values["data"], values["listen"], values["centre.url"] = dir, strings.TrimPrefix(base, "http://"), g.centre
		launch(t, nil, filepath.Join(g.bin, "kiosk"), "--config", settings(t, file, dir, values))
	}
	g.kiosk = "http://" + freeAddr(t)
	start("kiosk.yaml", "kiosk", g.kiosk, map[string]string{"centre.code": g.hailong(t, "code", "kiosks", "add", "--counter", "HS-01")})
	within(t, 20*time.Second, "the kiosk starts", ready(g.kiosk))
	for i, form := range g.forms {
		g.inside[i] = "http://" + freeAddr(t)
		start("gateway.yaml", fmt.Sprint("gateway", i), form, map[string]string{
			"internal": strings.TrimPrefix(g.inside[i], "http://"), "centre.code": g.hailong(t, "code", "kiosks", "add", "--role", "online", "--counter", "HS-02"),
			"web.prefix": "100000", "web.ticket": "100000", "web.total": "100000",
		})
		within(t, 20*time.Second, "the gateway starts", ready(g.inside[i]))
	}
	return g
}

// hailong runs a command of the operator's tool, and returns one of the texts of its JSON.
func (g *gateways) hailong(t *testing.T, key string, args ...string) string {
	t.Helper()
	c := exec.Command(filepath.Join(g.bin, "hailong"), append(args, "-o", "json")...)
	c.Env = append(os.Environ(), "HAILONG_SERVER="+g.centre, "HAILONG_TOKEN="+g.token)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("hailong %v: %v %s", args, err, out)
	}
	said := regexp.MustCompile(`"` + key + `":\s*"([^"]*)"`).FindSubmatch(out)
	if said == nil {
		t.Fatalf("hailong %v says no %s: %s", args, key, out)
	}
	return string(said[1])
}

// phone is one opening of the web form.
type phone struct {
	address string
	status  int
	page    string
	fields  url.Values
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// openForm opens an address as a phone does.
func openForm(t *testing.T, address string) phone {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	p := phone{address: address, status: resp.StatusCode, page: body(t, resp), fields: url.Values{}}
	for _, f := range hiddenField.FindAllStringSubmatch(p.page, -1) {
		p.fields.Set(f[1], f[2])
	}
	return p
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// answer sends the form with a level for the overall question.
func (p phone) answer(t *testing.T, level int) (status int, page string) {
	t.Helper()
	said := url.Values{"a.Z0": {fmt.Sprint(level)}}
	for name, values := range p.fields {
		said[name] = values
	}
	resp, err := http.PostForm(p.address, said)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	return resp.StatusCode, body(t, resp)
}

// scanned is what an independent decoder reads in the code on the kiosk's screen.
func (g *gateways) scanned(t *testing.T) string {
	t.Helper()
	zbar := browsertest.Need(t, "QR codes are not read back by a decoder that is not ours", "zbarimg")
	var picture string
	within(t, 20*time.Second, "the screen has a code", func() error { // once the centre has said where phones go
		resp, err := http.Get(g.kiosk + "/qr.png")
		if err != nil {
			return err
		}
		if picture = body(t, resp); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", resp.Status, picture)
		}
		return nil
	})
	read := exec.Command(zbar, "--quiet", "--raw", "-")
	read.Stdin = strings.NewReader(picture)
	out, err := read.Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return string(bytes.TrimSpace(out))
}

// Two hundred phones use one code at the same moment, half of them at each of two gateways
// that do not know of each other. Each gateway thanks one and turns the others away without
// a word about what was said; the centre counts one answer, and says why the other is out.
func TestOneTicketOnTwoGateways(t *testing.T) {
	g := newGateways(t)
	for name, link := range map[string]string{
		"the code on a screen": g.scanned(t),
		"a transaction's link": g.hailong(t, "url", "links", "add", "--counter", "HS-01", "--stage", "result", "--field", "ho-tich"),
	} {
		at := strings.Index(link, "/Q/")
		if !strings.HasPrefix(link, strings.ToUpper(g.forms[0])) || at < 0 {
			t.Fatalf("%s is %q", name, link)
		}
		before := g.closing(t)
		var forms []phone
		for range 100 {
			for _, form := range g.forms {
				p := openForm(t, form+link[at:])
				if p.status != http.StatusOK {
					t.Fatalf("%s opens with %d", name, p.status)
				}
				forms = append(forms, p)
			}
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		thanked, turned := map[string]int{}, map[string]int{}
		for i, p := range forms {
			all.Go(func() {
				status, page := p.answer(t, i/2%5+1)
				mu.Lock()
				defer mu.Unlock()
				switch status {
				case http.StatusCreated:
					thanked[p.address]++
				case http.StatusConflict:
					turned[page]++
				default:
					t.Errorf("%s: a phone gets %d", name, status)
				}
			})
		}
		all.Wait()
		if len(thanked) != 2 || thanked[g.forms[0]+link[at:]] != 1 || thanked[g.forms[1]+link[at:]] != 1 {
			t.Errorf("%s: thanked %v, want one at each gateway", name, thanked)
		}
		if len(turned) > 2 { // the two gateways' pages may differ in nothing but the address
			t.Errorf("%s: those who were turned away see %d different pages", name, len(turned))
		}
		for i := range g.inside {
			within(t, 20*time.Second, "everything is sent", func() error { return allSent(g.inside[i]) })
		}
		after := g.closing(t)
		if after.Counted-before.Counted != 1 || after.Spent-before.Spent != 1 || after.Issued-before.Issued != 2 {
			t.Errorf("%s: before %+v, after %+v; want one counted and one left out", name, before, after)
		}
		for _, form := range g.forms {
			if again := openForm(t, form+link[at:]); again.status != http.StatusGone || len(again.fields) != 0 {
				t.Errorf("%s: opened again it gives %d with the fields %v", name, again.status, again.fields)
			}
		}
	}
}

// closing is what the gateways' closings add up to.
type closing struct{ Issued, Counted, Spent int64 }

func (g *gateways) closing(t *testing.T) (sum closing) {
	t.Helper()
	var list struct {
		Items []struct {
			Issued, Received, Counted int64
			Excluded                  map[string]int64
		}
	}
	if _, err := fault.Call(http.MethodGet, g.centre+"/api/v1/closings", g.token, nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		sum.Issued, sum.Counted, sum.Spent = sum.Issued+c.Issued, sum.Counted+c.Counted, sum.Spent+c.Excluded["spent_ticket"]
		if all := c.Counted + c.Excluded["spent_ticket"]; all != c.Received {
			t.Errorf("a closing does not balance: %+v", c)
		}
	}
	return sum
}

// A code of which any one sign was changed opens nothing at any gateway, and all the pages
// that say so are the same.
func TestAnAlteredCodeOpensNothing(t *testing.T) {
	g := newGateways(t)
	link := g.scanned(t)
	at := strings.Index(link, "/Q/") + len("/Q/")
	pages := map[string]bool{}
	for i := at; i < len(link); i++ {
		other := "A"
		if link[i] == 'A' {
			other = "B"
		}
		altered := link[at:i] + other + link[i+1:]
		p := openForm(t, g.forms[i%2]+"/Q/"+altered)
		if p.status != http.StatusNotFound || len(p.fields) != 0 {
			t.Errorf("changed at sign %d it gives %d", i-at, p.status)
		}
		pages[p.page] = true
	}
	if len(pages) != 1 {
		t.Errorf("the pages tell %d kinds of changes apart", len(pages))
	}
	if p := openForm(t, g.forms[0]+"/Q/"+link[at:]); p.status != http.StatusOK {
		t.Errorf("unchanged it gives %d", p.status)
	}
}
