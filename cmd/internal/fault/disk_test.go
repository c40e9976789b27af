package fault

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// must fails the test on an error of a volume.
func must(t *testing.T, err syscall.Errno) {
	t.Helper()
	if err != 0 {
		t.Fatal(err)
	}
}

// file makes a file with some content; nothing of it is synced.
func file(t *testing.T, v *Volume, name, content string) NodeID {
	t.Helper()
	i, err := v.Make(Root, name, false, 0o600)
	must(t, err)
	must(t, v.Write(i.ID, 0, []byte(content)))
	return i.ID
}

// found is what the disk holds: names with contents.
func found(t *testing.T, v *Volume) map[string]string {
	t.Helper()
	all := map[string]string{}
	list, err := v.List(Root)
	must(t, err)
	for _, e := range list {
		b := make([]byte, 1<<16)
		n, err := v.Read(e.ID, 0, b)
		must(t, err)
		all[e.Name] = string(b[:n])
	}
	return all
}

func TestWhatACutThatLosesLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		options DiskOptions
		do      func(t *testing.T, v *Volume)
		want    map[string]string
	}{
		"nothing is synced": {do: func(t *testing.T, v *Volume) { file(t, v, "a", "A") }},
		"the content alone": {do: func(t *testing.T, v *Volume) { must(t, v.Sync(file(t, v, "a", "A"))) }},
		"the content alone, as ext4": {
			options: DiskOptions{EntryWithFile: true},
			do:      func(t *testing.T, v *Volume) { must(t, v.Sync(file(t, v, "a", "A"))) },
			want:    map[string]string{"a": "A"},
		},
		"the name alone": {
			do: func(t *testing.T, v *Volume) {
				file(t, v, "a", "A")
				must(t, v.Sync(Root))
			},
			want: map[string]string{"a": ""},
		},
		"both, then a write": {
			do: func(t *testing.T, v *Volume) {
				id := file(t, v, "a", "first")
				must(t, v.Sync(id))
				must(t, v.Sync(Root))
				must(t, v.Write(id, 0, []byte("FIRST and more")))
				must(t, v.Truncate(id, 3))
			},
			want: map[string]string{"a": "first"},
		},
		"a rename without its folder": {
			do: func(t *testing.T, v *Volume) {
				must(t, v.Sync(file(t, v, "a", "old")))
				must(t, v.Sync(Root))
				must(t, v.Sync(file(t, v, "a.new", "new")))
				must(t, v.Rename(Root, "a.new", Root, "a"))
			},
			want: map[string]string{"a": "old"},
		},
		"a rename with its folder": {
			do: func(t *testing.T, v *Volume) {
				must(t, v.Sync(file(t, v, "a", "old")))
				must(t, v.Sync(Root))
				must(t, v.Sync(file(t, v, "a.new", "new")))
				must(t, v.Rename(Root, "a.new", Root, "a"))
				must(t, v.Sync(Root))
			},
			want: map[string]string{"a": "new"},
		},
		"a rename of what was not synced": { // the classic: the new name, and nothing in it
			do: func(t *testing.T, v *Volume) {
				must(t, v.Sync(file(t, v, "a", "old")))
				must(t, v.Sync(Root))
				file(t, v, "a.new", "new")
				must(t, v.Rename(Root, "a.new", Root, "a"))
				must(t, v.Sync(Root))
			},
			want: map[string]string{"a": ""},
		},
		"a removal without its folder": {
			do: func(t *testing.T, v *Volume) {
				must(t, v.Sync(file(t, v, "a", "A")))
				must(t, v.Sync(Root))
				must(t, v.Remove(Root, "a", false))
			},
			want: map[string]string{"a": "A"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDisk(c.options)
			v := d.Volume()
			c.do(t, v)
			d.Cut(1, Lose)
			if _, err := v.Stat(Root); err != syscall.EIO {
				t.Fatalf("after the cut: %v", err)
			}
			if got := found(t, d.Restore()); !maps.Equal(got, c.want) {
				t.Fatalf("found %v, want %v", got, c.want)
			}
			if _, err := v.Stat(Root); err != syscall.EIO {
				t.Fatalf("the volume of before the cut works on: %v", err)
			}
		})
	}
}

// A name that moved to another folder, which was synced, is there once.
func TestAMovedNameIsThereOnce(t *testing.T) {
	d := NewDisk(DiskOptions{})
	v := d.Volume()
	dir, err := v.Make(Root, "dir", true, 0o755)
	must(t, err)
	must(t, v.Sync(Root))
	file(t, v, "a", "A")
	must(t, v.Rename(Root, "a", dir.ID, "b"))
	must(t, v.Sync(dir.ID))
	must(t, v.Sync(Root))
	d.Cut(1, Lose)
	d.Restore()
	if got := slices.Sorted(maps.Keys(d.Files())); !slices.Equal(got, []string{"dir/b"}) {
		t.Fatalf("found %v", got)
	}
}

// outcomes are the states in which cuts with many seeds leave three blocks of one write
// over an old content, each block as old (o), new (N) or mixed (x), and the length.
func outcomes(t *testing.T, mode Mode) map[string]int {
	t.Helper()
	const blocks = 3
	all := map[string]int{}
	for seed := range uint64(300) {
		d := NewDisk(DiskOptions{})
		v := d.Volume()
		id := file(t, v, "a", strings.Repeat("o", blocks*blockSize))
		must(t, v.Sync(id))
		must(t, v.Sync(Root))
		must(t, v.Write(id, 0, bytes.Repeat([]byte("N"), blocks*blockSize)))
		must(t, v.Write(id, blocks*blockSize, []byte("tail")))
		d.Cut(seed, mode)
		got := found(t, d.Restore())["a"]
		state := ""
		for i := range blocks {
			block := got[i*blockSize : (i+1)*blockSize]
			switch strings.Count(block, "N") {
			case 0:
				state += "o"
			case blockSize:
				state += "N"
			default:
				state += "x"
			}
			for s := 0; s < blockSize; s += sectorSize {
				if sector := block[s : s+sectorSize]; strings.Trim(sector, "o") != "" && strings.Trim(sector, "N") != "" {
					t.Fatalf("seed %d: a sector is torn", seed)
				}
			}
		}
		if len(got) > blocks*blockSize {
			state += "+"
		}
		all[state]++
	}
	return all
}

