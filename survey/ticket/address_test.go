package ticket_test

import (
	"net/url"
	"strings"
	"testing"

	"hailong/survey/ticket"
)

func TestAddresses(t *testing.T) {
	const online = "https://danhgia.tinh.gov.vn"
	if got := ticket.Address(online, "ABC"); got != "HTTPS://DANHGIA.TINH.GOV.VN/Q/ABC" {
		t.Errorf("the code holds %q", got)
	}
	for online, want := range map[string]string{online: "danhgia.tinh.gov.vn/ABCDEF0", "http://192.168.1.5:8082": "http://192.168.1.5:8082/ABCDEF0"} {
		if got := ticket.ShortAddress(online, "ABCDEF0"); got != want {
			t.Errorf("people type %q, want %q", got, want)
		}
	}
}

func TestTheGatewaysAddressInSettings(t *testing.T) {
	for _, good := range []string{"", "https://danhgia.tinh.gov.vn", "http://192.168.1.5:8082", "http://[fe80::1]:8082", "HTTPS://Danhgia.Tinh.Gov.VN"} {
		if p := ticket.OnlineProblem("online", good); p != nil {
			t.Errorf("%q: %v", good, p)
		}
		u, err := url.Parse(ticket.Address(good, "ABC")) // what a phone does with the code
		if err != nil || good != "" && !strings.EqualFold(u.Scheme+"://"+u.Host, good) {
			t.Errorf("%q in capitals is %v, %v", good, u, err)
		}
	}
	for _, bad := range []string{
		"danhgia.tinh.gov.vn", "https://", "ftp://danhgia.tinh.gov.vn", "https://danhgia.tinh.gov.vn/", "https://danhgia.tinh.gov.vn/khao-sat", "https://a.vn?x=1",
		"https://a.vn#x", "https://user@a.vn", "https://đánhgiá.vn", "https:danhgia", "https://a b.vn", "https://a.vn:x", " https://a.vn", "https://:8082",
	} {
		if p := ticket.OnlineProblem("online", bad); p == nil {
			t.Errorf("%q is good", bad)
		}
	}
}
