// Package fault is what the fault tests are made of. No program imports it.
//
// The measure is always the same: a [Ledger] owns the list of presses that were sent
// and thanked for, and compares it with what the central store holds, read by a
// verifier of its own that shares no code with the programs' ([ReadStore]).
//
// A [Site] is one aggregator and some kiosks as real programs. What is done to them:
//
//   - [Disk] keeps what was synced apart from what was only written, and loses, tears
//     or reorders the rest when its power is cut. The tests mount it as a file system.
//   - [Trace] runs a program under strace, and kills it or fails a system call at the
//     n-th call of a kind.
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
// with a seed that an earlier run has named.
package fault
