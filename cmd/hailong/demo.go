package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hailong/cmd/internal/cli"
	"hailong/cmd/internal/demo"
	"hailong/cmd/internal/run"
)

// demoCommand is `hailong demo`.
type demoCommand struct {
	Data      string        `placeholder:"DIR" help:"Thư mục dữ liệu; không có = thư mục tạm, xóa khi dừng / data folder; none = a temporary one, removed at the end"`
	Empty     bool          `help:"Không có số liệu mô phỏng / without a simulated past"`
	Console   string        `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Địa chỉ bảng điều khiển / the console's address (${default})"`
	Kiosk     string        `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Địa chỉ màn hình quầy / the counter screen's address (${default})"`
	Online    string        `default:"127.0.0.1:8082" placeholder:"ADDR" help:"Địa chỉ cổng trực tuyến / the online gateway's address (${default})"`
	NATS      string        `name:"nats" default:"127.0.0.1:4222" placeholder:"ADDR" help:"Địa chỉ NATS / NATS address (${default})"`
	Repeat    time.Duration `default:"5s" placeholder:"DURATION" help:"Khoảng cách tính là bấm lặp, 0 = tắt / repeat-press interval, 0 = off (${default})"`
	PublicURL string        `name:"public-url" placeholder:"URL" help:"Địa chỉ bảng điều khiển như người dùng thấy / the console's address as people see it"`
	Verbose   bool          `help:"In nhật ký / print the log"`
}

// Run runs the demo until it is told to stop.
func (c *demoCommand) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Repeat < 0 || c.Repeat > time.Minute {
		return &cli.Error{
			Vi:   fmt.Sprintf("--repeat = %s: phải từ 0 đến 1m", c.Repeat),
			En:   fmt.Sprintf("--repeat = %s: must lie between 0 and 1m", c.Repeat),
			Code: 2,
		}
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	d, err := demo.Start(ctx, demo.Config{
		Data: c.Data, Empty: c.Empty, Console: c.Console, Kiosk: c.Kiosk, Online: c.Online, Broker: c.NATS, Repeat: c.Repeat, PublicURL: c.PublicURL,
		Program: run.Self(), Log: slog.New(slog.NewTextHandler(t.Err, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop while it started
		}
		return err
	}
	d.Tell(t.Out, c.Data != "")
	err = d.Wait(ctx)
	fmt.Fprintln(t.Out, "Đang dừng… / Stopping…")
	return errors.Join(err, d.Close())
}
