package boltstore

import (
	"encoding/binary"

	"hailong/survey"
)

// The buckets of the file. Numbers in keys are big-endian, so that keys sort as the
// numbers do. An id is a chain's 16 bytes and a sequence of 8.
var (
	metaBucket = []byte("meta") // "epoch", "format", "board"

	// What arrived.
	batchBucket    = []byte("batches")  // chain, last sequence → received (ms, 8 bytes), hash of the last record, batch bytes
	chainBucket    = []byte("chains")   // chain → its state
	forkBucket     = []byte("forks")    // chain, SHA-256 → batch bytes
	rejectBucket   = []byte("rejected") // number → JSON
	rejectedBucket = []byte("rejected_known")
	commentBucket  = []byte("comments") // id → salt (16 bytes), text

	// What became of records that are not simply counted.
	quarantineBucket = []byte("quarantined") // id → reason
	heldBucket       = []byte("held")        // id → reason
	pinBucket        = []byte("pinned")      // id → receiving unit it was counted at
	rootBucket       = []byte("roots")       // id of a linked record → sequence of its session's first
	sessionBucket    = []byte("sessions")    // id of a session's first record, sequence of a linked one → nothing

	// The roll-ups. Keys are rows of numbers of 4 bytes, values are cells.
	nameBucket         = []byte("names")         // number → what it stands for
	timeHourBucket     = []byte("time_hour")     // counter, hour, channel, stage
	timeMonthBucket    = []byte("time_month")    // counter, month, channel, stage
	serviceDayBucket   = []byte("service_day")   // receiving, day, resolving, field, procedure, respondent
	serviceMonthBucket = []byte("service_month") // receiving, month, resolving, field, procedure, respondent

	// Definitions, kiosks and rights, as JSON.
	definitionBucket = []byte("definitions")    // "structure"
	versionBucket    = []byte("questionnaires") // hash
	forceBucket      = []byte("in_force")       // number → hash of the version that came into force
	kioskBucket      = []byte("kiosks")         // kiosk's id
	invitationBucket = []byte("invitations")    // hash of the code
	redeemedBucket   = []byte("redeemed")       // hash of the code → kiosk's id
	tokenBucket      = []byte("tokens")         // hash of the token
)

var buckets = [][]byte{
	metaBucket, batchBucket, chainBucket, forkBucket, rejectBucket, rejectedBucket, commentBucket,
	quarantineBucket, heldBucket, pinBucket, rootBucket, sessionBucket,
	nameBucket, timeHourBucket, timeMonthBucket, serviceDayBucket, serviceMonthBucket,
	definitionBucket, versionBucket, forceBucket, kioskBucket, invitationBucket, redeemedBucket, tokenBucket,
}

var (
	epochKey     = []byte("epoch")
	formatKey    = []byte("format")
	boardKey     = []byte("board") // what the live page showed last, as its owner wrote it
	structureKey = []byte("structure")
)

// format is the version of this layout. A file of a later one is refused.
const format = 1

const (
	chainLen = len(survey.Chain{})
	idLen    = chainLen + 8
	hashLen  = len(survey.Hash{})
)

func idKey(id survey.RecordID) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, idLen+8), id.Chain[:]...), id.Sequence)
}

// parseID reads an id at the start of a key of this file.
func parseID(key []byte) survey.RecordID {
	return survey.RecordID{Chain: survey.Chain(key[:chainLen]), Sequence: binary.BigEndian.Uint64(key[chainLen:])}
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
