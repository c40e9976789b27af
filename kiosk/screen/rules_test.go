package screen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Fiber 2 works with this fasthttp and breaks with the next ones; the advisory on its
// file serving is fixed only there. So it stays pinned, and nobody serves files by it.
func TestFasthttpIsPinnedAndItsFileServingUnused(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	pinned := slices.ContainsFunc(strings.Split(string(mod), "\n"), func(line string) bool {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		return len(f) >= 2 && f[0] == "github.com/valyala/fasthttp" && f[1] == "v1.51.0"
	})
	if !pinned {
		t.Error("go.mod does not pin github.com/valyala/fasthttp v1.51.0")
	}
	for _, dir := range []string{".", "../webform", "../../survey/console"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil // a face that is not built yet has no folder
			}
			source, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, bad := range fileServing(source) {
				t.Errorf("%s uses %s", path, bad)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// fileServing finds the ways in which Fiber and fasthttp serve files.
func fileServing(source *ast.File) (found []string) {
	for _, i := range source.Imports {
		if path := strings.Trim(i.Path.Value, `"`); strings.HasSuffix(path, "/middleware/filesystem") || strings.HasSuffix(path, "/middleware/proxy") {
			found = append(found, path)
		}
	}
	banned := []string{"Static", "SendFile", "Download", "ServeFile", "FSHandler", "BodyParser", "AutoFormat"}
	ast.Inspect(source, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(banned, s.Sel.Name) {
			found = append(found, s.Sel.Name)
		}
		return true
	})
	return found
}

func TestTheRuleOnFileServingFindsIt(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
import "github.com/gofiber/fiber/v2/middleware/filesystem"
func f() { app.Static("/", "."); c.SendFile("x") }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fileServing(source); len(got) != 3 {
		t.Errorf("found %v, want three", got)
	}
}
