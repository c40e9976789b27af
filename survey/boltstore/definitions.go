package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"hailong/survey"
)

// definitions are the structure, the catalogue and the kiosks' places of one moment, with
// what judging a record needs of them found quickly. A published value never changes.
type definitions struct {
	structure *survey.Structure
	catalogue *survey.Catalogue
	counters  map[survey.CounterCode][]survey.Counter
	inForce   []*survey.Questionnaire // in the order in which they came into force
	places    map[survey.KioskID]kioskPlace
}

func newDefinitions(s *survey.Structure, inForce []*survey.Questionnaire, places map[survey.KioskID]kioskPlace) *definitions {
	d := &definitions{
		structure: s, catalogue: survey.NewCatalogue(inForce...), inForce: inForce,
		counters: map[survey.CounterCode][]survey.Counter{}, places: places,
	}
	for _, c := range s.Counters {
		d.counters[c.Code] = append(d.counters[c.Code], c)
	}
	return d
}

// unit is the unit of a counter on a day.
func (d *definitions) unit(code survey.CounterCode, day survey.Date) (survey.UnitCode, bool) {
	one := survey.Structure{Counters: d.counters[code]}
	c, ok := one.Counter(code, day)
	return c.Unit, ok
}

func loadDefinitions(tx *bbolt.Tx) (*definitions, error) {
	structure := &survey.Structure{}
	if v := tx.Bucket(definitionBucket).Get(structureKey); v != nil {
		if err := json.Unmarshal(v, structure); err != nil {
			return nil, fmt.Errorf("%w: its structure cannot be read: %w", errDamaged, err)
		}
	}
	var inForce []*survey.Questionnaire
	versions := map[survey.Hash]*survey.Questionnaire{}
	err := tx.Bucket(forceBucket).ForEach(func(_, hash []byte) error {
		h := survey.Hash(hash)
		if versions[h] == nil {
			q := &survey.Questionnaire{}
			if err := json.Unmarshal(tx.Bucket(versionBucket).Get(hash), q); err != nil {
				return fmt.Errorf("%w: questionnaire %s cannot be read: %w", errDamaged, h, err)
			}
			if q.Hash() != h {
				return fmt.Errorf("%w: questionnaire %s has the hash %s", errDamaged, h, q.Hash())
			}
			versions[h] = q
		}
		inForce = append(inForce, versions[h])
		return nil
	})
	if err != nil {
		return nil, err
	}
	places, err := loadPlaces(tx)
	return newDefinitions(structure, inForce, places), err
}

// Structure is the structure in force, shared by all who ask: do not change it.
func (s *Store) Structure(ctx context.Context) (*survey.Structure, error) {
	return s.definitions.Load().structure, ctx.Err()
}

// Catalogue holds all questionnaire versions, shared by all who ask.
func (s *Store) Catalogue(ctx context.Context) (*survey.Catalogue, error) {
	return s.definitions.Load().catalogue, ctx.Err()
}

// PutStructure replaces the structure and counts what waited for it.
func (s *Store) PutStructure(ctx context.Context, structure *survey.Structure, today survey.Date) error {
	if err := structure.Validate(); err != nil {
		return err
	}
	own, text, err := copyOf(structure)
	if err != nil {
		return fmt.Errorf("keep the structure: %w", err)
	}
	return s.update(ctx, func(w *writing) error {
		if err := own.CheckSuccessor(w.definitions.structure, today); err != nil {
			return err
		}
		if bytes.Equal(w.get(definitionBucket, structureKey), text) {
			return nil
		}
		w.definitions = newDefinitions(own, w.definitions.inForce, w.definitions.places)
		if err := w.put(definitionBucket, structureKey, text); err != nil {
			return fmt.Errorf("keep the structure: %w", err)
		}
		_, err := w.release(ctx, heldBucket)
		return err
	})
}

// AddQuestionnaires adds versions, brings the last of each code in the list into force,
// and counts what waited for them. Those before the last only become known: where all are
// known already and the last is in force, nothing changes.
func (s *Store) AddQuestionnaires(ctx context.Context, list ...*survey.Questionnaire) error {
	last := map[survey.QuestionnaireCode]int{}
	for i, q := range list {
		if err := q.Validate(); err != nil {
			return fmt.Errorf("questionnaire %s: %w", q.Code, err)
		}
		last[q.Code] = i
	}
	return s.update(ctx, func(w *writing) error {
		inForce := slices.Clone(w.definitions.inForce)
		catalogue := w.definitions.catalogue
		for i, q := range list {
			own, text, err := copyOf(q)
			if err != nil {
				return fmt.Errorf("keep questionnaire %s: %w", q.Code, err)
			}
			hash := own.Hash()
			_, known := catalogue.ByHash(hash)
			if i == last[q.Code] {
				v, _ := catalogue.InForce(q.Code)
				known = known && v.Hash == hash
			}
			if known {
				continue
			}
			if err := w.putVersion(hash, text); err != nil {
				return fmt.Errorf("keep questionnaire %s: %w", q.Code, err)
			}
			inForce = append(inForce, own)
			catalogue = survey.NewCatalogue(inForce...)
		}
		if len(inForce) == len(w.definitions.inForce) {
			return nil
		}
		w.definitions = newDefinitions(w.definitions.structure, inForce, w.definitions.places)
		_, err := w.release(ctx, heldBucket)
		return err
	})
}

func (w *writing) putVersion(hash survey.Hash, text []byte) error {
	if w.get(versionBucket, hash[:]) == nil {
		if err := w.put(versionBucket, hash[:], text); err != nil {
			return err
		}
	}
	n, err := w.bucket(forceBucket).NextSequence()
	if err != nil {
		return err
	}
	return w.put(forceBucket, numberKey(n), hash[:])
}

// copyOf is a copy of v that nobody else holds, and the JSON it was made through.
func copyOf[T any](v *T) (*T, []byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, nil, err
	}
	own := new(T)
	return own, text, json.Unmarshal(text, own)
}
