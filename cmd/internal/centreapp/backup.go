package centreapp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hailong/cmd/internal/run"
	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/disk"
)

// A backup is a folder with the store, the centre's key and a manifest. It is written
// under a name that says that it is not whole yet. When all of it is on disk it gets its
// name; when a copy of it has been opened and every record of it verified, its manifest
// says so; and only then the store's backup mark moves. Wherever that is cut off, there
// is either nothing more than before, or a backup that is what it says.
const (
	manifestFile = "manifest.json"
	partialEnd   = ".partial"
	scratchName  = "backup-scratch" // in the data folder: where a backup is tried
)

// BackupStep is a step of a backup that is on disk.
type BackupStep string

// The steps, in their order.
const (
	BackupTaken    BackupStep = "taken"    // the store's copy is there, on the store's own disk
	BackupCopied   BackupStep = "copied"   // all files are there, under the name of what is not whole
	BackupNamed    BackupStep = "named"    // under its own name
	BackupVerified BackupStep = "verified" // it was tried, and says so
	BackupMarked   BackupStep = "marked"   // the store knows
)

const manifestVersion = 1

// manifest says what a backup is.
type manifest struct {
	Version  int            `json:"version"`
	Number   uint64         `json:"number"` // one more than those before it: no clock says which is newer; 0 = an older program's
	Time     time.Time      `json:"time"`   // when the copy was begun
	Epoch    string         `json:"epoch"`  // of the store
	Size     int64          `json:"size"`   // of the store's file, bytes
	SHA256   string         `json:"sha256"`
	Heads    []manifestHead `json:"heads"` // it holds each chain up to there, or further
	Program  string         `json:"program"`
	Verified *time.Time     `json:"verified"` // null = not tried, or it failed
}

type manifestHead struct {
	Chain    survey.Chain `json:"chain"`
	Sequence uint64       `json:"sequence"`
	Hash     survey.Hash  `json:"hash"`
}

func (m *manifest) heads() map[survey.Chain]custody.Head {
	heads := map[survey.Chain]custody.Head{}
	for _, h := range m.Heads {
		heads[h.Chain] = custody.Head{Sequence: h.Sequence, Hash: h.Hash}
	}
	return heads
}

// compare orders backups of one centre from the oldest to the newest.
func (m *manifest) compare(o *manifest) int {
	return cmp.Or(cmp.Compare(m.Number, o.Number), m.Time.Compare(o.Time))
}

func epochText(e custody.Epoch) string { return hex.EncodeToString(e[:]) }

func readManifest(folder string) (manifest, error) {
	var m manifest
	b, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err == nil && m.Version != manifestVersion {
		err = fmt.Errorf("its version %d is not known", m.Version)
	}
	if err != nil {
		return m, fmt.Errorf("read the manifest of %s: %w", folder, err)
	}
	return m, nil
}

func (m *manifest) write(folder string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return disk.Write(filepath.Join(folder, manifestFile), append(b, '\n'))
}

// write makes a backup in a new folder, which is not whole until its name says so.
func (b *backups) write(ctx context.Context, name string) (m manifest, err error) {
	partial := filepath.Join(b.folder, name+partialEnd)
	if err := os.Mkdir(partial, 0o700); err != nil {
		return m, fmt.Errorf("make the backup's folder: %w", err)
	}
	if m, err = b.fill(ctx, partial); err == nil {
		b.step(BackupCopied)
		if err = os.Rename(partial, filepath.Join(b.folder, name)); err == nil {
			err = disk.SyncFolder(b.folder)
		}
	}
	if err != nil {
		return m, errors.Join(err, os.RemoveAll(partial))
	}
	b.step(BackupNamed)
	return m, nil
}

