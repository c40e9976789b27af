package cmd_test

import (
	"bufio"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The imports are parsed here and not asked of the go command: the test cache cannot see
// which files a command reads, and would go on saying ok after a rule was broken.

// module is the name under which our packages import each other.
const module = "hailong"

// ownPackage is one package of this module without its test files.
type ownPackage struct {
	path    string            // below the module
	imports map[string]string // what it imports, and a file that does
}

// floorOf is a package's floor, or false when the plan does not have it.
func floorOf(path string) (int, bool) {
	if strings.HasPrefix(path, "cmd/internal/") {
		return 5, true
	}
	f, ok := floors[path]
	return f, ok
}

// isBelow reports whether path is root or lies below it.
func isBelow(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// importProblems are the imports that go against the plan, each with what to do.
func importProblems(packages []ownPackage) []string {
	var found []string
	for _, p := range packages {
		floor, known := floorOf(p.path)
		if !known {
			found = append(found, fmt.Sprintf("%s stands on no floor: give it a line in the table floors of cmd/floors_test.go, on the lowest floor that its imports allow", p.path))
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
			if why := importProblem(p.path, floor, imported); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", p.imports[imported], imported, why))
			}
		}
	}
	return found
}

func importProblem(path string, floor int, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return "everything builds without cgo, so that one computer builds for all"
	case first == module:
		return ownImportProblem(path, floor, strings.TrimPrefix(imported, module+"/"))
	case strings.Contains(first, "."):
		return libraryProblem(path, floor, imported)
	}
	return ""
}

func ownImportProblem(path string, floor int, to string) string {
	below, known := floorOf(to)
	switch {
	case !known:
		return module + "/" + to + " stands on no floor: give it a line in the table floors of cmd/floors_test.go"
	case to == "survey/storetest", to == "assets/browsertest":
		return to + " is for tests alone: import it from a _test.go file"
	case floor == 5 && below == 5:
		return "" // parts of programs may use each other
	case below >= floor:
		return fmt.Sprintf("imports go strictly down, and %s is on floor %d, %s on floor %d: move what both need to a lower floor, or hand it in from a program's part (cmd/internal)", path, floor, to, below)
	case floor == 4 && below == 3:
		return fmt.Sprintf("only programs and their parts choose drivers: declare a small interface in %s, and let cmd/internal hand %s in", path, to)
	}
	return ""
}

func libraryProblem(path string, floor int, imported string) string {
	if floor == 0 {
		return "floor 0 uses the standard library alone: put what needs the library on a higher floor"
	}
	for library, addresses := range libraries {
		if !isBelow(imported, library) {
			continue
		}
		for _, a := range addresses {
			if a == aboveGround || isBelow(path, a) {
				return ""
			}
		}
		return fmt.Sprintf("%s may be imported by %s only: use what those packages offer, or declare an interface", library, strings.Join(addresses, ", "))
	}
	return imported + " is not in the table of libraries: prefer the standard library; if this one earns its place, give it a line in cmd/floors_test.go, with the one package that owns it"
}

// kioskProblems follows the kiosk program's imports through our packages and finds the
// libraries that it must do without, with the way that leads to them.
func kioskProblems(packages []ownPackage) []string {
	const program = "cmd/kiosk"
	byPath := map[string]ownPackage{}
	for _, p := range packages {
		byPath[p.path] = p
	}
	if _, ok := byPath[program]; !ok {
		return []string{program + " is not there, so nobody knows what the kiosk contains"}
	}
	var found []string
	way := map[string]string{program: program}
	for todo := []string{program}; len(todo) > 0; todo = todo[1:] {
		p := byPath[todo[0]]
		for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
			for _, library := range kioskWithout {
				if isBelow(imported, library) {
					found = append(found, fmt.Sprintf("the kiosk must do without %s, but contains it: %s → %s; move what the kiosk needs into a package without it", library, way[p.path], imported))
				}
			}
			next, own := strings.CutPrefix(imported, module+"/")
			if own && way[next] == "" {
				way[next] = way[p.path] + " → " + next
				todo = append(todo, next)
			}
		}
	}
	return found
}

// folderProblems looks at the names in the first folder and at the paths of Go files.
func folderProblems(names, goFiles []string) []string {
	var found []string
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			found = append(found, fmt.Sprintf("%s does not belong in the first folder, which holds only %s: find it a room there, or a folder beginning with a dot", name, strings.Join(topLevel, ", ")))
		}
	}
	for _, file := range goFiles {
		if path.Dir(file) == "sync" {
			found = append(found, file+": sync has no Go file of its own, as a package of that name would hide the standard library's; put it into a package below")
		}
	}
	return found
}

// goFilesBelow lists the Go files below root, by slash path. Data for tests and
// dot-folders are passed over.
func goFilesBelow(t *testing.T, root string) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (d.Name() == "testdata" || d.Name()[0] == '.' || d.Name()[0] == '_'):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(p) == ".go":
			list = append(list, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// ownPackages parses the imports of every Go file that is no test, whatever system it is
// for.
func ownPackages(t *testing.T, root string) []ownPackage {
	t.Helper()
	byPath := map[string]ownPackage{}
	for _, file := range goFilesBelow(t, root) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(file)), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(file)
		if byPath[dir].imports == nil {
			byPath[dir] = ownPackage{path: dir, imports: map[string]string{}}
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			byPath[dir].imports[imported] = file
		}
	}
	return slices.SortedFunc(maps.Values(byPath), func(a, b ownPackage) int { return strings.Compare(a.path, b.path) })
}

// folders lists the first folder's names, without those that .gitignore names there,
// and all Go files.
func folders(t *testing.T, root string) (names, goFiles []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignoredNames(t, filepath.Join(root, ".gitignore"))
	for _, e := range entries {
		if !slices.ContainsFunc(ignored, func(pattern string) bool { ok, _ := path.Match(pattern, e.Name()); return ok }) {
			names = append(names, e.Name())
		}
	}
	return names, goFilesBelow(t, root)
}

// ignoredNames are the patterns of a .gitignore that can match a name in its own folder.
func ignoredNames(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var patterns []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		pattern := strings.Trim(strings.TrimSpace(lines.Text()), "/")
		if pattern != "" && !strings.HasPrefix(pattern, "#") && !strings.Contains(pattern, "/") {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}
