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
	score.Source

	// Recount works out from the verbatim batches alone what the store should hold
	// and returns an error that names the first difference, nil if there is none. It
	// is slow and writes nothing.
	Recount(ctx context.Context) error
}

// Custody is what arrived.
type Custody interface {
	// Head is how far a chain has come; the zero Head for an unknown chain.
	Head(ctx context.Context, chain survey.Chain) (custody.Head, error)
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
	//     judged and counted.
	//   - Duplicate and Gap: nothing changes.
	//   - Fork: the batch's bytes are kept as evidence, once; nothing else changes.
	//
	// Each new record becomes one of three, and the chain goes on in any case:
	//
	//   - quarantined, if it or its payload cannot be read, or its response does not
	//     validate against its questionnaire;
	//   - held, if its kind, its payload's version or its questionnaire is not known,
	//     or its counter on its day: it is judged again when definitions change;
	//   - counted in both roll-ups, as [score.Facts] says, at the unit that its counter
	//     has on its day.
	//
	// A record that replaces or continues an earlier record of its own chain belongs
	// to that one's session, whatever became of that one, unless the session has 100
	// records already; the counted records of a session are counted together. Any
	// other link is taken as none.
	//
	// So what is counted is a function of the records and the definitions; it does
	// not depend on how records were split into batches, on repeats, on the order in
	// which chains came, or on whether records or definitions came first.
	Keep(ctx context.Context, arrivals []custody.Arrival) ([]custody.Kept, error)
	// Forks are the bytes of the batches kept as evidence against a chain, in no
	// promised order.
	Forks(ctx context.Context, chain survey.Chain) ([][]byte, error)
	// Walk hands out the batches of a chain as they came, without comments, ordered by
	// their last sequence. They may overlap; together they hold each record. An error
	// of visit ends the walk and comes back.
	Walk(ctx context.Context, chain survey.Chain, visit func(batch []byte) error) error
	// Entry is the response of a record, with its comment if it is still there. It is
	// false for a record that did not come, and an error for one that holds no
	// response that can be read.
	Entry(ctx context.Context, id survey.RecordID) (survey.Entry, bool, error)

	// Reject keeps something that was not admitted as a batch. The same bytes of the
	// same kiosk are kept once.
	Reject(ctx context.Context, r custody.Rejected) error
	// Rejected are the last limit things rejected, the newest first.
	Rejected(ctx context.Context, limit int) ([]custody.Rejected, error)
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

// Enrolment is who may send and who may ask.
type Enrolment interface {
	// Kiosks are all kiosks ever enrolled, revoked ones too, ordered by id.
	Kiosks(ctx context.Context) ([]survey.Kiosk, error)
	// Kiosk finds one kiosk.
	Kiosk(ctx context.Context, id survey.KioskID) (survey.Kiosk, bool, error)
	// PutKiosk adds a kiosk, or replaces the one with its id.
	PutKiosk(ctx context.Context, k survey.Kiosk) error
	// PutInvitation prepares a place for a kiosk, or replaces the one of its code.
	PutInvitation(ctx context.Context, i survey.Invitation) error
	// Redeem enrols kiosk k, of which ID and Key must be set, with a one-time code: in
	// one transaction the invitation goes and the kiosk is kept with the invitation's
	// name, role and counters, enrolled now. The same kiosk asking again with the same
	// code gets the same answer, however late, because its reply may have been lost.
	// Otherwise a code that is unknown, used or, at now, expired gives
	// [survey.ErrNoInvitation]; so does any code to a kiosk that was revoked.
	Redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (survey.Kiosk, error)
	// PutToken gives a right to use the API, or replaces the one of its hash.
	PutToken(ctx context.Context, t survey.Token) error
	// Token finds a right by its token's hash.
	Token(ctx context.Context, hash survey.Hash) (survey.Token, bool, error)
}
