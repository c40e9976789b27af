//go:build linux

package fault

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// What a child does with the journal in its folder. It says what it did line by line:
//
//	thanked KEY CHAIN/SEQUENCE
//	ready            it waits for a line on its standard input
//	sealed NUMBER    the newest segment, when it is another one
//	backed SEQUENCE  what it says that a verified backup holds
//	let go NUMBER    the oldest segment that is left
//	reserved         it was given more numbers than were reserved at its word
//	broken SEQUENCE   the last record before the place that was damaged in both files
//	rescued          a damaged journal is open again
//	declared CHAIN LAST RESERVED SALVAGED
//	kept CHAIN FIRST LAST MISSING
//	found KEY CHAIN/SEQUENCE
const (
	journalBuild = "build a journal of several segments"
	journalSeal  = "seal a segment"
	journalPrune = "let a segment go"
	journalAgain = "press once more what was pressed before"
	journalMany  = "press more than a block of reserved numbers"
	journalBreak = "build a journal of several segments and damage both files of one"
	journalSave  = "open a damaged journal"
	journalSays  = "say what a new chain declares"
	journalCheck = "check a journal"
)

// journalWorks are what the children do.
var journalWorks = map[string]func(string) error{
	journalBuild: buildJournal, journalSeal: sealSegment, journalPrune: pruneSegments, journalAgain: pressAgain,
	journalMany: pressBlock, journalBreak: breakJournal, journalSave: saveJournal, journalSays: sayDeclared, journalCheck: checkJournal,
	bookFirst: firstDirectory, bookTake: takeDirectories, bookCheck: checkDirectory,
}

// The journals of the children.
const (
	scarce       = 10      // of 100 free: what a backup holds goes at once
	smallSegment = 2 << 10 // bytes
	builtPresses = 40      // of journalBuild: some segments
	sealAfter    = 10      // presses of journalSeal before its word: nearly a segment
	sealPresses  = 4       // and after it
	backedUpTo   = 28      // by journalPrune: more than two segments
	bigSegment   = 1 << 20 // bytes: nothing is sealed
	manyBefore   = 100     // presses of journalMany before its word: some of the first block
	manyPresses  = 260     // and in all: more than one block
)

