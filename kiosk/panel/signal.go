package panel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// show asks for a signal. It never waits: while one is shown, one more is enough.
func (p *Panel) show(s Signal) {
	if s.none() {
		return
	}
	select {
	case p.signals <- s:
	default:
	}
}

// signal shows signals until ctx ends. A light that a killed program left on goes out
// first; one that is not there is told of at once, and not at the first press.
func (p *Panel) signal(ctx context.Context) {
	for _, s := range []Signal{p.device.Kept, p.device.Failed} {
		p.turn(Signal{LED: s.LED}, false)
	}
	for {
		select {
		case s := <-p.signals:
			p.turn(s, true)
			select {
			case <-p.clock.After(s.length()):
			case <-ctx.Done():
			}
			p.turn(s, false)
		case <-ctx.Done():
			return
		}
	}
}

// bright is what a light's file is given: the kernel takes as much as the light can.
const bright = 255

// turn begins or ends a signal.
func (p *Panel) turn(s Signal, on bool) {
	var errs []error
	if s.LED != "" {
		errs = append(errs, turnLED(s.LED, on))
	}
	if port := p.port.Load(); port != nil {
		errs = append(errs, s.turn(port, on))
	}
	if err := errors.Join(errs...); err != nil {
		p.noSignal(err)
	}
}

func turnLED(path string, on bool) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("turn the light: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	value := 0
	if on {
		value = bright
	}
	if _, err := f.WriteString(strconv.Itoa(value)); err != nil {
		return fmt.Errorf("turn the light: %w", err)
	}
	return nil
}

// turn begins or ends the part of a signal that the device itself gives.
func (s Signal) turn(port *Port, on bool) error {
	var b []byte
	value := int32(0)
	if on {
		value = 1
	}
	layout := cmp.Or(port.Layout, OwnLayout)
	if s.Light != "" {
		b = layout.encode(b, evLED, lights[s.Light], value)
	}
	if s.Tone != 0 {
		b = layout.encode(b, evSound, sndTone, value*int32(s.Tone))
	}
	if len(b) > 0 {
		b = layout.encode(b, evSyn, synReport, 0)
	}
	if on {
		b = append(b, s.Send...)
	}
	if len(b) == 0 {
		return nil
	}
	if _, err := port.Write(b); err != nil {
		return fmt.Errorf("send the signal to the device: %w", err)
	}
	return nil
}
