package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"hailong/survey/disk"
)

// The years that a clock can sensibly tell.
var (
	sensibleFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	sensibleTo   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// clock looks at the machine's clock.
func (e *exam) clock() {
	now := e.Now()
	if now.Before(sensibleFrom) || now.After(sensibleTo) {
		e.bad("clock", words("đồng hồ của máy chỉ "+now.UTC().Format(time.RFC3339)+": sai", "the machine's clock says "+now.UTC().Format(time.RFC3339)+": that is wrong"),
			words("đặt lại giờ, bật đồng bộ giờ (systemd-timesyncd hoặc chrony), thay pin đồng hồ", "set it, turn time synchronisation on (systemd-timesyncd or chrony), change the clock's battery"))
	} else {
		e.good("clock", words("giờ của máy hợp lý; múi giờ của máy không quan trọng, ngày luôn cắt theo giờ Việt Nam",
			"the machine's time is sensible; its time zone does not matter, days are always cut in Vietnam's time"))
	}
	switch synchronised() {
	case yes:
		e.good("clock_synchronised", words("giờ được đồng bộ qua mạng", "the time is synchronised over the network"))
	case no:
		e.warn("clock_synchronised", words("hệ điều hành báo giờ chưa được đồng bộ", "the system says that its time is not synchronised"),
			words("bật systemd-timesyncd hoặc chrony; thiết bị vẫn ghi, và so giờ với trung tâm khi kết nối", "turn systemd-timesyncd or chrony on; a kiosk records all the same, and compares its time with the centre's"))
	}
	if clocks, _ := os.ReadDir(filepath.Join(e.Root, "/sys/class/rtc")); len(clocks) > 0 {
		e.good("hardware_clock", words("có đồng hồ phần cứng chạy khi tắt máy", "there is a hardware clock that goes on while the machine is off"))
	} else if runtime.GOOS == "linux" && !slices.Contains([]string{"amd64", "386"}, runtime.GOARCH) {
		e.warn("hardware_clock", words("không có đồng hồ phần cứng: sau khi mất điện, máy không biết giờ", "there is no hardware clock: after a power cut the machine does not know the time"),
			words("gắn mô-đun RTC có pin; nếu không, để clock.hardware là auto hoặc no: ngày của các lượt bấm trước lần liên lạc đầu tiên được tính sau",
				"fit an RTC module with a battery; without one leave clock.hardware at auto or no: the day of presses before the first contact is worked out later"))
	}
}

// answer is yes, no, or that nobody can say.
type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// mount is how the disk below a folder is mounted.
type mount struct {
	point, device string // device: major:minor
	kind          string // of file system
	source        string
	options       []string // of the mount and of the file system
}

// mountOf finds the mount that holds a folder, in the text of /proc/self/mountinfo: the
// one mounted last of those with the longest path.
func mountOf(mountinfo, folder string) (best mount, found bool) {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+4 {
			continue
		}
		m := mount{point: unescape(f[4]), device: f[2], kind: f[dash+1], source: unescape(f[dash+2]),
			options: append(strings.Split(f[5], ","), strings.Split(f[dash+3], ",")...)}
		if inside(folder, m.point) && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

func inside(folder, point string) bool {
	return folder == point || point == "/" || strings.HasPrefix(folder, point+"/")
}

// unescape undoes what the kernel does to blanks in paths: \040.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// fileSystem looks at the file system below a data folder. It comes after the syncs of
// syncTime: those show whether ext4 commits the fast way.
func (e *exam) fileSystem(folder string) {
	info, err := os.ReadFile(filepath.Join(e.Root, "/proc/self/mountinfo"))
	if err != nil {
		e.warn("file_system", words("không biết hệ thống tệp của thư mục này trên hệ điều hành này", "this system does not say which file system the folder is on"), nil)
		return
	}
	real, err := filepath.Abs(folder)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	m, ok := mountOf(string(info), real)
	if err != nil || !ok {
		e.cannot("file_system", fmt.Errorf("no mount for %s: %w", folder, err))
		return
	}
	e.kindOf(m)
	options := m.options
	if m.kind == "ext4" {
		options = append(options, e.ext4(m)...)
	}
	e.mountOptions(m, options)
}

// The file systems, by what they are worth for a journal.
var (
	sturdy    = []string{"ext4", "xfs", "btrfs", "f2fs", "zfs", "apfs", "bcachefs"}
	passing   = []string{"tmpfs", "ramfs", "devtmpfs"}
	layered   = []string{"overlay", "aufs"}
	networked = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "fuse.sshfs", "fuse.glusterfs", "virtiofs"}
)

func (e *exam) kindOf(m mount) {
	move := words("đặt thư mục data trên đĩa trong của máy, định dạng ext4 hoặc xfs", "put the data folder on a disk of the machine itself, with ext4 or xfs")
	is := func(vi, en string) (string, string) {
		return fmt.Sprintf("thư mục nằm trên %s (%s): %s", m.kind, m.point, vi), fmt.Sprintf("the folder is on %s (%s): %s", m.kind, m.point, en)
	}
	switch {
	case slices.Contains(passing, m.kind):
		e.bad("file_system", words(is("chỉ có trong bộ nhớ, mất hết khi tắt máy", "it is in memory only, and all is lost when the machine goes off")), move)
	case slices.Contains(layered, m.kind):
		e.warn("file_system", words(is("lớp ghi của bộ chứa có thể bị xóa cùng bộ chứa", "a container's layer may be removed with the container")), move)
	case slices.Contains(networked, m.kind):
		e.warn("file_system", words(is("đĩa qua mạng, khóa và đồng bộ có thể không đúng như hứa", "a disk over the network, whose locks and syncs may not be what they promise")), move)
	case !slices.Contains(sturdy, m.kind):
		e.warn("file_system", words(is("chưa được thử với mất điện", "it was not tried with power cuts")), move)
	default:
		e.good("file_system", words(is("được", "good")))
	}
}

// mountOptions looks for those that betray a sync.
func (e *exam) mountOptions(m mount, options []string) {
	remount := words("bỏ tùy chọn này trong /etc/fstab rồi gắn lại đĩa", "take the option out of /etc/fstab and mount the disk again")
	clean := true
	for option, why := range map[string][2]string{
		"data=writeback": {"sau khi mất điện, tệp có thể chứa dữ liệu cũ", "after a power cut files may hold stale data"},
		"nobarrier":      {"dữ liệu đã đồng bộ có thể mất khi mất điện", "what was synced may be lost in a power cut"},
		"barrier=0":      {"dữ liệu đã đồng bộ có thể mất khi mất điện", "what was synced may be lost in a power cut"},
	} {
		if slices.Contains(options, option) {
			clean = false
			e.warn("mount_options", words(fmt.Sprintf("đĩa gắn với %s: %s", option, why[0]), fmt.Sprintf("the disk is mounted with %s: %s", option, why[1])), remount)
		}
	}
	if slices.Contains(m.options, "ro") {
		clean = false
		e.bad("mount_options", words("đĩa chỉ đọc: có thể hệ thống tệp bị lỗi", "the disk is read-only: its file system may be faulty"),
			words("xem dmesg, kiểm tra đĩa bằng fsck, thay thẻ nhớ nếu cần", "look at dmesg, check the disk with fsck, change the card if need be"))
	}
	if clean {
		e.good("mount_options", words("tùy chọn gắn đĩa an toàn", "the mount options are safe"))
	}
}

// ext4 looks at what only the kernel tells of an ext4 file system: its whole options,
// and whether it commits the fast way, which no list of mount options shows. It gives
// the options.
func (e *exam) ext4(m mount) []string {
	device := filepath.Base(m.source)
	if link, err := os.Readlink(filepath.Join(e.Root, "/sys/dev/block", m.device)); err == nil {
		device = filepath.Base(link)
	}
	dir := filepath.Join(e.Root, "/proc/fs/ext4", device)
	b, err := os.ReadFile(filepath.Join(dir, "options"))
	if err != nil {
		e.warn("fast_commit", words("không biết ext4 có bật fast_commit không", "it cannot be known whether ext4 uses fast_commit"),
			words("hỏi bằng: tune2fs -l THIẾT_BỊ | grep fast_commit (phải không có gì)", "ask with: tune2fs -l DEVICE | grep fast_commit (nothing should come)"))
		return nil
	}
	e.fastCommit(filepath.Join(dir, "fc_info"))
	options := strings.Fields(string(b))
	if !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "data=") }) {
		e.warn("ext4_journal", words("ext4 này không có nhật ký: sau khi mất điện phải kiểm tra cả đĩa", "this ext4 has no journal of its own: after a power cut the whole disk must be checked"),
			words("tune2fs -O has_journal THIẾT_BỊ (khi đã tháo đĩa)", "tune2fs -O has_journal DEVICE (while it is not mounted)"))
	}
	return options
}

