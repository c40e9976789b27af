package custody_test

import (
	"slices"
	"strings"
	"testing"

	"hailong/survey/custody"
)

func fullHeartbeat() custody.Heartbeat {
	return custody.Heartbeat{Chain: chain, Last: 300, Unsent: 7, At: 1_772_420_401_000}
}

func TestHeartbeat(t *testing.T) {
	sent := fullHeartbeat()
	got, err := custody.ParseHeartbeat(sent.Encode())
	sent.Version = 1
	if err != nil || got != sent || got.Time().UnixMilli() != sent.At {
		t.Errorf("read %+v, %v, sent %+v", got, err, sent)
	}
	// A later program may say more: one more field, at the end of the map.
	later := slices.Concat([]byte{0xa6}, sent.Encode()[1:], []byte{0x18, 0x63, 0x01})
	if got, err := custody.ParseHeartbeat(later); err != nil || got != sent {
		t.Errorf("with a field more it is read as %+v, %v", got, err)
	}
}

func TestHeartbeatsThatAreNone(t *testing.T) {
	version2 := fullHeartbeat().Encode()
	version2[2] = 2
	for name, c := range map[string]struct {
		bytes []byte
		fault string
	}{
		"nothing":   {nil, "cannot be read"},
		"words":     {[]byte("xin chào"), "cannot be read"},
		"cut short": {version2[:20], "cannot be read"},
		"version 2": {version2, "version 2 is not known"},
		"no chain":  {custody.Heartbeat{Last: 3}.Encode(), "names no chain"},
	} {
		if h, err := custody.ParseHeartbeat(c.bytes); err == nil || !strings.Contains(err.Error(), c.fault) || h != (custody.Heartbeat{}) {
			t.Errorf("%s: read %+v, %v, want the fault %q", name, h, err, c.fault)
		}
	}
}
