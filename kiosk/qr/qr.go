// Package qr draws the QR code of an address: as SVG for screens and printed sheets, as
// PNG where nothing else can be shown.
//
// An address in capital letters needs the alphanumeric mode only, at 5½ bits a sign in
// place of 8, so that the code has fewer and larger squares (modules) and is read from
// farther away. Error correction is at level M: 15 % of it may be hidden or dirty.
package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/skip2/go-qrcode"
)

// quiet is the white margin that a reader needs, in modules on each side.
const quiet = 4

// Picture is a drawn code. It does not change once made, so it may be shared.
type Picture struct {
	dark [][]bool // rows of modules, without the margin
}

// Draw makes the code of a text. The error says that the text is empty, or longer than
// any code can hold (more than 3,391 signs of the alphanumeric mode).
func Draw(text string) (*Picture, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code of %d signs: %w", len(text), err)
	}
	code.DisableBorder = true
	return &Picture{dark: code.Bitmap()}, nil
}

// Modules is how many modules the code has on a side: without the white margin around it,
// and with it.
func (p *Picture) Modules() (bare, framed int) { return len(p.dark), len(p.dark) + 2*quiet }

// SVG is the code as a picture that fills whatever place it is given, margin included. It
// has no style of its own, so that a page's policy need not allow any.
func (p *Picture) SVG() []byte {
	_, side := p.Modules()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Mã QR" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side)
	p.runs(func(x, y, n int) { fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, n, n) })
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}

// runs names the dark modules that stand side by side: from column x of row y on, n of
// them, counted with the margin.
func (p *Picture) runs(each func(x, y, n int)) {
	for y, row := range p.dark {
		for x := 0; x < len(row); x++ {
			n := 0
			for x+n < len(row) && row[x+n] {
				n++
			}
			if n > 0 {
				each(x+quiet, y+quiet, n)
			}
			x += n
		}
	}
}

// PNG is the code as a square of so many pixels. Every module gets the same whole number
// of pixels, so that edges stay sharp; what is left over widens the margin. The error
// says that not even one pixel a module would fit.
func (p *Picture) PNG(pixels int) ([]byte, error) {
	_, side := p.Modules()
	each := pixels / side
	if each < 1 {
		return nil, fmt.Errorf("a QR code of %d modules does not fit into %d pixels", side, pixels)
	}
	img := image.NewPaletted(image.Rect(0, 0, pixels, pixels), color.Palette{color.White, color.Black})
	from := (pixels - side*each) / 2
	p.runs(func(x, y, n int) {
		for row := range each {
			at := img.PixOffset(from+x*each, from+y*each+row)
			for i := range n * each {
				img.Pix[at+i] = 1
			}
		}
	})
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, fmt.Errorf("write the QR code as PNG: %w", err)
	}
	return b.Bytes(), nil
}
