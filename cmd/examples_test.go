package cmd_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"hailong/cmd/internal/centreapp"
	"hailong/cmd/internal/kioskapp"
	"hailong/survey"
)

// Every settings file of configs/ belongs to one of the programs, by the first word of
// its name, and is valid.
func TestEveryExampleFileIsValid(t *testing.T) {
	paths, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("files %v, %v", paths, err)
	}
	taken := map[string]string{} // every address belongs to one: they are tried side by side
	mine := func(path string, addresses ...string) {
		for _, a := range addresses {
			if other := taken[a]; other != "" {
				t.Errorf("%s and %s both listen at %s", other, path, a)
			}
			taken[a] = path
		}
	}
	for _, path := range paths {
		var err error
		program, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".yaml"), "-")
		switch program {
		case "kiosk", "gateway":
			var c kioskapp.Config
			if c, err = kioskapp.Load(path); (c.Role == survey.OnlineGateway) != (program == "gateway") {
				t.Errorf("%s has the role %s", path, c.Role)
			}
			mine(path, c.Listen)
			if program == "gateway" {
				mine(path, c.Internal)
			}
		case "aggregator":
			var c centreapp.Config
			c, err = centreapp.Load(path)
			mine(path, c.Listen, c.NATS.Listen)
		default:
			t.Errorf("%s: which program is it for? Name it kiosk-…, gateway-… or aggregator-….yaml", path)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// The example is the manual: it names every key that its program knows.
func TestTheExamplesNameEveryKey(t *testing.T) {
	for file, c := range map[string]struct {
		settings reflect.Type
		control  []string // keys of the example that are missed when they are taken out
	}{
		// A gateway's own keys are named in its own example.
		"kiosk.yaml gateway.yaml": {reflect.TypeFor[kioskapp.Config](), []string{"screen.thanks", "repeat", "web.limits.poster"}},
		"aggregator.yaml":         {reflect.TypeFor[centreapp.Config](), []string{"nats.tls.key", "minimum"}},
	} {
		example := map[string]any{}
		for name := range strings.FieldsSeq(file) {
			b, err := os.ReadFile("../configs/" + name)
			if err != nil {
				t.Fatal(err)
			}
			var one map[string]any
			if err := yaml.Unmarshal(b, &one); err != nil {
				t.Fatal(err)
			}
			for key, value := range one {
				if _, there := example[key]; !there {
					example[key] = value
				}
			}
		}
		if missing := unnamed(c.settings, example, ""); len(missing) > 0 {
			t.Errorf("%s does not name %s", file, strings.Join(missing, ", "))
		}
		for _, key := range c.control {
			inside, path := example, strings.Split(key, ".")
			for _, outer := range path[:len(path)-1] {
				inside = inside[outer].(map[string]any)
			}
			delete(inside, path[len(path)-1])
		}
		if got := unnamed(c.settings, example, ""); !slices.Equal(got, c.control) {
			t.Errorf("%s without %v: %v are missed", file, c.control, got)
		}
	}
}

// unnamed are the keys of a settings struct that a file does not name.
func unnamed(t reflect.Type, file map[string]any, path string) (missing []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		value, there := file[key]
		switch inner, _ := value.(map[string]any); {
		case !there:
			missing = append(missing, path+key)
		case f.Type.Kind() == reflect.Struct:
			missing = append(missing, unnamed(f.Type, inner, path+key+".")...)
		}
	}
	return missing
}
