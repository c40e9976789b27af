package custody

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"hailong/survey"
)

// KioskName is the name that a public key gives its kiosk: "k-" and ten characters of
// base32 over the key's SHA-256. A new key is a new kiosk.
func KioskName(key ed25519.PublicKey) survey.KioskID {
	sum := sha256.Sum256(append([]byte("hailong/kiosk/v1"), key...))
	return survey.KioskID("k-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10]))
}
