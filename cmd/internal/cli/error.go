package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"hailong/survey"
)

// The exit codes other than 0, done.
const (
	failed = 1
	usage  = 2
)

// Error is why a command did not do its work, in both languages.
type Error struct {
	Vi, En string
	Code   int   // exit code; 0 means 1, failed
	Err    error // the cause, if there is one
}

// Text is the message in one language.
func (e *Error) Text(lang survey.Lang) string {
	if lang == survey.Vietnamese {
		return e.Vi
	}
	return e.En
}

// Error is the message in English.
func (e *Error) Error() string { return e.En }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the program's exit code.
func (e *Error) ExitCode() int { return max(e.Code, failed) }

// plainly says in both languages what an operating system says in English.
func plainly(err error) (vi, en string) {
	var dns *net.DNSError
	timed := (interface{ Timeout() bool })(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "không có ở đó", "it is not there"
	case errors.Is(err, fs.ErrPermission):
		return "không được phép; hãy chạy bằng tài khoản được phép, hoặc root", "that is not allowed; run this as a user who may, or as root"
	case errors.Is(err, syscall.EISDIR):
		return "đó là một thư mục, cần một tệp", "it is a folder, and a file is needed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "không có chương trình nào nhận kết nối ở đó", "no program takes connections there"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "không có máy nào tên " + dns.Name, "there is no machine called " + dns.Name
	case errors.As(err, &timed) && timed.Timeout():
		return "không trả lời trong thời gian chờ", "it did not answer in time"
	}
	return err.Error(), err.Error()
}

// unreadable says that a file cannot be read, and why.
func unreadable(path string, err error) *Error {
	vi, en := plainly(err)
	return &Error{Vi: fmt.Sprintf("không đọc được %s: %s", path, vi), En: fmt.Sprintf("%s cannot be read: %s", path, en), Err: err}
}

// interrupted says that the command was told to stop.
func interrupted(err error) *Error {
	return &Error{Vi: "đã dừng theo yêu cầu", En: "interrupted", Err: err}
}
