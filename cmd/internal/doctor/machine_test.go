package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hailong/survey"
)

// examined runs one look and gives the verdicts by their check, and all that was said.
func examined(t *testing.T, o Options, look func(*exam)) (map[string]Verdict, string) {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &exam{Options: o, part: Kiosk}
	look(e)
	verdicts, said := map[string]Verdict{}, ""
	for _, f := range e.found {
		if f.Words.In(survey.Vietnamese) == "" || f.Words.In(survey.English) == "" || f.Words[survey.Vietnamese] == f.Words[survey.English] {
			t.Errorf("%s is not said in both languages: %v", f.Check, f.Words)
		}
		if before, ok := verdicts[f.Check]; !ok || Worst([]Finding{{Verdict: before}, f}) != before {
			verdicts[f.Check] = f.Verdict
		}
		said += f.Words.In(survey.English) + "\n"
	}
	return verdicts, said
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	ext4Safe = "rw\nbarrier\nuser_xattr\ncommit=5\ndata=ordered\n"
	fcQuiet  = "fc stats:\n0 commits\n0 ineligible\n0 numblks\n0us avg_commit_time\nIneligible reasons:\n\"Resize\":\t0\n"
	fcBusy   = "fc stats:\n19 commits\n1 ineligible\n19 numblks\n265us avg_commit_time\n"
)

func TestTheFileSystemIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		mount, options, fc string // mountinfo after the mount's point; /proc/fs/ext4 of sda1
		want               map[string]Verdict
		say                string
	}{
		"ext4":                   {"rw,relatime shared:1 - ext4 /dev/root rw", ext4Safe, fcQuiet, map[string]Verdict{"file_system": OK, "mount_options": OK, "fast_commit": OK}, "ext4"},
		"ext4 of an old kernel":  {"rw - ext4 /dev/sda1 rw", ext4Safe, "", map[string]Verdict{"file_system": OK, "mount_options": OK, "fast_commit": OK}, ""},
		"with fast_commit":       {"rw - ext4 /dev/sda1 rw", ext4Safe, fcBusy, map[string]Verdict{"file_system": OK, "mount_options": OK, "fast_commit": Warn}, "fast_commit"},
		"nobody tells":           {"rw - ext4 /dev/sda1 rw", "", "", map[string]Verdict{"file_system": OK, "mount_options": OK, "fast_commit": Warn}, "cannot be known"},
		"without a journal":      {"rw - ext4 /dev/sda1 rw", "rw\nbarrier\n", fcQuiet, map[string]Verdict{"file_system": OK, "mount_options": OK, "fast_commit": OK, "ext4_journal": Warn}, "no journal"},
		"data=writeback":         {"rw - ext4 /dev/sda1 rw,data=writeback", "rw\ndata=writeback\n", fcQuiet, map[string]Verdict{"file_system": OK, "mount_options": Warn, "fast_commit": OK}, "data=writeback"},
		"nobarrier, hidden":      {"rw - ext4 /dev/sda1 rw", "rw\nnobarrier\ndata=ordered\n", fcQuiet, map[string]Verdict{"file_system": OK, "mount_options": Warn, "fast_commit": OK}, "nobarrier"},
		"read-only after errors": {"ro - ext4 /dev/sda1 ro", ext4Safe, fcQuiet, map[string]Verdict{"file_system": OK, "mount_options": Bad, "fast_commit": OK}, "read-only"},
		"xfs":                    {"rw - xfs /dev/sda1 rw", "", "", map[string]Verdict{"file_system": OK, "mount_options": OK}, ""},
		"xfs, nobarrier":         {"rw - xfs /dev/sda1 rw,nobarrier", "", "", map[string]Verdict{"file_system": OK, "mount_options": Warn}, ""},
		"tmpfs":                  {"rw - tmpfs tmpfs rw", "", "", map[string]Verdict{"file_system": Bad, "mount_options": OK}, "in memory"},
		"overlay":                {"rw - overlay overlay rw,lowerdir=/a", "", "", map[string]Verdict{"file_system": Warn, "mount_options": OK}, "container"},
		"nfs":                    {"rw - nfs4 server:/x rw", "", "", map[string]Verdict{"file_system": Warn, "mount_options": OK}, "network"},
		"a stick":                {"rw - vfat /dev/sdb1 rw", "", "", map[string]Verdict{"file_system": Warn, "mount_options": OK}, "not tried"},
	} {
		root, data := t.TempDir(), t.TempDir()
		write(t, filepath.Join(root, "proc/self/mountinfo"), "22 1 0:1 / /proc rw - proc proc rw\n27 1 8:1 / / "+c.mount+"\n")
		if c.options != "" {
			write(t, filepath.Join(root, "proc/fs/ext4/sda1/options"), c.options)
		}
		if c.fc != "" {
			write(t, filepath.Join(root, "proc/fs/ext4/sda1/fc_info"), c.fc)
		}
		if err := os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../../devices/pci/block/sda/sda1", filepath.Join(root, "sys/dev/block/8:1")); err != nil {
			t.Fatal(err)
		}
		got, said := examined(t, Options{Root: root}, func(e *exam) { e.fileSystem(data) })
		if len(got) != len(c.want) || !strings.Contains(said, c.say) {
			t.Errorf("%s: %v\n%s", name, got, said)
		}
		for check, want := range c.want {
			if got[check] != want {
				t.Errorf("%s: %s is %s, want %s\n%s", name, check, got[check], want, said)
			}
		}
	}
	got, _ := examined(t, Options{Root: t.TempDir()}, func(e *exam) { e.fileSystem(t.TempDir()) })
	if got["file_system"] != Warn || len(got) != 1 {
		t.Errorf("a system that tells nothing: %v", got)
	}
}

