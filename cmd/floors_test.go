package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The house has floors, and imports go strictly down. These tables are the plan: a new
// package gets its line in floors, a new outside library its line in libraries, in the
// same change that brings it.

// floors says on which floor each package stands. Programs' parts (cmd/internal/…)
// need no line.
//
//	0  ground: nouns and embedded files; the standard library alone
//	1  rules: pure
//	2  rules on rules: pure; how all drivers make files and folders that last, and how faces
//	   take connections
//	3  drivers, each owning one outside thing; they may import 0 to 2
//	4  movers and faces; they may import 0 to 2 too, and declare the small interfaces they
//	   need: which driver serves them is chosen above
//	5  program parts: may import everything below, and each other
//	6  programs
var floors = map[string]int{
	"survey": 0, "assets": 0, "configs": 0,

	"survey/custody": 1, "survey/ticket": 1, "survey/score": 1, "survey/mask": 1, "survey/flag": 1, "survey/locale": 1,
	"sync/wire": 1, "kiosk": 1,

	"survey/share": 2, "survey/storetest": 2, "survey/disk": 2, "assets/browsertest": 2, "kiosk/listen": 2,

	"kiosk/journal": 3, "kiosk/identity": 3, "kiosk/panel": 3, "kiosk/qr": 3,
	"survey/files": 3, "survey/boltstore": 3, "survey/pgstore": 3, "survey/export": 3, "survey/evidence": 3,
	"sync/link": 3, "sync/broker": 3,

	"sync/uplink": 4, "sync/downlink": 4, "sync/intake": 4,
	"kiosk/screen": 4, "kiosk/webform": 4, "survey/console": 4,

	"cmd/kiosk": 6, "cmd/aggregator": 6, "cmd/hailong": 6,
}

// libraries says where each outside library may be imported; a path covers what lies
// below it. Tests may import what they like.
var libraries = map[string][]string{
	// Small and pure: on every floor above the ground.
	"github.com/fxamacker/cbor": {aboveGround},
	"golang.org/x/text":         {aboveGround},
	"gonum.org/v1/gonum":        {aboveGround},

	// Heavy, or reaching outside: only at these addresses.
	"go.etcd.io/bbolt":                   {"kiosk/journal", "survey/boltstore"},
	"github.com/jackc/pgx":               {"survey/pgstore"},
	"github.com/nats-io/nats-server":     {"sync/broker"},
	"github.com/nats-io/nats.go":         {"sync/link", "sync/broker", "sync/uplink", "sync/downlink", "sync/intake"},
	"github.com/nats-io/nkeys":           {"sync/link", "sync/broker"},
	"github.com/gofiber/fiber":           {"kiosk/screen", "kiosk/webform", "survey/console"},
	"github.com/valyala/fasthttp":        {"kiosk/screen", "kiosk/webform", "survey/console"},
	"github.com/skip2/go-qrcode":         {"kiosk/qr"},
	"go.bug.st/serial":                   {"kiosk/panel"},
	"github.com/xuri/excelize":           {"survey/export"},
	"github.com/parquet-go/parquet-go":   {"survey/export"},
	"github.com/goccy/go-yaml":           {"survey/files"},
	"github.com/alecthomas/kong":         {"cmd"},
	"github.com/VictoriaMetrics/metrics": {"cmd/internal"},
	"golang.org/x/sys":                   {"kiosk/journal", "kiosk/identity", "kiosk/panel", "survey/boltstore"},
	"golang.org/x/time":                  {"kiosk/screen", "kiosk/webform", "survey/console"},
	"github.com/hashicorp/golang-lru":    {"kiosk/webform"},
	"pgregory.net/rapid":                 {"survey/storetest"},
	"github.com/chromedp":                {"assets/browsertest"},
}

// aboveGround stands for every package except those of floor 0.
const aboveGround = "*"

// kioskWithout are libraries that the kiosk's program must not contain, through any of
// our packages: a box with little memory has no use for them.
var kioskWithout = []string{"github.com/nats-io/nats-server", "github.com/jackc/pgx", "github.com/alecthomas/kong"}

// topLevel is all that may stand in the repository's first folder, dot-files aside.
var topLevel = []string{"README.md", "assets", "cmd", "configs", "go.mod", "go.sum", "kiosk", "survey", "sync"}

func TestImportsGoDown(t *testing.T) {
	packages := ownPackages(t, "..")
	if len(packages) < 10 {
		t.Fatalf("only %d packages were found: is this the right folder?", len(packages))
	}
	for _, broken := range slices.Concat(importProblems(packages), kioskProblems(packages)) {
		t.Error(broken)
	}
}

