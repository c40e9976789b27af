// Package assets carries the files that the programs show to people: pages, styles,
// scripts, faces and words. They are part of the program file, so that a kiosk has
// nothing to lose or to mix up on its disk. There is one variable per program; the
// packages that serve the files decide which of them are public.
package assets

import "embed"

// Kiosk holds, under "kiosk/", what the counter's kiosk and the online gateway show.
//
//go:embed all:kiosk
var Kiosk embed.FS

// Console holds, under "console/", what the analysts' pages at the centre show.
//
//go:embed all:console
var Console embed.FS

// Webform holds, under "webform/", what the online gateway shows to phones.
//
//go:embed all:webform
var Webform embed.FS

// Poster holds, under "poster/", the printed sheet with a counter's QR code.
//
//go:embed all:poster
var Poster embed.FS
