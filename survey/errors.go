package survey

import "errors"

// ErrNoInvitation says that a one-time code opens nothing: it is not known, was used
// before, or has expired. Which of them it is stays untold, so that codes cannot be
// guessed by the answer.
var ErrNoInvitation = errors.New("this one-time code is unknown, used up or expired")