func TestWhatCutsThatTearAndReorderLeave(t *testing.T) {
	for _, c := range []struct {
		mode         Mode
		seen, unseen []string
	}{
		{Lose, []string{"ooo"}, []string{"NNN", "xoo", "ooo+"}},
		{Torn, []string{"ooo", "NNN", "NNN+", "Nxo", "NNx"}, []string{"ooo+", "Noo+"}},
		{Reorder, []string{"ooo", "NoN", "ooN", "ooo+", "xoo"}, nil},
	} {
		all := outcomes(t, c.mode)
		for _, s := range c.seen {
			if all[s] == 0 {
				t.Errorf("%s never leaves %s: %v", c.mode, s, all)
			}
		}
		for _, s := range c.unseen {
			if all[s] != 0 {
				t.Errorf("%s leaves %s", c.mode, s)
			}
		}
	}
}

func TestOneSeedIsOneOutcome(t *testing.T) {
	run := func() string {
		d := NewDisk(DiskOptions{})
		v := d.Volume()
		for n := range 20 {
			file(t, v, fmt.Sprint("f", n), strings.Repeat("x", 10000))
		}
		d.Cut(42, Reorder)
		return fmt.Sprint(found(t, d.Restore()))
	}
	if first := run(); first != run() || first == "map[]" {
		t.Fatal("the same seed gave two outcomes, or none")
	}
}

func TestPointsCountAndRoomIsGivenBack(t *testing.T) {
	d := NewDisk(DiskOptions{Limit: 3 * blockSize})
	v := d.Volume()
	id := file(t, v, "a", "A")
	if err := v.Truncate(id, 100*blockSize); err != 0 || d.Used() != blockSize {
		t.Fatalf("a hole takes %d bytes, %v", d.Used(), err)
	}
	if err := v.Write(id, 50*blockSize, make([]byte, 3*blockSize)); err != syscall.ENOSPC {
		t.Fatalf("beyond the limit: %v", err)
	}
	must(t, v.Remove(Root, "a", false))
	if d.Used() != 0 {
		t.Fatalf("a removed file takes %d bytes", d.Used())
	}
	p := d.FailAt(OpWrite, "b*", 2, syscall.EIO)
	id = file(t, v, "b1", "B")
	if p.Hit() {
		t.Fatal("the point stands on the second write and was hit by the first")
	}
	if err := v.Write(id, 0, []byte("C")); err != syscall.EIO || !p.Hit() {
		t.Fatalf("the second write: %v", err)
	}
	if got := found(t, v)["b1"]; got != "B" {
		t.Fatalf("the failed write left %q", got)
	}
	must(t, v.Write(id, 0, []byte("D")))
	if d.Full() != 1 {
		t.Fatalf("%d writes found no room", d.Full())
	}
}

// A sync that lies keeps nothing of its file, and others do.
func TestSomeSyncsLie(t *testing.T) {
	d := NewDisk(DiskOptions{EntryWithFile: true})
	v := d.Volume()
	d.Lie("a*|c")
	for _, name := range []string{"a1", "b", "c"} {
		must(t, v.Sync(file(t, v, name, name)))
	}
	d.Cut(1, Lose)
	if got := found(t, d.Restore()); !maps.Equal(got, map[string]string{"b": "b"}) {
		t.Fatalf("found %v", got)
	}
}

// After a failed sync the file looks as before, and what it did not keep is lost for good:
// later syncs keep only what comes after. A copy is a way out.
func TestAFailedSyncIsForGood(t *testing.T) {
	d := NewDisk(DiskOptions{EntryWithFile: true})
	v := d.Volume()
	id := file(t, v, "a", "old")
	must(t, v.Sync(id))
	d.FailAt(OpSync, "a", 1, syscall.EIO)
	must(t, v.Write(id, 0, []byte("NEW")))
	if err := v.Sync(id); err != syscall.EIO {
		t.Fatalf("the sync said %v", err)
	}
	must(t, v.Write(id, 3, []byte(" and more")))
	must(t, v.Sync(id))
	must(t, v.Sync(file(t, v, "copy", found(t, v)["a"])))
	d.Cut(1, Lose)
	if got := found(t, d.Restore()); got["a"] != "old and more" || got["copy"] != "NEW and more" {
		t.Fatalf("found %v", got)
	}
}

func TestACutDuringSomethingHasSomethingToLose(t *testing.T) {
	d := NewDisk(DiskOptions{EntryWithFile: true})
	v := d.Volume()
	p := d.CutDuring("a", 2, 1, Lose)
	id := file(t, v, "a", "A") // its name is there, its content comes: the first such call
	must(t, v.Sync(id))
	file(t, v, "b", "B")
	must(t, v.Sync(id))
	must(t, v.Write(id, 0, []byte("C"))) // nothing is in flight before it
	if p.Hit() || !d.Unsynced("a") {
		t.Fatal("cut too early")
	}
	if err := v.Sync(id); err != syscall.EIO || !p.Hit() {
		t.Fatalf("not cut: %v", err)
	}
	if got := found(t, d.Restore()); !maps.Equal(got, map[string]string{"a": "A"}) {
		t.Fatalf("found %v", got)
	}
}
