package files

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// The largest files accepted, in bytes. A structure holds a whole country's communes
// in half a mebibyte.
const (
	MaxQuestionnaire = 1 << 20
	MaxStructure     = 16 << 20
	MaxSettings      = 1 << 20
)

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	utf16Marks    = [][]byte{{0xff, 0xfe}, {0xfe, 0xff}}
)

// plain checks the bytes of a file and brings them into one form: UTF-8 without a byte
// order mark, lines ended by \n. It reports false when the file cannot be read on.
func (f *findings) plain(data []byte, limit int) ([]byte, bool) {
	if len(data) > limit {
		f.add(0, "", "", fmt.Sprintf("tệp quá lớn: %d byte, tối đa %d", len(data), limit),
			fmt.Sprintf("the file is too large: %d bytes, at most %d", len(data), limit))
		return nil, false
	}
	for _, mark := range utf16Marks {
		if bytes.HasPrefix(data, mark) {
			f.add(1, "", "", "tệp được lưu ở dạng UTF-16; hãy lưu lại ở dạng UTF-8", "the file is UTF-16; save it as UTF-8")
			return nil, false
		}
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			f.add(i+1, "", "", "dòng này không phải UTF-8 (có thể là bảng mã cũ); hãy lưu tệp ở dạng UTF-8",
				"this line is not UTF-8 (an older encoding?); save the file as UTF-8")
			return nil, false
		}
		if at := bytes.IndexFunc(line, func(r rune) bool { return r != '\t' && isControl(r) }); at >= 0 {
			r, _ := utf8.DecodeRune(line[at:])
			f.add(i+1, "", fmt.Sprintf("%U", r), "ký tự điều khiển không được phép", "a control character is not allowed")
			return nil, false
		}
	}
	return data, true
}

// isControl reports whether r is a control character that no text for people needs.
// Such characters could play tricks on a terminal or hide in a code.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
