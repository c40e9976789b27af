package fault

import (
	"bytes"
	"maps"
	"slices"
	"syscall"
	"time"
)

// Volume is one life of a [Disk]: after a cut all its calls answer EIO for ever. Errors
// are those of Linux; 0 is none.
type Volume struct {
	disk *Disk
	life int
}

// Info is what a file or folder says about itself.
type Info struct {
	ID     NodeID
	Folder bool
	Mode   uint32 // permission bits
	Size   int64  // bytes
	Taken  int64  // bytes of the blocks that take room
	Mtime  time.Time
}

// Entry is one name in a folder.
type Entry struct {
	Name   string
	ID     NodeID
	Folder bool
}

// with runs do under the disk's lock with a node that is there.
func (v *Volume) with(id NodeID, do func(d *Disk, n *node) syscall.Errno) syscall.Errno {
	d := v.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down || d.life != v.life {
		return syscall.EIO
	}
	n := d.nodes[id]
	if n == nil {
		return syscall.ESTALE
	}
	return do(d, n)
}

// change is with, for a call that a [Point] may stand on.
func (v *Volume) change(op Op, id NodeID, name string, do func(d *Disk, n *node) syscall.Errno) syscall.Errno {
	var hit []*Point
	err := v.with(id, func(d *Disk, n *node) syscall.Errno {
		hit = d.pass(op, n, name)
		return 0
	})
	if err == 0 {
		err = reach(hit, false)
	}
	if err == 0 {
		err = v.with(id, do)
	}
	if e := reach(hit, true); e != 0 {
		err = e
	}
	return err
}

// reach runs the points before or after a call; the last error is the call's.
func reach(hit []*Point, after bool) (err syscall.Errno) {
	for _, p := range hit {
		if p.after == after {
			if e := p.do(); e != 0 {
				err = e
			}
		}
	}
	return err
}

func (n *node) info() Info {
	i := Info{ID: n.id, Folder: n.folder, Mode: n.mode, Size: int64(len(n.content)), Mtime: n.mtime}
	for _, t := range n.taken {
		if t {
			i.Taken += blockSize
		}
	}
	return i
}

// Stat says what a node is.
func (v *Volume) Stat(id NodeID) (i Info, err syscall.Errno) {
	err = v.with(id, func(_ *Disk, n *node) syscall.Errno {
		i = n.info()
		return 0
	})
	return i, err
}

// Lookup finds a name in a folder.
func (v *Volume) Lookup(folder NodeID, name string) (i Info, err syscall.Errno) {
	err = v.with(folder, func(_ *Disk, n *node) syscall.Errno {
		child := n.entries[name]
		if child == nil {
			return syscall.ENOENT
		}
		i = child.info()
		return 0
	})
	return i, err
}

// List is what a folder holds, by name.
func (v *Volume) List(folder NodeID) (list []Entry, err syscall.Errno) {
	err = v.with(folder, func(_ *Disk, n *node) syscall.Errno {
		for _, name := range slices.Sorted(maps.Keys(n.entries)) {
			c := n.entries[name]
			list = append(list, Entry{name, c.id, c.folder})
		}
		return 0
	})
	return list, err
}

// Make makes a file or folder that is not there yet.
func (v *Volume) Make(folder NodeID, name string, isFolder bool, mode uint32) (i Info, err syscall.Errno) {
	err = v.change(OpCreate, folder, name, func(d *Disk, n *node) syscall.Errno {
		if n.entries[name] != nil {
			return syscall.EEXIST
		}
		child := d.newNode(n, name, isFolder, mode&0o777)
		n.entries[name] = child
		d.note(&change{kind: linked, node: child, to: n, toName: name})
		i = child.info()
		return 0
	})
	return i, err
}

