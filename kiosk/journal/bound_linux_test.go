package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hailong/survey"
)

// The reserved numbers are of an older copy, the journal is ruined, and the disk has no room
// to write anew what was found. That it was found says how many there were.
func TestWhatIsFoundBoundsWhatIsLostWithoutRoom(t *testing.T) {
	dir, chain, presses := ruined(t)
	c, err := openCounter(filepath.Join(dir, issuedFile+"-"+chain.String()[:8]))
	if err == nil {
		err = errors.Join(c.lower(5), c.f.Close())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ballastFile), make([]byte, SpaceOf(dir).Free*3/4), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	j := openTest(t, dir, tight, func(o *Options) { o.Chain = chain })
	if s := declared(t, j, chain); s.Last != 0 || s.Lost() < uint64(presses) {
		t.Errorf("of %d presses it says %+v", presses, s)
	}
}

// A second chain is ruined on a disk without room, and the lineage is gone: what that chain
// says of the first one, before any of it is written anew, is said again.
func TestAnEarlierChainIsMentionedWithoutRoom(t *testing.T) {
	k := newOlderKiosk(t)
	k.data = smallVolume(t)
	k.dir = filepath.Join(k.data, "journal")
	open := func(remembered survey.Chain) *Journal {
		return openTest(t, k.dir, tight, func(o *Options) { o.Chain, o.Reserve = remembered, k.data })
	}
	first := k.live(open(survey.Chain{}), 1500)
	k.ruin()
	second := k.live(open(first), 20)
	k.ruin()
	k.ok(errors.Join(os.Remove(filepath.Join(k.data, lineageFile)),
		os.WriteFile(filepath.Join(k.data, "something else"), make([]byte, SpaceOf(k.dir).Free-400<<10), 0o600)))
	j := open(second)
	if s := declared(t, j, second); s.Last != 0 {
		t.Fatalf("there was room: %+v", s)
	}
	k.mentioned(j)
}
