package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"hailong/survey"
)

// Format is how a command prints what it found.
type Format string

// The formats.
const (
	AsTable Format = "table"
	AsJSON  Format = "json"
	AsCSV   Format = "csv"
)

// Globals are the options that all commands share.
type Globals struct {
	Server string `env:"HAILONG_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Địa chỉ trung tâm, mặc định ${default} / the centre's address"`
	Token  string `env:"HAILONG_TOKEN" help:"Mã truy cập API, nên đặt qua biến môi trường / API token, best set through the environment"`
	Output Format `short:"o" enum:"table,json,csv" default:"table" help:"Cách in kết quả: ${enum} / output format"`
}

func (g *Globals) globals() *Globals { return g }

// Commands are the commands that use a centre.
type Commands struct {
	Scores     ScoresCmd     `cmd:"" help:"Điểm hài lòng / satisfaction scores"`
	Kiosks     KiosksCmd     `cmd:"" help:"Thiết bị đánh giá / kiosks"`
	Units      UnitsCmd      `cmd:"" help:"Đơn vị và quầy / units and counters"`
	Poster     PosterCmd     `cmd:"" help:"Áp phích có mã QR, sẵn để in / a print-ready poster with a QR code"`
	Posters    PostersCmd    `cmd:"" help:"Áp phích đã tạo; không nêu lệnh con = posters list / the posters made; without a command = posters list"`
	Links      LinksCmd      `cmd:"" help:"Đường dẫn đánh giá của từng giao dịch / links of single transactions"`
	Closings   ClosingsCmd   `cmd:"" help:"Chốt số liệu; không nêu lệnh con = closings list / closings; without a command = closings list"`
	Quarantine QuarantineCmd `cmd:"" help:"Lượt chờ, cách ly, bị từ chối / what is held, quarantined or rejected"`
	Backup     BackupCmd     `cmd:"" help:"Tạo bản sao lưu có kiểm chứng / make a verified backup"`
	Restore    RestoreCmd    `cmd:"" help:"Khôi phục kho dữ liệu từ bản sao lưu, khi trung tâm đã dừng / restore the store from a backup, with the aggregator stopped"`
	Journal    JournalCmd    `cmd:"" help:"Mang nhật ký của thiết bị tới trung tâm bằng tệp / carry a kiosk's journal to the centre in a file"`
	Salvage    SalvageCmd    `cmd:"" help:"Những gì còn đọc được của nhật ký hỏng / what can still be read of a damaged journal"`
	Tablets    TabletsCmd    `cmd:"" help:"Máy tính bảng ghép với một thiết bị / tablets paired with a kiosk"`
	Diary      DiaryCmd      `cmd:"" help:"Sổ sự kiện: những gì đã xảy ra với thiết bị / what happened to a kiosk"`
	Doctor     DoctorCmd     `cmd:"" help:"Khám máy này: đĩa, đồng hồ, nhật ký, kho dữ liệu, và phải làm gì / look at this machine: disk, clock, journal, store, and what to do"`
	Version    VersionCmd    `cmd:"" help:"Phiên bản chương trình / the program's version"`
}

// Grammar is a pointer to a struct for kong that embeds [Globals].
type Grammar interface{ globals() *Globals }

// Terminal is where a command writes, and the language of whoever reads it.
type Terminal struct {
	Out, Err io.Writer
	Lang     survey.Lang
}

// LangOf is the language of the environment: Vietnamese where LC_ALL, LC_MESSAGES or
// LANG (the first one set counts) begins with vi, English otherwise.
func LangOf(getenv func(string) string) survey.Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if lang, _, _ := strings.Cut(strings.ReplaceAll(v, ".", "_"), "_"); lang == "vi" {
				return survey.Vietnamese
			}
			return survey.English
		}
	}
	return survey.English
}

// Run reads the arguments, runs the command they name and returns the exit code. A
// command is a struct with a method Run whose parameters may be a context.Context, a
// *Globals and a *Terminal; its error is printed here. An error with a method
// ExitCode() int chooses the code.
func Run(ctx context.Context, name string, grammar Grammar, args []string, t *Terminal) int {
	helped := false
	parser, err := kong.New(grammar,
		kong.Name(name),
		kong.Description("Hài Lòng: đo mức độ hài lòng tại bộ phận một cửa / satisfaction at one-stop counters"),
		kong.Writers(t.Out, t.Err),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.Vars{"groupings": groupings(), "installed": installedSettings},
		kong.Bind(grammar.globals(), t),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic("cli: the grammar is wrong: " + err.Error())
	}
	parser.Model.HelpFlag.Help = "Hiện hướng dẫn này / show this help"
	command, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		if showChoices(parser, err, t) {
			return usage
		}
		return report(name, wrongUsage(name, err), t)
	}
	return report(name, command.Run(), t)
}

// report prints the error, if any, in the terminal's language, and is the exit code.
func report(name string, err error, t *Terminal) int {
	if err == nil {
		return 0
	}
	text := err.Error()
	if bilingual := (interface{ Text(survey.Lang) string })(nil); errors.As(err, &bilingual) {
		text = bilingual.Text(t.Lang)
	}
	fmt.Fprintf(t.Err, "%s: %s\n", name, printable(text))
	if coded := (interface{ ExitCode() int })(nil); errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return failed
}
