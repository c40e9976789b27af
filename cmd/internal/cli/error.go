package cli

import "hailong/survey"

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
