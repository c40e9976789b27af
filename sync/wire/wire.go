// Package wire holds the names on the bus: subjects, the stream, its consumer, and
// what a kiosk may publish and subscribe to. Names only; it has no behaviour.
//
// Everything lies under hailong.v1. and is named by kiosk:
//
//	hailong.v1.batch.K      kiosk → centre   signed batches, kept by the stream until the store has committed
//	hailong.v1.receipt.K    centre → kiosk   signed receipts
//	hailong.v1.mark.K       kiosk → centre   request/reply: the present receipt of a chain
//	hailong.v1.heartbeat.K  kiosk → centre   how the kiosk is doing, best effort, never kept
//	hailong.v1.directory.K  kiosk → centre   request/reply: the signed directory, in pieces, or "you have it already"
//	hailong.v1.inbox.K.>    centre → kiosk   replies
//
// Only hailong.v1.batch._canary is nobody's: see [Canary].
//
// An external NATS server needs, for each kiosk, a user with the permissions of
// [KioskPermissions], and for the centre one that may use JetStream and everything
// under hailong.v1.
package wire

import (
	"strings"

	"hailong/survey"
)

// Prefix begins every subject.
const Prefix = "hailong.v1."

const (
	batch     = Prefix + "batch."
	receipt   = Prefix + "receipt."
	mark      = Prefix + "mark."
	heartbeat = Prefix + "heartbeat."
	directory = Prefix + "directory."
	inbox     = Prefix + "inbox."
)

// The stream that carries batches, and the centre's one durable consumer of it.
const (
	Stream   = "HAILONG_BATCHES"
	Consumer = "intake"
)

// Subjects that the centre listens to, over all kiosks.
const (
	AllBatches     = batch + "*"
	AllMarks       = mark + "*"
	AllHeartbeats  = heartbeat + "*"
	AllDirectories = directory + "*"
)

// Canary is where the centre publishes, into the same stream, what nobody needs, to see
// that the stream takes it. It has no kiosk's name, and no kiosk may publish to it.
const Canary = batch + "_canary"

// Batch is where a kiosk publishes its batches.
func Batch(k survey.KioskID) string { return batch + string(k) }

// Receipt is where a kiosk hears receipts.
func Receipt(k survey.KioskID) string { return receipt + string(k) }

// Mark is where a kiosk asks for the present receipt of a chain.
func Mark(k survey.KioskID) string { return mark + string(k) }

// Heartbeat is where a kiosk says how it is doing.
func Heartbeat(k survey.KioskID) string { return heartbeat + string(k) }

// Directory is where a kiosk asks for what the centre tells the kiosks.
func Directory(k survey.KioskID) string { return directory + string(k) }

// InboxPrefix is the prefix of the reply subjects that a kiosk's connection uses.
func InboxPrefix(k survey.KioskID) string { return inbox + string(k) }

// CentreInboxPrefix is the prefix of the centre's own reply subjects.
const CentreInboxPrefix = Prefix + "inbox-centre"

// Kiosk is the kiosk that a batch, mark, heartbeat or directory subject is named by, "" if it is
// not such a subject. The canary is nobody's.
func Kiosk(subject string) survey.KioskID {
	if subject == Canary {
		return ""
	}
	for _, prefix := range []string{batch, mark, heartbeat, directory} {
		if name, ok := strings.CutPrefix(subject, prefix); ok && !strings.ContainsAny(name, ".*>") {
			return survey.KioskID(name)
		}
	}
	return ""
}

// Permissions are the subjects that a connection may use.
type Permissions struct{ Publish, Subscribe []string }

// KioskPermissions are a kiosk's own subjects and nothing else: not JetStream's API,
// not another kiosk's. An acknowledgement of a batch comes to the kiosk's own inbox.
func KioskPermissions(k survey.KioskID) Permissions {
	return Permissions{
		Publish:   []string{Batch(k), Mark(k), Heartbeat(k), Directory(k)},
		Subscribe: []string{Receipt(k), InboxPrefix(k) + ".>"},
	}
}
