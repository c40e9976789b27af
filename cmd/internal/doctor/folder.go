package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hailong/kiosk/identity"
)

// issuedFiles is the pattern of the files of numbers that a kiosk's journal has set aside.
const issuedFiles = "issued-*"

// belongings are what lies in a program's data folder, as patterns of names. One of them
// is enough to tell whose folder it is.
var belongings = map[Part][]string{
	Kiosk:      {identity.FirstCopy, identity.SecondCopy, identity.JournalFolder, issuedFiles, "diary.jsonl"},
	Aggregator: {storeFile, stateFile, keyFile, tokenFile, natsFolder, backupFolder},
}

// Owner says whose data folder a folder is by what lies in it: [Kiosk], [Aggregator], or
// "" where nothing tells.
func Owner(dir string) Part {
	for _, part := range []Part{Kiosk, Aggregator} {
		if holds(dir, belongings[part]...) {
			return part
		}
	}
	return ""
}

// Reserved reports whether a kiosk's journal has set numbers aside in a folder: that kiosk
// has recorded.
func Reserved(dir string) bool { return holds(dir, issuedFiles) }

// holds reports whether something in a folder has a name of one of these patterns.
func holds(dir string, patterns ...string) bool {
	entries, _ := os.ReadDir(dir) // one that cannot be read shows nothing
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			is, _ := filepath.Match(pattern, e.Name()) // the patterns are good ones
			return is
		})
	})
}

// folder looks at what concerns any data folder: whether it is one of the program that is
// being looked at, and the disk below it. It reports whether there is more to look at.
func (e *exam) folder(dir string, full, spare uint64) bool {
	whose := map[Part]struct{ vi, en, option string }{
		Kiosk:      {"thiết bị", "a kiosk", "--kiosk"},
		Aggregator: {"trung tâm", "an aggregator", "--aggregator"},
	}
	mine := whose[e.part]
	name := words(fmt.Sprintf("nêu đúng thư mục data của %s: %s THƯ_MỤC", mine.vi, mine.option), fmt.Sprintf("name the data folder of %s: %s DIR", mine.en, mine.option))
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		e.bad("folder", words("không có thư mục "+dir, "there is no folder "+dir), name)
		return false
	case err != nil:
		e.cannot("folder", err)
		return false
	case !info.IsDir():
		e.bad("folder", words(dir+" không phải một thư mục", dir+" is no folder"), name)
		return false
	}
	owner := Owner(dir)
	if other := whose[owner]; owner != "" && owner != e.part && !holds(dir, belongings[e.part]...) {
		e.bad("folder", words(fmt.Sprintf("%s là thư mục dữ liệu của %s, không phải của %s", dir, other.vi, mine.vi), fmt.Sprintf("%s is the data folder of %s, not of %s", dir, other.en, mine.en)),
			words(fmt.Sprintf("gõ: hailong doctor %s %s", other.option, dir), fmt.Sprintf("type: hailong doctor %s %s", other.option, dir)))
		return false
	}
	e.syncTime(dir)
	e.fileSystem(dir)
	e.room(dir, full, spare)
	if owner == "" {
		e.warn("folder", words(fmt.Sprintf("%s chưa có gì của %s: chương trình chưa chạy ở đây lần nào, hoặc đây là thư mục khác", dir, mine.vi), fmt.Sprintf("%s holds nothing of %s: the program has never run here, or this is another folder", dir, mine.en)), name)
	}
	return owner != ""
}