func TestTheMountOfAFolder(t *testing.T) {
	const info = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:27 / /var rw - xfs /dev/vdb rw
31 30 0:28 / /var/lib rw - tmpfs first rw
32 30 0:29 / /var/lib rw shared:1 master:2 - btrfs second rw
33 27 0:30 / /media/ố\040đĩa rw - vfat /dev/sdc1 rw
a line of a later kernel
`
	for folder, want := range map[string]string{
		"/": "ext4", "/home/x": "ext4", "/variable": "ext4", "/var": "xfs", "/var/log": "xfs", "/var/lib": "btrfs", "/var/lib/hailong": "btrfs", "/media/ố đĩa/x": "vfat",
	} {
		if m, ok := mountOf(info, folder); !ok || m.kind != want {
			t.Errorf("%s is on %+v, want %s", folder, m, want)
		}
	}
	if m, ok := mountOf("", "/"); ok {
		t.Errorf("no mounts at all: %+v", m)
	}
}

func TestRoomIsJudged(t *testing.T) {
	const full, spare = 50 << 20, 200 << 20
	for name, c := range map[string]struct {
		s           space
		disk, files Verdict
	}{
		"plenty":        {space{9 << 30, 16 << 30, 1 << 20, 1 << 19}, OK, OK},
		"nearly full":   {space{150 << 20, 16 << 30, 1 << 20, 1 << 19}, Warn, OK},
		"full":          {space{49 << 20, 16 << 30, 1 << 20, 1 << 19}, Bad, OK},
		"without nodes": {space{9 << 30, 16 << 30, 1 << 20, 3}, OK, Bad},
		"btrfs":         {space{9 << 30, 16 << 30, 0, 0}, OK, ""},
		"not known":     {space{}, Warn, ""},
	} {
		got, said := examined(t, Options{}, func(e *exam) { e.judgeRoom(c.s, full, spare) })
		if got["disk"] != c.disk || got["disk_files"] != c.files {
			t.Errorf("%s: %v\n%s", name, got, said)
		}
	}
}

func TestSyncsAreMeasuredInTheFolder(t *testing.T) {
	dir := t.TempDir()
	got, said := examined(t, Options{}, func(e *exam) { e.syncTime(dir) })
	if v := got["sync_time"]; v != OK && v != Warn || !strings.Contains(said, "a sync to the disk takes") {
		t.Errorf("%v %s", got, said)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v %v", left, err)
	}
	if got, _ := examined(t, Options{}, func(e *exam) { e.syncTime(filepath.Join(dir, "nowhere")) }); got["sync_time"] != Bad {
		t.Errorf("a folder that cannot be written: %v", got)
	}
}

func TestTheClockIsJudged(t *testing.T) {
	for when, want := range map[string]Verdict{"1970-01-01T00:00:05Z": Bad, "2025-12-31T00:00:00Z": Bad, "2026-11-20T08:00:00Z": OK, "2126-01-01T00:00:00Z": Bad} {
		at, err := time.Parse(time.RFC3339, when)
		if err != nil {
			t.Fatal(err)
		}
		if got, said := examined(t, Options{Now: func() time.Time { return at }}, (*exam).clock); got["clock"] != want {
			t.Errorf("%s: %v %s", when, got, said)
		}
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "sys/class/rtc/rtc0/name"), "ds1307")
	if got, _ := examined(t, Options{Root: root}, (*exam).clock); got["hardware_clock"] != OK {
		t.Errorf("with a hardware clock: %v", got)
	}
}
