package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"hailong/survey"
	"hailong/sync/wire"
)

const kiosk survey.KioskID = "k-abcdefghij"

// The names are written into the configuration of external servers: they never change.
func TestNamesNeverChange(t *testing.T) {
	for got, want := range map[string]string{
		wire.Batch(kiosk):       "hailong.v1.batch.k-abcdefghij",
		wire.Receipt(kiosk):     "hailong.v1.receipt.k-abcdefghij",
		wire.Mark(kiosk):        "hailong.v1.mark.k-abcdefghij",
		wire.Heartbeat(kiosk):   "hailong.v1.heartbeat.k-abcdefghij",
		wire.InboxPrefix(kiosk): "hailong.v1.inbox.k-abcdefghij",
		wire.AllBatches:         "hailong.v1.batch.*",
		wire.Canary:             "hailong.v1.batch._canary",
		wire.AllMarks:           "hailong.v1.mark.*",
		wire.AllHeartbeats:      "hailong.v1.heartbeat.*",
		wire.Directory(kiosk):   "hailong.v1.directory.k-abcdefghij",
		wire.AllDirectories:     "hailong.v1.directory.*",
		wire.CentreInboxPrefix:  "hailong.v1.inbox-centre",
		wire.Stream:             "HAILONG_BATCHES",
		wire.Consumer:           "intake",
	} {
		if got != want {
			t.Errorf("%s is now called %s", want, got)
		}
	}
}

func TestWhoseSubjectItIs(t *testing.T) {
	for subject, want := range map[string]survey.KioskID{
		wire.Batch(kiosk): kiosk, wire.Mark(kiosk): kiosk, wire.Heartbeat(kiosk): kiosk, wire.Directory(kiosk): kiosk,
		wire.Receipt(kiosk): "", wire.InboxPrefix(kiosk): "", wire.Canary: "", "hailong.v1.batch.": "", "hailong.v1.batch": "", "": "",
		"hailong.v1.batch.a.b": "", "hailong.v1.batch.*": "", "hailong.v1.mark.>": "", "hailong.v2.batch.k-1": "", "x.hailong.v1.batch.k-1": "",
	} {
		if got := wire.Kiosk(subject); got != want {
			t.Errorf("%q is %q's, want %q", subject, got, want)
		}
	}
}

// covers says what NATS says: does a permission allow a subject?
func covers(permission, subject string) bool {
	have, want := strings.Split(permission, "."), strings.Split(subject, ".")
	for i, token := range have {
		switch {
		case token == ">":
			return len(want) > i
		case i >= len(want), token != "*" && token != want[i]:
			return false
		}
	}
	return len(have) == len(want)
}

func allowed(permissions []string, subject string) bool {
	for _, p := range permissions {
		if covers(p, subject) {
			return true
		}
	}
	return false
}

func TestAKioskMayOnlyUseItsOwnSubjects(t *testing.T) {
	p := wire.KioskPermissions(kiosk)
	const other survey.KioskID = "k-abcdefghik"
	for _, own := range []string{wire.Batch(kiosk), wire.Mark(kiosk), wire.Heartbeat(kiosk), wire.Directory(kiosk)} {
		if !allowed(p.Publish, own) {
			t.Errorf("it may not publish %s", own)
		}
	}
	for _, own := range []string{wire.Receipt(kiosk), wire.InboxPrefix(kiosk) + ".abc", wire.InboxPrefix(kiosk) + ".abc.1"} {
		if !allowed(p.Subscribe, own) {
			t.Errorf("it may not hear %s", own)
		}
	}
	for _, not := range []string{
		wire.Canary, wire.Batch(other), wire.Mark(other), wire.Heartbeat(other), wire.Directory(other), wire.Receipt(kiosk), wire.Receipt(other), wire.InboxPrefix(other) + ".1",
		wire.CentreInboxPrefix + ".1", "$JS.API.STREAM.INFO." + wire.Stream, "$SYS.REQ.SERVER.PING", "_INBOX.abc",
	} {
		if allowed(p.Publish, not) {
			t.Errorf("it may publish %s", not)
		}
	}
	for _, not := range []string{
		wire.Receipt(other), wire.InboxPrefix(other) + ".1", wire.CentreInboxPrefix + ".1", wire.Batch(kiosk), wire.AllBatches, wire.Directory(kiosk), wire.AllDirectories, "_INBOX.abc", ">", "hailong.v1.>",
	} {
		if allowed(p.Subscribe, not) {
			t.Errorf("it may hear %s", not)
		}
	}
}

// The canary must come into the stream of the batches, and no kiosk may ever be called
// by its name: its batches would be thrown away.
func TestTheCanaryIsABatchOfNobody(t *testing.T) {
	if !covers(wire.AllBatches, wire.Canary) {
		t.Errorf("%s is not in the stream", wire.Canary)
	}
	name := strings.TrimPrefix(wire.Canary, wire.Batch(""))
	if survey.CodeProblem("kiosk", name) == nil {
		t.Errorf("a kiosk could be called %s", name)
	}
}

func ExampleKioskPermissions() {
	p := wire.KioskPermissions("k-abcdefghij")
	fmt.Println(p.Publish)
	fmt.Println(p.Subscribe)
	// Output:
	// [hailong.v1.batch.k-abcdefghij hailong.v1.mark.k-abcdefghij hailong.v1.heartbeat.k-abcdefghij hailong.v1.directory.k-abcdefghij]
	// [hailong.v1.receipt.k-abcdefghij hailong.v1.inbox.k-abcdefghij.>]
}
