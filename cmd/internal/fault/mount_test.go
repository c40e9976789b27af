//go:build linux

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// mounted is a [Disk] as a file system that programs can use.
//
// The test's own process must not map its files into memory nor start a program from
// it: a page fault, or the moment between fork and exec, cannot be interrupted, and the
// server that has to answer runs in the same process. Reading and writing are fine.
type mounted struct {
	t    *testing.T
	disk *Disk
	path string
}

// mount mounts a disk on a new folder for the length of the test.
func mount(t *testing.T, disk *Disk) *mounted {
	t.Helper()
	return mountAt(t, disk, filepath.Join(t.TempDir(), "mount"))
}

// mountAt mounts a disk on a folder that is not there yet.
func mountAt(t *testing.T, disk *Disk, path string) *mounted {
	t.Helper()
	needRoot(t, "/dev/fuse")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	m := &mounted{t: t, disk: disk, path: path}
	m.attach()
	t.Cleanup(m.drop)
	return m
}

// needRoot skips a test that must be root and needs a file or program.
func needRoot(t *testing.T, paths ...string) {
	t.Helper()
	var lacks string
	if os.Getuid() != 0 {
		lacks = "root's rights"
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			lacks = p
		}
	}
	if lacks == "" {
		return
	}
	t.Skipf("this test needs %s, which no package brings", lacks)
}

// attach mounts the present life of the disk.
func (m *mounted) attach() {
	m.t.Helper()
	// Opened here, because the library's own descriptor would be inherited by every
	// program started meanwhile, and keep the file system alive without its server.
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		m.t.Fatalf("open /dev/fuse: %v", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d", fd, fuse.MAX_KERNEL_WRITE)
	if err := syscall.Mount("power", m.path, "fuse.power", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		m.t.Fatalf("mount the power-cut disk: %v", err)
	}
	server, err := fuse.NewServer(newFace(m.disk.Volume()), fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		MaxWrite: fuse.MAX_KERNEL_WRITE, DisableReadDirPlus: true, DisableXAttrs: true, IgnoreSecurityLabels: true,
	})
	if err != nil {
		m.t.Fatalf("serve the power-cut disk: %v", err)
	}
	go server.Serve()
	m.refusePolls()
}

// refusePolls makes the kernel learn, in a call that can wait, that these files cannot
// be polled. The runtime asks when it opens a file, in a call that cannot.
func (m *mounted) refusePolls() {
	fd, err := syscall.Open(filepath.Join(m.path, pollName), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		m.t.Fatalf("open the power-cut disk: %v", err)
	}
	defer syscall.Close(fd)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) // the answer does not matter
}

// pollName is a file that only refusePolls knows; it is not on the disk.
const (
	pollName = ".poll"
	pollNode = ^NodeID(0)
)

func (m *mounted) detach() {
	if err := syscall.Unmount(m.path, syscall.MNT_DETACH); err != nil {
		m.t.Errorf("unmount the power-cut disk: %v", err)
	}
}

// drop ends the use of the disk, and lets its memory go, before or at the test's end.
func (m *mounted) drop() {
	if m.disk != nil {
		m.detach()
		m.disk = nil
	}
}

// restore puts the power back on. Whoever has a file open from before gets EIO for ever.
func (m *mounted) restore() {
	m.t.Helper()
	m.detach()
	m.disk.Restore()
	m.attach()
}

// face is a [Volume] as the kernel wants to see it.
type face struct {
	fuse.RawFileSystem
	volume *Volume
}

func newFace(v *Volume) *face { return &face{fuse.NewDefaultRawFileSystem(), v} }

// valid is how long the kernel may believe what it was told: nobody else changes it.
const valid = uint64(time.Hour / time.Second)

func (f *face) String() string { return "power" }

func attr(i Info) fuse.Attr {
	a := fuse.Attr{
		Ino: uint64(i.ID), Size: uint64(i.Size), Blocks: uint64(i.Taken / 512), Nlink: 1, Blksize: blockSize,
		Mode: syscall.S_IFREG | i.Mode, Mtime: uint64(i.Mtime.Unix()), Mtimensec: uint32(i.Mtime.Nanosecond()),
	}
	if i.Folder {
		a.Mode, a.Nlink = syscall.S_IFDIR|i.Mode, 2
	}
	a.Ctime, a.Ctimensec, a.Atime = a.Mtime, a.Mtimensec, a.Mtime
	return a
}

func tell(i Info, out *fuse.EntryOut) {
	out.NodeId, out.Generation, out.Attr = uint64(i.ID), 1, attr(i)
	out.EntryValid, out.AttrValid = valid, valid
}