func journalChild(mode, dir string) int {
	if err := journalWorks[mode](dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// openChild opens the journal as a kiosk would; chain is what its identity remembers.
func openChild(dir string, free, segment int64) (*journal.Journal, error) {
	var chain survey.Chain
	if b, err := os.ReadFile(filepath.Join(dir, "chain")); err == nil {
		if err := chain.UnmarshalText(b); err != nil {
			return nil, err
		}
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{
		Kiosk: "k-child", Chain: chain, Reserve: dir, Segment: segment, Ballast: -1, Full: 1, Spare: scarce + 1,
		Space: func(string) journal.Space { return journal.Space{Free: free, Total: 100} },
	})
	if err == nil && chain.IsZero() {
		err = keepChain(dir, j.Chain())
	}
	return j, err
}

// keepChain remembers the chain beside the journal.
func keepChain(dir string, chain survey.Chain) error {
	f, err := os.Create(filepath.Join(dir, "chain"))
	if err != nil {
		return err
	}
	_, err = f.WriteString(chain.String())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func pressChild(j *journal.Journal, key string) error {
	d := survey.Draft{
		Nonce: survey.KeyNonce(key),
		Response: survey.Response{
			Questionnaire: survey.Hash{1}, Answers: []survey.Answer{{Question: "Z0", Level: 4}}, Channel: survey.Touch, Stage: survey.Result, Counter: "Q-1",
		},
	}
	if withTicket(key) {
		d.Response.Channel, d.Response.Ticket = survey.QR, ticketOf(key)
	}
	e, _, err := j.Append(context.Background(), d)
	if err == nil {
		fmt.Println("thanked", key, e.ID)
	}
	return err
}

// withTicket reports whether a press is made with a ticket, as at a gateway: the ticket's
// number is then what the journal knows the press by.
func withTicket(key string) bool {
	return !strings.HasPrefix(key, "built-") || strings.HasSuffix(key, "5")
}

func ticketOf(key string) *survey.UsedTicket {
	return &survey.UsedTicket{Class: survey.ScreenTicket, ID: survey.TicketID(survey.KeyNonce(key)), Visit: survey.Visit{1}}
}

// spent checks that the journal still knows by which ticket a press was made: another form
// with that ticket is refused by this alone.
func spent(e survey.Entry, key string) error {
	if t := e.Response.Ticket; withTicket(key) != (t != nil) || t != nil && *t != *ticketOf(key) {
		return fmt.Errorf("the press %s is kept with the ticket %v", key, t)
	}
	return nil
}

func pressMany(j *journal.Journal, name string, n int) error {
	for i := range n {
		_, before := j.Segments()
		if err := pressChild(j, fmt.Sprint(name, i)); err != nil {
			return err
		}
		if _, now := j.Segments(); now != before {
			fmt.Println("sealed", now-1)
		}
	}
	return nil
}

// awaitWord waits until the test says to go on.
func awaitWord() error {
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

func buildJournal(dir string) error {
	j, err := openChild(dir, 90, smallSegment)
	if err != nil {
		return err
	}
	return errors.Join(pressMany(j, "built-", builtPresses), j.Close())
}

// breakJournal loses one record in the middle of a segment, in both of its files.
func breakJournal(dir string) error {
	if err := buildJournal(dir); err != nil {
		return err
	}
	db, log := filepath.Join(dir, "journal", "000002.db"), filepath.Join(dir, "journal", "000002.log")
	info, err := os.Stat(db)
	if err == nil {
		err = overwritten(db, 0, make([]byte, info.Size()))
	}
	return errors.Join(err, overwritten(log, smallSegment/2, []byte("hỏng")))
}

// overwritten writes bytes into a file, durably.
func overwritten(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, at)
	return errors.Join(err, f.Sync(), f.Close())
}

func saveJournal(dir string) error {
	if err := awaitWord(); err != nil {
		return err
	}
	j, err := openChild(dir, 90, smallSegment)
	if err != nil {
		return err
	}
	fmt.Println("rescued")
	return j.Close()
}

// sealSegment ends without closing the journal.
func sealSegment(dir string) error {
	j, err := openChild(dir, 90, smallSegment)
	if err != nil {
		return err
	}
	if err := pressMany(j, "built-", sealAfter); err != nil {
		return err
	}
	if err := awaitWord(); err != nil {
		return err
	}
	return pressMany(j, "seal-", sealPresses)
}

// pressAgain presses what sealSegment may have pressed, seals nothing, and ends without
// closing the journal.
func pressAgain(dir string) error {
	j, err := openChild(dir, 90, bigSegment)
	if err != nil {
		return err
	}
	if err := errors.Join(pressMany(j, "built-", sealAfter), pressMany(j, "seal-", 1)); err != nil {
		return err
	}
	return awaitWord()
}

// pressBlock ends without closing the journal.
func pressBlock(dir string) error {
	j, err := openChild(dir, 90, bigSegment)
	if err != nil {
		return err
	}
	for i := range manyPresses {
		if i == manyBefore {
			if err := awaitWord(); err != nil {
				return err
			}
		}
		if err := pressChild(j, fmt.Sprint("many-", i)); err != nil {
			return err
		}
	}
	fmt.Println("reserved")
	return nil
}

// sayDeclared opens a journal that begins with a new chain.
func sayDeclared(dir string) error {
	j, err := openChild(dir, 90, bigSegment)
	if err != nil {
		return err
	}
	declares, err := printDeclared(j)
	if err == nil && !declares {
		err = errors.New("it declares nothing")
	}
	return errors.Join(err, j.Close())
}

// printDeclared says what a chain declares that follows another; false if it follows none.
func printDeclared(j *journal.Journal) (bool, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return false, err
	}
	b, err := j.Batch(1, 0, 1, 1<<16, "k-child", key)
	if err != nil || b == nil {
		return false, err
	}
	s, err := b.Records[0].Succession()
	if err != nil {
		return false, nil
	}
	fmt.Println("declared", s.Predecessor, s.Last, s.Reserved, s.Salvaged)
	return true, nil
}

func pruneSegments(dir string) error {
	j, err := openChild(dir, scarce, smallSegment)
	if err != nil {
		return err
	}
	if err := awaitWord(); err != nil {
		return err
	}
	hash, err := j.HashAt(backedUpTo)
	if err != nil {
		return err
	}
	fmt.Println("backed", backedUpTo)
	if err := j.Backed(j.Chain(), custody.Head{Sequence: backedUpTo, Hash: hash}); err != nil {
		return err
	}
	for end := time.Now().Add(2 * pruneWithin); ; time.Sleep(20 * time.Millisecond) {
		if oldest, _ := j.Segments(); oldest > 2 {
			fmt.Println("let go", oldest)
			return j.Close()
		}
		if j.Err() != nil {
			return j.Err()
		}
		if time.Now().After(end) {
			return errors.New("nothing was let go")
		}
	}
}

// pruneWithin is how long after it was opened a journal first thinks of what can go.
const pruneWithin = 3 * time.Second

// checkJournal opens the journal, asks for every key that there may be, presses once more
// and looks, when it is closed, at both files of each segment.
func checkJournal(dir string) error {
	j, err := openChild(dir, 90, smallSegment)
	if err != nil {
		return err
	}
	for _, name := range []string{"built-", "seal-", "many-"} {
		for i := range manyPresses {
			key := fmt.Sprint(name, i)
			e, ok, err := j.Find(survey.KeyNonce(key))
			if ok {
				err = spent(e, key)
				fmt.Println("found", key, e.ID)
			}
			if err != nil {
				return errors.Join(err, j.Close())
			}
		}
	}
	err = pressChild(j, "after")
	if oldest, _ := j.Segments(); err == nil && oldest == 1 { // nothing was let go
		_, err = printDeclared(j)
	}
	if err := errors.Join(err, j.Close()); err != nil {
		return err
	}
	holding, err := journal.Inspect(filepath.Join(dir, "journal"), journal.Options{Reserve: dir})
	if err != nil {
		return err
	}
	for _, f := range holding.Segments {
		if f.Fault != nil {
			return fmt.Errorf("segment %d: %w", f.Number, f.Fault)
		}
	}
	for i := range holding.Chains {
		h := &holding.Chains[i]
		fmt.Println("kept", h.Chain, h.Kept, h.Last(), h.Missing())
	}
	return nil
}
