// Command aggregator is the central program: it takes batches in over NATS, keeps and
// counts them, and serves the analysts' console and API.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/run"
)

func main() {
	if code, is := centreapp.Child(os.Args[1:], os.Stdout); is {
		os.Exit(code)
	}
	os.Exit(run.Main("aggregator", os.Args[1:], os.Stdout, os.Stderr, start))
}

func start(ctx context.Context, configFile string, log *slog.Logger) (run.Service, error) {
	c, err := centreapp.Load(configFile)
	if err != nil {
		return nil, err
	}
	a, err := centreapp.New(ctx, c, centreapp.Options{Log: log, Program: run.Self()})
	if err != nil {
		return nil, err
	}
	fmt.Printf(`Bảng điều khiển / Console:          %s
Đăng nhập một lần / One-time sign-in: %s
NATS:                               %s
Mã API / API token:                 %s
`, a.URL(), a.SigninLink(), a.NATS(), filepath.Join(c.Data, centreapp.TokenFile))
	return a, nil
}
