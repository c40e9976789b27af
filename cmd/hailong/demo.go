package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"

	"hailong/cmd/internal/cli"
	"hailong/cmd/internal/demo"
	"hailong/cmd/internal/run"
)

// address is host:port.
type address string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *address) UnmarshalText(b []byte) error {
	if _, _, err := net.SplitHostPort(string(b)); err != nil {
		return fmt.Errorf("%q is not an address: host:port is needed, for example 127.0.0.1:8080", b)
	}
	*a = address(b)
	return nil
}

// demoCommand is `hailong demo`.
type demoCommand struct {
	Data      string        `placeholder:"DIR" help:"Thư mục dữ liệu; không nêu = thư mục tạm, xóa khi dừng / data folder; left out = a temporary one, removed at the end"`
	Empty     bool          `help:"Không có số liệu mô phỏng / without a simulated past"`
	Console   address       `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Địa chỉ bảng điều khiển / the console's address (${default})"`
	Kiosk     address       `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Địa chỉ màn hình quầy / the counter screen's address (${default})"`
	Online    address       `default:"127.0.0.1:8082" placeholder:"ADDR" help:"Địa chỉ cổng trực tuyến / the online gateway's address (${default})"`
	NATS      address       `name:"nats" default:"127.0.0.1:4222" placeholder:"ADDR" help:"Địa chỉ NATS / NATS address (${default})"`
	Repeat    time.Duration `default:"5s" placeholder:"DURATION" help:"Khoảng cách tính là bấm lặp, 0 = tắt / repeat-press interval, 0 = off (${default})"`
	FollowUp  string        `name:"follow-up" placeholder:"CODE" help:"Mã phiếu hỏi thêm sau mỗi lượt bấm, ví dụ reason / code of what is asked after every press, for example reason"`
	PublicURL string        `name:"public-url" placeholder:"URL" help:"Địa chỉ bảng điều khiển như người dùng thấy / the console's address as people see it"`
	Verbose   bool          `help:"In nhật ký / print the log"`
}

// Run runs the demo until it is told to stop.
func (c *demoCommand) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	d, err := demo.Start(ctx, demo.Config{
		Data: c.Data, Empty: c.Empty, Repeat: c.Repeat, FollowUp: c.FollowUp, PublicURL: c.PublicURL,
		Console: string(c.Console), Kiosk: string(c.Kiosk), Online: string(c.Online), Broker: string(c.NATS),
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

// check finds what the options must not be.
func (c *demoCommand) check() error {
	refuse := func(option, value, vi, en string) error {
		return &cli.Error{Vi: fmt.Sprintf("%s = %q: %s", option, value, vi), En: fmt.Sprintf("%s = %q: %s", option, value, en), Code: 2}
	}
	if c.Repeat < 0 || c.Repeat > time.Minute {
		return refuse("--repeat", c.Repeat.String(), "phải từ 0 đến 1m", "must lie between 0 and 1m")
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Host == "") {
		return refuse("--public-url", c.PublicURL, "cần địa chỉ đầy đủ, ví dụ https://danhgia.example.vn", "a whole address is needed, for example https://danhgia.example.vn")
	}
	if info, err := os.Stat(c.Data); c.Data != "" && err == nil && !info.IsDir() {
		return refuse("--data", c.Data, "đây là một tệp; cần một thư mục", "this is a file; a folder is needed")
	}
	return nil
}
