package mask_test

import (
	"slices"
	"strings"
	"testing"

	"hailong/survey/mask"
)

const (
	paper = "[số giấy tờ]"
	phone = "[số điện thoại]"
	email = "[e-mail]"
	plate = "[biển số xe]"
	code  = "[mã hồ sơ]"
)

// The corpus: what people write at the end of a form. Where the second is empty nothing
// may be touched.
var corpus = []struct{ in, want string }{
	// Citizens' identity numbers.
	{"CCCD 001085123456", "CCCD " + paper},
	{"Số của tôi: 001 085 123 456, xin xem lại", "Số của tôi: " + paper + ", xin xem lại"},
	{"001.085.123.456", paper},
	{"001-085-123-456.", paper + "."},
	{"0010 8512 3456", paper},
	{"00 10 85 12 34 56", paper},
	{"079190001234 và 001085123456", paper + " và " + paper},
	{"căn cước công dân số 079190001234 đã nộp", "căn cước công dân số " + paper + " đã nộp"},
	{"CCCD:079190001234ạ", "CCCD:" + paper + "ạ"},
	{"nộp lúc 8 giờ, 079190001234 8 giờ xong", "nộp lúc 8 giờ, " + paper + " 8 giờ xong"},
	// The old ones of nine digits.
	{"CMND 123456789", "CMND " + paper},
	{"chứng minh thư 012 345 678", "chứng minh thư " + paper},
	{"CMND số 123.456.789", "CMND số " + paper},
	{"số 123456789 chưa được trả", "số " + paper + " chưa được trả"},
	// Telephones.
	{"gọi tôi 0912345678", "gọi tôi " + phone},
	{"ĐT: 0912.345.678", "ĐT: " + phone},
	{"ĐT 091 234 5678 (chị Hoa)", "ĐT " + phone + " (chị Hoa)"},
	{"09 12 34 56 78", phone},
	{"0912 345 678 25 tuổi", phone + " 25 tuổi"},
	{"0912-345-678", phone},
	{"0912\u00a0345\u00a0678", phone},
	{"+84912345678", phone},
	{"+84 912 345 678", phone},
	{"(+84) 912 345 678", phone},
	{"(+84)912.345.678", phone},
	{"84912345678", phone},
	{"0084 912 345 678", phone},
	{"024 3825 1234", phone},
	{"(024) 3825 1234", phone},
	{"0236 3822 123", phone},
	{"02363822123", phone},
	{"sđt0912345678nhé", "sđt" + phone + "nhé"},
	{"quầy 3 0912345678", "quầy 3 " + phone},
	{"0912345678 hoặc 0987654321", phone + " hoặc " + phone},
	{"0912345678/0987654321", phone + "/" + phone},
	{"ngày 03.02.2025 0912345678", "ngày 03.02.2025 " + phone},
	{"số cũ 01234567890", "số cũ " + phone},
	{"Zalo 912345678", "Zalo " + phone},
	{"1.004194 0912345678", "1.004194 " + phone},
	// E-mail.
	{"thư về nguyen.van-a+1@gmail.com nhé", "thư về " + email + " nhé"},
	{"a @ b.vn", email},
	{"x@mail.danang.gov.vn.", email + "."},
	{"nguyễn@thử.vn", email},
	// Number plates.
	{"xe 29A-123.45 đỗ chắn cửa", "xe " + plate + " đỗ chắn cửa"},
	{"29A12345", plate},
	{"30a 123.45", plate},
	{"43A-1234", plate},
	{"59X1-234.56", plate},
	{"29-B1 234.56", plate},
	{"29LD-012.34", plate},
	{"15MĐ1-234.56 và 80B-1234", plate + " và " + plate},
	{"29MĐ 234.56", plate},
	// Case codes.
	{"hồ sơ 000.00.19.H26-210101-0001 trễ hẹn", "hồ sơ " + code + " trễ hẹn"},
	{"H26.12.01-210101-0001", code},
	{"G22.99.02-260302-00012", code},
	// Several in one.
	{"Tôi là A, CCCD 001085123456, ĐT 0912345678, a@b.vn, xe 29A-123.45", "Tôi là A, CCCD " + paper + ", ĐT " + phone + ", " + email + ", xe " + plate},

	// Money.
	{in: "thu 1.250.000 đồng"}, {in: "thu 150000đ"}, {in: "lệ phí 912.345.678 đồng"}, {in: "123.456.789"}, {in: "100.000.000.000 đồng"},
	{in: "123456789 đồng"}, {in: "350000000 VNĐ"}, {in: "84.912.345.678 đồng"}, {in: "1 500 000 đ"}, {in: "50k"}, {in: "1.200.000.000đ"}, {in: "123 456 789 đồng"},
	// Dates and times.
	{in: "ngày 02/03/2026 lúc 8h30"}, {in: "02.03.2026 08.30"}, {in: "03-02-2025 09:15"}, {in: "từ 08:30 đến 10:45"}, {in: "2026-03-02"},
	{in: "03.02.2025 09 10"}, {in: "01.12.2025-31.12.2025"}, {in: "20260302"}, {in: "hẹn 7 ngày, chờ 12 ngày, đi 3 lần 2 4 6"},
	// Codes of procedures, laws, forms and counters.
	{in: "thủ tục 1.004194"}, {in: "2.000488 và 1.004194"}, {in: "1.004194.000.00.00.H12"}, {in: "Luật 91/2025/QH15"}, {in: "Nghị định 61/2018/NĐ-CP, Thông tư 01/2018/TT-VPCP"},
	{in: "mẫu 01A-2024"}, {in: "lớp 12A1 2023"}, {in: "quầy 12A"}, {in: "số thứ tự 1234"}, {in: "Quyết định số 1001/QĐ-BNV"},
	// Numbers that are nobody's.
	{in: "tổng đài 1900 1234"}, {in: "gọi 113"}, {in: "1800 599 920"}, {in: "tài khoản 1234567890123456"}, {in: "0123"}, {in: ""},
	// Numbers in words have no form of their own: they stay, and the form warns.
	{in: "không chín một hai ba bốn năm sáu bảy tám"},
	{in: "Cảm ơn cô Lan quầy 3."},
}

func TestTheCorpus(t *testing.T) {
	for _, c := range corpus {
		want := c.want
		if want == "" {
			want = c.in
		}
		got, found := mask.Comment(c.in)
		if got != want {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, want)
		}
		if (len(found) > 0) != (want != c.in) {
			t.Errorf("%q: found %v", c.in, found)
		}
		if again, found := mask.Comment(got); again != got || len(found) > 0 {
			t.Errorf("%q masked twice is %q (%v)", c.in, again, found)
		}
	}
}

func TestEachKindIsToldOnce(t *testing.T) {
	_, found := mask.Comment("29A-123.45 a@b.vn 0912345678 c@d.vn 001085123456 H26.12.01-210101-0001")
	if want := []mask.Kind{mask.Identity, mask.Phone, mask.Email, mask.Plate, mask.Case}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

// Whatever somebody writes, nothing is left that would be masked the next time, and what
// has no digit and no @ is left alone.
func FuzzComment(f *testing.F) {
	for _, c := range corpus {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, found := mask.Comment(s)
		if again, _ := mask.Comment(got); again != got {
			t.Errorf("%q becomes %q, and that %q", s, got, again)
		}
		if !strings.ContainsAny(s, "0123456789@") && (got != s || len(found) > 0) {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