func (b *backups) fill(ctx context.Context, folder string) (m manifest, err error) {
	// The heads are read first: the copy holds at least these.
	heads, err := b.store.Heads(ctx)
	if err != nil {
		return m, fmt.Errorf("read how far the chains have come: %w", judged(err))
	}
	number, err := b.nextNumber(ctx)
	if err != nil {
		return m, err
	}
	m = manifest{Version: manifestVersion, Number: number, Time: b.now(), Epoch: epochText(b.store.Epoch()), Heads: []manifestHead{}, Program: run.Version()}
	for chain, h := range heads {
		m.Heads = append(m.Heads, manifestHead{chain, h.Sequence, h.Hash})
	}
	slices.SortFunc(m.Heads, func(x, y manifestHead) int { return bytes.Compare(x.Chain[:], y.Chain[:]) })
	if err := b.copyStore(ctx, folder, &m); err != nil {
		return m, err
	}
	if err := disk.Write(filepath.Join(folder, keyFile), keyText(b.key.Seed())); err != nil {
		return m, err
	}
	return m, m.write(folder)
}

// copyStore copies the store into a backup's folder, by way of the store's own disk: the
// snapshot holds a transaction open, and a folder on another machine may hang for hours.
func (b *backups) copyStore(ctx context.Context, folder string, m *manifest) error {
	return b.inScratch(func(scratch string) (err error) {
		m.Size, m.SHA256, err = writeSummed(filepath.Join(scratch, storeFile), func(w io.Writer) error {
			return b.store.Snapshot(ctx, io.MultiWriter(w, b.progress))
		})
		if err != nil {
			return err
		}
		b.step(BackupTaken)
		return m.copyOut(ctx, scratch, filepath.Join(folder, storeFile), b.progress)
	})
}

// inScratch does something that needs an empty folder on the store's disk, and clears it
// away.
func (b *backups) inScratch(do func(scratch string) error) (err error) {
	scratch := filepath.Join(b.data, scratchName)
	if err := errors.Join(os.RemoveAll(scratch), os.Mkdir(scratch, 0o700)); err != nil {
		return fmt.Errorf("make a place to put the store's copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	return do(scratch)
}

// writeSummed writes a new file, durably, and says what is in it.
func writeSummed(path string, write func(io.Writer) error) (size int64, sum string, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	err = write(io.MultiWriter(f, hash))
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, "", fmt.Errorf("write %s: %w", path, err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), nil
}

// copyOut copies a backup's store, in folder, to a new file and checks that it is what the manifest
// says.
func (m *manifest) copyOut(ctx context.Context, folder, to string, progress io.Writer) error {
	in, err := os.Open(filepath.Join(folder, storeFile))
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	size, sum, err := writeSummed(to, func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, progress), untilDone{ctx, in})
		return err
	})
	if err != nil {
		return err
	}
	if size != m.Size || sum != m.SHA256 {
		return fmt.Errorf("%s is damaged: it has %d bytes with the checksum %s, and the manifest says %d and %s",
			filepath.Join(folder, storeFile), size, sum, m.Size, m.SHA256)
	}
	return nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

// Read implements [io.Reader].
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// verify tries a backup: a copy of it is opened and every record of it verified.
func (b *backups) verify(ctx context.Context, name string, m *manifest) error {
	return b.inScratch(func(scratch string) error {
		folder, path := filepath.Join(b.folder, name), filepath.Join(scratch, storeFile)
		if err := m.copyOut(ctx, folder, path, io.Discard); err != nil {
			return err
		}
		key, err := readKey(filepath.Join(folder, keyFile))
		if err != nil {
			return err
		}
		if !key.Equal(b.key) {
			return errors.New("the backup's centre.key is another one than the centre's")
		}
		return verifyStore(ctx, b.program, path, folder, b.progress.count)
	})
}

// remove takes a backup away. Its name says first that it is not whole any more.
func remove(folder string) error {
	partial := folder + partialEnd
	if err := os.Rename(folder, partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an old backup: %w", err)
	}
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove an old backup: %w", err)
	}
	return nil
}
