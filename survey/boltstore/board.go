package boltstore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"
)

// PutBoard keeps what the live page is about to show, in place of what was kept
// before. The bytes are the caller's business.
func (s *Store) PutBoard(ctx context.Context, board []byte) error {
	return s.update(ctx, func(w *writing) error {
		if bytes.Equal(w.get(metaBucket, boardKey), board) {
			return nil
		}
		return w.put(metaBucket, boardKey, board)
	})
}

// Board is what was last kept with PutBoard; nil when nothing was.
func (s *Store) Board(ctx context.Context) (board []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		board = bytes.Clone(tx.Bucket(metaBucket).Get(boardKey))
		return nil
	})
	return board, err
}
