package kioskapp

import (
	"crypto/tls"
	"fmt"

	"hailong/survey"
)

// TLS are PEM files with which whoever is not the machine itself is spoken to by https.
type TLS struct {
	// Certificate is the file of the certificate, with those that vouch for it; "" = plain
	// HTTP.
	Certificate string `yaml:"certificate"`
	// Key is the file of its private key.
	Key string `yaml:"key"`
}

func (t *TLS) check(ps *survey.Problems) {
	if (t.Certificate == "") == (t.Key == "") {
		return
	}
	path, other := "tls.certificate", "tls.key"
	if t.Key == "" {
		path, other = other, path
	}
	ps.Add(path, "", "cần cả hai: có "+other+" thì phải có "+path, "both are needed: "+other+" is there without "+path)
}

// load reads the certificate; nil where none is named.
func (t *TLS) load() (*tls.Config, error) {
	if t.Certificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls.certificate = %q, tls.key = %q: %w", t.Certificate, t.Key, err)
	}
	// Old phones and tablets have no TLS 1.3.
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
