package storetest

import (
	"context"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/survey/score"
)

// Store is the central store: it keeps what the kiosks sent, for ever and as it came,
// and the counts that scores are read from. Users declare the few methods they need;
// this interface lists them all, to say once what holds for them.
//
// Durable: a method that changes something has it on stable storage when it returns
// without an error. When it returns an error, nothing has changed, unless the commit
// itself failed: then it is not known, and the same call again settles it, after
// opening the store anew if it says so.
//
// Again: every call may be repeated. A repeat changes nothing and answers the same,
// or, for chains, with the present head.
//
// Goroutines: all methods are safe for many. Writers take turns. Readers see whole
// commits only. A visit function must not call the store it is visiting to write.
//
// Retries: the store never retries. Its caller does, because only the caller knows
// whether the question is still wanted.
//
// What comes back is the caller's own, except the structure and the catalogue, which
// are shared and must not be changed.
type Store interface {
	// Epoch is the life of the store, drawn at random when it was made: never zero, the
	// same after every opening, another one after a restore.
	Epoch() custody.Epoch
	// Close ends the store's work after calls under way. A second Close does nothing.
	Close() error

	Custody
	Definitions
	Enrolment
	Posters
	score.Source

	Reconciliation
	Backup
}

// Custody is what arrived.
type Custody interface {
	// Marks are what a receipt says of a chain: how far it has come here, and how far in
	// a verified backup; the zero Heads for an unknown chain.
	Marks(ctx context.Context, chain survey.Chain) (durable, backup custody.Head, err error)
	// Chains are the states of all chains, ordered by chain. A chain of which only
	// contradicting batches came has no kiosk and the zero Head.
	Chains(ctx context.Context) ([]custody.ChainState, error)

	// Keep takes in batches whose signatures and chains the caller has verified, and
	// whose kiosk the caller has found entitled: all in one transaction, committed
	// when it returns, the answers in the order of the arrivals. Arrivals may be of
	// different chains or follow each other on one chain. A failure keeps none.
	//
	// Each is compared with the head of its chain by [custody.Admit]; two callers
	// cannot both move the same head. A chain belongs to the kiosk of its first batch,
	// and a batch of another kiosk is a fork.
	//
	//   - New: the batch is kept byte for byte, the head moves, its new records are
	//     judged and counted, and what its header says was issued is taken.
	//   - Duplicate and Gap: nothing changes.
	//   - Fork, and Gap where evidence ends right before it: the batch is kept as evidence
	//     if it has a record that neither the chain nor earlier evidence has, up to a limit
	//     for each chain. The responses among these records are disputed; nothing else
	//     changes.
	//
	// The journal's own records, of the clock and of a succession, move the chain and are
	// counted nowhere. Each other new record becomes one of four, and the chain goes on
	// in any case:
	//
	//   - quarantined, if it or its payload cannot be read, or its response does not
	//     validate against its questionnaire;
	//   - held, if its version, its kind, its payload's version or its questionnaire is
	//     not known, or its day, or its counter on its day, or its counter is not one that
	//     the kiosk serves or served before: it is judged again when definitions or the
	//     kiosk's place change, or a record of the clock tells its day;
	//   - a duplicate, if it is a salvaged record that the store has in its own chain, or
	//     salvaged before, or a record that was salvaged before into another chain of the
	//     same kiosk; in dispute, and one more fork of the chain it came in, if the two
	//     differ;
	//   - counted in both roll-ups, as [score.Facts] says, at the unit that its counter
	//     has on its day. A salvaged record counts as the record that it holds.
	//
	// A day is that of the record's own time where the kiosk was sure of its clock. Where
	// it was not, the day is not known until [custody.BootClock.Place], by a later record
	// of the same chain, says it. A record that cannot be read stands at the day of the
	// response before it in its chain.
	//
	// A record that replaces or continues an earlier record of its own chain, or one that
	// was salvaged into it before, belongs to that one's session, whatever became of that
	// one, unless the session has 100 records already; the counted records of a session
	// are counted together. Any other link is taken as none.
	//
	// A kiosk is that of the chain, whatever it salvaged there. A gateway may name any counter
	// in a record made with a ticket, and a kiosk that is not enrolled in any record.
	//
	// Of the counted records made with one ticket for one answer, whatever their flags, the one
	// with the lowest [survey.RecordID], by the bytes of the chain and then the sequence, is
	// the first use of it. Every other session in which the ticket is used is left out as a
	// whole, as [survey.SpentTicket]. Where the first use comes later than another one, the
	// counts of that one's session change, and Counters name its counter, too.
	//
	// So what is counted is a function of the records, the definitions and the kiosks' places;
	// it does not depend on how records were split into batches, on repeats, on the order in
	// which chains came, or on whether records or definitions came first. There are two
	// exceptions. Of a record that came twice, salvaged and in its own chain, the first one
	// counts. And what was counted stays counted where a kiosk is enrolled only later, or is
	// no gateway any more.
	Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error)
	// Forks are the bytes of the batches kept as evidence against a chain, in no
	// promised order. One whose records all came again in a longer one is left out.
	Forks(ctx context.Context, chain survey.Chain) ([][]byte, error)
	// Walk hands out the batches of a chain as they came, without comments, ordered by
	// their last sequence. They may overlap; together they hold each record. An error
	// of visit ends the walk and comes back.
	Walk(ctx context.Context, chain survey.Chain, visit func(batch []byte) error) error
	// Entry is the response of a record, with its comment if it is still there. It is
	// false for a record that did not come, and an error for one that holds no
	// response that can be read.
	Entry(ctx context.Context, id survey.RecordID) (survey.Entry, bool, error)

	// Held and Quarantined are up to limit records that wait or cannot be counted,
	// ordered by id, and how many there are of all.
	Held(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error)
	Quarantined(ctx context.Context, limit int) (list []custody.Waiting, all uint64, err error)
	// Rejudge judges every held and quarantined record again and says how many became
	// something else. A store does it by itself when a program that judges otherwise
	// opens it.
	Rejudge(ctx context.Context) (changed int, err error)

	// Reject keeps something that was not admitted as a batch. The same bytes of the
	// same kiosk are kept once. There is a limit for each kiosk, in number and bytes;
	// above it the oldest goes, what is resolved first.
	Reject(ctx context.Context, r custody.Rejected) error
	// Rejected are the first limit things rejected that nobody has resolved and whose
	// number is greater than after, the oldest first.
	Rejected(ctx context.Context, after uint64, limit int) ([]custody.Rejected, error)
	// Resolved marks one as dealt with; an unknown number is an error.
	Resolved(ctx context.Context, number uint64) error
}

