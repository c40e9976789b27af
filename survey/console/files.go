package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"

	"github.com/gofiber/fiber/v2"
)

// filesPath is where style sheet, script and icon lie, each under the hash of its
// content, so that a browser may keep it for ever.
const filesPath = "/assets/"

// file is one static file with its address.
type file struct {
	url  string
	kind string // media type
	body []byte
}

var fileKinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// loadFiles reads the static files, by their addresses.
func loadFiles(embedded fs.FS) (map[string]file, error) {
	entries, err := fs.ReadDir(embedded, "console")
	if err != nil {
		return nil, fmt.Errorf("read the console's files: %w", err)
	}
	files := map[string]file{}
	for _, e := range entries {
		kind, ok := fileKinds[path.Ext(e.Name())]
		if !ok {
			continue
		}
		body, err := fs.ReadFile(embedded, "console/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the console's files: %w", err)
		}
		sum := sha256.Sum256(body)
		f := file{url: filesPath + hex.EncodeToString(sum[:8]) + "/" + e.Name(), kind: kind, body: body}
		files[f.url] = f
	}
	return files, nil
}

// loadPages reads the templates. In them, {{file "console.css"}} is a file's address.
func loadPages(embedded fs.FS, files map[string]file) (*template.Template, error) {
	address := func(name string) (string, error) {
		for url := range files {
			if path.Base(url) == name {
				return url, nil
			}
		}
		return "", fmt.Errorf("there is no file %s", name)
	}
	pages, err := template.New("").Funcs(template.FuncMap{"file": address}).ParseFS(embedded, "console/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the console's pages: %w", err)
	}
	return pages, nil
}

func (c *Console) getFile(ctx *fiber.Ctx) error {
	f, ok := c.files[ctx.Path()]
	if !ok {
		return fiber.ErrNotFound
	}
	ctx.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	ctx.Set(fiber.HeaderContentType, f.kind)
	return ctx.Send(f.body)
}
