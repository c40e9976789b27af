package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// getJSON reads one value of a bucket of JSON documents.
func getJSON[T any](b *bbolt.Bucket, key []byte) (v T, found bool, err error) {
	text := b.Get(key)
	if text == nil {
		return v, false, nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, false, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return v, true, nil
}

func (w *writing) putJSON(bucket, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if bytes.Equal(w.get(bucket, key), text) {
		return nil
	}
	return w.put(bucket, key, text)
}

// Kiosks are all kiosks ever enrolled, ordered by their ids.
func (s *Store) Kiosks(ctx context.Context) (list []survey.Kiosk, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket(kioskBucket).ForEach(func(k, _ []byte) error {
			kiosk, _, err := getJSON[survey.Kiosk](tx.Bucket(kioskBucket), k)
			list = append(list, kiosk)
			return err
		})
	})
	return list, err
}

// Kiosk finds one kiosk.
func (s *Store) Kiosk(ctx context.Context, id survey.KioskID) (k survey.Kiosk, found bool, err error) {
	if id == "" {
		return k, false, ctx.Err()
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		k, found, err = getJSON[survey.Kiosk](tx.Bucket(kioskBucket), []byte(id))
		return err
	})
	return k, found, err
}

// PutKiosk adds a kiosk, or replaces the one with its id.
func (s *Store) PutKiosk(ctx context.Context, k survey.Kiosk) error {
	return s.update(ctx, func(w *writing) error {
		old, known, err := getJSON[survey.Kiosk](w.bucket(kioskBucket), []byte(k.ID))
		if err == nil {
			_, err = w.putKiosk(ctx, k, old, known)
		}
		return err
	})
}

// PutInvitation prepares a place for a kiosk.
func (s *Store) PutInvitation(ctx context.Context, i survey.Invitation) error {
	return s.update(ctx, func(w *writing) error { return w.putJSON(invitationBucket, i.CodeHash[:], i) })
}

// Redeem enrols a kiosk with a one-time code and gives it the code's place.
func (s *Store) Redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (got survey.Kiosk, err error) {
	err = s.update(ctx, func(w *writing) error {
		got, err = w.redeem(ctx, code, k, now)
		return err
	})
	if err != nil {
		return survey.Kiosk{}, err
	}
	return got, nil
}

func (w *writing) redeem(ctx context.Context, code survey.Hash, k survey.Kiosk, now time.Time) (survey.Kiosk, error) {
	known, have, err := getJSON[survey.Kiosk](w.bucket(kioskBucket), []byte(k.ID))
	if err != nil {
		return k, err
	}
	if id := w.get(redeemedBucket, code[:]); id != nil {
		// The reply was lost, and the same kiosk asks again. One that was revoked since needs
		// a new code.
		if have && known.Revoked == nil && string(id) == string(k.ID) && bytes.Equal(known.Key, k.Key) {
			return known, nil
		}
		return k, survey.ErrNoInvitation
	}
	place, found, err := getJSON[survey.Invitation](w.bucket(invitationBucket), code[:])
	switch {
	case err != nil:
		return k, err
	case !found, !now.Before(place.Expires):
		return k, survey.ErrNoInvitation
	}
	k.Name, k.Role, k.Counters, k.Enrolled = place.Name, place.Role, place.Counters, now
	if err := w.delete(invitationBucket, code[:]); err != nil {
		return k, err
	}
	if err := w.put(redeemedBucket, code[:], []byte(k.ID)); err != nil {
		return k, err
	}
	return w.putKiosk(ctx, k, known, have)
}

// PutToken gives a right to use the API.
func (s *Store) PutToken(ctx context.Context, t survey.Token) error {
	return s.update(ctx, func(w *writing) error { return w.putJSON(tokenBucket, t.Hash[:], t) })
}

// Token finds the right that a token's hash stands for.
func (s *Store) Token(ctx context.Context, hash survey.Hash) (t survey.Token, found bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		t, found, err = getJSON[survey.Token](tx.Bucket(tokenBucket), hash[:])
		return err
	})
	return t, found, err
}
