package sim

import (
	"crypto/ed25519"
	"slices"

	"hailong/survey"
	"hailong/survey/custody"
	"hailong/sync/intake"
	"hailong/sync/uplink"
	"hailong/sync/wire"
)

// centre is the aggregator: the programs' intake steps over a store that commits as a
// whole or not at all.
type centre struct {
	w       *world
	running bool
	run     int // how often it was started and stopped
	lives   []custody.Epoch
	busy    bool
	store   *store
	backup  *store // what the newest verified one holds, as the centre says
	copied  *store // what it holds
	byHand  bool   // its files were put back without a new epoch
	touched bool   // they ever were
	key     ed25519.PrivateKey
	public  ed25519.PublicKey
	keys    map[survey.KioskID]ed25519.PublicKey
}

func newCentre(w *world) *centre {
	c := &centre{
		w: w, store: newStore(), backup: newStore(), copied: newStore(), keys: map[survey.KioskID]ed25519.PublicKey{},
	}
	c.newLife()
	c.key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c.public = c.key.Public().(ed25519.PublicKey)
	return c
}

// newLife draws an epoch.
func (c *centre) newLife() {
	c.w.fill(c.store.epoch[:])
	c.lives = append(c.lives, c.store.epoch)
	c.byHand = false
}

// life is the number of a life, -1 for one that never was.
func (c *centre) life(e custody.Epoch) int { return slices.Index(c.lives, e) }

// start runs the intake, and greets every kiosk.
func (c *centre) start() {
	if c.running {
		return
	}
	c.running, c.busy = true, false
	c.run++
	done := map[survey.KioskID]bool{}
	for _, b := range c.w.boxes {
		c.keys[b.id] = b.key.Public().(ed25519.PublicKey)
		if !done[b.id] {
			done[b.id] = true
			c.w.toKiosk(b.id, c.receipt(intake.Reply{Kiosk: b.id}, true))
		}
	}
	c.poke(0)
}

// stop ends the intake; what was not committed is gone.
func (c *centre) stop() {
	c.running = false
	c.run++
	c.w.tell("the centre stops")
}

// crashes ends the intake here, perhaps, and has it started again.
func (c *centre) crashes(where fault) bool {
	if !c.w.hits(where, 5) {
		return false
	}
	c.stop()
	c.w.after(c.w.below(15*second), c.start)
	return true
}

// poke has the intake look at the stream after a while.
func (c *centre) poke(after int64) {
	life := c.run
	c.w.after(after+2+c.w.below(30), func() {
		if life != c.run || !c.running || c.busy || !c.w.bus.up {
			return
		}
		if list := c.w.bus.deliver(1 + c.w.rnd.IntN(8)); len(list) > 0 {
			c.take(list)
			c.poke(0)
			c.poke(redeliver)
		}
	})
}

// take keeps deliveries, acknowledges them and sends receipts, in the intake's order.
func (c *centre) take(list []*message) {
	w := c.w
	if w.hits(storeFails, 4) {
		c.hold(list)
		return
	}
	judged, arrivals := c.judge(list)
	switch w.opts.broken {
	case receiptsFirst:
		c.reply(intake.Settle(judged, c.store.clone().keep(w, arrivals)))
	case acksFirst:
		w.bus.acknowledge(list)
	}
	if c.crashes(crashBeforeCommit) {
		return
	}
	kept := c.store.keep(w, arrivals)
	for _, k := range kept {
		w.tally.cases[k.Case]++
	}
	if w.hits(unknownCommit, 3) { // the store says that it failed, and it did not
		kept = c.store.keep(w, arrivals)
	}
	if c.crashes(crashBeforeReceipt) {
		return
	}
	c.reply(intake.Settle(judged, kept))
	if c.crashes(crashBeforeAck) {
		return
	}
	w.bus.acknowledge(list)
}

// hold takes the same deliveries once more after a failure, before any other.
func (c *centre) hold(list []*message) {
	c.busy = true
	life := c.run
	c.w.after(second/2, func() {
		if life == c.run {
			c.busy = false
			c.take(list)
			c.poke(0)
		}
	})
}

