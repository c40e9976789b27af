package ticket

import (
	"net/url"
	"strings"

	"hailong/survey"
)

// Address is where a ticket opens the web form: the text of its QR code, and a link. It is
// in capital letters, which a browser understands in the scheme and the host, and the
// gateway in the rest. online is [Directory.Online].
func Address(online, text string) string { return strings.ToUpper(online) + "/Q/" + text }

// ShortAddress is what people type to reach a poster's form: without https://, which
// browsers put before it by themselves.
func ShortAddress(online, short string) string {
	return strings.TrimPrefix(strings.ToLower(online), "https://") + "/" + short
}

// OnlineProblem says what is wrong with the address of a gateway as people write it into
// settings, or returns nil. It must survive being written in capitals, so it is a scheme,
// a host and perhaps a port, and nothing else. None is well: phones are not served then.
func OnlineProblem(path, online string) *survey.Problem {
	u, err := url.Parse(online)
	switch {
	case online == "":
		return nil
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && strings.EqualFold(u.Scheme+"://"+u.Host, online) && isASCII(online):
		return nil
	}
	return &survey.Problem{
		Path: path, Value: online,
		Vi: "cần địa chỉ của cổng khảo sát trực tuyến, chỉ gồm http(s):// và tên máy, không kèm đường dẫn hay dấu / ở cuối, ví dụ https://danhgia.example.vn",
		En: "the online gateway's address is needed, http(s):// and a host alone, without a path or a / at its end, for example https://danhgia.example.vn",
	}
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > '~' || r < '!' }) < 0
}
