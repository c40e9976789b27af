package console

import "hailong/survey"

// words are what the pages say. Templates name them by key.
var words = map[string]survey.Words{
	"system":        {"vi": "Hài Lòng", "en": "Hài Lòng"},
	"tagline":       {"vi": "Điểm hài lòng tại bộ phận một cửa", "en": "Satisfaction at one-stop counters"},
	"skip":          {"vi": "Tới nội dung chính", "en": "Skip to the content"},
	"nav":           {"vi": "Các trang", "en": "Pages"},
	"nav_today":     {"vi": "Hôm nay", "en": "Today"},
	"nav_kiosks":    {"vi": "Thiết bị", "en": "Kiosks"},
	"signout":       {"vi": "Đăng xuất", "en": "Sign out"},
	"other_lang":    {"vi": "English", "en": "Tiếng Việt"},
	"today_title":   {"vi": "Hôm nay", "en": "Today"},
	"kiosks_title":  {"vi": "Thiết bị đánh giá", "en": "Kiosks"},
	"signin_title":  {"vi": "Đăng nhập", "en": "Sign in"},
	"signin_lead":   {"vi": "Dùng mã truy cập do người quản trị cấp, hoặc mở liên kết đăng nhập một lần.", "en": "Use the token your administrator gave you, or open a one-time sign-in link."},
	"signin_token":  {"vi": "Mã truy cập", "en": "Token"},
	"signin_button": {"vi": "Đăng nhập", "en": "Sign in"},
	"signin_wrong":  {"vi": "Mã truy cập không đúng hoặc không còn hiệu lực. Hãy kiểm tra rồi nhập lại.", "en": "This token is wrong or no longer valid. Check it and try again."},
	"to_signin":     {"vi": "Tới trang đăng nhập", "en": "Go to sign-in"},
	"to_today":      {"vi": "Về trang hôm nay", "en": "Go to today's scores"},
	"state_loaded":  {"vi": "Số liệu lúc", "en": "As of"},
	"state_live":    {"vi": "Trực tiếp", "en": "Live"},
	"state_lost":    {"vi": "Mất kết nối, đang nối lại", "en": "Connection lost, trying again"},
	"overall":       {"vi": "Toàn hệ thống", "en": "Overall"},
	"scale_of":      {"vi": "Thang %d mức", "en": "Scale of %d levels"},
	"rate":          {"vi": "Tỷ lệ hài lòng", "en": "Satisfaction rate"},
	"interval":      {"vi": "Khoảng tin cậy 95 %", "en": "95% interval"},
	"interval_note": {"vi": "chỉ gồm sai số ngẫu nhiên, không gồm tự chọn", "en": "random error only, not self-selection"},
	"distribution":  {"vi": "Phân bố theo mức", "en": "Answers by level"},
	"level":         {"vi": "Mức", "en": "Level"},
	"answers":       {"vi": "Số lượt", "en": "Answers"},
	"share":         {"vi": "Tỷ trọng", "en": "Share"},
	"respondents":   {"vi": "Số người (n)", "en": "People (n)"},
	"excluded":      {"vi": "Không tính", "en": "Left out"},
	"excluded_note": {"vi": "Không tính: lượt bấm liền nhau quá nhanh, bấm thử, đã đổi ý, vé đã dùng; áp dụng như nhau cho mọi mức.", "en": "Left out: presses too close together, tests, changed minds and used tickets; the same for every level."},
	"contact":       {"vi": "Liên lạc cuối", "en": "Last contact"},
	"query":         {"vi": "Truy vấn", "en": "Query"},
	"query_of":      {"vi": "Truy vấn API của", "en": "API query of"},
	"unit_counter":  {"vi": "Đơn vị và quầy", "en": "Units and counters"},
	"by_unit":       {"vi": "Theo đơn vị và quầy", "en": "By unit and counter"},
	"counter":       {"vi": "Quầy", "en": "Counter"},
	"no_data":       {"vi": "chưa có dữ liệu", "en": "no data yet"},
	"too_few":       {"vi": "chưa đủ %d lượt", "en": "fewer than %d people"},
	"never":         {"vi": "chưa từng", "en": "never"},
	"no_kiosk":      {"vi": "chưa có thiết bị", "en": "no kiosk"},
	"step_note":     {"vi": "Số trực tiếp của mỗi quầy chỉ thay đổi sau mỗi %d lượt, để không ai biết người vừa bấm đã chọn gì.", "en": "A counter's live figure moves only after every %d answers, so that nobody can tell what the last person pressed."},
	"step_one":      {"vi": "Chế độ thử: số trực tiếp thay đổi theo từng lượt.", "en": "Trial mode: live figures move with every answer."},
	"internal_note": {"vi": "Đây là tỷ lệ nội bộ, không phải chỉ số SIPAS.", "en": "This is an internal rate, not the SIPAS index."},
	"no_units":      {"vi": "Chưa có đơn vị hoặc quầy nào. Hãy khai báo bằng lệnh hailong units.", "en": "There are no units or counters yet. Declare them with the command hailong units."},
	"no_scale":      {"vi": "Chưa có phiếu hỏi nào có câu hỏi chung.", "en": "No questionnaire asks an overall question yet."},
	"kiosk":         {"vi": "Thiết bị", "en": "Kiosk"},
	"role":          {"vi": "Vai trò", "en": "Role"},
	"role_counter":  {"vi": "Tại quầy", "en": "At the counter"},
	"role_online":   {"vi": "Cổng trực tuyến", "en": "Online gateway"},
	"serves":        {"vi": "Phục vụ quầy", "en": "Serves"},
	"head":          {"vi": "Đã nhận đến số", "en": "Received up to"},
	"connection":    {"vi": "Kết nối", "en": "Connection"},
	"connected":     {"vi": "đang nối", "en": "connected"},
	"lost_since":    {"vi": "mất từ %s", "en": "lost since %s"},
	"unsent":        {"vi": "Chưa gửi", "en": "Unsent"},
	"held":          {"vi": "Chờ khai báo", "en": "Held"},
	"quarantined":   {"vi": "Cách ly", "en": "Quarantined"},
	"forks":         {"vi": "Rẽ nhánh", "en": "Forks"},
	"status":        {"vi": "Tình trạng", "en": "Status"},
	"in_service":    {"vi": "đang dùng", "en": "in service"},
	"revoked":       {"vi": "đã thu hồi", "en": "revoked"},
	"no_kiosks":     {"vi": "Chưa có thiết bị nào. Tạo mã ghi danh: hailong kiosks add --counter QUẦY", "en": "There are no kiosks yet. Make a one-time code: hailong kiosks add --counter COUNTER"},
	"forked":        {"vi": "Thẻ nhớ bị sao chép hoặc dữ liệu bị sửa – cần ghi danh lại", "en": "Memory card copied or data edited – enrol it anew"},
	"fork_alarm":    {"vi": "%d thiết bị gửi dữ liệu mâu thuẫn với dữ liệu đã nhận: thẻ nhớ bị sao chép hoặc dữ liệu bị sửa.", "en": "Kiosks that send data contradicting what was received before: %d. A memory card was copied, or data were edited."},
	"fork_see":      {"vi": "Xem thiết bị", "en": "See the kiosks"},
	"unsent_note":   {"vi": "Số lượt thiết bị đã ghi mà trung tâm chưa nhận, theo lời báo gần nhất của thiết bị; thiết bị tự gửi khi có mạng.", "en": "Records that the kiosk has kept and the centre has not received, as the kiosk last said; it sends them by itself once there is a network."},
	"held_note":     {"vi": "Đã nhận nhưng chưa tính, vì trung tâm chưa biết phiếu hỏi hoặc quầy ghi trong đó. Khai báo xong là được tính ngay, không mất lượt nào.", "en": "Received but not counted yet, because the centre does not know the questionnaire or counter named in them. They are counted as soon as it is declared; none is lost."},
	"bad_note":      {"vi": "Đã nhận và giữ nguyên, nhưng không đọc được hoặc không khớp phiếu hỏi, nên không tính. Hãy kiểm tra thiết bị và báo nhà cung cấp.", "en": "Received and kept as they came, but they cannot be read or do not fit their questionnaire, so they are not counted. Check the kiosk and tell its supplier."},
	"forks_note":    {"vi": "Số lô mâu thuẫn với dữ liệu đã nhận trước đó. Lô nhận trước được tính, lô sau giữ làm bằng chứng. Hãy thu hồi thiết bị này, rồi ghi danh lại với khóa mới.", "en": "Batches that contradict what was received before. The first are counted, the later ones kept as evidence. Revoke this kiosk and enrol it anew with a new key."},
}

// say is what a page says in a language. A key that does not exist is a mistake in a
// template, which the tests find.
func say(lang survey.Lang, key string) string {
	w, ok := words[key]
	if !ok {
		panic("console: no words for " + key)
	}
	return w.In(lang)
}
