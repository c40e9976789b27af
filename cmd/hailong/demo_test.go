package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Options that cannot be are refused by their own names before anything starts.
func TestTheDemoRefusesWrongOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][2]string{
		"--console xx":      {`--console: "xx" không phải một địa chỉ; cần dạng máy:cổng`, `--console: "xx" is not an address: host:port is needed`},
		"--nats 4222":       {`--nats: "4222" không phải một địa chỉ`, `--nats: "4222" is not an address`},
		"--repeat 2h":       {`--repeat = "2h0m0s": phải từ 0 đến 1m`, `--repeat = "2h0m0s": must lie between 0 and 1m`},
		"--repeat soon":     {`--repeat: "soon" không phải khoảng thời gian`, `--repeat: "soon" is no length of time`},
		"--public-url here": {`--public-url = "here": cần địa chỉ đầy đủ`, `--public-url = "here": a whole address is needed`},
		"--data " + file:    {`--data = "` + file + `": đây là một tệp`, `--data = "` + file + `": this is a file`},
	} {
		for i, lang := range []string{"vi_VN.UTF-8", "en_US.UTF-8"} {
			t.Setenv("LC_ALL", lang)
			var out, errs bytes.Buffer
			if code := hailong(append([]string{"demo"}, strings.Fields(args)...), &out, &errs); code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), want[i]) {
				t.Errorf("%s: exit %d %s%s, want %s", args, code, &out, &errs, want[i])
			}
		}
	}
}