func (f *face) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	i, err := f.volume.Lookup(NodeID(h.NodeId), name)
	if name == pollName {
		i, err = Info{ID: pollNode}, 0
	}
	if err == 0 {
		tell(i, out)
	}
	return fuse.Status(err)
}

func (f *face) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	i, err := f.volume.Stat(NodeID(in.NodeId))
	if err == 0 {
		out.Attr, out.AttrValid = attr(i), valid
	}
	return fuse.Status(err)
}

func (f *face) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	id := NodeID(in.NodeId)
	if size, ok := in.GetSize(); ok {
		if err := f.volume.Truncate(id, int64(size)); err != 0 {
			return fuse.Status(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		if err := f.volume.Chmod(id, mode); err != 0 {
			return fuse.Status(err)
		}
	}
	i, err := f.volume.Stat(id)
	if err == 0 {
		out.Attr, out.AttrValid = attr(i), valid
	}
	return fuse.Status(err)
}

func (f *face) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	i, err := f.volume.Make(NodeID(in.NodeId), name, true, in.Mode)
	if err == 0 {
		tell(i, out)
	}
	return fuse.Status(err)
}

func (f *face) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	i, err := f.volume.Make(NodeID(in.NodeId), name, false, in.Mode)
	if err == 0 {
		tell(i, &out.EntryOut)
	}
	return fuse.Status(err)
}

func (f *face) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return fuse.Status(f.volume.Remove(NodeID(h.NodeId), name, false))
}

func (f *face) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return fuse.Status(f.volume.Remove(NodeID(h.NodeId), name, true))
}

func (f *face) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, toName string) fuse.Status {
	switch in.Flags {
	case 0:
	case unix.RENAME_NOREPLACE:
		if _, err := f.volume.Lookup(NodeID(in.Newdir), toName); err == 0 {
			return fuse.Status(syscall.EEXIST)
		}
	default:
		return fuse.EINVAL
	}
	return fuse.Status(f.volume.Rename(NodeID(in.NodeId), name, NodeID(in.Newdir), toName))
}

func (f *face) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	if NodeID(in.NodeId) == pollNode {
		return fuse.OK
	}
	_, err := f.volume.Stat(NodeID(in.NodeId))
	return fuse.Status(err)
}

func (f *face) Read(_ <-chan struct{}, in *fuse.ReadIn, b []byte) (fuse.ReadResult, fuse.Status) {
	n, err := f.volume.Read(NodeID(in.NodeId), int64(in.Offset), b)
	return fuse.ReadResultData(b[:n]), fuse.Status(err)
}

func (f *face) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	err := f.volume.Write(NodeID(in.NodeId), int64(in.Offset), b)
	if err == 0 && in.Flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0 {
		err = f.volume.Sync(NodeID(in.NodeId))
	}
	if err != 0 {
		return 0, fuse.Status(err)
	}
	return uint32(len(b)), fuse.OK
}

func (f *face) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	if in.Mode != 0 {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	return fuse.Status(f.volume.Allocate(NodeID(in.NodeId), int64(in.Offset), int64(in.Length)))
}

func (f *face) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return fuse.Status(f.volume.Sync(NodeID(in.NodeId)))
}

func (f *face) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return fuse.Status(f.volume.Sync(NodeID(in.NodeId)))
}

// Flush is not implemented: nothing is held back, and the kernel then stops asking.
func (f *face) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

func (f *face) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	_, err := f.volume.Stat(NodeID(in.NodeId))
	return fuse.Status(err)
}

func (f *face) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	list, err := f.volume.List(NodeID(in.NodeId))
	if err != 0 {
		return fuse.Status(err)
	}
	for i := int(in.Offset); i < len(list); i++ {
		e := fuse.DirEntry{Name: list[i].Name, Ino: uint64(list[i].ID), Mode: syscall.S_IFREG, Off: uint64(i + 1)}
		if list[i].Folder {
			e.Mode = syscall.S_IFDIR
		}
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

func (f *face) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	f.volume.disk.mu.Lock()
	limit, thin := f.volume.disk.options.Limit, f.volume.disk.options.Thin
	f.volume.disk.mu.Unlock()
	if limit == 0 || thin {
		limit = 1 << 40
	}
	free := max(0, limit-f.volume.disk.Used()) / blockSize
	*out = fuse.StatfsOut{Bsize: blockSize, Frsize: blockSize, NameLen: 255, Blocks: uint64(limit / blockSize), Bfree: uint64(free), Bavail: uint64(free), Files: 1 << 20, Ffree: 1 << 20}
	return fuse.OK
}
