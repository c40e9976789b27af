//go:build linux

package fault

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hailong/survey"
	"hailong/survey/ticket"
	"hailong/sync/downlink"
)

// What a child does with the centre's directory on its box. Paired tablets and wrong PINs
// are written by the same call ([disk.Write]). It says:
//
//	took N      the directory with this number is the one held, for good
//	replaced    it took all of them
//	holds N     which one is held at the next start
const (
	bookFirst = "take the centre's first directory"
	bookTake  = "take several directories, one in the other's place"
	bookCheck = "say which directory is held"
)

// takenLater is the number of the last directory that bookTake takes.
const takenLater = 4

// centreOfBooks signs the directories.
var centreOfBooks = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func openBook(dir string) (*downlink.Book, error) {
	return downlink.OpenBook(filepath.Join(dir, downlink.BookFile), centreOfBooks.Public().(ed25519.PublicKey))
}

// take has a book take the directory with a number, each of another length.
func take(b *downlink.Book, n int) error {
	d := ticket.Directory{Made: time.Unix(int64(n), 0), Online: fmt.Sprint("https://", n, ".vn")}
	for i := range 40 * n % 130 {
		d.Counters = append(d.Counters, ticket.Counter{Code: survey.CounterCode(fmt.Sprintf("Q-%d-%d", n, i)), Name: survey.Words{survey.Vietnamese: "Quầy"}})
	}
	signed, err := d.Sign(centreOfBooks)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(signed)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := b.Take(downlink.Tag{byte(n)}, packed.Bytes()); err != nil {
		return err
	}
	fmt.Println("took", n)
	return nil
}

func firstDirectory(dir string) error {
	b, err := openBook(dir)
	if err != nil {
		return err
	}
	return take(b, 1)
}

func takeDirectories(dir string) error {
	b, err := openBook(dir)
	if err != nil {
		return err
	}
	if err := awaitWord(); err != nil {
		return err
	}
	for n := 2; n <= takenLater; n++ {
		if err := take(b, n); err != nil {
			return err
		}
	}
	fmt.Println("replaced")
	return nil
}

// checkDirectory fails where the file is none of the directories that were taken.
func checkDirectory(dir string) error {
	b, err := openBook(dir)
	if err != nil {
		return err
	}
	h := b.Held()
	if h == nil {
		return errors.New("no directory is there")
	}
	fmt.Println("holds", h.Made.Unix())
	return nil
}

// judgeBook compares the directory at the next start with those that were taken: it is the
// last of them, or the one that was being taken.
func judgeBook(said, after string) (r Result) {
	r.Counted = Uncounted
	var took, holds int
	list, held := lines(said, "took"), lines(after, "holds")
	_, err := fmt.Sscan(list[len(list)-1], &took)
	if err == nil {
		_, err = fmt.Sscan(held[len(held)-1], &holds)
	}
	if err != nil || holds != took && holds != took+1 {
		r.Violations = append(r.Violations, fmt.Sprintf("directory %d was taken for good, and %d is there: %v", took, holds, err))
	}
	return r
}