// fastCommit reads the kernel's count of fast commits. The syncs that came before show
// there, as commits or as ineligible ones, wherever the feature is on.
func (e *exam) fastCommit(path string) {
	b, err := os.ReadFile(path)
	if err == nil && fastCommits(string(b)) > 0 {
		e.warn("fast_commit", words("ext4 đang dùng fast_commit, đã có lỗi mất dữ liệu khi mất điện", "ext4 uses fast_commit, of which data losses at power cuts are known"),
			words("tắt: tune2fs -O ^fast_commit THIẾT_BỊ (khi đã tháo đĩa), rồi fsck", "turn it off: tune2fs -O ^fast_commit DEVICE (while it is not mounted), then fsck"))
		return
	}
	e.good("fast_commit", words("ext4 không dùng fast_commit", "ext4 does not use fast_commit"))
}

// fastCommits is how many commits went, or tried to go, the fast way.
func fastCommits(info string) (n int) {
	for line := range strings.Lines(info) {
		if f := strings.Fields(line); len(f) == 2 && (f[1] == "commits" || f[1] == "ineligible") {
			if k, err := strconv.Atoi(f[0]); err == nil {
				n += k
			}
		}
	}
	return n
}

// slowSync is how long a sync may take before people notice: a press needs several.
const slowSync = 150 * time.Millisecond

