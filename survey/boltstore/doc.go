// Package boltstore is the central store in one bbolt file: what a centre uses until
// it outgrows one machine. It keeps every batch as it came, the head of every chain,
// and the roll-ups that scores are read from, all written in the same transaction.
//
// The contract it fulfils, and how to use it from many goroutines, is written at the
// interface in package storetest; why the file looks as it does, and what a second
// driver has to do, in DESIGN.md beside this code. File by file:
//
//   - store.go opens the file and runs transactions; layout.go names its buckets.
//   - keep.go takes batches in; act.go reads what a record tells and when it was made;
//     judge.go says whether it counts, and place.go whether its kiosk may say it; session.go
//     and count.go turn what counts into changes of the roll-ups, and ticket.go tells which
//     use of a ticket that is; chain.go holds what is known of a chain, and what was
//     salvaged from another; fork.go keeps evidence.
//   - tally.go and totals.go keep the account of every record; closing.go reads it.
//   - rollup.go and cell.go write the roll-ups; source.go reads them for a score;
//     names.go gives short numbers to the words in them.
//   - definitions.go holds structure and questionnaires; waiting.go lists what waits for
//     them and judges it again; reject.go keeps what was not admitted.
//   - enrol.go keeps kiosks, invitations and rights; poster.go printed codes.
//   - backup.go copies, marks and restores; check.go and recount.go look whether a file
//     is whole and true.
package boltstore
