package centreapp

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"hailong/survey/boltstore"
	"hailong/survey/console"
)

// The files of secrets in the data folder, readable by their owner only.
const (
	keyFile = "centre.key"
	// TokenFile holds the administrator's API token, made at the first start.
	TokenFile = "admin.token"
)

// readKey reads the centre's signing key. os.ErrNotExist says that there is none.
func readKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the centre's key: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is damaged: 64 hexadecimal digits are needed; restore it from a backup", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// loadKey reads the centre's signing key, or makes it where there is no store yet. A
// store without its key is refused: kiosks would believe none of its receipts.
func loadKey(dir string, fresh bool) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if !fresh {
		return nil, fmt.Errorf("%s is missing although there is a store: restore it from a backup, because kiosks believe no other key", path)
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, fmt.Errorf("make the centre's key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), writeSecret(path, keyText(seed))
}

func keyText(seed []byte) string { return hex.EncodeToString(seed) + "\n" }

// adminToken sees to it that the file of the administrator's token holds one that opens
// this store: it makes one at the first start, and again when the store was replaced.
func adminToken(ctx context.Context, dir string, s *boltstore.Store, c *console.Console) error {
	path := filepath.Join(dir, TokenFile)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		_, known, err := s.Token(ctx, console.TokenHash(strings.TrimSpace(string(b))))
		if err != nil {
			return fmt.Errorf("look up the administrator's token: %w", err)
		}
		if known {
			return nil
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read the administrator's token: %w", err)
	}
	token, err := c.MintToken(ctx, "administrator")
	if err != nil {
		return fmt.Errorf("make the administrator's token: %w", err)
	}
	return writeSecret(path, token+"\n")
}

// writeSecret writes a small file whole and durably, readable by its owner only. A stop on
// the way leaves at most one file beside it, which the next write replaces.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// makeFolder makes a folder, and those above it that are missing, so that a power cut
// leaves it there. One that is there may have been made a moment before such a cut.
func makeFolder(path string) error {
	above := filepath.Dir(path)
	if _, err := os.Stat(above); errors.Is(err, os.ErrNotExist) {
		if err := makeFolder(above); err != nil {
			return err
		}
	}
	made := os.Mkdir(path, 0o700)
	if made != nil && !errors.Is(made, os.ErrExist) {
		return made
	}
	err := syncFolder(above)
	if made != nil && errors.Is(err, os.ErrPermission) {
		return nil // whoever made it there, it was not this program
	}
	return err
}

// syncFolder makes what was renamed, made or removed in a folder durable. Windows has no
// such call.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
