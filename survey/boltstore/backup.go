package boltstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/custody"
)

// Marks are what a receipt says of a chain: how far it has come here, and how far in a
// verified backup; the zero Heads for a chain that is not known.
func (s *Store) Marks(ctx context.Context, chain survey.Chain) (durable, backup custody.Head, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		st, err := chainIn(tx, chain)
		if err != nil {
			return err
		}
		durable = st.Head
		backup, err = decodeHead(tx.Bucket(backupBucket).Get(chain[:]))
		return err
	})
	return durable, backup, err
}

func decodeHead(v []byte) (custody.Head, error) {
	switch len(v) {
	case 0:
		return custody.Head{}, nil
	case 8 + hashLen:
		return custody.Head{Sequence: binary.BigEndian.Uint64(v), Hash: survey.Hash(v[8:])}, nil
	}
	return custody.Head{}, fmt.Errorf("%w: a backup mark cannot be read", errDamaged)
}

// Heads are the heads of all chains that have one.
func (s *Store) Heads(ctx context.Context) (map[survey.Chain]custody.Head, error) {
	heads := map[survey.Chain]custody.Head{}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		return eachChain(tx, func(st *chainState) error {
			if st.Head.Sequence > 0 {
				heads[st.Chain] = st.Head
			}
			return nil
		})
	})
	return heads, err
}

// SetBackup says that a verified backup of this store, in this epoch, holds the chains
// up to these heads. Lower ones than said before change nothing. Another epoch, or a
// head that this store does not have, is an error, and nothing is changed.
func (s *Store) SetBackup(ctx context.Context, epoch custody.Epoch, heads map[survey.Chain]custody.Head) error {
	if epoch != s.epoch {
		return errors.New("move the backup marks: the backup is of another life of the store")
	}
	return s.update(ctx, func(w *writing) error {
		for chain, head := range heads {
			if err := w.setBackup(chain, head); err != nil {
				return fmt.Errorf("move the backup mark of chain %s to %d: %w", chain, head.Sequence, err)
			}
		}
		return nil
	})
}

func (w *writing) setBackup(chain survey.Chain, head custody.Head) error {
	before, err := decodeHead(w.get(backupBucket, chain[:]))
	if err != nil || head.Sequence <= before.Sequence {
		return err
	}
	st, err := w.chain(chain)
	if err != nil {
		return err
	}
	if head.Sequence > st.Head.Sequence {
		return fmt.Errorf("the store has only %d", st.Head.Sequence)
	}
	ours, err := w.hashAt(survey.RecordID{Chain: chain, Sequence: head.Sequence})
	if err != nil {
		return err
	}
	if ours != head.Hash {
		return errors.New("the store has another record there")
	}
	return w.put(backupBucket, chain[:], append(numberKey(head.Sequence), head.Hash[:]...))
}

// NumberBackup gives the next backup its number: above all that this store ever gave, and
// above another one. No two backups of one store get the same, whatever became of those
// before; it is durable when this returns.
func (s *Store) NumberBackup(ctx context.Context, above uint64) (number uint64, err error) {
	err = s.update(ctx, func(w *writing) error {
		b := w.bucket(backupBucket)
		number = max(b.Sequence(), above) + 1
		w.changed = true
		return b.SetSequence(number)
	})
	if err != nil {
		return 0, fmt.Errorf("give a backup its number: %w", err)
	}
	return number, nil
}

// Snapshot writes the store's file, as of one commit, while others read and write. The
// copy is a store of the same epoch: nobody but [Store.Verify] should open it before
// [Restore] did.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) error {
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&cancelled{ctx, w})
		return err
	})
	if ended := ctx.Err(); ended != nil {
		err = ended // bbolt gives the words of an error, not the error
	}
	if err != nil {
		return fmt.Errorf("write a snapshot of the central store: %w", err)
	}
	return nil
}

// cancelled is a writer that ends with its context.
type cancelled struct {
	ctx context.Context
	to  io.Writer
}

// Write implements [io.Writer].
func (c *cancelled) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.to.Write(b)
}

// Restore makes the store in the file at path, a copy of an earlier one, ready to be
// used in its place: it draws a new epoch, durable when Restore returns, so that kiosks
// know that receipts may go down and send again what is missing. Backup marks stay:
// that backup holds what they say. Repeated, it draws one more.
func Restore(path string) error {
	if err := restore(path); err != nil {
		return fmt.Errorf("restore the central store %s: %w", path, err)
	}
	return nil
}

func restore(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err // opening would make a new one
	}
	s, err := open(path, Options{})
	if err != nil {
		return err
	}
	err = s.update(context.Background(), func(w *writing) error {
		var epoch custody.Epoch
		rand.Read(epoch[:])
		return w.put(metaBucket, epochKey, epoch[:])
	})
	return errors.Join(err, s.Close())
}