func TestFoldersHoldWhatTheyShould(t *testing.T) {
	names, goFiles := folders(t, "..")
	for _, broken := range folderProblems(names, goFiles) {
		t.Error(broken)
	}
}

// one is a package with one file.
func one(path string, imports ...string) ownPackage {
	p := ownPackage{path: path, imports: map[string]string{}}
	for _, i := range imports {
		p.imports[i] = path + "/x.go"
	}
	return p
}

// Every kind of rule is broken once; otherwise the tests above might say yes to
// anything.
func TestEachImportRuleFailsWhenBroken(t *testing.T) {
	for _, c := range []struct {
		rule string
		bad  ownPackage
		want string
	}{
		{"a package nobody placed", one("survey/weather"), "survey/weather stands on no floor"},
		{"code beside the programs", one("cmd"), "cmd stands on no floor"},
		{"a package of sync itself", one("sync"), "sync stands on no floor"},
		{"a program nobody planned", one("cmd/other"), "cmd/other stands on no floor"},
		{"an import of what nobody placed", one("kiosk", "hailong/kiosk/oven"), "hailong/kiosk/oven stands on no floor"},
		{"an import upward", one("survey/score", "hailong/survey/boltstore"), "imports go strictly down"},
		{"nouns importing rules", one("survey", "hailong/survey/score"), "imports go strictly down"},
		{"an import of a neighbour", one("survey/score", "hailong/survey/custody"), "imports go strictly down"},
		{"a neighbour on the ground", one("configs", "hailong/survey"), "imports go strictly down"},
		{"a driver using a driver", one("sync/link", "hailong/kiosk/journal"), "imports go strictly down"},
		{"a face choosing a driver", one("survey/console", "hailong/survey/boltstore"), "declare a small interface"},
		{"a mover choosing a driver", one("sync/uplink", "hailong/sync/link"), "declare a small interface"},
		{"a package importing a program's part", one("kiosk/screen", "hailong/cmd/internal/run"), "imports go strictly down"},
		{"a part importing a program", one("cmd/internal/run", "hailong/cmd/kiosk"), "imports go strictly down"},
		{"a program importing a program", one("cmd/hailong", "hailong/cmd/kiosk"), "imports go strictly down"},
		{"the stores' tests in a program", one("cmd/internal/run", "hailong/survey/storetest"), "is for tests alone"},
		{"a browser in a program", one("cmd/internal/run", "hailong/assets/browsertest"), "is for tests alone"},
		{"a library on the ground", one("survey", "golang.org/x/text/unicode/norm"), "floor 0 uses the standard library alone"},
		{"a library nobody placed", one("kiosk/panel", "github.com/example/leftpad"), "github.com/example/leftpad is not in the table of libraries"},
		{"a name that only begins like a library", one("survey/boltstore", "go.etcd.io/bboltx"), "go.etcd.io/bboltx is not in the table of libraries"},
		{"bbolt in a face", one("survey/console", "go.etcd.io/bbolt"), "go.etcd.io/bbolt may be imported by kiosk/journal, survey/boltstore only"},
		{"a part of bbolt", one("kiosk", "go.etcd.io/bbolt/errors"), "go.etcd.io/bbolt may be imported by"},
		{"PostgreSQL outside its store", one("survey/boltstore", "github.com/jackc/pgx/v5"), "github.com/jackc/pgx may be imported by survey/pgstore only"},
		{"the NATS server outside the broker", one("sync/intake", "github.com/nats-io/nats-server/v2/server"), "github.com/nats-io/nats-server may be imported by sync/broker only"},
		{"NATS in a face", one("survey/console", "github.com/nats-io/nats.go"), "github.com/nats-io/nats.go may be imported by"},
		{"Fiber in a rule", one("kiosk", "github.com/gofiber/fiber/v2"), "github.com/gofiber/fiber may be imported by"},
		{"QR outside its package", one("kiosk/screen", "github.com/skip2/go-qrcode"), "github.com/skip2/go-qrcode may be imported by kiosk/qr only"},
		{"Excel outside the export", one("survey/console", "github.com/xuri/excelize/v2"), "github.com/xuri/excelize may be imported by survey/export only"},
		{"Parquet outside the export", one("survey/console", "github.com/parquet-go/parquet-go"), "github.com/parquet-go/parquet-go may be imported by survey/export only"},
		{"keys outside the link", one("kiosk/identity", "github.com/nats-io/nkeys"), "github.com/nats-io/nkeys may be imported by"},
		{"YAML in a program", one("cmd/kiosk", "github.com/goccy/go-yaml"), "github.com/goccy/go-yaml may be imported by survey/files only"},
		{"a command line below the programs", one("kiosk/journal", "github.com/alecthomas/kong"), "github.com/alecthomas/kong may be imported by cmd only"},
		{"cgo", one("kiosk/panel", "C"), "without cgo"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := importProblems([]ownPackage{c.bad})
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one problem with %q", got, c.want)
			}
		})
	}
}

