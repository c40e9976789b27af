package centreapp

import (
	"context"
	"fmt"

	"hailong/survey"
	"hailong/survey/console"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/wire"
)

// ingest takes in a batch that did not come over the bus, exactly as if it had come: a
// person carried it here, or has it tried again. kiosk "" is the one that it names.
func (a *App) ingest(ctx context.Context, kiosk survey.KioskID, message []byte) (console.Ingested, error) {
	if kiosk == "" {
		if b, err := custody.ParseMessage(message); err == nil {
			kiosk = b.Header.Kiosk
		}
	}
	j, err := intake.Admit(intake.Delivery{Subject: wire.Batch(kiosk), Data: message}, a.keyOf, a.options.Now())
	if err != nil {
		return console.Ingested{}, err
	}
	keep := a.keeper()
	if j.Rejected != nil {
		if err := keep.Reject(ctx, *j.Rejected); err != nil {
			return console.Ingested{}, fmt.Errorf("keep a rejected batch: %w", err)
		}
		a.rejected(*j.Rejected)
		return console.Ingested{Kiosk: kiosk, Refused: j.Rejected.Reason}, nil
	}
	kept, err := keep.Keep(ctx, []custody.Arrival{*j.Arrival})
	if err != nil {
		return console.Ingested{}, fmt.Errorf("keep a batch: %w", err)
	}
	a.kept(kept[0].Counters, kept)
	return console.Ingested{Kiosk: kiosk, Case: kept[0].Case}, nil
}
