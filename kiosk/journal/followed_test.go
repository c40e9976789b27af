package journal

import (
	"fmt"
	"strings"
	"testing"
)

// That a segment follows a sealed one is noted there at the next start where it was not: the
// power went before it could be, or bbolt was made anew since. If the later one is lost then,
// its numbers are not given again. The control is a journal that was not opened in between.
func TestALostSegmentWasFollowed(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, dir string, number int){
		"the power went before it was noted": notReady,
		"bbolt was made anew from the log":   func(t *testing.T, dir string, number int) { remove(t, dir, dbName(number)) },
	} {
		for _, opened := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, opened since %v", name, opened), func(t *testing.T) {
				logAlone := !opened && strings.HasPrefix(name, "bbolt") // a sealed log alone ends where one in use never does
				dir := t.TempDir()
				j := segmented(t, dir, 60)
				chain, n := j.Chain(), j.active().number
				known := func(o *Options) { o.Chain, o.Ballast = chain, -1 } // and no new segment is begun
				killed := func() {                                           // after a clean stop the numbers would tell
					t.Helper()
					dir = copyFolder(t, dir)
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
				}
				killed()
				forget(t, dir, n-1)
				if opened {
					j = openTest(t, dir, withChild, known)
					press(t, j, "thanked")
					killed()
				}
				remove(t, dir, dbName(n))
				remove(t, dir, logName(n))
				again := openTest(t, dir, withChild, known)
				if goesOn := again.Chain() == chain; goesOn == opened && !logAlone {
					t.Fatalf("the chain goes on %v, with %s", goesOn, press(t, again, "next").ID)
				}
				if opened || logAlone {
					declared(t, again, chain)
				}
			})
		}
	}
}
