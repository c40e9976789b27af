package survey_test

import (
	"encoding/json"
	"strings"
	"testing"

	"hailong/survey"
)

func TestCodes(t *testing.T) {
	for _, good := range []string{"A", "01", "00001", "Z0", "q-1", "a.b_c", strings.Repeat("x", 64)} {
		if p := survey.CodeProblem("code", good); p != nil {
			t.Errorf("%q is refused: %v", good, p)
		}
	}
	for _, bad := range []string{"", "-a", ".a", "_a", "a b", "quầy", "a/b", "a@b", "a\n", strings.Repeat("x", 65)} {
		if p := survey.CodeProblem("code", bad); p == nil {
			t.Errorf("%q is taken for a code", bad)
		}
	}
	p := survey.CodeProblem("counters[3].code", "quầy 1")
	if got, want := p.Text(survey.Vietnamese), `counters[3].code = "quầy 1": mã phải có 1 đến 64 ký tự A–Z, a–z, 0–9, dấu chấm, gạch ngang hoặc gạch dưới, bắt đầu bằng chữ hoặc số`; got != want {
		t.Errorf("reads\n%s, want\n%s", got, want)
	}
	if got, want := p.Error(), `counters[3].code = "quầy 1": a code has 1 to 64 characters of A–Z, a–z, 0–9, dot, hyphen or underscore, beginning with a letter or digit`; got != want {
		t.Errorf("reads\n%s, want\n%s", got, want)
	}
}

func TestLongValuesAreShownShort(t *testing.T) {
	p := survey.CodeProblem("code", strings.Repeat("đ", 5000))
	if n := len([]rune(p.Value)); n != 61 || !strings.HasSuffix(p.Value, "…") {
		t.Errorf("%d characters are shown back", n)
	}
}

func TestRecordIDRoundTrip(t *testing.T) {
	const text = "000102030405060708090a0b0c0d0e0f/18446744073709551615"
	id, err := survey.ParseRecordID(text)
	if err != nil || id.String() != text || id.IsZero() {
		t.Fatalf("%q is read as %q, %v", text, id, err)
	}
	for _, bad := range []string{
		"", "/", "000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f/", "000102030405060708090a0b0c0d0e0f/0",
		"000102030405060708090a0b0c0d0e0f/01", "000102030405060708090a0b0c0d0e0f/+1", "000102030405060708090a0b0c0d0e0f/-1",
		"000102030405060708090a0b0c0d0e0f/18446744073709551616", "000102030405060708090a0b0c0d0e/1", "zz0102030405060708090a0b0c0d0e0f/1",
		"00000000000000000000000000000000/1", "000102030405060708090a0b0c0d0e0f/1/1",
	} {
		if id, err := survey.ParseRecordID(bad); err == nil {
			t.Errorf("%q is read as %s", bad, id)
		}
	}
}

func FuzzParseRecordID(f *testing.F) {
	f.Add("000102030405060708090a0b0c0d0e0f/1")
	f.Add("00000000000000000000000000000000/1")
	f.Add("x/y")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := survey.ParseRecordID(s)
		if err != nil {
			if !id.IsZero() {
				t.Errorf("%q is refused and still gives %s", s, id)
			}
			return
		}
		again, err := survey.ParseRecordID(id.String())
		if err != nil || again != id || !strings.EqualFold(id.String(), s) {
			t.Errorf("%q is read as %s and that as %s, %v", s, id, again, err)
		}
	})
}

func TestHashesTravelAsText(t *testing.T) {
	h, err := survey.ParseHash(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	in := survey.Token{Hash: h, Name: "phân tích"}
	b, err := json.Marshal(in)
	if err != nil || !strings.Contains(string(b), `"hash":"`+strings.Repeat("ab", 32)+`"`) {
		t.Fatalf("wrote %s, %v", b, err)
	}
	var back survey.Token
	if err := json.Unmarshal(b, &back); err != nil || back != in {
		t.Errorf("read back %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"hash":"abab"}`), &back); err == nil {
		t.Error("a short hash was taken")
	}
	var c survey.Chain
	if err := json.Unmarshal([]byte(`"000102030405060708090a0b0c0d0e0f"`), &c); err != nil || c.String() != "000102030405060708090a0b0c0d0e0f" {
		t.Errorf("read the chain %s, %v", c, err)
	}
}

func TestNoncesNeverHoldTheKey(t *testing.T) {
	a, b := survey.KeyNonce("khóa-1"), survey.KeyNonce("khóa-2")
	if a == b || a.IsZero() || a != survey.KeyNonce("khóa-1") {
		t.Errorf("nonces %x and %x", a, b)
	}
	if strings.Contains(string(a[:]), "kh") {
		t.Error("the nonce shows the key")
	}
}
