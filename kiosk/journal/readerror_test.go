package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

// A read that fails means damage, unless it says only that the program may not read, and
// then it says what to do, in both languages.
func TestWhatAFailedReadMeans(t *testing.T) {
	for _, c := range []struct {
		err     error
		damaged bool
	}{
		{syscall.EIO, true}, {syscall.ENXIO, true}, {io.ErrNoProgress, true},
		{syscall.EACCES, false}, {syscall.EPERM, false}, {syscall.EROFS, false}, {syscall.EMFILE, false}, {syscall.ENFILE, false}, {syscall.ENOMEM, false},
	} {
		err := unread("x.log", &fs.PathError{Op: "read", Path: "x.log", Err: c.err})
		if errors.Is(err, ErrDamaged) != c.damaged || !errors.Is(err, c.err) {
			t.Errorf("%v means %v", c.err, err)
		}
		var advice survey.Problem
		if !c.damaged && (!errors.As(err, &advice) || !strings.Contains(advice.Text(survey.Vietnamese), "quyền đọc") || !strings.Contains(err.Error(), "LimitNOFILE")) {
			t.Errorf("%v: nobody is told what to do: %v", c.err, err)
		}
	}
	for _, err := range []error{nil, io.EOF, fs.ErrNotExist} {
		if got := unread("x.log", err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// badBlock is a file of which the bytes from at on cannot be read.
type badBlock struct {
	io.ReaderAt
	at int64
}

func (b badBlock) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) <= b.at {
		return b.ReaderAt.ReadAt(p, at)
	}
	n, err := b.ReaderAt.ReadAt(p[:max(0, b.at-at)], at)
	if err == nil {
		err = unread("x.log", syscall.EIO)
	}
	return n, err
}

// The records before a bad block are read, wherever it is, and what cannot be read is
// never taken for the end of the log, nor for zeros.
func TestALogIsReadUpToItsBadBlock(t *testing.T) {
	log, records := smallLog(3)
	log = append(log, make([]byte, 100)...)
	ends := []int{logHeader}
	for _, r := range records {
		ends = append(ends, ends[len(ends)-1]+frameHeader+len(r.Bytes))
	}
	for at := range ends[3] + frameHeader {
		seen := 0
		s, err := scanLog(badBlock{bytes.NewReader(log), int64(at)}, func(*custody.Record) error { seen++; return nil })
		want := max(0, slices.IndexFunc(append(ends, len(log)), func(end int) bool { return end > at })-1)
		if !errors.Is(err, ErrDamaged) || !errors.Is(err, syscall.EIO) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if seen != want || at >= logHeader && s.size != int64(ends[want]) {
			t.Fatalf("byte %d: %d records to byte %d, want %d to %d", at, seen, s.size, want, ends[want])
		}
	}
	if zeros, err := onlyZeros(badBlock{bytes.NewReader(log), int64(ends[3]) + 50}, int64(ends[3]), int64(len(log))); zeros && err == nil || !errors.Is(err, ErrDamaged) {
		t.Errorf("only zeros: %v, %v", zeros, err)
	}
	if zeros, err := onlyZeros(bytes.NewReader(log), int64(ends[3]), int64(len(log))); !zeros || err != nil { // the control
		t.Errorf("only zeros: %v, %v", zeros, err)
	}
}

// Where the zeros at a log's end begin is found however much lies before them.
func TestTheEndOfALogsData(t *testing.T) {
	const from, piece = 100, 1 << 20
	for _, data := range []int{0, 1, piece, piece + 1} {
		for _, zeros := range []int{0, 1, piece} {
			b := append(bytes.Repeat([]byte{0}, from), make([]byte, data+zeros)...)
			if data > 0 {
				b[from+data-1] = 1
			}
			if end, err := endOfData(bytes.NewReader(b), from, int64(len(b))); err != nil || end != int64(from+data) {
				t.Errorf("%d bytes and %d zeros: the data ends at %d, %v", data, zeros, end-from, err)
			}
		}
	}
	if _, err := endOfData(bytes.NewReader(nil), from, from+maxCarve+1); !errors.Is(err, ErrDamaged) {
		t.Errorf("more than any journal writes: %v", err)
	}
}
