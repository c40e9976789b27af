// Package cli holds the commands of hailong: those that talk to a centre over its HTTP
// API, and those that look at the data folders of stopped programs. The program's main
// puts them into its grammar beside its own commands and calls [Run]:
//
//	var grammar struct {
//		cli.Globals
//		cli.Commands
//		Demo DemoCmd `cmd:"" help:"…"`
//	}
//	os.Exit(cli.Run(ctx, "hailong", &grammar, os.Args[1:], terminal))
//
// What a command prints is a table for people, with a decimal comma, or JSON or CSV for
// programs, with full precision. Messages are in the terminal's language. Exit codes:
// 0 done, 1 failed, 2 wrong usage.
package cli
