package fault

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

// Mode is what a power cut does to what was not synced.
type Mode string

// The modes of a cut.
const (
	// Lose: nothing unsynced survives.
	Lose Mode = "lose"
	// Torn: what was written first survives, up to a random moment; of the write at that
	// moment some sectors survive.
	Torn Mode = "torn"
	// Reorder: each unsynced block, length and name survives or not by itself, and some
	// of the blocks only in part.
	Reorder Mode = "reorder"
)

// Modes are all modes of a cut.
var Modes = []Mode{Lose, Torn, Reorder}

// sectorSize is what a disk writes as a whole, in bytes.
const sectorSize = 512

// changeKind is what an unsynced change changes.
type changeKind int

const (
	written changeKind = iota
	truncated
	linked
	unlinked
	renamed
)

// change is something that programs see and that is not stable yet.
type change struct {
	kind             changeKind
	serial           uint64
	node             *node
	offset           int64 // of written bytes; the new length of a truncated file
	data             []byte
	from, to         *node // folders
	fromName, toName string
	stable           bool // already; a rename stands in the lists of two folders
}

// note keeps a change until it becomes stable.
func (d *Disk) note(c *change) {
	d.serial++
	c.serial = d.serial
	if c.kind == written || c.kind == truncated {
		c.node.pending = append(c.node.pending, c)
		return
	}
	if c.from != nil {
		c.from.pending = append(c.from.pending, c)
	}
	if c.to != nil && c.to != c.from {
		c.to.pending = append(c.to.pending, c)
	}
}

// settle makes all changes of a node stable; with EntryWithFile also the names on the
// way to it.
func (d *Disk) settle(n *node) {
	for _, c := range n.pending {
		c.apply()
	}
	n.pending = nil
	if !d.options.EntryWithFile || n.folder {
		return
	}
	for at := n; at.parent != nil; at = at.parent {
		folder := at.parent
		folder.pending = slices.DeleteFunc(folder.pending, func(c *change) bool {
			if c.node == at {
				c.apply()
			}
			return c.node == at
		})
	}
}

// apply makes a change stable, once.
func (c *change) apply() {
	if c.stable {
		return
	}
	c.stable = true
	switch c.kind {
	case written:
		c.applyPart(0, len(c.data))
	case truncated:
		if c.offset < int64(len(c.node.stable)) {
			clear(c.node.stable[c.offset:])
			c.node.stable = c.node.stable[:c.offset]
		} else {
			c.node.stable = grown(c.node.stable, c.offset)
		}
	default:
		c.leave()
		if c.to != nil {
			c.to.kept[c.toName] = c.node
		}
	}
}

// leave takes a node's old name away, also where it was never stable.
func (c *change) leave() {
	if c.from == nil {
		return
	}
	if c.from.kept[c.fromName] == c.node {
		delete(c.from.kept, c.fromName)
	}
	for _, earlier := range c.from.pending {
		if earlier.serial < c.serial && earlier.node == c.node && earlier.to == c.from && earlier.toName == c.fromName {
			earlier.stable = true
		}
	}
}

// applyPart makes the bytes from begin to end of a write stable.
func (c *change) applyPart(begin, end int) {
	at := c.offset + int64(begin)
	if last := c.offset + int64(end); last > int64(len(c.node.stable)) {
		c.node.stable = grown(c.node.stable, last)
	}
	copy(c.node.stable[at:], c.data[begin:end])
}

// pieces are the bounds of a write's parts, each within one unit of the file.
func (c *change) pieces(begin, end int, unit int64) (list [][2]int) {
	for begin < end {
		next := int((c.offset+int64(begin))/unit*unit + unit - c.offset)
		list = append(list, [2]int{begin, min(next, end)})
		begin = next
	}
	return list
}

// tear makes some sectors of a write stable: the first ones, or any.
func (c *change) tear(rnd *rand.Rand, begin, end int) {
	sectors := c.pieces(begin, end, sectorSize)
	first := rnd.IntN(2) == 0
	n := rnd.IntN(len(sectors) + 1)
	for i, s := range sectors {
		if first && i < n || !first && rnd.IntN(2) == 0 {
			c.applyPart(s[0], s[1])
		}
	}
}

// Cut cuts the power: every call answers EIO until [Disk.Restore]. What survives of the
// unsynced changes is drawn from seed. A second cut before Restore does nothing.
func (d *Disk) Cut(seed uint64, mode Mode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return
	}
	d.down = true
	unsynced := d.unsynced()
	rnd := rand.New(rand.NewPCG(seed, 1))
	switch mode {
	case Torn:
		n := rnd.IntN(len(unsynced) + 1)
		for _, c := range unsynced[:n] {
			c.apply()
		}
		if n < len(unsynced) && unsynced[n].kind == written {
			unsynced[n].tear(rnd, 0, len(unsynced[n].data))
		}
	case Reorder:
		for _, c := range unsynced {
			c.scatter(rnd)
		}
	}
}

// scatter makes random blocks of a write, or the whole of another change, stable.
func (c *change) scatter(rnd *rand.Rand) {
	if c.kind != written {
		if rnd.IntN(2) == 0 {
			c.apply()
		}
		return
	}
	for _, b := range c.pieces(0, len(c.data), blockSize) {
		switch rnd.IntN(8) {
		case 0, 1, 2:
			c.applyPart(b[0], b[1])
		case 3:
			c.tear(rnd, b[0], b[1])
		}
	}
}

// unsynced are all changes that are not stable, in the order in which they were made.
func (d *Disk) unsynced() []*change {
	all := map[*change]bool{}
	for _, n := range d.nodes {
		for _, c := range n.pending {
			if !c.stable {
				all[c] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b *change) int { return cmp.Compare(a.serial, b.serial) })
}

// inFlight reports whether a cut now could lose a change of some file or folder whose
// path fits the patterns.
func (d *Disk) inFlight(patterns string) bool {
	for _, n := range d.nodes {
		if slices.ContainsFunc(n.pending, func(c *change) bool { return !c.stable }) && matches(patterns, n.path()) {
			return true
		}
	}
	return false
}

// Unsynced reports whether a cut now could lose something of the files that fit the
// patterns, which are those of [Disk.At].
func (d *Disk) Unsynced(patterns string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inFlight(patterns)
}

// Restore puts the power back on: programs see what was stable. Its volume is a new
// one. Points that were set and not reached are gone.
func (d *Disk) Restore() *Volume {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = false
	d.life++
	d.points = nil
	d.used = 0
	d.nodes = map[NodeID]*node{}
	d.revive(d.root)
	return &Volume{d, d.life}
}

// revive makes a node's stable state the one that programs see.
func (d *Disk) revive(n *node) {
	d.nodes[n.id] = n
	n.pending, n.taken = nil, nil
	n.content = slices.Clone(n.stable)
	for at := int64(0); at < int64(len(n.content)); at += blockSize {
		if block := n.content[at:min(at+blockSize, int64(len(n.content)))]; !empty(block) {
			d.occupy(n, at)
		}
	}
	if !n.folder {
		return
	}
	n.entries = map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(n.kept)) {
		child := n.kept[name]
		if d.nodes[child.id] != nil {
			delete(n.kept, name) // two names survived where there was one: the first holds
			continue
		}
		n.entries[name] = child
		child.parent, child.name = n, name
		d.revive(child)
	}
}

// occupy marks one block as taken, whatever the limit.
func (d *Disk) occupy(n *node, at int64) {
	i := int(at / blockSize)
	n.taken = append(n.taken, make([]bool, i+1-len(n.taken))...)
	n.taken[i] = true
	d.used++
}

func empty(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
