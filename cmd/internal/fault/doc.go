// Package fault is what the fault tests are made of. No program imports it.
//
// The measure is always the same: a [Ledger] owns the list of presses that were sent
// and thanked for, and compares it with what the central store holds ([ReadStore]).
//
// What is this package's own: the ledger, and the verifier, which checks signatures,
// hashes, numbers and contents of every batch from its bytes. What it shares with the
// programs: opening the store and taking batches, marks, forks and comments out of it
// (boltstore), the score and the store's own recount, which are compared with the
// ledger's numbers (score, boltstore), and looking into a kiosk's journal
// (journal.Inspect). An error there that hides a loss from both would be seen by the
// ledger's own numbers alone: what was thanked for is looked for record by record.
//
// A [Site] is one aggregator and some kiosks as real programs. What is done to them:
//
//   - [Disk] keeps what was synced apart from what was only written, and loses, tears
//     or reorders the rest when its power is cut. It can lie about syncs, too. The tests
//     mount it as a file system.
//   - [Trace] runs a program under strace, and kills it at its n-th system call of some
//     kinds.
//   - [Proxy] stands on a TCP connection and delays, throttles, cuts, swallows or
//     refuses, scripted by a seed.
//   - [Namespace] is a network of its own, whose cable can be pulled.
//   - [Process] is killed, stopped and continued; [CopyFolder] clones a card.
//
// Every scenario is a row of a table, run with a seed, and ends with a [Result]. The
// presses are compared with what the store holds, with the closings that the aggregator
// publishes, and with what is left in the kiosks' journals.
//
//	HAILONG_FAULTS=long HAILONG_FAULT_REPORT=report.md go test ./cmd/internal/fault -run Report -v -timeout 120m
//
// plays all of them many times and writes the table down. HAILONG_FAULT_SEED=N begins
// with a seed that an earlier run has named. A run whose fault found nothing to happen to
// counts for nothing, and is played again with another seed.
package fault
