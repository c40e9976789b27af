package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	bbolterrors "go.etcd.io/bbolt/errors"

	"hailong/survey"
)

// A read that fails is damage like any other: a card's bad block never comes back. But
// what keeps this program from reading at all says nothing about the file.

// hindered reports whether an error says only that the program may not, or cannot now,
// read a file: rights, open files, memory, another program's lock.
func hindered(err error) bool {
	for _, is := range []error{
		fs.ErrPermission, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, bbolterrors.ErrTimeout,
	} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// hindrance says what to do where the program is kept from reading a file.
func hindrance(path, said string) error {
	return survey.Problem{
		Path: filepath.Base(path), Value: said,
		Vi: "hệ thống không cho đọc tệp này, nên chưa biết tệp có hỏng không; tệp chưa bị sửa. Hãy cho người dùng chạy chương trình quyền đọc và ghi tệp (chown, chmod), tăng số tệp được mở cùng lúc (LimitNOFILE), hoặc dừng chương trình khác đang mở tệp",
		En: "the system does not let this program read the file, so it is not known whether it is damaged, and it was left as it is. Give the program's user the right to read and write it (chown, chmod), let it open more files (LimitNOFILE), or stop the other program that has it open",
	}
}

// unread is what an error of reading the file at path means: damage, or what to do where
// the program is kept from reading. The end of a file, and one that is not there, are
// neither.
func unread(path string, err error) error {
	switch {
	case err == nil, err == io.EOF, errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrDamaged):
		return err
	case hindered(err):
		return fmt.Errorf("%w: %w", hindrance(path, err.Error()), err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, faultUnread, err)
}

// source reads a file of the journal. Its errors are those of unread.
type source struct{ f *os.File }

// Read implements [io.Reader].
func (s source) Read(b []byte) (int, error) {
	n, err := s.f.Read(b)
	return n, unread(s.f.Name(), err)
}

// ReadAt implements [io.ReaderAt].
func (s source) ReadAt(b []byte, at int64) (int, error) {
	n, err := s.f.ReadAt(b, at)
	return n, unread(s.f.Name(), err)
}

// block4K is the least that a disk reads, in bytes.
const block4K = 4096

// readPast reads a file to be salvaged, as far as the disk can: zeros stand for the blocks
// that it cannot read. Of a file larger than any of the journal's it reads nothing.
func readPast(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err = unread(path, err); errors.Is(err, ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	info, err := f.Stat()
	if err != nil || info.Size() > maxCarve {
		return nil, err
	}
	b := make([]byte, info.Size())
	for at := int64(0); at < int64(len(b)); at = (at/block4K + 1) * block4K {
		n, err := source{f}.ReadAt(b[at:], at)
		if err == nil || ends(err) {
			break
		}
		if !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		at += int64(n)
	}
	return b, nil
}
