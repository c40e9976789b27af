package kioskapp

import (
	"time"

	"hailong/survey"
	"hailong/survey/ticket"
)

// Ring is what tickets are verified with.
func (a *App) Ring() *ticket.Ring { return a.ring() }

// Refresh has the centre asked.
func (a *App) Refresh() { a.refresh() }

// Code is the QR code on a counter's screen.
func (a *App) Code(c survey.CounterCode) (text string, svg, png []byte, until time.Time, ok bool) {
	d, ok := a.code(c)
	return d.Text, d.SVG, d.PNG, d.Until, ok
}
