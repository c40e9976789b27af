package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// The buckets of the file. Numbers in keys are big-endian, so that keys sort as the
// numbers do. An id is a chain's 16 bytes and a sequence of 8.
var (
	metaBucket = []byte("meta") // see the keys below

	// What arrived.
	batchBucket      = []byte("batches")      // chain, last sequence → received (ms, 8 bytes), hash of the last record, batch bytes
	chainBucket      = []byte("chains")       // chain → its state
	commentBucket    = []byte("comments")     // id → salt (16 bytes), text
	forkBucket       = []byte("forks")        // chain, first sequence, digest → batch bytes
	forkRecordBucket = []byte("fork_records") // chain, hash → day, disputeKind, kiosk
	rejectBucket     = []byte("rejected")     // number → JSON
	rejectedBucket   = []byte("rejected_known")
	rejectedByBucket = []byte("rejected_by") // kiosk, 1 if nobody resolved it, number → size (8 bytes)

	// What became of records that are not simply counted.
	quarantineBucket  = []byte("quarantined")  // id → day, reason
	heldBucket        = []byte("held")         // id → day, reason
	duplicateBucket   = []byte("duplicates")   // id → day, and a byte if it contradicts the one that counts
	pinBucket         = []byte("pinned")       // id → receiving unit it was counted at
	unsureBucket      = []byte("unsure")       // chain, boot, sequence → wall and mono (ms, 8 bytes each): its day is not known yet
	clockBucket       = []byte("clocks")       // chain, boot, sequence of the record that tells → when the boot began, at least and at most (ms, 8 bytes each)
	placedBucket      = []byte("placed")       // id → when it was made (ms, 8 bytes), as a record of the clock told
	salvagedBucket    = []byte("salvaged")     // kiosk, id of a salvaged record → id of the record that holds it and counts, day
	salvagedOwnBucket = []byte("salvaged_own") // kiosk, id of a salvaged record of the journal's own, or one that had salvaged → nothing: it counts for nothing
	rootBucket        = []byte("roots")        // id of a linked record → sequence of its session's first
	sessionBucket     = []byte("sessions")     // id of a session's first record, sequence of a linked one → nothing
	ticketBucket      = []byte("tickets")      // ticket, id that a record is called by, id where it stands → nothing; only of counted records
	anywhereBucket    = []byte("anywhere")     // chain → sequence up to which it was not asked whether the kiosk serves the counter (8 bytes)

	// The account of every record.
	tallyBucket      = []byte("closings")    // kiosk, chain, day → tally
	saidBucket       = []byte("said")        // kiosk, chain → last sequence, its hash or zeros, received (ms, 8 bytes), heartbeat as signed
	successionBucket = []byte("successions") // id → what the record says of a chain before
	backupBucket     = []byte("backups")     // chain → sequence and hash that a verified backup holds; its own sequence is the last backup's number

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
	posterBucket     = []byte("posters")        // short address
)

var buckets = [][]byte{
	metaBucket, batchBucket, chainBucket, commentBucket, forkBucket, forkRecordBucket, rejectBucket, rejectedBucket, rejectedByBucket,
	quarantineBucket, heldBucket, duplicateBucket, pinBucket, unsureBucket, clockBucket, placedBucket, salvagedBucket, salvagedOwnBucket, rootBucket, sessionBucket,
	ticketBucket, anywhereBucket,
	tallyBucket, saidBucket, successionBucket, backupBucket,
	nameBucket, timeHourBucket, timeMonthBucket, serviceDayBucket, serviceMonthBucket,
	definitionBucket, versionBucket, forceBucket, kioskBucket, invitationBucket, redeemedBucket, tokenBucket,
	posterBucket,
}

var (
	epochKey     = []byte("epoch")
	formatKey    = []byte("format")
	judgingKey   = []byte("judging") // the version of judge that the file's records were judged with
	boardKey     = []byte("board")   // what the live page showed last, as its owner wrote it
	structureKey = []byte("structure")
)

// format is the version of this layout. A file of an older one is brought up to it when it is
// opened; one of a newer one, and of those before firstFormat, is refused.
const (
	format      = 5
	firstFormat = 4
)

// newIn are the buckets that a layout has and the one before it had not.
var newIn = map[byte][][]byte{
	5: {ticketBucket, anywhereBucket, posterBucket},
}

// missing reports whether a file of an older layout has no such bucket yet.
func missing(bucket []byte, layout byte) bool {
	for v := layout + 1; v <= format; v++ {
		if slices.ContainsFunc(newIn[v], func(b []byte) bool { return bytes.Equal(b, bucket) }) {
			return true
		}
	}
	return false
}

// upgrade brings a file of an older layout up to this one, all in one transaction.
func upgrade(tx *bbolt.Tx, from byte) error {
	for v := from + 1; v <= format; v++ {
		for _, bucket := range newIn[v] {
			if _, err := tx.CreateBucket(bucket); err != nil {
				return err
			}
		}
	}
	if from < 5 {
		// What an older program counted stays counted, at whatever counter. It counted no
		// record with a ticket.
		if err := eachChain(tx, func(st *chainState) error {
			return tx.Bucket(anywhereBucket).Put(st.Chain[:], numberKey(st.Head.Sequence))
		}); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(formatKey, []byte{format})
}

// judging is the version of the rules by which records are judged. It goes up when a
// program judges otherwise than the one before, for example because it reads a further
// version of a payload: what an older program held or quarantined is judged again then.
const judging = 2

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

// kioskKey is a kiosk's id as the start of a key; none is the start of another's.
func kioskKey(k survey.KioskID) []byte {
	return append(binary.AppendUvarint(make([]byte, 0, 64), uint64(len(k))), k...)
}

// parseKiosk reads the kiosk at the start of a key, and gives what follows.
func parseKiosk(key []byte) (k survey.KioskID, rest []byte, ok bool) {
	n, size := binary.Uvarint(key)
	if size <= 0 || n > uint64(len(key)-size) {
		return "", nil, false
	}
	key = key[size:]
	return survey.KioskID(key[:n]), key[n:], true
}

// A day in keys and values has 4 bytes.
const dayLen = 4

func appendDay(b []byte, d survey.Date) []byte { return binary.BigEndian.AppendUint32(b, uint32(d)) }

func parseDay(b []byte) survey.Date { return survey.Date(binary.BigEndian.Uint32(b)) }
