package broker_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"hailong/sync/broker"
	"hailong/sync/wire"
)

// maxBytes is how much the stream may hold.
func maxBytes(t *testing.T, b *broker.Broker) int64 {
	t.Helper()
	js, err := jetstream.New(b.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(context.Background(), wire.Stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config.MaxBytes
}

// usedFiles is a stream's folder after a stop: batches, some taken, some under way.
func usedFiles(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	b := start(t, func(o *broker.Options) { o.Dir = dir })
	publishAll(t, b, "a", 20)
	takeUpTo(t, b, "a004")
	js, err := jetstream.New(b.Conn())
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(context.Background(), wire.Stream, wire.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); err != nil { // never acknowledged
		t.Fatal(err)
	}
	b.Close()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var rel string
			rel, err = filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("the stream has only the files %v: %v", files, err)
	}
	return dir, files
}

// damages are what may happen to a file while nothing runs.
var damages = map[string]func(path string, data []byte) error{
	"deleted":   func(path string, _ []byte) error { return os.Remove(path) },
	"emptied":   func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
	"truncated": func(path string, data []byte) error { return os.WriteFile(path, data[:len(data)/2], 0o600) },
	"first bits flipped": func(path string, data []byte) error {
		data[0] ^= 0x80
		data[1] ^= 0x7f
		return os.WriteFile(path, data, 0o600)
	},
	"a bit flipped": func(path string, data []byte) error {
		data[len(data)/2] ^= 4
		return os.WriteFile(path, data, 0o600)
	},
	"zeroed": func(path string, data []byte) error {
		clear(data)
		return os.WriteFile(path, data, 0o600)
	},
	"a folder in its place": func(path string, _ []byte) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Mkdir(path, 0o700)
	},
}

// Whatever is done to any of its files, with and without the index that an unclean stop
// may leave out, the broker starts, and what kiosks send again is taken. Old batches may
// be lost: that is what custody is for.
func TestDamagedFilesNeverKeepTheBrokerDown(t *testing.T) {
	t.Parallel()
	whole, files := usedFiles(t)
	const index = "index.db"
	kept, lost := 0, 0
	for _, file := range files {
		for name, damage := range damages {
			for _, without := range []string{"", index} {
				if without == filepath.Base(file) || testing.Short() && without != "" {
					continue
				}
				t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file)+" "+name+" without "+without, func(t *testing.T) {
					dir := damaged(t, whole, file, damage, without)
					b := start(t, func(o *broker.Options) { o.Dir = dir })
					defer b.Close()
					publishAll(t, b, "b", 5)
					taken := takeUpTo(t, b, "b004")
					if taken['b'] != 5 || taken['a'] > 16 {
						t.Fatalf("taken were %v of what was sent again", taken)
					}
					if taken['a'] < 15 {
						lost++
					}
					kept++
				})
			}
		}
	}
	if lost < 5 || kept < 20 {
		t.Errorf("of %d damages only %d lost anything: these are no damages", kept, lost)
	}
}

// damaged is a copy of a folder with one file damaged and, if named, another deleted.
func damaged(t *testing.T, whole, file string, damage func(string, []byte) error, without string) string {
	t.Helper()
	dir := t.TempDir()
	err := os.CopyFS(dir, os.DirFS(whole))
	path := filepath.Join(dir, file)
	if data, readErr := os.ReadFile(path); err == nil {
		if err = readErr; err == nil {
			err = damage(path, data)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if without != "" {
		found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", wire.Stream, "msgs", without))
		if err != nil || len(found) != 1 {
			t.Fatalf("the file %s is not there: %v %v", without, found, err)
		}
		if err := os.Remove(found[0]); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The files of a stopped server may all be gone, or not be a server's files at all.
func TestFilesThatAreNotAServersAtAll(t *testing.T) {
	t.Parallel()
	whole, _ := usedFiles(t)
	t.Run("all gone", func(t *testing.T) {
		if err := os.RemoveAll(filepath.Join(whole, "jetstream")); err != nil {
			t.Fatal(err)
		}
		b := start(t, func(o *broker.Options) { o.Dir = whole })
		publishAll(t, b, "b", 5)
		if taken := takeUpTo(t, b, "b004"); taken['a'] != 0 || taken['b'] != 5 {
			t.Fatalf("taken were %v", taken)
		}
	})
	t.Run("a file in their place, time and again", func(t *testing.T) {
		dir := t.TempDir()
		for i := range 4 {
			if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte{byte('0' + i)}, 0o600); err != nil {
				t.Fatal(err)
			}
			var told bytes.Buffer
			b := start(t, func(o *broker.Options) { o.Dir, o.Log = dir, slog.New(slog.NewTextHandler(&told, nil)) })
			publishAll(t, b, "b", 5)
			b.Close()
			if !strings.Contains(told.String(), "kiosks send again") || !strings.Contains(told.String(), "damaged-") {
				t.Fatalf("nobody was told: %s", told.String())
			}
		}
		aside, err := filepath.Glob(filepath.Join(dir, "jetstream.damaged-*"))
		if err != nil || len(aside) != 2 {
			t.Fatalf("aside are %v: %v", aside, err)
		}
		for i, path := range aside {
			if data, err := os.ReadFile(path); err != nil || string(data) != string(rune('2'+i)) {
				t.Errorf("%s holds %q, not the latest: %v", path, data, err)
			}
		}
	})
}

// A limit that was lowered, below what the stream already holds, loses nothing and
// refuses until there is room.
func TestALowerLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, func(o *broker.Options) { o.Dir, o.MaxBytes = dir, 8<<20 })
	publishAll(t, b, "a", 200)
	b.Close()
	b = start(t, func(o *broker.Options) { o.Dir, o.MaxBytes = dir, 64<<10 })
	if got := maxBytes(t, b); got != 64<<10 {
		t.Fatalf("the limit is %d bytes", got)
	}
	if err := publish(b, "b", 5*time.Second); err == nil || !strings.Contains(err.Error(), "10077") {
		t.Fatalf("the stream beyond its limit says %v", err)
	}
	if taken := takeUpTo(t, b, "a199"); taken['a'] != 200 {
		t.Fatalf("taken were %v of 200", taken)
	}
	publishAll(t, b, "b", 1)
}

// Where nothing can be written the files are not to blame, and stay.
func TestAVolumeThatTakesNothingIsSaid(t *testing.T) {
	t.Parallel()
	dir := smallVolume(t)
	files := filepath.Join(dir, "jetstream")
	if err := os.WriteFile(files, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1<<10))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := broker.Start(context.Background(), broker.Options{Dir: dir, Listen: "127.0.0.1:0"}); err == nil {
		b.Close()
		t.Fatal("it started")
	} else if !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("error %v", err)
	}
	if data, err := os.ReadFile(files); err != nil || string(data) != "in the way" {
		t.Fatalf("the files were touched: %q %v", data, err)
	}
}
