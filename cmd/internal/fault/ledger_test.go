package fault

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

var (
	testChain = survey.Chain{1}
	otherOne  = survey.Chain{2}
	testPress = Press{Questionnaire: "quick", Answers: map[string]int{"Z0": 4}, Channel: survey.Web, Key: "key"}
)

func recordOf(key string, sequence uint64) StoredRecord {
	return StoredRecord{
		ID: survey.RecordID{Chain: testChain, Sequence: sequence}, Nonce: survey.KeyNonce(key),
		Answers: map[string]int{"Z0": 4}, Channel: survey.Web,
	}
}

func idOf(sequence uint64) survey.RecordID {
	return survey.RecordID{Chain: testChain, Sequence: sequence}
}

// Each kind of wrong is shown to the ledger once, beside what is right.
func TestWhatALedgerSees(t *testing.T) {
	thank := func(l *Ledger) {
		l.Send("kiosk", testPress)
		l.Thank("key", idOf(1))
	}
	for name, c := range map[string]struct {
		do    func(*Ledger)
		store Stored
		want  string // "" = nothing is wrong
		check func(Verdict) bool
	}{
		"thanked and there": {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1}, "", func(v Verdict) bool { return v.Thanked == 1 && v.Counted == 1 }},
		"uncertain and there": {func(l *Ledger) { l.Send("kiosk", testPress) }, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1}, "",
			func(v Verdict) bool { return v.Unasked == 1 && v.Thanked == 0 }},
		"uncertain and not there": {func(l *Ledger) { l.Send("kiosk", testPress) }, Stored{}, "", nil},
		"held":                    {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}, Held: 1}, "", nil},
		"declared lost": {thank, Stored{Losses: []DeclaredLoss{{testChain, 0, 5, false}}}, "",
			func(v Verdict) bool { return v.Declared == 1 }},
		"lost in a loss that nobody can bound": {thank, Stored{Losses: []DeclaredLoss{{testChain, 0, 0, true}}}, "",
			func(v Verdict) bool { return v.Declared == 1 }},
		"in quarantine": {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}, Quarantined: 1}, "", nil},
		"with a comment that is gone": {func(l *Ledger) {
			p := testPress
			p.Comment = commentMark
			l.Send("kiosk", p)
			l.Thank("key", idOf(1))
		}, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1}, "I10:", nil},
		"disputed":             {thank, Stored{Disputed: []StoredRecord{recordOf("key", 1)}}, "", func(v Verdict) bool { return v.Disputed == 1 }},
		"lost":                 {thank, Stored{}, "is not in the store", nil},
		"lost below a loss":    {thank, Stored{Losses: []DeclaredLoss{{testChain, 1, 5, false}}}, "is not in the store", nil},
		"lost in another loss": {thank, Stored{Losses: []DeclaredLoss{{otherOne, 0, 5, false}}}, "is not in the store", nil},
		"twice":                {thank, Stored{Records: []StoredRecord{recordOf("key", 1), recordOf("key", 2)}, Counted: 2}, "in the store 2 times", nil},
		"as another":           {thank, Stored{Records: []StoredRecord{recordOf("key", 2)}, Counted: 1}, "is in the store as", nil},
		"changed": {thank, Stored{Records: []StoredRecord{{ID: idOf(1), Nonce: survey.KeyNonce("key"), Answers: map[string]int{"Z0": 5}, Channel: survey.Web}}, Counted: 1},
			"with another content", nil},
		"invented":         {thank, Stored{Records: []StoredRecord{recordOf("key", 1), recordOf("nobody", 2)}, Counted: 2}, "I2:", nil},
		"not counted":      {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}}, "1 presses should be counted, 0 are", nil},
		"counted twice":    {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 2}, "1 presses should be counted, 2 are", nil},
		"thanked as two":   {func(l *Ledger) { thank(l); l.Thank("key", idOf(2)) }, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1}, "was thanked for as", nil},
		"thanks unasked":   {func(l *Ledger) { l.Thank("key", idOf(1)) }, Stored{}, "never sent", nil},
		"the store itself": {thank, Stored{Records: []StoredRecord{recordOf("key", 1)}, Counted: 1, Violations: []string{"I4: x"}}, "I4: x", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			c.do(l)
			v := l.Check(&c.store)
			all := strings.Join(v.Violations, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("says %q, want %q", all, c.want)
			}
			if c.check != nil && !c.check(v) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// chainOf is a chain of responses to keys, as the programs write it.
func chainOf(t *testing.T, keys ...string) []custody.Record {
	t.Helper()
	var list []custody.Record
	var previous survey.Hash
	for i, key := range keys {
		resp := survey.Response{Channel: survey.Web, Stage: survey.Result, Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 4}}}
		r := custody.Seal(custody.Record{
			Version: custody.RecordVersion, Chain: testChain, Sequence: uint64(i + 1), Previous: previous, Nonce: survey.KeyNonce(key),
			Kind: custody.ResponseRecord, Counter: "HS-01", Wall: time.Now().UnixMilli(), PayloadVersion: custody.PayloadVersion, Payload: custody.EncodeResponse(&resp),
		})
		previous = r.Hash
		list = append(list, r)
	}
	return list
}

