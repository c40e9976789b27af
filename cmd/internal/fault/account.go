package fault

import "hailong/survey"

// Closing is one kiosk's day as the aggregator tells it: see /api/v1/closings.
type Closing struct {
	Kiosk       string            `json:"kiosk"`
	Date        string            `json:"date"` // "unknown" = records whose day is not known
	Issued      uint64            `json:"issued"`
	Received    uint64            `json:"received"`
	Counted     uint64            `json:"counted"`
	Excluded    map[string]uint64 `json:"excluded"`
	Held        uint64            `json:"held"`
	Quarantined uint64            `json:"quarantined"`
	Disputed    uint64            `json:"disputed"`
}

// duplicate is the reason for which a record is left out that a damaged journal sent
// twice: in its own chain, and salvaged in the chain that follows.
const duplicate = "duplicate"

func (c *Closing) excluded() (n uint64) {
	for _, more := range c.Excluded {
		n += more
	}
	return n
}

// KnownLoss is what a damaged journal may have lost, as the aggregator tells it: see
// /api/v1/kiosks.
type KnownLoss struct {
	Kiosk   string `json:"-"`
	AtLeast uint64 `json:"at_least"`
	AtMost  uint64 `json:"at_most"`
}

// Told is what the running aggregator tells people about completeness.
type Told struct {
	Closings []Closing
	Losses   []KnownLoss
}

// most is the greatest number of records that a kiosk may have lost.
func (t *Told) most(kiosk string) (n uint64) {
	for _, l := range t.Losses {
		if l.Kiosk == kiosk {
			n += l.AtMost
		}
	}
	return n
}

// account checks that the closings balance, each by itself and all of them with what
// was pressed.
func (v *Verdict) account(s *Stored) {
	if s.Told == nil {
		return
	}
	var received, counted, held uint64
	open := map[string]uint64{}
	for _, c := range s.Told.Closings {
		twice := c.Excluded[duplicate]
		received, counted, held = received+c.Received-twice, counted+c.Counted+c.excluded()-twice, held+c.Held
		if c.Received != c.Counted+c.excluded()+c.Held+c.Quarantined+c.Disputed {
			v.wrong("closings: %+v does not balance", c)
		}
		if c.Issued < c.Received {
			v.wrong("closings: more was received than issued: %+v of %+v", c, s.Told.Closings)
		}
		open[c.Kiosk] += c.Issued - min(c.Issued, c.Received)
	}
	for kiosk, n := range open {
		if n > s.Told.most(kiosk) {
			v.wrong("closings: %d records of kiosk %s are missing, and it declared a loss of at most %d: %+v", n, kiosk, s.Told.most(kiosk), s.Told.Closings)
		}
	}
	if want := v.Thanked - v.Declared + v.Unasked; received != uint64(want) {
		v.wrong("closings: %d were received, %d were pressed", received, want)
	}
	if counted != uint64(v.Counted) || held != uint64(s.Held) {
		v.wrong("closings: %d are counted and %d held, the score counts %d and the store holds %d", counted, held, v.Counted, s.Held)
	}
	declared := map[survey.Chain]bool{} // a chain tells of all before it once more
	for _, l := range s.Losses {
		declared[l.Chain] = true
	}
	if len(s.Told.Losses) != len(declared) {
		v.wrong("closings: the kiosks declared losses of %d chains, the aggregator tells of %d", len(declared), len(s.Told.Losses))
	}
	var least, most uint64
	for _, l := range s.Told.Losses {
		least, most = least+l.AtLeast, most+l.AtMost
	}
	if lost := uint64(v.Declared); lost > most || lost+uint64(v.Nowhere) < least {
		v.wrong("I1: %d presses are lost, the aggregator tells of %d to %d", lost, least, most)
	}
}
