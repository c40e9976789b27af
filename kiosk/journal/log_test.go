package journal

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/survey/custody"
)

var bigChain = survey.Chain{0xb1}

// The files of a journal that has one segment only.
var segmentDB, segmentLog = dbName(1), logName(1)

func testKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, key
}

// skip visits a record without a look at it.
func skip(*custody.Record) error { return nil }

// chained makes records 1, 2, 3 … of one chain until enough says so.
func chained(enough func(custody.Record) bool) {
	var head custody.Head
	for {
		d := draft(fmt.Sprint(head.Sequence + 1))
		r := custody.Seal(custody.Record{
			Version: custody.RecordVersion, Chain: bigChain, Sequence: head.Sequence + 1, Previous: head.Hash, Nonce: d.Nonce,
			Kind: custody.ResponseRecord, Counter: string(d.Response.Counter), Questionnaire: d.Response.Questionnaire,
			PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&d.Response),
		})
		if enough(r) {
			return
		}
		head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
	}
}

// bigLog writes a log of at least so many bytes, and no bbolt file, and says how many
// records it holds.
func bigLog(t testing.TB, dir string, bytes int) (records uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, segmentLog), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeLogHeader(f, origin{chain: bigChain, first: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(int64(logHeader), 0); err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	size := 0
	chained(func(r custody.Record) bool {
		frame := appendFrame(nil, r.Bytes)
		if _, err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
		size += len(frame)
		records = r.Sequence
		return size >= bytes
	})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), writeState(dir, closed, false)); err != nil {
		t.Fatal(err)
	}
	return records
}

// smallLog is a log of n records as it lies on disk, and the records.
func smallLog(n int) (log []byte, records []custody.Record) {
	log = encodeOrigin(origin{chain: bigChain, first: 1})
	chained(func(r custody.Record) bool {
		log = appendFrame(log, r.Bytes)
		records = append(records, r)
		return len(records) == n
	})
	return log, records
}

// scanBytes scans a log that holds these bytes, through a file made for the test once.
func scanBytes(t *testing.T, f *os.File, log []byte) (s scanned, seen []custody.Record, err error) {
	t.Helper()
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(log, 0); err != nil {
		t.Fatal(err)
	}
	s, err = scanLog(f, func(r *custody.Record) error {
		seen = append(seen, *r)
		return nil
	})
	return s, seen, err
}

func scratch(t testing.TB) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Whatever one bit is changed, and wherever the log is cut, the records before it are
// read as they were written and nothing after it is.
func TestNoAlteredByteIsRead(t *testing.T) {
	log, records := smallLog(3)
	f := scratch(t)
	ends := []int{logHeader}
	for _, r := range records {
		ends = append(ends, ends[len(ends)-1]+frameHeader+len(r.Bytes))
	}
	untouched := func(at int) (n int) { // how many records lie before that byte
		for n < len(records) && ends[n+1] <= at {
			n++
		}
		return n
	}
	check := func(what string, damaged []byte, at int) {
		t.Helper()
		s, seen, err := scanBytes(t, f, damaged)
		want := untouched(at)
		if at < logHeader {
			want = 0 // no header, or the header of another chain
		}
		if len(seen) != want || err == nil && s.size != int64(ends[want]) {
			t.Fatalf("%s at byte %d: %d records read up to byte %d, want %d up to %d (%v)", what, at, len(seen), s.size, want, ends[want], err)
		}
		for i, r := range seen {
			if !bytes.Equal(r.Bytes, records[i].Bytes) {
				t.Fatalf("%s at byte %d: record %d is read with other bytes", what, at, i+1)
			}
		}
	}
	check("nothing changed", log, len(log))
	for at := range log {
		damaged := bytes.Clone(log)
		damaged[at] ^= 1 << (at % 8)
		check("a bit flipped", damaged, at)
		check("cut", log[:at], at)
	}
}

// FuzzScanLog gives any bytes to the reader of the log. It never panics, and what it
// accepts is, byte for byte, what a writer of these records would have written.
func FuzzScanLog(f *testing.F) {
	log, _ := smallLog(3)
	f.Add(log)
	f.Add(log[:len(log)-5])
	f.Add([]byte(logMagic))
	f.Add(append(append([]byte(nil), log...), 0, 0, 0, 9, 1, 2, 3, 4))
	f.Add(append(append([]byte(nil), log...), 0xff, 0xff, 0xff, 0xff))
	file := scratch(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		s, seen, err := scanBytes(t, file, log)
		if err != nil {
			if len(seen) > 0 {
				t.Fatalf("%d records of a log without a header", len(seen))
			}
			return
		}
		again := encodeOrigin(s.origin)
		head := s.before()
		for _, r := range seen {
			if r.Fault != nil || r.Chain != s.chain || r.Sequence != head.Sequence+1 || r.Previous != head.Hash || r.Hash != custody.HashRecord(r.Bytes) {
				t.Fatalf("record %d does not follow record %d", r.Sequence, head.Sequence)
			}
			again = appendFrame(again, r.Bytes)
			head = custody.Head{Sequence: r.Sequence, Hash: r.Hash}
		}
		if s.head != head || s.size != int64(len(again)) || !bytes.Equal(again, log[:s.size]) {
			t.Fatalf("the run of %d records ends at %d and does not read as it was written", len(seen), s.size)
		}
	})
}

