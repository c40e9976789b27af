package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/disk"
)

// Somebody may put another box's journal into this one's folder. It is not written, not
// mended and not read for records: it goes out of the folder as it is.

// owner says who wrote a bbolt file. The zero owner is not known.
type owner struct {
	kiosk survey.KioskID
	chain survey.Chain
}

// whose reads who wrote a bbolt file, without changing it.
func whose(path string) (by owner, err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return owner{}, err
	}
	db, err := openDB(path, true)
	if err != nil {
		return owner{}, err
	}
	err = (&segment{db: db}).view(func(tx *bbolt.Tx) error {
		kiosk, o, err := readOrigin(tx)
		by = owner{kiosk, o.chain}
		return err
	})
	return by, errors.Join(err, db.Close())
}

// whose reads who wrote a bbolt file, as far as it can be read: in a child process, if
// something in the folder is deadly.
func (j *Journal) whose(path string) (by owner) {
	if j.opts.Child == nil || j.was == closed || j.was == opening {
		by, _ = whose(path) // what is wrong with it is met again when it is opened
		return by
	}
	ctx, cancel := context.WithTimeout(context.Background(), childWait)
	defer cancel()
	out, err := j.opts.Child(ctx, childWhose, path).Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) && ctx.Err() == nil { // there is no child: too many processes, or the program is gone
		by, _ = whose(path)
		return by
	}
	kiosk, chain, _ := bytes.Cut(bytes.TrimSpace(out), []byte(" "))
	if err != nil || by.chain.UnmarshalText(chain) != nil {
		return owner{}
	}
	by.kiosk = survey.KioskID(kiosk)
	return by
}

// isForeign reports whether another kiosk wrote a file. The name has no checksum: where it
// is another one's and the chain is this kiosk's, the file is damaged.
func (j *Journal) isForeign(o owner) bool {
	return o.kiosk != "" && o.kiosk != j.opts.Kiosk && !j.isOwn(o.chain)
}

// isOwn reports whether a chain is the one that the identity remembers, or one that the
// lineage leads to from there. A kiosk that remembers none has none, whatever lies in its
// folders from the one that was there before it.
func (j *Journal) isOwn(chain survey.Chain) bool {
	lineage, _ := j.readLineage() // what cannot be read says nothing
	own := map[survey.Chain]bool{j.opts.Chain: true}
	for range lineage { // however they are ordered
		for _, d := range lineage {
			if before := d.Succession.Predecessor; own[d.Chain] || own[before] {
				own[d.Chain], own[before] = true, true
			}
		}
	}
	return own[chain]
}

// foreignFolder is the beginning of the names of the folders, beside the journal's own,
// that hold other kiosks' journals.
func foreignFolder(dir string) string { return filepath.Clean(dir) + ".foreign-" }

// sendAway moves the files of another kiosk's journal out of the folder, unaltered. why
// says whose they were; nil = there were none.
func (j *Journal) sendAway() (why, err error) {
	other, names, err := j.foreign()
	if other.kiosk == "" || err != nil {
		return nil, err
	}
	to := j.asideOf(foreignFolder(j.dir))
	if err := disk.MakeFolder(to); err != nil { // there for good before anything is moved into it
		return nil, fmt.Errorf("set the journal of kiosk %s aside: %w", other.kiosk, err)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(j.dir, name), filepath.Join(to, name)); err != nil {
			return nil, fmt.Errorf("set the journal of kiosk %s aside: %w", other.kiosk, err)
		}
	}
	if err := errors.Join(disk.SyncFolder(to), disk.SyncFolder(j.dir), disk.SyncFolder(filepath.Dir(to))); err != nil {
		return nil, err
	}
	j.opts.OnEvent(survey.Words{
		survey.Vietnamese: fmt.Sprintf("trong thư mục nhật ký có nhật ký của thiết bị khác: %s, còn thiết bị này là %s; đã để riêng nguyên vẹn, không sửa gì, thành thư mục %s cạnh thư mục nhật ký",
			other.kiosk, j.opts.Kiosk, filepath.Base(to)),
		survey.English: fmt.Sprintf("the journal's folder held the journal of another kiosk: %s, and this kiosk is %s; it was set aside unaltered as the folder %s beside the journal's",
			other.kiosk, j.opts.Kiosk, filepath.Base(to)),
	})
	return fmt.Errorf("%w: its folder held the journal of kiosk %s, and this kiosk is %s", ErrDamaged, other.kiosk, j.opts.Kiosk), nil
}

