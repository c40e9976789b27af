package fault

import (
	"path"
	"sync/atomic"
	"syscall"
)

// Op is a kind of call that changes a [Disk].
type Op string

// The kinds of calls that a [Point] may stand on.
const (
	OpWrite      Op = "write"
	OpTruncate   Op = "truncate"
	OpSync       Op = "sync"
	OpSyncFolder Op = "sync of a folder"
	OpCreate     Op = "create"
	OpRename     Op = "rename"
	OpRemove     Op = "remove"
)

// Point is a place at which something is done to whoever comes by.
type Point struct {
	op      Op
	pattern string
	left    int
	after   bool
	during  bool // counts only what comes while something of such files is not synced
	act     func() syscall.Errno
	hit     atomic.Bool
}

// At sets a point at the n-th call of a kind, counted from now, on a file whose path
// fits pattern (see [path.Match]; without a slash it is for the last name, "" fits
// all, and there may be several between bars). Just before that call takes effect do runs, once; if it returns an error the
// call has no effect and answers it. An op of "" stands for every kind.
func (d *Disk) At(op Op, pattern string, n int, do func() syscall.Errno) *Point {
	return d.set(&Point{op: op, pattern: pattern, left: n, act: do})
}

// After is [Disk.At] with do run just after the call took effect and before anybody
// hears of it.
func (d *Disk) After(op Op, pattern string, n int, do func() syscall.Errno) *Point {
	return d.set(&Point{op: op, pattern: pattern, left: n, act: do, after: true})
}

func (d *Disk) set(p *Point) *Point {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points = append(d.points, p)
	return p
}

// ClearPoints takes all points away.
func (d *Disk) ClearPoints() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points = nil
}

// CutAt sets a point that cuts the power.
func (d *Disk) CutAt(op Op, pattern string, n int, seed uint64, mode Mode) *Point {
	return d.At(op, pattern, n, func() syscall.Errno {
		d.Cut(seed, mode)
		return syscall.EIO
	})
}

// CutDuring sets a point that cuts the power at the n-th call of any kind that comes while
// something of the files that fit the pattern is not synced: such a cut has something to
// lose.
func (d *Disk) CutDuring(pattern string, n int, seed uint64, mode Mode) *Point {
	return d.set(&Point{pattern: pattern, left: n, during: true, act: func() syscall.Errno {
		d.Cut(seed, mode)
		return syscall.EIO
	}})
}

// FailAt sets a point that fails the call with an error. What a failed sync should have
// kept goes on being seen, and no later sync keeps it either: the system takes it for
// clean. EINTR is no failure: such a sync has done nothing.
func (d *Disk) FailAt(op Op, pattern string, n int, err syscall.Errno) *Point {
	return d.At(op, pattern, n, func() syscall.Errno { return err })
}

// Hit reports whether somebody came by. An enumeration over n is complete when a whole
// run ends without a hit.
func (p *Point) Hit() bool { return p.hit.Load() }

func (p *Point) do() syscall.Errno {
	p.hit.Store(true)
	return p.act()
}

// pass returns the points that a call reached.
func (d *Disk) pass(op Op, n *node, name string) (hit []*Point) {
	where := path.Join(n.path(), name)
	for _, p := range d.points {
		if (p.op != "" && p.op != op) || p.left == 0 || !matches(p.pattern, where) || p.during && !d.inFlight(p.pattern) {
			continue
		}
		if p.left--; p.left == 0 {
			hit = append(hit, p)
		}
	}
	return hit
}