// FuzzReadFrame gives any bytes to the reader of one frame: it gives back what stands
// there with a fitting checksum, or nothing.
func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, []byte("a record")))
	f.Add(appendFrame(nil, []byte("a record"))[:10])
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, appendFrame(nil, got)) {
			t.Fatalf("%x was read as %x", b, got)
		}
	})
}

// sayings are what people were told.
type sayings struct{ vi, en []string }

func (s *sayings) hear(o *Options) {
	o.OnEvent = func(w survey.Words) {
		s.vi, s.en = append(s.vi, w[survey.Vietnamese]), append(s.en, w[survey.English])
	}
}

// want wants words in what was said, in Vietnamese, and all of it said in both languages.
func (s *sayings) want(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(strings.Join(s.vi, "\n"), w) {
			t.Errorf("it is not said: %q; but\n%s", w, strings.Join(s.vi, "\n"))
		}
	}
	for i := range s.vi {
		if s.vi[i] == "" || s.en[i] == "" || s.vi[i] == s.en[i] {
			t.Errorf("not in both languages: %q, %q", s.vi[i], s.en[i])
		}
	}
}

// What was found, what was done and what is lost is told: each when it is known, and
// nothing where nothing was mended.
func TestWhatWasMendedIsTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(t *testing.T, dir string)
		words  []string
		unsaid string
	}{
		{"nothing", func(*testing.T, string) {}, nil, "000001"},
		{"the log is missing", func(t *testing.T, dir string) { remove(t, dir, segmentLog) },
			[]string{"tệp 000001.log bị thiếu hoặc hỏng, đã được lập lại từ 000001.db; đủ từ bản ghi 1 đến 40, không mất lượt nào"}, "để riêng"},
		{"bbolt is missing", func(t *testing.T, dir string) { remove(t, dir, segmentDB) },
			[]string{"tệp 000001.db bị thiếu hoặc hỏng, đã được lập lại từ 000001.log; đủ từ bản ghi 1 đến 40, không mất lượt nào; góp ý bằng chữ chưa gửi đi có thể bị mất"}, "để riêng"},
		{"bbolt is cut short", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, segmentDB), 20<<10) },
			[]string{"tệp 000001.db bị hỏng: bị cắt ngắn; đã để riêng thành 000001.db.damaged-", "đã được lập lại từ 000001.log"}, "chuỗi mới"},
		{"bbolt is empty", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, segmentDB), 0) },
			[]string{"tệp 000001.db bị hỏng: tệp rỗng;", "đã được lập lại từ 000001.log"}, "chuỗi mới"},
		{"the log's end is no record", func(t *testing.T, dir string) {
			forgetCleanStop(t, dir)
			spill(t, dir, []byte("torn"))
		}, []string{"tệp 000001.log có 4 byte ở cuối không thành bản ghi", "đã chép riêng thành 000001.log.cut-", "đủ từ bản ghi 1 đến 40, không mất lượt nào"}, "hỏng"},
		{"both are empty", func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, segmentDB), 0)
			overwrite(t, filepath.Join(dir, segmentLog), 0, make([]byte, 200))
		}, []string{"tệp 000001.db bị hỏng: tệp rỗng;", "tệp 000001.log bị hỏng: phần đầu bị mất", "bắt đầu chuỗi mới"}, "lập lại từ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _, chain := pressed(t, 40, true)
			c.do(t, dir)
			var said sayings
			openTest(t, dir, withChild, said.hear, func(o *Options) { o.Chain = chain })
			said.want(t, c.words...)
			if all := strings.Join(said.vi, "\n"); strings.Contains(all, c.unsaid) {
				t.Errorf("it is said, and not true: %q in\n%s", c.unsaid, all)
			}
			for _, vi := range said.vi { // English only as the detail at the end
				if before, _, _ := strings.Cut(vi, "(chi tiết kỹ thuật:"); strings.Contains(before, " it ") || strings.Contains(before, "damaged:") {
					t.Errorf("half in English: %s", vi)
				}
			}
		})
	}
}

// A full segment's log that went missing is made anew, and that is told, too.
func TestASealedSegmentsLogIsMissing(t *testing.T) {
	dir := t.TempDir()
	j := segmented(t, dir, 60)
	chain, last := j.Chain(), j.segments()[0].last.Sequence
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, logName(1))
	var said sayings
	again := openTest(t, dir, small, said.hear, func(o *Options) { o.Chain = chain })
	found(t, again, 0, 60)
	said.want(t, fmt.Sprintf("tệp 000001.log bị thiếu hoặc hỏng, đã được lập lại từ 000001.db; đủ từ bản ghi 1 đến %d, không mất lượt nào", last))
}
