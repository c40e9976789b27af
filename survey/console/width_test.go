package console

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hailong/survey"
	"hailong/survey/custody"
)

// crowded is a ledger in which every name, code, reason and number is as long as it may be,
// and names have no space at which a line could break.
func crowded(t *testing.T) *centre {
	word := func(n int) string { return strings.Repeat("W", n) }
	code := func(first string) string { return first + strings.Repeat("W", 64-len(first)) }
	const folder = "/var/lib/hailong/aggregator/backups-on-the-second-disk-of-the-server/20260331T051500.000Z-1a2b3c4d/store.db"
	s := &shelf{list: []Backup{{Name: "a", Path: folder, State: BackupFailed, At: noon, Error: "open " + folder + ": permission denied"}}, err: errors.New("no")}
	beats := map[survey.KioskID]Heartbeat{"k-h2k9vw3cde": {At: noon, Free: 1 << 60, Refused: 1 << 60, Trouble: "open " + folder + ": input/output error", Skew: 1e6 * time.Hour, Software: "v1.4.0-0.20260331051500-" + word(40)}}
	return ledger(t, Settings{Backups: s, LiveStep: 1, Heartbeats: func() map[survey.KioskID]Heartbeat { return beats }}, func(c *centre) {
		units, counters := c.store.structure.Units, c.store.structure.Counters
		for i := range units {
			units[i].Name = two(word(80), word(80))
		}
		for i := range counters {
			counters[i].Name = two(word(80), word(80))
		}
		deep := survey.UnitCode(code("D"))
		c.store.structure.Units = append(units, survey.Unit{Code: deep, Name: two("Tổ", "Team"), Kind: survey.Commune, Parent: "SB-TA"})
		c.store.structure.Counters = append(counters, survey.Counter{Code: survey.CounterCode(code("C")), Unit: deep, Name: two("Quầy", "Counter")})
		for i := range c.store.kiosks {
			c.store.kiosks[i].Name = word(80)
			c.store.kiosks[i].Counters = append(c.store.kiosks[i].Counters, survey.CounterCode(code("C")))
		}
		c.store.kiosks[0].Name = ""
		c.store.chains = append(c.store.chains, custody.ChainState{Chain: survey.Chain{9}, Kiosk: "k-h2k9vw3cde", Head: custody.Head{Sequence: 1 << 60}, Received: noon})
		for i := range c.store.closings {
			k := &c.store.closings[i]
			k.Issued, k.Received, k.Counted, k.Quarantined = k.Issued+2<<58, k.Received+1<<58, k.Counted+1<<58, 1<<58
			k.Excluded = map[survey.Flag]uint64{survey.Flag(code("f")): 1 << 60}
		}
		c.store.lost[0].Succession.Reason = folder
		c.store.held[0].Reason = "questionnaire " + code("q") + "@" + someHash + " is not known"
		c.store.bad[0].Reason = folder
	})
}

// No page scrolls sideways, on a phone or beside the scroll bar of a narrow window, whatever
// is on it; tables may, each in its own box. A box that cuts off what does not fit would pass
// unseen, so none may.
func TestNoPageScrollsSideways(t *testing.T) {
	b := openBrowser(t, chromedp.Flag("hide-scrollbars", false))
	c := crowded(t)
	at := serve(t, c)
	b.do(chromedp.Navigate(at + c.OneTimeLink()))
	const cut = `[...document.querySelectorAll("main *")].filter(e => e.scrollWidth > e.clientWidth && e.clientWidth > 1 && getComputedStyle(e).overflowX === "hidden")
		.map(e => e.tagName + "." + e.className).join(" ")`
	for _, path := range []string{"/", "/kiosks", "/closings", "/quarantine"} {
		for _, lang := range []string{"vi", "en"} {
			b.do(chromedp.Navigate(at + path + "?lang=" + lang))
			for _, width := range []int64{360, 1280} {
				b.do(chromedp.EmulateViewport(width, 740))
				if wide, room := ask[int](b, `document.scrollingElement.scrollWidth`), ask[int](b, `document.documentElement.clientWidth`); wide > room || int64(room) > width {
					t.Errorf("%s in %s at a width of %d: %d px in %d", path, lang, width, wide, room)
				}
				if boxes := ask[string](b, cut); boxes != "" {
					t.Errorf("%s in %s at a width of %d: cut off in %s", path, lang, width, boxes)
				}
			}
		}
	}
}
