//go:build !windows

package centreapp_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hailong/cmd/internal/centreapp"
)

// Whoever presses Ctrl-C while a large store is looked at need not wait: the look ends with
// its process, the start with it, and nothing of the store is touched. Without that the same
// start goes on until the look is over.
func TestAStartIsInterrupted(t *testing.T) {
	for name, state := range map[string]string{"after an unclean stop": "in use\n", "in a first start": "making\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, open(t, settings(dir)))
			put(t, dir, "store.state", state)
			looker := filepath.Join(t.TempDir(), "looker")
			if err := os.WriteFile(looker, []byte("#!/bin/sh\necho $$ >$0.new && mv $0.new $0.pid && exec sleep 60\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() {
				app, err := centreapp.New(ctx, settings(dir), centreapp.Options{Program: looker})
				if err == nil {
					err = errors.Join(errors.New("it started"), app.Close())
				}
				ended <- err
			}()
			eventually(t, "the look has begun", func() bool { _, err := os.Stat(looker + ".pid"); return err == nil })
			select {
			case err := <-ended:
				t.Fatalf("it did not wait for the look: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			stop()
			if err := wait(t, ended); !errors.Is(err, context.Canceled) {
				t.Fatalf("it ended with %v", err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "store.state")); err != nil || string(b) != state {
				t.Errorf("the state is %q, %v", b, err)
			}
			closed(t, open(t, settings(dir), withChild)) // the store is where it was
			if aside, _ := filepath.Glob(filepath.Join(dir, "store.db.*")); len(aside) != 0 {
				t.Errorf("left aside: %q", aside)
			}
		})
	}
}

// A stop that comes later in a start ends it too, and what was opened by then is let go of.
func TestAStopLaterInAStart(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	app, err := centreapp.New(ctx, settings(dir), centreapp.Options{Now: func() time.Time { stop(); return time.Now() }})
	if err == nil {
		t.Fatal("it started", app.Close())
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	closed(t, open(t, settings(dir)))
}