// judge looks at the deliveries' bytes, as the intake does.
func (c *centre) judge(list []*message) (judged []intake.Judged, arrivals []custody.Arrival) {
	for _, m := range list {
		j, err := intake.Admit(intake.Delivery{Subject: wire.Batch(m.kiosk), Data: m.data}, c.keyOf, c.w.time())
		if err != nil {
			c.w.fail("intake", "%v", err)
		}
		judged = append(judged, j)
		if j.Arrival != nil {
			arrivals = append(arrivals, *j.Arrival)
		} else {
			c.w.tally.rejected++
		}
	}
	return judged, arrivals
}

func (c *centre) keyOf(id survey.KioskID) (ed25519.PublicKey, bool, error) {
	key, ok := c.keys[id]
	return key, ok, nil
}

// reply signs receipts and sends them.
func (c *centre) reply(list []intake.Reply) {
	for _, r := range list {
		if r.Head == (custody.Head{}) {
			r.Head = c.store.head(r.Chain)
		}
		c.w.toKiosk(r.Kiosk, c.receipt(r, false))
	}
}

func (c *centre) answerMark(kiosk survey.KioskID, chain survey.Chain) []byte {
	return c.receipt(intake.Reply{Kiosk: kiosk, Chain: chain, Head: c.store.head(chain)}, false)
}

// hearBeat keeps what a kiosk says that it issued.
func (c *centre) hearBeat(id survey.KioskID, signed []byte) {
	h, err := custody.OpenHeartbeat(signed, c.keys[id])
	if err != nil {
		c.w.fail("heartbeat", "%v", err)
		return
	}
	c.w.tally.beats++
	if c.w.cloned[h.Chain] {
		return
	}
	c.store.chain(h.Chain, id).issued.hear(h.Totals)
}

// receipt is the centre's word. It never says more than a fresh look into its store.
func (c *centre) receipt(r intake.Reply, started bool) []byte {
	backup := c.backup.head(r.Chain)
	word := custody.Receipt{
		Epoch: c.store.epoch, Kiosk: r.Kiosk, Chain: r.Chain, Durable: r.Head.Sequence, DurableSum: r.Head.Hash,
		Backup: backup.Sequence, BackupSum: backup.Hash, ServerTime: c.w.now, Refused: r.Refused, Gap: r.Gap, Started: started,
	}
	c.w.tally.receipts++
	if has := c.store.head(r.Chain); r.Head.Sequence > has.Sequence || r.Head.Sequence == has.Sequence && r.Head != has {
		c.w.fail("I6", "a receipt says %d of chain %x, the store has %d", r.Head.Sequence, r.Chain[:3], has.Sequence)
	}
	return custody.SignReceipt(word, c.key)
}

// saveBackup copies the store, checks the copy, and only then moves the mark.
func (c *centre) saveBackup() {
	mark, life := c.store.clone(), c.run
	copied := mark
	if c.w.hits(backupDamaged, 30) {
		copied = mark.torn()
	}
	c.w.after(c.w.below(minute), func() {
		whole := copied == mark || c.w.opts.broken == backupUnchecked
		if !whole || life != c.run {
			return // or nobody was there to finish it
		}
		c.w.count(backedUp)
		c.backup, c.copied = mark, copied
	})
}

// restore puts the newest backup in the place of the store.
func (c *centre) restore(newEpoch bool) {
	c.w.setBack = len(c.w.cloned) > 0
	epoch := c.store.epoch
	c.stop()
	c.store = c.copied.clone()
	c.store.epoch = epoch
	if newEpoch && c.w.opts.broken != restoreKeepsEpoch {
		c.newLife()
	} else {
		c.byHand, c.touched = true, true
	}
	c.w.checkThanked("the centre was restored")
	c.w.after(c.w.below(10*second), c.start)
}

// hear opens the centre's word once, for all links that it may be about.
func (p *program) hear(signed []byte) {
	r, err := custody.OpenReceipt(signed, p.box.w.centre.public)
	if err != nil {
		p.box.w.fail("receipt", "the centre's word cannot be opened: %v", err)
	}
	for _, l := range p.links {
		if !p.dead && (r.Started || r.Chain == l.j.files.chain) {
			l.receipt(uplink.Receipted, r, signed)
		}
	}
}
