package kioskapp

import (
	"fmt"
	"strings"

	"hailong/survey"
	"hailong/sync/uplink"
)

// worry is what is wrong with the way to the centre, or with one chain that goes there.
type worry struct {
	past    survey.Chain // the earlier chain that it is about; zero = the journal's own
	problem string       // as the uplink says it
}

// link is how the way to the centre is, and what is wrong: with the way itself while it
// is closed, and with each of the journal's chains while it is open.
func (p *parts) link() (own uplink.State, worries []worry) {
	own = p.uplink.State()
	if why := p.noWay.Load(); why != nil {
		return own, []worry{{problem: (*why).Error()}}
	}
	if own.Problem != "" {
		worries = append(worries, worry{problem: own.Problem})
	}
	for _, past := range p.pasts {
		if st := past.State(); own.Up && st.Up && st.Problem != "" {
			worries = append(worries, worry{past.records.Chain(), st.Problem})
		}
	}
	return own, worries
}

// shutOut reports whether the centre refuses the kiosk itself: the message server its key,
// or, behind one that knows no keys, the intake its batches.
func shutOut(worries []worry) bool {
	for _, w := range worries {
		// The server says it with a small or a large letter, before and after the first
		// connection.
		if strings.Contains(strings.ToLower(w.problem), "authorization violation") || strings.Contains(w.problem, "no kiosk of that name is enrolled") {
			return true
		}
	}
	return false
}

// notAccepted says that the centre refuses the kiosk, how many records it has not sent, and
// what to do.
func notAccepted(id survey.KioskID, unsent uint64) survey.Words {
	return problem(
		fmt.Sprintf("trung tâm không chấp nhận thiết bị này nữa (mã E4): nó đã bị thu hồi, hoặc trung tâm được khôi phục từ bản sao lưu cũ hơn lần ghi danh này. "+
			"Lượt bấm vẫn được giữ trên đĩa; chưa gửi: %d bản ghi. Nếu thu hồi nhầm, hoặc để lấy phần chưa gửi: ở trung tâm, chạy hailong kiosks allow %s. "+
			"Nếu không: ở trung tâm, chạy hailong kiosks add --counter QUẦY, ghi mã mới vào centre.code ở đây rồi chạy lại; thiết bị giữ nguyên thư mục data và tự gửi phần chưa gửi", unsent, id),
		fmt.Sprintf("the centre does not accept this kiosk any more (code E4): it was revoked, or the centre was restored from a backup older than its enrolment. "+
			"Presses are still kept on disk; not sent: %d records. If it was revoked by mistake, or to collect what is unsent: at the centre, hailong kiosks allow %s. "+
			"Otherwise: at the centre, hailong kiosks add --counter COUNTER; put the new code into centre.code here and restart: the kiosk keeps its data folder and sends what is unsent", unsent, id))
}

// said are worries in words, one sentence for each.
func said(worries []worry) survey.Words {
	if len(worries) == 0 {
		return nil
	}
	var vi, en []string
	for _, w := range worries {
		words := alarm(w.problem)
		if !w.past.IsZero() {
			words = problem("chuỗi cũ "+w.past.String()+": "+words.In(survey.Vietnamese), "earlier chain "+w.past.String()+": "+words.In(survey.English))
		}
		vi, en = append(vi, words.In(survey.Vietnamese)), append(en, words.In(survey.English))
	}
	return problem(strings.Join(vi, "; "), strings.Join(en, "; "))
}

// alarm is an uplink's problem in both languages.
func alarm(problem string) survey.Words {
	for known, vi := range map[uplink.Alarm]string{
		uplink.Forked:  "trung tâm đang giữ một bản ghi khác dưới cùng số thứ tự: có thể có bản sao của thiết bị này đang chạy",
		uplink.Ahead:   "trung tâm có nhiều bản ghi hơn nhật ký ở đây: nhật ký này là bản sao cũ",
		uplink.Receded: "mốc của trung tâm lùi lại mà không đổi kỳ sống: kho dữ liệu có thể đã bị thay bằng tay",
		uplink.Refused: "trung tâm từ chối một lô",
		uplink.Unread:  "nhật ký không đưa ra được phần trung tâm còn thiếu",
	} {
		more, ok := strings.CutPrefix(problem, string(known))
		if cause, has := strings.CutPrefix(more, ": "); has {
			more = ": " + vietnamese(cause)
		}
		if ok {
			return survey.Words{survey.Vietnamese: vi + more, survey.English: problem}
		}
	}
	return survey.Words{survey.Vietnamese: vietnamese(problem), survey.English: problem}
}
