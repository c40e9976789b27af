package console

import (
	"context"
	"strings"
	"testing"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// A second retry at the same time, by a double click or from elsewhere, is refused with what
// to do, and does nothing; when the first has ended, one may begin again.
func TestOneRetryAtATime(t *testing.T) {
	began, goOn := make(chan struct{}, 8), make(chan struct{})
	c := ledger(t, Settings{Ingest: func(_ context.Context, k survey.KioskID, _ []byte) (Ingested, error) {
		began <- struct{}{}
		<-goOn
		return Ingested{Kiosk: k, Case: custody.New}, nil
	}})
	first := make(chan int, 1)
	go func() { first <- c.ask("POST", "/api/v1/quarantine/retry", "").StatusCode }()
	<-began
	for lang, want := range map[string]string{"vi": "đang có một lần thử lại khác chạy", "en": "tried again already"} {
		got := c.ask("POST", "/api/v1/quarantine/retry", "", "Accept-Language", lang)
		if got.StatusCode != 409 || !strings.Contains(string(got.body), want) {
			t.Errorf("%d %s, want %q", got.StatusCode, got.body, want)
		}
	}
	if len(began) != 0 {
		t.Error("the second did work")
	}
	close(goOn)
	if code := <-first; code != 200 {
		t.Errorf("the first: %d", code)
	}
	if got := c.ask("POST", "/api/v1/quarantine/retry", ""); got.StatusCode != 200 {
		t.Errorf("after it: %d %s", got.StatusCode, got.body)
	}
}

// A retry ends in time, says that there is more, and the next one goes on: what was taken in
// is not tried any more.
func TestARetryEndsInTime(t *testing.T) {
	var c *centre
	c = ledger(t, Settings{Ingest: func(_ context.Context, k survey.KioskID, _ []byte) (Ingested, error) {
		c.pass(retryTime + time.Second)
		return Ingested{Kiosk: k, Case: custody.New}, nil
	}})
	got := c.ask("POST", "/api/v1/quarantine/retry", "", "Accept-Language", "en")
	if got.StatusCode != 503 || !strings.Contains(string(got.body), "1 batches were taken in, 0 are refused still; try again to go on") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := c.ask("POST", "/api/v1/quarantine/retry", ""); string(got.body) != `{"rejudged":0,"admitted":1,"refused":0}`+"\n" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}
