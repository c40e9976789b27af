package boltstore

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/score"
)

// A ticket for one answer may have been used on several kiosks that did not know of each
// other. Of the counted records that carry it, the one with the lowest identity is its first
// use, whenever it came: chains sort by their bytes, which were drawn at random, so nobody
// gains by being early or late. Its session counts; every other session in which the ticket
// is used is left out as a whole.

// ticketOf is the ticket for one answer that a response was made with, zero if there is none.
func ticketOf(r *survey.Response) survey.TicketID {
	if r.Ticket == nil {
		return survey.TicketID{}
	}
	return r.Ticket.ID
}

// ticketRow notes a counted record made with a ticket. The first row of a ticket is its first
// use. Where a record stands is the last part, for two of one identity: no kiosk can take the
// name of another's record away by claiming to have salvaged it.
func ticketRow(t survey.TicketID, identity, at survey.RecordID) []byte {
	row := append(make([]byte, 0, len(t)+2*idLen), t[:]...)
	return append(append(row, idKey(identity)...), idKey(at)...)
}

// use is a counted record made with a ticket.
type use struct {
	row []byte
	at  survey.RecordID // where it stands
}

// firstUse is the first use of a ticket, if there is any.
func firstUse(tickets *bbolt.Bucket, t survey.TicketID) (use, bool) {
	row, _ := tickets.Cursor().Seek(t[:])
	if len(row) != len(t)+2*idLen || !bytes.HasPrefix(row, t[:]) {
		return use{}, false
	}
	return use{row: bytes.Clone(row), at: parseID(row[len(t)+idLen:])}, true
}

// in reports whether the use is one of a chain's records.
func (u use) in(chain survey.Chain, session []uint64) bool {
	return u.at.Chain == chain && slices.Contains(session, u.at.Sequence)
}

// withSpent are the counted records of a session as they count: all of them marked, if one
// of their tickets was first used outside the session, which outside tells.
func withSpent(session []score.Placed, outside func(survey.TicketID) bool) []score.Placed {
	if !slices.ContainsFunc(session, func(p score.Placed) bool {
		t := ticketOf(p.Response)
		return !t.IsZero() && outside(t)
	}) {
		return session
	}
	marked := slices.Clone(session)
	for i := range marked {
		r := *marked[i].Response
		r.WithFlag(survey.SpentTicket)
		marked[i].Response = &r
	}
	return marked
}

// spendFirst notes that a record that is linked to no other uses a ticket, if nobody used it
// before; it is true also where there is no ticket. If it is false, nothing is noted.
func (w *writing) spendFirst(t survey.TicketID, a *act) (bool, error) {
	if t.IsZero() {
		return true, nil
	}
	if _, used := firstUse(w.bucket(ticketBucket), t); used {
		return false, nil
	}
	return true, w.put(ticketBucket, ticketRow(t, a.identity, a.id), nil)
}

// spend notes that a record, at a place in a session, uses its ticket, if it has one. Where
// another session was the first to use it until now, it is taken out of what is counted, to be
// added again as it is from now on.
func (w *writing) spend(at survey.RecordID, self *score.Placed, session []uint64, n net) (loser *chainState, members []uint64, err error) {
	if self == nil || ticketOf(self.Response).IsZero() {
		return nil, nil, nil
	}
	row := ticketRow(ticketOf(self.Response), self.ID, at)
	first, used := firstUse(w.bucket(ticketBucket), ticketOf(self.Response))
	if used && bytes.Compare(row, first.row) < 0 && !first.in(at.Chain, session) {
		if loser, err = w.chain(first.at.Chain); err != nil {
			return nil, nil, err
		}
		members = w.members(survey.RecordID{Chain: first.at.Chain, Sequence: w.root(first.at)})
		if err := n.change(loser, members, 0, nil, -1); err != nil {
			return nil, nil, err
		}
	}
	return loser, members, w.put(ticketBucket, row, nil)
}