// Reconciliation is the account of every record.
type Reconciliation interface {
	// PutTotals takes what kiosks signed about their chains. For each chain the totals
	// with the greatest Last hold; days that they leave out keep their numbers. A kiosk's
	// words touch no other kiosk's closings, whatever chain they name.
	PutTotals(ctx context.Context, list []custody.Said) error
	// Said is the last that a kiosk said of each of its chains, ordered by chain.
	Said(ctx context.Context, kiosk survey.KioskID) ([]custody.Said, error)
	// Closings are the closings asked for, ordered by kiosk and day, the unknown day
	// first. Each is balanced, and its records are counted, or left out, where the
	// roll-ups have them. Issued is what was said, and disputed responses besides; for a
	// chain that never said anything it is what was received. A salvaged record that both
	// its chains say they issued is issued twice only if it came twice. No chain makes up
	// for what another one lacks.
	// The losses are those of the same moment.
	Closings(ctx context.Context, queries ...custody.ClosingQuery) ([]custody.Closing, []custody.Loss, error)
	// Losses are what damaged journals may have lost, ordered by the successors' chains.
	Losses(ctx context.Context) ([]custody.Loss, error)

	// Recount works out from the verbatim batches what the store should hold and returns
	// an error that names the first difference, nil if there is none. It is slow and
	// writes nothing.
	Recount(ctx context.Context) error
	// Verify is Recount, and checks each batch's signature with its kiosk's key. progress,
	// if not nil, hears from one goroutine at a time how much of all is done.
	Verify(ctx context.Context, progress func(done, total int64)) error
}

// Backup is what moves the backup mark of receipts.
type Backup interface {
	// Heads are the heads of all chains that have one.
	Heads(ctx context.Context) (map[survey.Chain]custody.Head, error)
	// SetBackup says that a verified backup of this store, in this epoch, holds the chains
	// up to these heads. Lower ones than said before change nothing. Another epoch, or a
	// head that this store does not have, is an error, and nothing is changed.
	SetBackup(ctx context.Context, epoch custody.Epoch, heads map[survey.Chain]custody.Head) error
}

// Definitions are what records are judged and scored by. A change of them counts, in
// the same transaction, the held records that miss nothing any more. What was counted
// stays counted where it was.
type Definitions interface {
	// Structure is the structure in force; an empty one before the first.
	Structure(ctx context.Context) (*survey.Structure, error)
	// PutStructure replaces the structure. The error is [survey.Problems] where it is
	// not valid, or would move answers of today or before.
	PutStructure(ctx context.Context, s *survey.Structure, today survey.Date) error
	// Catalogue holds every questionnaire version ever added.
	Catalogue(ctx context.Context) (*survey.Catalogue, error)
	// AddQuestionnaires adds versions. The last one added of a code is in force; adding
	// a version again brings it back into force. If one is not valid, none is added and
	// the error is [survey.Problems].
	AddQuestionnaires(ctx context.Context, list ...*survey.Questionnaire) error
}

// Enrolment is who may send and who may ask. Where a kiosk's place changes, its held records
// are judged again in the same transaction.
type Enrolment interface {
	// Kiosks are all kiosks ever enrolled, revoked ones too, ordered by id.
	Kiosks(ctx context.Context) ([]survey.Kiosk, error)
	// Kiosk finds one kiosk.
	Kiosk(ctx context.Context, id survey.KioskID) (survey.Kiosk, bool, error)
	// PutKiosk adds a kiosk, or replaces the one with its id. Counters that it served and does
	// not serve now are kept among its former ones.
	PutKiosk(ctx context.Context, k survey.Kiosk) error
	// PutInvitation prepares a place for a kiosk, or replaces the one of its code.
	PutInvitation(ctx context.Context, i survey.Invitation) error
	// Redeem enrols kiosk k, of which ID and Key must be set, with a one-time code: in
	// one transaction the invitation goes and the kiosk is kept with the invitation's
	// name, role and counters, enrolled now; those that it served before become former ones.
	// The same kiosk asking again with the same
	// code gets the same answer, however late, because its reply may have been lost, unless
	// it was revoked since. Otherwise a code that is unknown, used or, at now, expired gives
	// [survey.ErrNoInvitation]. A good one takes in a kiosk that was revoked, too.
	Redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (survey.Kiosk, error)
	// PutToken gives a right to use the API, or replaces the one of its hash.
	PutToken(ctx context.Context, t survey.Token) error
	// Token finds a right by its token's hash.
	Token(ctx context.Context, hash survey.Hash) (survey.Token, bool, error)
}

// Posters are the printed codes that the centre made.
type Posters interface {
	// PutPoster adds a poster, or replaces the one with its Short.
	PutPoster(ctx context.Context, p survey.Poster) error
	// Posters are all posters ever made, withdrawn and expired ones too, ordered by Short.
	Posters(ctx context.Context) ([]survey.Poster, error)
}
