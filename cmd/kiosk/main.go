// Command kiosk is the program on the counter: it shows the question, keeps every
// press on its own disk before it says thank you, and carries it to the centre. With
// role "online" it is the gateway for phones, without a screen.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
	"hailong/survey"
)

func main() {
	if code, is := kioskapp.Child(os.Args[1:]); is {
		os.Exit(code)
	}
	os.Exit(run.Main("kiosk", os.Args[1:], os.Stdout, os.Stderr, start))
}

func start(_ context.Context, configFile string, log *slog.Logger) (run.Service, error) {
	c, err := kioskapp.Load(configFile)
	if err != nil {
		return nil, err
	}
	a, err := kioskapp.New(c, kioskapp.Options{Log: log, Program: run.Self()})
	if err != nil {
		return nil, err
	}
	what := "Thiết bị / Kiosk"
	if c.Role == survey.OnlineGateway {
		what = "Cổng trực tuyến / Online gateway"
	}
	fmt.Printf("%s %s: %s\n", what, a.Kiosk(), a.URL())
	return a, nil
}
