package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// The log file: a header (magic, chain, sequence of its first record, hash of the record
// before that, CRC-32C of all this), then one frame per record: its length (4 bytes,
// big-endian), CRC-32C of the bytes (4 bytes), the bytes. While the journal is open,
// zeros follow.
const (
	logMagic    = "HAILONG-LOG-2\n"
	logHeader   = len(logMagic) + 16 + 8 + 32 + 4
	frameHeader = 8
	maxRecord   = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame adds one record's frame to b.
func appendFrame(b, record []byte) []byte {
	return appendSummed(binary.BigEndian.AppendUint32(b, uint32(len(record))), record)
}

// logFile is the open log. Its own goroutine appends and syncs, so that bbolt's sync
// runs meanwhile.
type logFile struct {
	f     *os.File
	size  int64 // where the frames end; owned by the goroutine between append and its answer
	ahead int64 // where the file ends: zeros up to there, written beforehand
	work  chan []byte
	done  chan error
}

// runway is how many zeros are written ahead of the frames at a time. Frames then land
// in blocks that the file already has, and their sync need not change its size on disk
// as well, which would hold up bbolt's sync beside it.
const runway = 256 << 10

func startLog(f *os.File, size int64) *logFile {
	l := &logFile{f: f, size: size, ahead: size, work: make(chan []byte), done: make(chan error, 1)}
	go func() {
		for b := range l.work {
			l.done <- l.write(b)
		}
	}()
	return l
}

// append begins to write frames and sync; the answer comes on the channel. Only one
// append may be under way.
func (l *logFile) append(frames []byte) <-chan error {
	l.work <- frames
	return l.done
}

func (l *logFile) write(frames []byte) error {
	if len(frames) == 0 {
		return nil
	}
	if err := l.extend(int64(len(frames))); err != nil {
		return fmt.Errorf("extend: %w", err)
	}
	if _, err := l.f.WriteAt(frames, l.size); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := disk.SyncData(l.f); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	l.size += int64(len(frames))
	return nil
}

// extend writes zeros ahead where fewer are left than n bytes need.
func (l *logFile) extend(n int64) error {
	if l.size+n <= l.ahead {
		return nil
	}
	zeros := make([]byte, n+runway)
	if _, err := l.f.WriteAt(zeros, l.ahead); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.ahead += int64(len(zeros))
	return nil
}

// trim takes the zeros away that no frame came to fill.
func (l *logFile) trim() error {
	if err := l.f.Truncate(l.size); err != nil {
		return fmt.Errorf("cut the log's unused end: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

func (l *logFile) close() error {
	close(l.work)
	return l.f.Close()
}

// createLog makes the log of a segment, on stable storage with its folder entry.
func createLog(path string, o origin) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the log: %w", err)
	}
	if err := writeLogHeader(f, o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := disk.SyncFolder(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func encodeOrigin(o origin) []byte {
	b := append([]byte(logMagic), o.chain[:]...)
	b = append(binary.BigEndian.AppendUint64(b, o.first), o.previous[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func writeLogHeader(f *os.File, o origin) error {
	if _, err := f.WriteAt(encodeOrigin(o), 0); err != nil {
		return fmt.Errorf("write the log's header: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the log's header: %w", err)
	}
	return nil
}

// readLogHeader reads where a log begins.
func readLogHeader(r io.Reader) (o origin, err error) {
	b := make([]byte, logHeader)
	_, err = io.ReadFull(r, b)
	if err != nil && !ends(err) {
		return o, err
	}
	if err != nil || !bytes.HasPrefix(b, []byte(logMagic)) || binary.BigEndian.Uint32(b[logHeader-4:]) != crc32.Checksum(b[:logHeader-4], castagnoli) {
		return o, fmt.Errorf("%w: %s", ErrDamaged, faultHeadless)
	}
	b = b[len(logMagic):]
	o = origin{chain: survey.Chain(b), first: binary.BigEndian.Uint64(b[16:]), previous: survey.Hash(b[24:])}
	if o.first == 0 || o.chain.IsZero() {
		return o, fmt.Errorf("%w: the log does not say where it begins", ErrDamaged)
	}
	return o, nil
}

// scanned is what a log holds: how far its unbroken run of valid records goes.
type scanned struct {
	origin
	head custody.Head
	size int64 // where the run ends
}

// scanLog reads a log from its first byte and visits every record of the run: frames
// whose checksum fits, of one chain, without gaps, each carrying the hash of the one
// before. What follows the run was never promised to anyone by this file. Where f cannot
// be read on, that is the error, and the run ends there.
func scanLog(f io.ReaderAt, visit func(*custody.Record) error) (scanned, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, 1<<62), 256<<10)
	o, err := readLogHeader(r)
	if err != nil {
		return scanned{}, err
	}
	s := scanned{origin: o, head: o.before(), size: int64(logHeader)}
	for {
		b, err := readFrame(r)
		if errors.Is(err, errFrame) {
			return s, nil // the end, or a frame that was never completed
		}
		if err != nil {
			return s, err
		}
		rec := custody.DecodeRecord(b)
		if rec.Fault != nil || rec.Chain != s.chain || rec.Sequence != s.head.Sequence+1 || rec.Previous != s.head.Hash {
			return s, nil
		}
		if err := visit(&rec); err != nil {
			return s, err
		}
		s.head = custody.Head{Sequence: rec.Sequence, Hash: rec.Hash}
		s.size += frameHeader + int64(len(b))
	}
}

// onlyZeros reports whether a part of the log holds nothing but zeros.
func onlyZeros(f io.ReaderAt, from, to int64) (bool, error) {
	end, err := endOfData(f, from, to)
	return end == from, err
}

// endOfData is where, in a part of the log, the zeros at its end begin. A part larger than
// any file of the journal is not read: a damaged folder entry tells any size.
func endOfData(f io.ReaderAt, from, to int64) (end int64, err error) {
	if to-from > maxCarve {
		return from, fmt.Errorf("%w: %d bytes follow the log's last record", ErrDamaged, to-from)
	}
	end = from
	b := make([]byte, min(to-from, 1<<20))
	for at := from; at < to; at += int64(len(b)) {
		n, err := f.ReadAt(b[:min(to-at, int64(len(b)))], at)
		if data := bytes.TrimRight(b[:n], "\x00"); len(data) > 0 {
			end = at + int64(len(data))
		}
		if err != nil && !ends(err) {
			return end, fmt.Errorf("read the log's end: %w", err)
		}
	}
	return end, nil
}

// cutLog shortens a segment's log to its run. Bytes that are not zeros are first copied
// to a file beside it: nothing that was ever written is thrown away.
func (s *segment) cutLog(f *os.File, run, size int64) error {
	end, err := endOfData(source{f}, run, size)
	if err != nil {
		return err
	}
	if end > run {
		kept, err := setAside(f.Name()+".cut-*", io.NewSectionReader(source{f}, run, end-run))
		if err != nil {
			return fmt.Errorf("copy the log's torn end: %w", err)
		}
		s.mending.cut, s.mending.kept = int(end-run), filepath.Base(kept)
	}
	if err := f.Truncate(run); err != nil {
		return fmt.Errorf("cut the log's torn end: %w", err)
	}
	return nil
}

func setAside(pattern string, from io.Reader) (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(pattern), filepath.Base(pattern))
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = disk.SyncFolder(filepath.Dir(f.Name())) // what it was copied from is cut next
	}
	if err != nil {
		_ = os.Remove(f.Name()) // half a copy is worth nothing, and on a full disk it is in the way
	}
	return f.Name(), err
}

var errFrame = errors.New("not a whole frame")

// ends reports whether a read met the end of what there is.
func ends(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// readFrame reads one frame's bytes. What is no frame gives errFrame, what cannot be read
// the reader's error.
func readFrame(r io.Reader) ([]byte, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); ends(err) {
		return nil, errFrame
	} else if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(h[:4])
	if n == 0 || n > maxRecord {
		return nil, errFrame
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	if err != nil && !ends(err) {
		return nil, err
	}
	if err != nil || crc32.Checksum(b, castagnoli) != binary.BigEndian.Uint32(h[4:]) {
		return nil, errFrame
	}
	return b, nil
}
