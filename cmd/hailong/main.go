// Command hailong is the operator's and analyst's tool: it asks the aggregator's API,
// looks at the data folders of stopped programs, and `hailong demo` runs the whole system on this machine.
package main

import (
	"context"
	"io"
	"os"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/cli"
	"hailong/cmd/internal/kioskapp"
	"hailong/cmd/internal/run"
)

// grammar are the program's commands.
type grammar struct {
	cli.Globals
	cli.Commands
	Demo demoCommand `cmd:"" help:"Chạy thử toàn hệ thống trên máy này / run the whole system on this machine"`
}

func main() {
	if code, is := kioskapp.Child(os.Args[1:]); is {
		os.Exit(code)
	}
	if code, is := centreapp.Child(os.Args[1:], os.Stdout); is {
		os.Exit(code)
	}
	os.Exit(hailong(os.Args[1:], os.Stdout, os.Stderr))
}

// hailong runs one command line and returns the exit code.
func hailong(args []string, out, errOut io.Writer) int {
	ctx, stop := run.Signals(context.Background())
	defer stop()
	return cli.Run(ctx, "hailong", &grammar{}, args, &cli.Terminal{Out: out, Err: errOut, Lang: cli.LangOf(os.Getenv)})
}
