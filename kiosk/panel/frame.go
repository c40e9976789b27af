package panel

import "bytes"

// maxFrame is the longest line that a button box may send, in bytes.
const maxFrame = 64

// frames takes the words of a button box out of a stream of bytes that may be cut
// anywhere.
type frames struct {
	single bool   // every byte is a word; otherwise every line
	rest   []byte // the beginning of a line, never longer than maxFrame
	long   bool   // the line is too long: what is left of it is passed over
}

// feed takes the next bytes. overlong counts the lines among them that were too long to
// be words.
func (d *frames) feed(b []byte) (words []string, overlong int) {
	if d.single {
		for _, c := range b {
			words = append(words, string([]byte{c}))
		}
		return words, 0
	}
	for _, c := range b {
		switch {
		case c == '\n' || c == '\r':
			if w := bytes.TrimSpace(d.rest); len(w) > 0 && !d.long {
				words = append(words, string(w))
			}
			d.rest, d.long = d.rest[:0], false
		case d.long:
		case len(d.rest) == maxFrame:
			d.rest, d.long = d.rest[:0], true
			overlong++
		default:
			d.rest = append(d.rest, c)
		}
	}
	return words, overlong
}