// The verifier reads what the programs write, and sees what is wrong with it.
func TestTheVerifierSeesWhatIsWrong(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	records := chainOf(t, "a", "b", "c", "d")
	batch := func(key ed25519.PrivateKey, previous survey.Hash, list ...custody.Record) []byte {
		return custody.NewBatch("k-test", key, previous, list, nil, nil).Bytes
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := batch(private, survey.Hash{}, records...)
	flipped := append([]byte{}, whole...)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		batches [][]byte
		want    string
	}{
		"one batch":           {[][]byte{whole}, ""},
		"two batches":         {[][]byte{batch(private, survey.Hash{}, records[:2]...), batch(private, records[1].Hash, records[2:]...)}, ""},
		"batches overlapping": {[][]byte{batch(private, survey.Hash{}, records[:3]...), batch(private, records[0].Hash, records[1:]...)}, ""},
		"a hole":              {[][]byte{batch(private, survey.Hash{}, records[:1]...), batch(private, records[1].Hash, records[2:]...)}, "I3: the next batch begins with 3"},
		"a wrong link":        {[][]byte{batch(private, survey.Hash{}, records[:1]...), batch(private, survey.Hash{9}, records[1:]...)}, "I4: the hash of the record before"},
		"a flipped byte":      {[][]byte{flipped}, "I4:"},
		"another's signature": {[][]byte{batch(stranger, survey.Hash{}, records...)}, "I4: a signature"},
		"records in disorder": {[][]byte{batch(private, survey.Hash{}, records[0], records[2], records[1], records[3])}, "I3: in the place of 2"},
		"noise":               {[][]byte{[]byte("xin chào")}, "I4: a batch cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Stored{}
			v := verifier{stored: s, chain: testChain, key: public, seen: map[survey.RecordID]survey.Hash{}}
			for _, b := range c.batches {
				v.batch(b)
			}
			all := strings.Join(s.Violations, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("says %q, want %q", all, c.want)
			}
			if c.want == "" && (len(s.Records) != 4 || v.hash != records[3].Hash || s.Records[1].Nonce != survey.KeyNonce("b") || s.Records[1].Answers["Z0"] != 4) {
				t.Errorf("read %+v", s.Records)
			}
		})
	}
}

// A following chain says what may be lost, and holds what was salvaged of the chain
// before; a batch of a clone is read as disputed.
func TestTheVerifierReadsLossesSalvageAndClones(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	old := chainOf(t, "a", "b", "c")
	first := custody.Seal(custody.Record{
		Version: 1, Chain: otherOne, Sequence: 1, Kind: custody.SuccessionRecord,
		Payload: (&custody.Succession{Predecessor: testChain, Last: 1, Reserved: 8, Salvaged: 1, Reason: "x"}).Encode(),
	})
	second := custody.Seal(custody.Record{Version: 1, Chain: otherOne, Sequence: 2, Previous: first.Hash, Kind: custody.SalvagedRecord, Payload: old[2].Bytes})
	s := &Stored{}
	seen := map[survey.RecordID]survey.Hash{}
	before := verifier{stored: s, chain: testChain, key: public, seen: seen}
	before.batch(custody.NewBatch("k", private, survey.Hash{}, old[:1], nil, nil).Bytes)
	after := verifier{stored: s, chain: otherOne, key: public, seen: seen}
	after.batch(custody.NewBatch("k", private, survey.Hash{}, []custody.Record{first, second}, nil, nil).Bytes)
	if len(s.Violations) > 0 || len(s.Records) != 2 || s.Records[1].ID != old[2].ID() {
		t.Fatalf("%+v", s)
	}
	if !s.declares(old[1].ID()) || s.declares(old[0].ID()) || s.declares(survey.RecordID{Chain: testChain, Sequence: 9}) {
		t.Fatalf("the losses are read as %+v", s.Losses)
	}
	clone := chainOf(t, "a", "other")
	clone[0] = old[0]
	clone[1].Previous = old[0].Hash
	clone[1] = custody.Seal(clone[1])
	before.fork(custody.NewBatch("k", private, old[0].Hash, clone[1:], nil, nil).Bytes)
	if len(s.Violations) > 0 || len(s.Disputed) != 1 || s.Disputed[0].Nonce != survey.KeyNonce("other") || len(s.Records) != 2 {
		t.Fatalf("the clone's batch is read as %+v, %v", s.Disputed, s.Violations)
	}
}

func TestTheTableAddsUp(t *testing.T) {
	got := Table([]Account{{"mất điện / power cut", []Result{
		{Runs: 11, Thanked: 5, Counted: 4, Declared: 1, Recovered: time.Second},
		{Thanked: 6, Counted: 7, Unthanked: 1, Recovered: 3 * time.Second},
		{Thanked: 1, Counted: 1, Recovered: 2 * time.Second},
		{Thanked: 2, Counted: 1, Disputed: 1, Recovered: 9 * time.Second, Violations: []string{"x"}},
		{Missed: true, Thanked: 100, Counted: 100, Recovered: 9 * time.Second, Violations: []string{"nothing was injected"}},
	}}, {"niêm phong / seal", []Result{{Thanked: 3, Counted: Uncounted}}}})
	lines := strings.Split(got, "\n")
	for i, want := range []string{
		"| mất điện / power cut | 14 | 14 | 13 | 1 | 1 | 1 | 2.0, 3.0 | 2 |",
		"| niêm phong / seal | 1 | 3 | – | 0 | 0 | 0 | – | 0 |",
		"| **Tất cả / All** | 15 | 17 | 13 | 1 | 1 | 1 | 2.0, 3.0 | 2 |",
	} {
		if lines[2+i] != want {
			t.Errorf("%s\nshould be\n%s", lines[2+i], want)
		}
	}
}
