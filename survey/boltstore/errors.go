package boltstore

import (
	"errors"

	"hailong/survey"
)

// ErrLocked says that another program has the store's file open. It is a
// [survey.Problem], so it has its words in both languages.
var ErrLocked error = survey.Problem{
	Path: "data",
	Vi:   "thư mục dữ liệu đang bị một chương trình khác khóa; hãy dừng chương trình đó, hoặc chọn thư mục khác",
	En:   "the data folder is locked by another program; stop that one, or choose another folder",
}

// ErrFailed says that a commit failed, so that it is not known what the disk holds.
// The store takes nothing more: close it, open it anew, and repeat the call.
var ErrFailed = errors.New("the store could not be written and must be opened anew")

// errDamaged is the start of every error about a file that contradicts itself.
var errDamaged = errors.New("the store's file is damaged")
