package kioskapp

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"net"

	"hailong/cmd/internal/run"
	"hailong/kiosk"
	"hailong/kiosk/webform"
	"hailong/survey"
)

// gateway is what the program is more with the role online: the web form on the public
// address. The screen's program, with status, metrics and the JSON interface, is then
// served at the internal one.
type gateway struct {
	form     *webform.Form
	internal net.Listener // nil = together with the form: see Options.Together
}

// openGateway makes the web form and opens the internal address. The screen must be there.
func (a *App) openGateway() error {
	v, ok := a.catalogue.Find(a.config.Web.Questionnaire)
	if !ok {
		return survey.Problem{Path: "web.questionnaire", Value: a.config.Web.Questionnaire,
			Vi: "không có phiếu hỏi này; có: " + a.catalogue.Codes(), En: "there is no such questionnaire; there are: " + a.catalogue.Codes()}
	}
	secret, err := hkdf.Key(sha256.New, a.identity.Seed, nil, "hailong/webform/v1", sha256.Size)
	if err != nil {
		return fmt.Errorf("make the web form's key: %w", err)
	}
	o := webform.Options{
		Ready: a.Ready, Ring: a.ring, LookAgain: a.lookAgain, Secret: secret, Limits: webform.Limits(a.config.Web.Limits), Proxies: a.config.proxies(), Now: a.options.Now, Log: a.log,
	}
	if o.TLS, err = a.config.TLS.load(); err != nil {
		return err
	}
	g := &gateway{}
	if a.options.Together {
		o.Beside = a.screen.Handler()
	} else {
		if g.internal, err = run.Listen("internal", a.config.Internal); err != nil {
			return err
		}
		a.opened.Push("the internal listener", func() error { return ignoreClosed(g.internal.Close()) })
	}
	if g.form, err = webform.New(o); err != nil {
		return err
	}
	if err := webform.Check(v); err != nil {
		return survey.Problem{Path: "web.questionnaire", Value: a.config.Web.Questionnaire,
			Vi: "phiếu này không có câu hỏi chung (kind overall), câu mà biểu mẫu hỏi trước", En: err.Error()}
	}
	a.gateway = g
	return nil
}

// serve serves until the listeners are closed; why one ended is told to over.
func (a *App) serve(over context.CancelCauseFunc) {
	if a.gateway == nil {
		go func() { over(a.screen.Serve(a.listener)) }()
		return
	}
	go func() { over(a.gateway.form.Serve(a.listener)) }()
	if a.gateway.internal != nil {
		go func() { over(a.screen.Serve(a.gateway.internal)) }()
	}
}

// showForm puts the web form into service, if there is one.
func (a *App) showForm(r *kiosk.Recorder) error {
	if a.gateway == nil {
		return nil
	}
	w := a.config.Web
	return a.gateway.form.Show(webform.Settings{
		Catalogue: a.catalogue, Questionnaire: w.Questionnaire, Office: w.Office, Contact: w.Contact, KeepMonths: w.KeepMonths, Test: a.config.Test,
	}, r)
}

func (a *App) stopForm(ctx context.Context) error {
	if a.gateway == nil {
		return nil
	}
	return a.gateway.form.Shutdown(ctx)
}

// Internal is the gateway's internal address; "" where there is none.
func (a *App) Internal() string {
	if a.gateway == nil || a.gateway.internal == nil {
		return ""
	}
	return a.gateway.internal.Addr().String()
}

// URL is where the program is served: http(s)://host:port.
func (a *App) URL() string {
	scheme := "http"
	if a.gateway != nil && a.config.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + a.Addr()
}

// writeFormMetrics writes the web form's figures, if there is one.
func (a *App) writeFormMetrics(w io.Writer) {
	if a.gateway == nil {
		return
	}
	f := a.gateway.form.Figures()
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"hailong_web_kept_total", "Forms that were thanked for, repeats included.", f.Kept},
		{"hailong_web_unsaved_total", "Forms that could not be saved.", f.Unsaved},
		{"hailong_web_limited_total", "Requests over a limit.", f.Limited},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s counter\n%s %d\n", m.name, m.help, m.name, m.name, m.value)
	}
}