// owned is a bbolt file of the folder, and who wrote it.
type owned struct {
	name string
	by   owner
}

// owners says of each segment's bbolt file who wrote it.
func (j *Journal) owners() (list []owned, err error) {
	numbers, err := numbersIn(j.dir)
	for _, n := range numbers {
		list = append(list, owned{dbName(n), j.whose(filepath.Join(j.dir, dbName(n)))})
	}
	return list, err
}

// Foreign is another kiosk whose journal, or a part of one, lies in the folder; "" = none is
// known. It is told from what a start of this kiosk would tell it from: its name, and the
// chain that its identity remembers.
func (h *Holding) Foreign(kiosk survey.KioskID, chain survey.Chain) survey.KioskID {
	j := &Journal{opts: Options{Kiosk: kiosk, Chain: chain, Reserve: h.reserve}}
	for _, f := range h.owners {
		if j.isForeign(f.by) {
			return f.by.kiosk
		}
	}
	return ""
}

// Own reports whether a chain is one that the identity remembers, comes before it or after
// it, or stands in a file that names this kiosk. An identity that remembers none says
// nothing against any. A log does not name its kiosk: of a chain that is not this one's
// nobody can say whose it is.
func (h *Holding) Own(chain survey.Chain, kiosk survey.KioskID, remembered survey.Chain) bool {
	return remembered.IsZero() || chain == remembered ||
		slices.Contains(h.haul.before(chain), remembered) || slices.Contains(h.haul.before(remembered), chain) ||
		slices.ContainsFunc(h.owners, func(f owned) bool { return f.by == owner{kiosk, chain} })
}

// foreign finds another kiosk's segments in the folder, and the names of what must go:
// their files, or, where nothing else of a journal lies there, all that lies beside them.
// The bbolt files, which tell whose they are, go last: it may be stopped at any moment.
func (j *Journal) foreign() (other owner, names []string, err error) {
	files, err := j.owners()
	if err != nil {
		return owner{}, nil, err
	}
	chains := map[survey.Chain]bool{}
	var dbs []string
	for _, f := range files {
		if j.isForeign(f.by) {
			other, chains[f.by.chain] = f.by, true
			dbs = append(dbs, f.name)
		}
	}
	if len(dbs) == 0 {
		return owner{}, nil, nil
	}
	whole, err := j.allForeign(chains)
	if err != nil {
		return owner{}, nil, err
	}
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return owner{}, nil, fmt.Errorf("look into the journal's folder: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		log := strings.HasSuffix(name, ".log") && chains[chainOf(filepath.Join(j.dir, name))]
		if (log || whole && !stays(name, chains)) && !slices.Contains(dbs, name) {
			names = append(names, name)
		}
	}
	return other, append(names, dbs...), nil
}

// stays reports whether a file is this kiosk's, or nobody's, whoever's journal lies in the
// folder. Small files are named by what they hold and its chain.
func stays(name string, foreign map[survey.Chain]bool) bool {
	kind, of, _ := strings.Cut(name, "-")
	switch kind {
	case lockFile, stateFile, ballastFile, lineageFile: // and not rescueFile: it guards the other's chain
		return true
	case issuedFile, goneFile, strandedFile:
		for chain := range foreign {
			if chain.String()[:8] == of {
				return false
			}
		}
		return true
	}
	return false
}

// allForeign reports whether every file of a journal, also in the folders where damaged
// ones lie, is another kiosk's. What does not tell may be this one's.
func (j *Journal) allForeign(chains map[survey.Chain]bool) (all bool, err error) {
	all = true
	err = filepath.WalkDir(j.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() || !all:
		case strings.Contains(d.Name(), ".log"):
			all = chains[chainOf(path)] || strings.Contains(d.Name(), ".log.cut-")
		case strings.Contains(d.Name(), ".db"):
			all = j.isForeign(j.whose(path))
		}
		return err
	})
	return all, err
}

// chainOf is the chain that a log says it holds; zero if it does not say it.
func chainOf(path string) survey.Chain {
	f, err := os.Open(path)
	if err != nil {
		return survey.Chain{}
	}
	defer func() { _ = f.Close() }() // it is only read
	o, err := readLogHeader(f)
	if err != nil {
		return survey.Chain{}
	}
	return o.chain
}
