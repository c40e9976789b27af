package boltstore

import (
	"context"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// PutPoster adds a poster, or replaces the one with its Short.
func (s *Store) PutPoster(ctx context.Context, p survey.Poster) error {
	return s.update(ctx, func(w *writing) error { return w.putJSON(posterBucket, []byte(p.Short), p) })
}

// Posters are all posters ever made, ordered by their short addresses.
func (s *Store) Posters(ctx context.Context) (list []survey.Poster, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(posterBucket)
		return b.ForEach(func(k, _ []byte) error {
			p, _, err := getJSON[survey.Poster](b, k)
			list = append(list, p)
			return err
		})
	})
	return list, err
}