// What the plan allows is not complained about.
func TestGoodImportsPass(t *testing.T) {
	for _, p := range []ownPackage{
		one("survey", "fmt", "encoding/json"),
		one("survey/custody", "hailong/survey", "github.com/fxamacker/cbor/v2", "golang.org/x/text/unicode/norm"),
		one("survey/storetest", "hailong/survey/score", "pgregory.net/rapid"),
		one("survey/boltstore", "hailong/survey/score", "go.etcd.io/bbolt", "go.etcd.io/bbolt/errors"),
		one("sync/broker", "hailong/sync/wire", "github.com/nats-io/nats-server/v2/server", "github.com/nats-io/nats.go/jetstream"),
		one("survey/console", "hailong/assets", "hailong/survey/score", "github.com/gofiber/fiber/v2"),
		one("cmd/internal/centreapp", "hailong/cmd/internal/run", "hailong/survey/boltstore", "hailong/configs"),
		one("cmd/hailong", "hailong/cmd/internal/demo", "hailong/survey", "github.com/alecthomas/kong"),
	} {
		if got := importProblems([]ownPackage{p}); len(got) > 0 {
			t.Errorf("%s: %q", p.path, got)
		}
	}
}

func TestTheKioskStaysSmall(t *testing.T) {
	house := []ownPackage{
		one("cmd/kiosk", "hailong/cmd/internal/kioskapp"),
		one("cmd/internal/kioskapp", "hailong/cmd/internal/both"),
		one("cmd/internal/both", "hailong/sync/link"),
		one("sync/link", "github.com/nats-io/nats.go"),
		one("sync/broker", "github.com/nats-io/nats-server/v2/server"),
		one("cmd/hailong", "hailong/sync/broker", "github.com/alecthomas/kong"),
	}
	if got := kioskProblems(house); len(got) > 0 {
		t.Fatalf("a small kiosk: %q", got)
	}
	for library, via := range map[string]string{
		"github.com/nats-io/nats-server/v2/server": "cmd/kiosk → cmd/internal/kioskapp → cmd/internal/both",
		"github.com/jackc/pgx/v5":                  "cmd/kiosk → cmd/internal/kioskapp → cmd/internal/both",
		"github.com/alecthomas/kong":               "cmd/kiosk → cmd/internal/kioskapp → cmd/internal/both",
	} {
		bad := slices.Clone(house)
		bad[2] = one("cmd/internal/both", library)
		got := kioskProblems(bad)
		if len(got) != 1 || !strings.Contains(got[0], via) || !strings.Contains(got[0], library) {
			t.Errorf("%s: %q", library, got)
		}
	}
	if got := kioskProblems(house[1:]); len(got) != 1 || !strings.Contains(got[0], "cmd/kiosk is not there") {
		t.Errorf("without a kiosk there is nothing to look at, and that is said: %q", got)
	}
}

func TestEachFolderRuleFailsWhenBroken(t *testing.T) {
	good := []string{".git", ".ci", "README.md", "cmd", "sync"}
	if got := folderProblems(good, []string{"sync/wire/wire.go", "cmd/kiosk/main.go"}); len(got) > 0 {
		t.Fatalf("good folders: %q", got)
	}
	for _, c := range []struct {
		name, file, want string
	}{
		{"Makefile", "", "Makefile does not belong in the first folder"},
		{"pkg", "", "pkg does not belong in the first folder"},
		{"main.go", "main.go", "main.go does not belong in the first folder"},
		{"", "sync/sync.go", "sync/sync.go: sync has no Go file of its own"},
		{"", "sync/sync_test.go", "sync/sync_test.go: sync has no Go file of its own"},
	} {
		names := good
		if c.name != "" {
			names = append(slices.Clone(good), c.name)
		}
		got := fmt.Sprint(folderProblems(names, []string{c.file}))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s%s: got %s, want %q", c.name, c.file, got, c.want)
		}
	}
}
