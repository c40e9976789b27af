package journal

import (
	"path/filepath"
	"strconv"
	"testing"

	"hailong/survey"
)

// The power goes while the next segment is begun. What is there of it says nothing of where
// the full one ends: where that one's bbolt file is lost and its log is damaged, the presses
// behind the bad spot are declared, and no number is given again. The control is a full
// segment that is whole.
func TestAnUnfinishedSegmentVouchesForNothing(t *testing.T) {
	for next, leave := range map[string]func(t *testing.T, log string){
		"its log is not there":  func(t *testing.T, log string) { remove(t, filepath.Dir(log), filepath.Base(log)) },
		"its log is empty":      func(t *testing.T, log string) { truncate(t, log, 0) },
		"its log has no header": func(t *testing.T, log string) { truncate(t, log, int64(logHeader)); overwrite(t, log, 20, []byte("x")) },
	} {
		for _, ruined := range []bool{true, false} {
			t.Run(next+", the full one is ruined "+strconv.FormatBool(ruined), func(t *testing.T) {
				dir := t.TempDir()
				j := segmented(t, dir, 60)
				list := j.segments()
				chain, last, full := j.Chain(), j.active().number, list[len(list)-2]
				dir = copyFolder(t, dir)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				notReady(t, dir, full.number)
				remove(t, dir, dbName(last))
				leave(t, filepath.Join(dir, logName(last)))
				if ruined {
					path := filepath.Join(dir, logName(full.number))
					remove(t, dir, dbName(full.number))
					overwrite(t, path, size(t, path)/2, []byte("hỏng"))
				}
				var told sayings
				again := openTest(t, dir, small, withChild, told.hear, func(o *Options) { o.Chain = chain })
				if !ruined {
					if again.Chain() != chain || again.Head() != full.last {
						t.Fatalf("it goes on as %s/%d, the full one ends with %d", again.Chain(), again.Head().Sequence, full.last.Sequence)
					}
					return
				}
				if again.Chain() == chain {
					t.Fatalf("the next press is %s, and %d was thanked for", press(t, again, "next").ID, full.last.Sequence)
				}
				missing := uint64(0)
				for i := range int(full.last.Sequence) {
					if _, ok, err := again.Find(survey.KeyNonce(strconv.Itoa(i))); err != nil || !ok {
						missing++
					}
				}
				if s := declared(t, again, chain); missing == 0 || s.Lost() < missing {
					t.Errorf("%d are missing, declared %+v", missing, s)
				}
			})
		}
	}
}
