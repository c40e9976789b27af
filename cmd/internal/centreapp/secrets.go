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
	"strings"

	"hailong/survey/boltstore"
	"hailong/survey/console"
	"hailong/survey/disk"
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
	return ed25519.NewKeyFromSeed(seed), disk.Write(path, keyText(seed))
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
	return disk.Write(path, token+"\n")
}