// syncs is how many syncs are measured.
const syncs = 9

// syncTime measures how long the disk takes to make a few bytes durable, in a scratch
// file that it removes.
func (e *exam) syncTime(folder string) {
	took, err := measure(folder)
	if err != nil {
		e.bad("sync_time", words(fmt.Sprintf("không ghi được vào thư mục: %v", err), fmt.Sprintf("the folder cannot be written: %v", err)),
			words("kiểm tra quyền của thư mục, chỗ trống, và đĩa", "check the folder's permissions, its free space, and the disk"))
		return
	}
	slices.Sort(took)
	median, slowest := took[len(took)/2].Round(100*time.Microsecond), took[len(took)-1].Round(100*time.Microsecond)
	vi, en := fmt.Sprintf("đồng bộ xuống đĩa mất %s (lâu nhất %s trong %d lần)", median, slowest, syncs), fmt.Sprintf("a sync to the disk takes %s (at most %s of %d)", median, slowest, syncs)
	if median > slowSync {
		e.warn("sync_time", words(vi+": chậm, người bấm phải chờ lời cảm ơn", en+": slow, citizens wait for the thanks"),
			words("dùng thẻ nhớ hoặc SSD bền hơn (loại công nghiệp, A1/A2); thẻ sắp hỏng thường chậm trước", "use a better card (industrial, A1/A2) or an SSD; a card that is about to die is often slow first"))
		return
	}
	e.good("sync_time", words(vi, en))
}

func measure(folder string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer func() { _ = f.Close() }() // nothing in it is needed
	page := make([]byte, 4096)
	for i := range syncs + 1 {
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := disk.SyncData(f); err != nil {
			return nil, err
		}
		if i > 0 { // the first one makes the file itself, too
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

// space is how much room a disk has. A total of 0 means that it is not known.
type space struct{ free, total, nodes, freeNodes uint64 }

// fewNodes is how many files there must be room for.
const fewNodes = 1000

// room looks at the disk's free space and its limits, in bytes.
func (e *exam) room(folder string, full, spare uint64) { e.judgeRoom(spaceOf(folder), full, spare) }

func (e *exam) judgeRoom(s space, full, spare uint64) {
	if s.total == 0 {
		e.warn("disk", words("không biết đĩa còn bao nhiêu chỗ", "it is not known how much room the disk has"), nil)
		return
	}
	vi := fmt.Sprintf("đĩa còn %d MiB trong %d MiB", s.free>>20, s.total>>20)
	en := fmt.Sprintf("the disk has %d MiB of %d MiB free", s.free>>20, s.total>>20)
	clear := words("xóa tệp lạ, nhật ký hệ thống cũ (journalctl --vacuum-size=50M), hoặc thay đĩa lớn hơn; đừng xóa tệp trong thư mục data",
		"remove foreign files and old system logs (journalctl --vacuum-size=50M), or fit a larger disk; remove nothing in the data folder")
	switch {
	case s.free < full:
		e.bad("disk", words(vi+fmt.Sprintf(", ít hơn mức %d MiB phải có: không ghi được nữa", full>>20), en+fmt.Sprintf(", less than the %d MiB that must be: nothing is taken any more", full>>20)), clear)
	case s.free < spare:
		e.warn("disk", words(vi+": sắp đầy", en+": it is nearly full"), clear)
	default:
		e.good("disk", words(vi, en))
	}
	switch {
	case s.nodes == 0: // made as they are needed
	case s.freeNodes < fewNodes:
		e.bad("disk_files", words(fmt.Sprintf("đĩa chỉ còn chỗ cho %d tệp (hết inode)", s.freeNodes), fmt.Sprintf("the disk has room for %d more files only (inodes)", s.freeNodes)), clear)
	default:
		e.good("disk_files", words(fmt.Sprintf("đĩa còn chỗ cho %d tệp", s.freeNodes), fmt.Sprintf("the disk has room for %d more files", s.freeNodes)))
	}
}

// secret looks whether a file or folder is its owner's alone.
func (e *exam) secret(paths ...string) {
	if runtime.GOOS == "windows" {
		return // has no such marks
	}
	var open []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			open = append(open, path)
		}
	}
	if len(open) == 0 {
		e.good("permissions", words("các tệp khóa chỉ chủ của chúng đọc được", "the key files can be read by their owner alone"))
		return
	}
	for _, path := range open {
		e.bad("permissions", words("người dùng khác của máy đọc được "+path, "other users of the machine can read "+path), words("chmod go= "+path, "chmod go= "+path))
	}
}
