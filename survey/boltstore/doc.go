// Package boltstore is the central store in one bbolt file: what a centre uses until
// it outgrows one machine. It keeps every batch as it came, the head of every chain,
// and the roll-ups that scores are read from, all written in the same transaction.
//
// The contract it fulfils, and how to use it from many goroutines, is written at the
// interface in package storetest; why the file looks as it does, and what a second
// driver has to do, in DESIGN.md beside this code. File by file:
//
//   - store.go opens the file and runs transactions; layout.go names its buckets.
//   - keep.go takes batches in; judge.go says whether a record counts; session.go and
//     count.go turn counted records into changes of the roll-ups.
//   - rollup.go and cell.go write these changes; source.go reads them for a score;
//     names.go gives short numbers to the words in them.
//   - definitions.go holds structure and questionnaires and releases what waited.
//   - recount.go works the roll-ups out anew and compares.
package boltstore
