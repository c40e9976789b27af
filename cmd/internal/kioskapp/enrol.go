package kioskapp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"hailong/kiosk/identity"
	"hailong/survey"
)

// enrolEvery is how often a kiosk that is not taken in yet asks again.
const enrolEvery = 2 * time.Second

// enrolled is the centre's answer to a kiosk that it takes in.
type enrolled struct {
	Kiosk     survey.KioskID     `json:"kiosk"`
	Name      string             `json:"name"`
	Role      survey.KioskRole   `json:"role"`
	Counters  []identity.Counter `json:"counters"`
	CentreKey string             `json:"centre_key"`
	NATS      string             `json:"nats"`
}

// enrol asks until the centre takes the kiosk in, and keeps what it said. The key was
// made and kept before: asking twice with one code is the same kiosk.
func (a *App) enrol(ctx context.Context) error {
	client, err := a.config.client()
	if err != nil {
		return err
	}
	said := ""
	for {
		e, err := a.askIn(ctx, client)
		if err == nil {
			a.identity.Enrolment = e
			if err := a.identity.Save(a.config.Data); err != nil {
				return err
			}
			a.log.Info("taken in by the centre", "kiosk", a.identity.Kiosk(), "name", e.Name, "counters", len(e.Counters))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err.Error() != said { // once, not at every try
			said = err.Error()
			a.log.Warn("not taken in yet; asking again", "centre", a.config.Centre.URL, "error", err)
			a.trouble.Store(&said)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(enrolEvery):
		}
	}
}

// askIn asks once.
func (a *App) askIn(ctx context.Context, client *http.Client) (*identity.Enrolment, error) {
	ask, err := json.Marshal(map[string]string{
		"code": a.config.Centre.Code, "key": base64.StdEncoding.EncodeToString(a.identity.Public()), "role": string(a.config.Role),
	})
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(a.config.Centre.URL, "/")+"/enrol", bytes.NewReader(ask))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach the centre: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the centre's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(body, &problem) // another answer has no words of its own
		return nil, fmt.Errorf("the centre says %d %s %s", resp.StatusCode, problem.Title, problem.Detail)
	}
	var e enrolled
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read the centre's answer: %w", err)
	}
	return a.accept(e)
}

// accept checks that the centre's answer is whole and about this kiosk.
func (a *App) accept(e enrolled) (*identity.Enrolment, error) {
	key, err := base64.StdEncoding.DecodeString(e.CentreKey)
	switch {
	case err != nil || len(key) != 32:
		return nil, errors.New("the centre's answer names no key of its own")
	case e.Kiosk != a.identity.Kiosk():
		return nil, fmt.Errorf("the centre calls this kiosk %s, its key makes it %s", e.Kiosk, a.identity.Kiosk())
	case len(e.Counters) == 0:
		return nil, errors.New("the centre gave this kiosk no counter")
	}
	return &identity.Enrolment{Name: e.Name, Role: e.Role, Counters: e.Counters, CentreKey: key, NATS: e.NATS}, nil
}

// client is the HTTP client for enrolment.
func (c *Config) client() (*http.Client, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if c.Centre.CA != "" {
		pem, err := os.ReadFile(c.Centre.CA)
		if err != nil {
			return nil, fmt.Errorf("centre.ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("centre.ca = %q: the file holds no certificate", c.Centre.CA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}
