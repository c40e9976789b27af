package fault

import (
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// blockSize is the unit in which a disk hands out room and in which unsynced content
// survives a cut, in bytes.
const blockSize = 4096

// NodeID names a file or folder of a [Disk]. Root is the topmost folder.
type NodeID uint64

// Root is the disk's topmost folder.
const Root NodeID = 1

// DiskOptions are the settings of a [Disk]. The zero DiskOptions are a strict disk
// without a limit.
type DiskOptions struct {
	// Limit is the most bytes that the files may take together, in whole blocks; holes
	// take none. 0 = no limit. Beyond it writes fail with ENOSPC.
	Limit int64
	// SyncTakes is how long each sync lasts.
	SyncTakes time.Duration
	// EntryWithFile makes the sync of a file keep its name as well, as ext4 does.
	// Without it a new, renamed or removed name is only kept by the sync of its folder,
	// which is all that POSIX promises.
	EntryWithFile bool
	// Thin makes the disk say that it has plenty of room until a write fails, as one does
	// whose room others take as well, or of which a quota gives a part.
	Thin bool
	// Lies are patterns as of [Disk.At], of the files and folders whose syncs say that they
	// are done and do nothing, as on some cheap cards and as with a program that does not
	// sync: for controls. "" = none, "*" = all.
	Lies string
}

// Disk is a tree of files in memory that knows two states of itself: what programs see,
// and what would be there after a power cut. A change of content becomes stable when
// its file is synced, a change of a name when its folder is.
//
// All work goes through a [Volume], which is one life of the disk from power-on to cut.
type Disk struct {
	mu      sync.Mutex // protects everything below
	options DiskOptions
	root    *node
	nodes   map[NodeID]*node
	last    NodeID
	serial  uint64 // of the last change
	used    int64  // blocks, in what programs see
	down    bool
	life    int
	full    int // writes that found no room
	points  []*Point
}

// NewDisk is an empty disk with its power on.
func NewDisk(o DiskOptions) *Disk {
	d := &Disk{options: o, nodes: map[NodeID]*node{}}
	d.root = d.newNode(nil, "", true, 0o755)
	return d
}

// node is a file or folder in both states.
type node struct {
	id     NodeID
	folder bool
	mode   uint32 // permission bits
	mtime  time.Time
	parent *node // what programs see; for paths
	name   string

	content, stable []byte           // of a file
	entries, kept   map[string]*node // of a folder: seen and stable
	taken           []bool           // a file's blocks that take room
	pending         []*change        // not yet stable, in order
}

func (d *Disk) newNode(parent *node, name string, folder bool, mode uint32) *node {
	d.last++
	n := &node{id: d.last, folder: folder, mode: mode, mtime: time.Now(), parent: parent, name: name}
	if folder {
		n.entries, n.kept = map[string]*node{}, map[string]*node{}
	}
	d.nodes[n.id] = n
	return n
}

// path is where programs see the node, from the root without a first slash.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	return path.Join(n.parent.path(), n.name)
}

// SetLimit changes how many bytes the files may take; 0 = no limit.
func (d *Disk) SetLimit(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.options.Limit = bytes
}

// Lie makes the syncs of some files do nothing from now on: see [DiskOptions].
func (d *Disk) Lie(patterns string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.options.Lies = patterns
}

// Full is how many writes have failed for want of room.
func (d *Disk) Full() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.full
}

// Used is how many bytes the files take, in whole blocks.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used * blockSize
}

// Volume is the present life of the disk.
func (d *Disk) Volume() *Volume {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Volume{d, d.life}
}

// Files are the paths and sizes of all files as programs see them.
func (d *Disk) Files() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := map[string]int64{}
	d.walk(d.root, func(n *node) {
		if !n.folder {
			list[n.path()] = int64(len(n.content))
		}
	})
	return list
}

func (d *Disk) walk(n *node, visit func(*node)) {
	visit(n)
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		d.walk(n.entries[name], visit)
	}
}

// resize sets a file's length, as programs see it, and frees room that it gives up.
func (d *Disk) resize(n *node, size int64) {
	if size <= int64(len(n.content)) {
		clear(n.content[size:])
		n.content = n.content[:size]
	} else {
		n.content = grown(n.content, size)
	}
	n.mtime = time.Now()
	blocks := int((size + blockSize - 1) / blockSize)
	for i := blocks; i < len(n.taken); i++ {
		if n.taken[i] {
			d.used--
		}
	}
	if blocks < len(n.taken) {
		n.taken = n.taken[:blocks]
	}
}

// grown is b made longer with zeros.
func grown(b []byte, size int64) []byte {
	if size <= int64(cap(b)) {
		return b[:size] // beyond its length a slice of ours holds zeros
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// take makes room for a write, or says that there is none.
func (d *Disk) take(n *node, offset, length int64) syscall.Errno {
	first, end := int(offset/blockSize), int((offset+length+blockSize-1)/blockSize)
	if end > len(n.taken) {
		n.taken = append(n.taken, make([]bool, end-len(n.taken))...)
	}
	need := int64(0)
	for _, t := range n.taken[first:end] {
		if !t {
			need++
		}
	}
	if d.options.Limit > 0 && need > 0 && (d.used+need)*blockSize > d.options.Limit {
		d.full++
		return syscall.ENOSPC
	}
	for i := first; i < end; i++ {
		n.taken[i] = true
	}
	d.used += need
	return 0
}

// release frees the room of a node that nobody can reach by a name any more. Its
// content stays for those who have it open.
func (d *Disk) release(n *node) {
	for i, t := range n.taken {
		if t {
			n.taken[i] = false
			d.used--
		}
	}
	n.taken = nil
}

// matches reports whether a path fits one of the patterns of [path.Match], which stand
// between bars; a pattern without a slash is for the last name alone.
func matches(patterns, name string) bool {
	for pattern := range strings.SplitSeq(patterns, "|") {
		if pattern == "" || matchesOne(pattern, name) {
			return true
		}
	}
	return false
}

func matchesOne(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
