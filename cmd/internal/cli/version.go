package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// VersionCmd tells what was built, from what, and for which system.
type VersionCmd struct{}

// build describes the running program. Fields the build did not record are empty.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"` // built from files that were not committed
	Go       string `json:"go"`
	System   string `json:"system"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Run prints the version. It needs no centre.
func (*VersionCmd) Run(g *Globals, t *Terminal) error { return thisBuild().print(g, t) }

func (b build) print(g *Globals, t *Terminal) error {
	switch g.Output {
	case AsJSON:
		raw, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("write the version: %w", err)
		}
		return t.json(raw)
	case AsCSV:
		return t.csv([]string{"version", "revision", "modified", "go", "system"}, [][]string{{b.Version, b.Revision, fmt.Sprint(b.Modified), b.Go, b.System}})
	}
	line := "hailong " + b.Version
	if b.Revision != "" {
		line += " " + b.Revision
	}
	if b.Modified {
		line += t.say(" (có sửa đổi)", " (modified)")
	}
	return t.write(line + " " + b.Go + " " + b.System + "\n")
}
