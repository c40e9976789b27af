package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	entries, _ := os.ReadDir(dir) // one that cannot be read shows nothing: who asks looks at that first
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
	if _, err := os.ReadDir(dir); err != nil { // what it holds, and whose it is, nobody can say
		e.cannot("folder", err)
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
		return false
	}
	e.owners(dir)
	return true
}

// strangersNamed is how many files of another user are named.
const strangersNamed = 3

// owners looks whether all that is in a data folder belongs to the folder's own user: the
// files are their owner's alone, so the program cannot use one of somebody else's.
func (e *exam) owners(dir string) {
	folder, err := os.Stat(dir)
	if err != nil {
		return // it is told elsewhere
	}
	own, known := ownerOf(folder)
	if !known {
		return
	}
	var strangers []string
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be looked at is told elsewhere; what is gone was being made
		}
		if name == "lost+found" && entry.IsDir() { // the disk's own, where the folder is a whole disk
			return fs.SkipDir
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil
		}
		if its, _ := ownerOf(info); its != own {
			strangers = append(strangers, fmt.Sprintf("%s: %s", name, userName(its)))
		}
		return nil
	})
	if len(strangers) == 0 {
		return
	}
	list := strings.Join(strangers[:min(len(strangers), strangersNamed)], ", ")
	if len(strangers) > strangersNamed {
		list += ", …"
	}
	e.warn("permissions", words(fmt.Sprintf("%d tệp hoặc thư mục không cùng chủ với thư mục dữ liệu, %s (%s): chương trình có thể không mở được", len(strangers), userName(own), list),
		fmt.Sprintf("files or folders of another user than the data folder's, %s: %d (%s); the program may not be able to open them", userName(own), len(strangers), list)),
		words(fmt.Sprintf("giao cả thư mục cho tài khoản chạy chương trình; nếu đó là %[1]s: chown -R %[1]s %[2]s", userName(own), dir),
			fmt.Sprintf("give the whole folder to the user who runs the program; if that is %[1]s: chown -R %[1]s %[2]s", userName(own), dir)))
}

// userName is a user's name, or the number where it has none, as users of systemd may.
func userName(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}
