// Package custody is what kiosk, carriers and stores share about keeping a record
// safe: its bytes, the hash chain, the signed batch, the signed receipt. It is pure:
// bytes in, values out.
//
// The rule it serves: whoever last said "thank you" owns the record until the next
// owner has it on stable storage and has signed for it.
//
//   - A [Record] is CBOR (RFC 8949, core deterministic encoding, and read in no other
//     form). Its hash is taken over the very bytes; nothing is ever re-encoded to be
//     hashed.
//   - Each record carries the hash of the one before, so the hash of a record vouches
//     for every record up to it. One life of one journal is one chain.
//   - A [Batch] is a run of records of one chain, signed by the kiosk over a header
//     that names the last hash and a digest of all of them.
//   - A [Receipt] is the centre's signed word: up to this sequence and hash, committed
//     in its store; up to that one, in a verified backup.
//   - [Admit] compares a batch with what a store holds and says which case it is:
//     new, known already, a gap, or a fork.
//
// # The bytes, version 1
//
// They are frozen: a change is a new version, and decoders of old versions stay for
// ever. testdata holds one golden file of each.
package custody