// Remove takes a name away: of a file, or of an empty folder.
func (v *Volume) Remove(folder NodeID, name string, isFolder bool) syscall.Errno {
	return v.change(OpRemove, folder, name, func(d *Disk, n *node) syscall.Errno {
		child := n.entries[name]
		switch {
		case child == nil:
			return syscall.ENOENT
		case child.folder && !isFolder:
			return syscall.EISDIR
		case !child.folder && isFolder:
			return syscall.ENOTDIR
		case len(child.entries) > 0:
			return syscall.ENOTEMPTY
		}
		delete(n.entries, name)
		d.release(child)
		d.note(&change{kind: unlinked, node: child, from: n, fromName: name})
		return 0
	})
}

// Rename moves a name; what the new name stood for loses it.
func (v *Volume) Rename(folder NodeID, name string, to NodeID, toName string) syscall.Errno {
	return v.change(OpRename, folder, name, func(d *Disk, n *node) syscall.Errno {
		child, target := n.entries[name], d.nodes[to]
		switch {
		case target == nil:
			return syscall.ESTALE
		case child == nil:
			return syscall.ENOENT
		}
		if old := target.entries[toName]; old != nil && old != child {
			if len(old.entries) > 0 {
				return syscall.ENOTEMPTY
			}
			d.release(old)
		}
		delete(n.entries, name)
		target.entries[toName] = child
		child.parent, child.name = target, toName
		d.note(&change{kind: renamed, node: child, from: n, fromName: name, to: target, toName: toName})
		return 0
	})
}

// Read fills b from a file and says how many bytes there were.
func (v *Volume) Read(id NodeID, offset int64, b []byte) (count int, err syscall.Errno) {
	err = v.with(id, func(_ *Disk, n *node) syscall.Errno {
		if offset < int64(len(n.content)) {
			count = copy(b, n.content[offset:])
		}
		return 0
	})
	return count, err
}

// Write writes b into a file.
func (v *Volume) Write(id NodeID, offset int64, b []byte) syscall.Errno {
	return v.change(OpWrite, id, "", func(d *Disk, n *node) syscall.Errno {
		if err := d.take(n, offset, int64(len(b))); err != 0 {
			return err
		}
		if end := offset + int64(len(b)); end > int64(len(n.content)) {
			d.resize(n, end)
		}
		copy(n.content[offset:], b)
		n.mtime = time.Now()
		d.note(&change{kind: written, node: n, offset: offset, data: bytes.Clone(b)})
		return 0
	})
}

// Truncate sets a file's length, in bytes.
func (v *Volume) Truncate(id NodeID, size int64) syscall.Errno {
	return v.change(OpTruncate, id, "", func(d *Disk, n *node) syscall.Errno {
		d.resize(n, size)
		d.note(&change{kind: truncated, node: n, offset: size})
		return 0
	})
}

// Allocate makes a file at least as long as size, in bytes, with room taken for it.
func (v *Volume) Allocate(id NodeID, offset, length int64) syscall.Errno {
	return v.change(OpWrite, id, "", func(d *Disk, n *node) syscall.Errno {
		if err := d.take(n, offset, length); err != 0 {
			return err
		}
		if end := offset + length; end > int64(len(n.content)) {
			d.resize(n, end)
			d.note(&change{kind: truncated, node: n, offset: end})
		}
		return 0
	})
}

// Chmod sets a node's permission bits, which are stable at once.
func (v *Volume) Chmod(id NodeID, mode uint32) syscall.Errno {
	return v.with(id, func(_ *Disk, n *node) syscall.Errno {
		n.mode = mode & 0o777
		return 0
	})
}

// Sync makes a file's content, or a folder's names, stable.
func (v *Volume) Sync(id NodeID) syscall.Errno {
	i, err := v.Stat(id)
	if err != 0 {
		return err
	}
	op := OpSync
	if i.Folder {
		op = OpSyncFolder
	}
	time.Sleep(v.disk.options.SyncTakes)
	done := false
	err = v.change(op, id, "", func(d *Disk, n *node) syscall.Errno {
		if done = true; d.options.Lies == "" || !matches(d.options.Lies, n.path()) {
			d.settle(n)
		}
		return 0
	})
	if err != 0 && err != syscall.EINTR && !done { // what it should have kept is taken for clean
		v.with(id, func(_ *Disk, n *node) syscall.Errno { n.pending = nil; return 0 })
	}
	return err
}
