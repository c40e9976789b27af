// Command hailong is the operator's and analyst's tool: it asks the aggregator's API,
// and `hailong demo` runs the whole system on this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"hailong/cmd/internal/demo"
	"hailong/cmd/internal/run"
)

// commands are the program's subcommands.
type commands struct {
	Demo demoCommand `cmd:"" help:"Chạy thử toàn hệ thống trên máy này. / Run the whole system on this machine."`
}

func main() { os.Exit(hailong(os.Args[1:], os.Stdout, os.Stderr)) }

// hailong runs one command line and returns the exit code.
func hailong(args []string, out, errOut io.Writer) int {
	ctx, stop := run.Signals(context.Background())
	defer stop()
	var c commands
	code := -1
	parser, err := kong.New(&c, kong.Name("hailong"), kong.Writers(out, errOut), kong.Exit(func(n int) { code = n }),
		kong.Description("Hài Lòng: công cụ của người vận hành và người phân tích. / The operator's and analyst's tool."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(out, (*io.Writer)(nil)))
	if err != nil {
		fmt.Fprintln(errOut, "hailong:", err)
		return run.Failed
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(errOut, "hailong: %v\n", err)
		return run.Usage
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintf(errOut, "hailong: %v\n", err)
		return run.Failed
	}
	return run.Done
}

// demoCommand is `hailong demo`.
type demoCommand struct {
	Data      string        `help:"Thư mục dữ liệu; không có = thư mục tạm, xóa khi dừng. / Data folder; none = a temporary one, removed at the end." placeholder:"DIR"`
	Empty     bool          `help:"Không có số liệu mô phỏng. / Without a simulated past."`
	Console   string        `default:"127.0.0.1:8080" help:"Địa chỉ bảng điều khiển. / Console address."`
	Kiosk     string        `default:"127.0.0.1:8081" help:"Địa chỉ màn hình quầy. / Counter screen address."`
	Online    string        `default:"127.0.0.1:8082" help:"Địa chỉ cổng trực tuyến. / Online gateway address."`
	NATS      string        `name:"nats" default:"127.0.0.1:4222" help:"Địa chỉ NATS. / NATS address."`
	Repeat    time.Duration `default:"5s" help:"Khoảng cách tính là bấm lặp; 0 = tắt. / Repeat-press interval; 0 = off."`
	PublicURL string        `name:"public-url" help:"Địa chỉ bảng điều khiển như người dùng thấy. / The console's address as people see it." placeholder:"URL"`
	Verbose   bool          `help:"In nhật ký. / Print the log."`
}

// Run runs the demo until it is told to stop.
func (c *demoCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Repeat < 0 {
		return fmt.Errorf("--repeat = %s: phải từ 0 trở lên / must be 0 or more", c.Repeat)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	d, err := demo.Start(ctx, demo.Config{
		Data: c.Data, Empty: c.Empty, Console: c.Console, Kiosk: c.Kiosk, Online: c.Online, Broker: c.NATS, Repeat: c.Repeat, PublicURL: c.PublicURL,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	d.Tell(out, c.Data != "")
	err = d.Wait(ctx)
	fmt.Fprintln(out, "Đang dừng… / Stopping…")
	return errors.Join(err, d.Close())
}
