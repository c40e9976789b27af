package doctor

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"hailong/kiosk/journal"
	"hailong/survey"
	"hailong/survey/custody"
)

// afterReceipt tells how many records of a chain come after the centre's last word about
// it, for a kiosk whose identity is not whole: whether the centre signed that word cannot
// be checked then, but who must decide about the box needs the number. damaged says that a
// file of the journal, which may hold it, cannot be read.
func (e *exam) afterReceipt(h *journal.Holding, c *journal.Held, damaged bool) {
	if unsent(h, c, 0) == 0 { // it has no record, or a later chain carries all
		return
	}
	name := c.Chain.String()[:8]
	keep := words("xem mục định danh ở trên và đừng xóa gì: chỉ với chính định danh này mới gửi hay mang các bản ghi ấy đi được", "see the identity above, and remove nothing: with this very identity alone can these records be sent or carried")
	last, err := unchecked(c.Receipt)
	switch beyond := unsent(h, c, last.Durable); {
	case err == nil && last.Chain == c.Chain && beyond == 0:
		e.good("receipt", words(fmt.Sprintf("chuỗi %s: chưa gửi 0, theo biên nhận cuối (chưa kiểm chữ ký, vì định danh không nguyên vẹn)", name),
			fmt.Sprintf("chain %s: not sent: 0, by the last receipt (its signature is not checked, since the identity is not whole)", name)))
	case err == nil && last.Chain == c.Chain:
		e.warn("receipt", words(fmt.Sprintf("chuỗi %s: trung tâm giữ đến %d, chưa gửi %d, theo biên nhận cuối (chưa kiểm chữ ký, vì định danh không nguyên vẹn)", name, last.Durable, beyond),
			fmt.Sprintf("chain %s: the centre holds up to %d; not sent: %d, by the last receipt (its signature is not checked, since the identity is not whole)", name, last.Durable, beyond)), keep)
	default:
		why := words("ở đây không có biên nhận nào của trung tâm", "there is no receipt of the centre here")
		if damaged {
			why = words("không đọc được biên nhận của trung tâm, vì tệp của nhật ký bị hỏng (xem ở trên)", "the centre's receipt cannot be read, since a file of the journal is damaged (see above)")
		}
		all := unsent(h, c, 0)
		e.warn("receipt", words(fmt.Sprintf("chuỗi %s: nhật ký còn giữ %d bản ghi; %s, nên không có gì cho biết bao nhiêu trong đó chưa gửi", name, all, why[survey.Vietnamese]),
			fmt.Sprintf("chain %s: the journal holds records: %d; %s, so that nothing tells how many of them are not sent", name, all, why[survey.English])), keep)
	}
}

// unsent is how many records of a chain a centre lacks that has it up to a sequence, also
// those that go up inside a later chain only.
func unsent(h *journal.Holding, c *journal.Held, has uint64) uint64 {
	ready, behind := h.Unsent(c.Chain, has, has)
	return ready + behind
}

// unchecked reads a receipt without checking who signed it.
func unchecked(signed []byte) (r custody.Receipt, err error) {
	var parts [2][]byte // the receipt, and the signature
	if err := cbor.Unmarshal(signed, &parts); err != nil {
		return r, fmt.Errorf("read the receipt: %w", err)
	}
	if err := cbor.Unmarshal(parts[0], &r); err != nil {
		return r, fmt.Errorf("read the receipt: %w", err)
	}
	return r, nil
}
