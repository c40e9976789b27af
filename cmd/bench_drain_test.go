package cmd_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.etcd.io/bbolt"

	"hailong/configs"
	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/boltstore"
	"hailong/survey/custody"
	"hailong/survey/files"
	"hailong/sync/broker"
	"hailong/sync/intake"
	"hailong/sync/link"
	"hailong/sync/uplink"
	"hailong/sync/wire"
)

// backlog is how many records wait in the journal.
const backlog = 1_000_000

// BenchmarkDrain measures how long a backlog of a million records takes from the
// journal into the store, signed for, against two yardsticks in the same run: a raw
// asynchronous publish of the same packed messages to the same stream, and a bare bulk
// insert of the same records into bbolt, 1,000 a transaction:
//
//	go test ./cmd -run '^$' -bench Drain -benchtime 5x -timeout 30m
func BenchmarkDrain(b *testing.B) {
	d := newDrain(b)
	var drained, published, inserted []float64
	for b.Loop() {
		drained = append(drained, d.drain(b))
		published = append(published, d.publish(b))
		inserted = append(inserted, d.insert(b))
	}
	b.ReportMetric(middle(drained), "drain-s")
	b.ReportMetric(middle(published), "publish-s")
	b.ReportMetric(middle(inserted), "insert-s")
	b.Logf("speed × raw publish: %s; time × bare bulk insert: %s", spread(ratios(published, drained)), spread(ratios(drained, inserted)))
}

// drain is a filled journal and the key it signs with.
type drain struct {
	journal *journal.Journal
	kiosk   survey.KioskID
	key     ed25519.PrivateKey
	centre  ed25519.PrivateKey
	quick   *survey.Questionnaire
}

func newDrain(b *testing.B) *drain {
	b.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	_, centre, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	d := &drain{kiosk: custody.KioskName(public), key: key, centre: centre}
	if d.quick, err = files.Questionnaire("quick", configs.Quick.Bytes()); err != nil {
		b.Fatal(err)
	}
	if d.journal, err = journal.Open(b.TempDir(), journal.Options{Kiosk: d.kiosk}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.journal.Close() })
	hash := d.quick.Hash()
	var hands sync.WaitGroup
	const writers = 250
	for w := range writers {
		hands.Go(func() {
			for i := w; i < backlog; i += writers {
				if _, _, err := d.journal.Append(context.Background(), survey.Draft{
					Nonce: survey.KeyNonce(strconv.Itoa(i)),
					Response: survey.Response{
						Questionnaire: hash, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: survey.Level(i%5 + 1)}},
						Channel: survey.Touch, Stage: survey.Result, Counter: "HS-01",
					},
				}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	hands.Wait()
	return d
}

// bus is a fresh broker that lets the kiosk in.
func (d *drain) bus(b *testing.B) *broker.Broker {
	b.Helper()
	br, err := broker.Start(context.Background(), broker.Options{
		Dir: b.TempDir(), Listen: "127.0.0.1:0", Admit: func([]byte) (survey.KioskID, bool) { return d.kiosk, true },
	})
	if err != nil {
		b.Fatal(err)
	}
	return br
}

// drain carries the whole journal into a fresh store and returns the seconds until the
// kiosk holds a receipt for the last record.
func (d *drain) drain(b *testing.B) float64 {
	b.Helper()
	br := d.bus(b)
	defer br.Close()
	store, err := boltstore.Open(filepath.Join(b.TempDir(), "store.db"), boltstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	structure, err := files.Structure("sample", configs.SampleUnits.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := errors.Join(store.AddQuestionnaires(ctx, d.quick), store.PutStructure(ctx, structure, survey.DateOf(time.Now()))); err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	in := intake.New(intake.Options{
		Store: store, Conn: br.Conn(), Sign: d.centre, Log: log,
		Keys: func(survey.KioskID) (ed25519.PublicKey, bool, error) {
			return d.key.Public().(ed25519.PublicKey), true, nil
		},
	})
	j := &freshJournal{Journal: d.journal}
	up := uplink.New(uplink.Options{Kiosk: d.kiosk, Key: d.key, CentreKey: d.centre.Public().(ed25519.PublicKey), Journal: j, Log: log})
	nc, err := link.Dial(link.Options{URL: "nats://" + br.Addr(), Kiosk: d.kiosk, Key: d.key, OnChange: func(u bool, p error) { up.Link(ctx, u, p) }})
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	var both sync.WaitGroup
	began := time.Now()
	both.Go(func() { _ = in.Run(ctx) })
	both.Go(func() { _ = up.Run(ctx, uplink.OverNATS(nc)) })
	for up.State().Durable < backlog {
		if time.Since(began) > 5*time.Minute {
			b.Fatalf("only %d of %d were signed for within 5 minutes", up.State().Durable, backlog)
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began).Seconds()
	cancel()
	both.Wait()
	return took
}

// freshJournal is a journal that was never sent.
type freshJournal struct{ *journal.Journal }

func (freshJournal) Receipt() []byte   { return nil }
func (freshJournal) SetReceipt([]byte) {}

// publish hands the same packed messages to the stream, without waiting for each.
func (d *drain) publish(b *testing.B) float64 {
	b.Helper()
	var messages [][]byte
	for from := uint64(1); ; {
		batch, err := d.journal.Batch(from, 0, 1000, 64<<10, d.kiosk, d.key)
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			break
		}
		messages = append(messages, batch.Message())
		from = batch.Header.Last() + 1
	}
	br := d.bus(b)
	defer br.Close()
	nc, err := link.Dial(link.Options{URL: "nats://" + br.Addr(), Kiosk: d.kiosk, Key: d.key})
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	for nc.Status() != nats.CONNECTED {
		time.Sleep(time.Millisecond)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(64))
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for _, m := range messages {
		for {
			_, err := js.PublishAsync(wire.Batch(d.kiosk), m, jetstream.WithStallWait(10*time.Second))
			if err == nil {
				break
			}
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	took := time.Since(began).Seconds()
	b.Logf("%d messages", len(messages))
	return took
}

// insert puts the same records into a bare bbolt file.
func (d *drain) insert(b *testing.B) float64 {
	b.Helper()
	var records [][]byte
	for from := uint64(1); ; {
		batch, err := d.journal.Batch(from, 0, 1000, 1<<20, d.kiosk, d.key)
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			break
		}
		for i := range batch.Records {
			records = append(records, batch.Records[i].Bytes)
		}
		from = batch.Header.Last() + 1
	}
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	began := time.Now()
	for i := 0; i < len(records); i += 1000 {
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("records"))
			if err != nil {
				return err
			}
			for k, r := range records[i:min(i+1000, len(records))] {
				if err := bucket.Put(binary.BigEndian.AppendUint64(nil, uint64(i+k+1)), r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(fmt.Errorf("insert: %w", err))
		}
	}
	return time.Since(began).Seconds()
}
