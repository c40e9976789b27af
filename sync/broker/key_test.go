package broker_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/nats-io/nkeys"
)

// natsUser is the name under which the bus knows a key.
func natsUser(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	pair, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, key.Seed())
	if err != nil {
		t.Fatal(err)
	}
	name, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
