//go:build linux

package fault

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"go.etcd.io/bbolt"
)

// badBlocks is a disk of which some blocks cannot be read. A renamed file takes its bad
// blocks with it.
type badBlocks struct {
	*face
	mu    sync.Mutex       // protects what follows
	bad   map[NodeID]int64 // a byte in the block that is bad
	err   syscall.Errno    // the answer to who reads it
	asked int              // reads that got that answer
}

// Read is the disk's, where it can be read.
func (b *badBlocks) Read(cancel <-chan struct{}, in *fuse.ReadIn, out []byte) (fuse.ReadResult, fuse.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, to := int64(in.Offset), int64(in.Offset)+int64(in.Size)
	if at, is := b.bad[NodeID(in.NodeId)]; is && from <= at && at < to {
		b.asked++
		return nil, fuse.Status(b.err)
	}
	return b.face.Read(cancel, in, out)
}

// spoil mounts the disk anew, with a bad block in each of some files, where byte at is.
func (m *mounted) spoil(err syscall.Errno, at int64, paths ...string) *badBlocks {
	m.t.Helper()
	b := &badBlocks{face: newFace(m.disk.Volume()), bad: map[NodeID]int64{}, err: err}
	for _, p := range paths {
		id := Root
		for _, name := range strings.Split(p, "/") {
			i, errno := b.volume.Lookup(id, name)
			if errno != 0 {
				m.t.Fatalf("%s: %v", p, errno)
			}
			id = i.ID
		}
		b.bad[id] = at
	}
	m.detach()
	fd, e := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if e != nil {
		m.t.Fatal(e)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d", fd, fuse.MAX_KERNEL_WRITE)
	if e := syscall.Mount("bad", m.path, "fuse.bad", syscall.MS_NOSUID|syscall.MS_NODEV, options); e != nil {
		m.t.Fatal(e)
	}
	server, e := fuse.NewServer(b, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		MaxWrite: fuse.MAX_KERNEL_WRITE, DisableReadDirPlus: true, DisableXAttrs: true, IgnoreSecurityLabels: true,
	})
	if e != nil {
		m.t.Fatal(e)
	}
	go server.Serve()
	m.refusePolls()
	return b
}

// mend makes all blocks good again, and says how many reads met a bad one.
func (b *badBlocks) mend() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.bad)
	return b.asked
}

// newest are the paths on the disk of the newest segment's bbolt file and log.
func newest(d *Disk) (db, log string) {
	for _, p := range slices.Sorted(maps.Keys(d.Files())) {
		switch ok, _ := path.Match("data/journal/??????.*", p); {
		case ok && strings.HasSuffix(p, ".db"):
			db = p
		case ok && strings.HasSuffix(p, ".log"):
			log = p
		}
	}
	return db, log
}

// A block that the card cannot read any more is damage like any other: the file goes
// aside and is made anew from its twin, and where there is no twin, what can still be
// read is salvaged. The kiosk is not out of service for it.
func TestABadBlockIsDamageLikeAnyOther(t *testing.T) {
	needRoot(t, "/dev/fuse")
	for i, c := range []struct {
		which string
		at    int64
	}{{"log", 5000}, {"both", 5000}, {"bbolt", inUse}, {"log", 0}, {"bbolt", 0}} {
		if testing.Short() && i > 1 {
			continue
		}
		name := fmt.Sprintf("%s at byte %d", c.which, c.at)
		if c.at == inUse {
			name = c.which + " in a page of records"
		}
		t.Run(name, func(t *testing.T) {
			if r := badBlock(t, uint64(i+1), c.which, c.at); len(r.Violations) > 0 {
				t.Error(r.Violations)
			}
		})
	}
}

// inUse stands for the place of a page that bbolt uses: nobody reads the others.
const inUse = -1

// pageInUse is the place of a page of records in a bbolt file that nobody has open.
func pageInUse(t *testing.T, path string) int64 {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := copyFile(path, copied); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(copied, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var at int64
	if err := db.View(func(tx *bbolt.Tx) error {
		for id := 2; ; id++ {
			p, err := tx.Page(id)
			if err != nil || p == nil {
				return err
			}
			if p.Type == "leaf" {
				at = int64(id) * int64(db.Info().PageSize)
			}
		}
	}); err != nil || at == 0 {
		t.Fatalf("no page in use is found: %v", err)
	}
	return at
}

func badBlock(t *testing.T, seed uint64, which string, at int64) Result {
	m, data := onDisk(t, DiskOptions{})
	s := newStage(t, seed, SiteOptions{KioskData: []string{data}})
	s.while(300 * time.Millisecond)
	s.crowd.Stop()
	s.resolve()
	s.settled() // the crowd's comments, too, which the log does not hold
	s.Centre.Process.Kill()
	for n := range 60 {
		s.thanked(fmt.Sprint("unsent-", n)) // nobody else has them
	}
	k := s.Kiosks[0]
	k.Process.Kill()
	db, log := newest(m.disk)
	if at == inUse {
		at = pageInUse(t, filepath.Join(m.path, db))
	}
	bad := m.spoil(syscall.EIO, at, map[string][]string{"bbolt": {db}, "log": {log}, "both": {db, log}}[which]...)
	s.again(s.Centre)
	s.again(k)
	s.press("after")
	if bad.mend() == 0 {
		t.Error("nobody met the bad block")
	}
	if !strings.Contains(k.Process.Said(), "để riêng") {
		t.Error("the kiosk does not say what it put aside")
	}
	r := s.calm()
	t.Logf("%d thanked, %d in a declared loss, sent after %s", r.Thanked, r.Declared, r.Recovered)
	if which != "both" && r.Declared > 0 {
		t.Errorf("%d presses are declared lost, and the twin was whole", r.Declared)
	}
	return r
}

// What keeps the program from reading is no damage: nothing is touched, and with the
// hindrance gone everything is there.
func TestWhatMayNotBeReadIsNotDamaged(t *testing.T) {
	needRoot(t, "/dev/fuse")
	for _, err := range []syscall.Errno{syscall.EACCES, syscall.EMFILE} {
		m, dir := onDisk(t, DiskOptions{})
		said := finished(t, journalBuild, dir)
		if err := os.WriteFile(filepath.Join(dir, "journal", "state"), []byte("opened"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, log := newest(m.disk)
		bad := m.spoil(err, 0, log)
		r := startJournal(t, journalCheck, dir)
		r.end(t)
		if asked := bad.mend(); r.process.cmd.ProcessState.ExitCode() == 0 || asked == 0 {
			t.Errorf("%v: it opened, after %d refused reads", err, asked)
		}
		for p := range m.disk.Files() {
			if strings.Contains(p, "damaged-") {
				t.Errorf("%v: %s", err, p)
			}
		}
		if !strings.Contains(r.process.Said(), "LimitNOFILE") {
			t.Errorf("%v: it does not say what to do: %s", err, r.process.Said())
		}
		again := finished(t, journalCheck, dir)
		if n := len(lines(again, "found")); n != len(lines(said, "thanked")) {
			t.Errorf("%v: %d presses are found after it", err, n)
		}
		m.drop()
	}
}
