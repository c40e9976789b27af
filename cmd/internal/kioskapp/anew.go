package kioskapp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"hailong/kiosk/identity"
	"hailong/survey"
)

// A centre that was restored from a backup older than a kiosk's enrolment does not know
// the kiosk, and one that revoked it shuts it out. A new one-time code takes it in again
// with its old key, so that it keeps its name, its journal and what it has still to send.

// codeHash is what is kept of the one-time code that a kiosk was taken in with. However
// people write it, it is one code; see codeForm.
func codeHash(code string) []byte {
	sum := sha256.Sum256([]byte("hailong/code of a kiosk/v1\x00" + survey.PlainSigns(code)))
	return sum[:]
}

// newCode reports whether the settings have a code that the kiosk was not taken in with.
// Where the code that it was taken in with is not known, the one in the settings is taken
// for it, and remembered.
func (a *App) newCode() bool {
	e, hash := a.identity.Enrolment, codeHash(a.config.Centre.Code)
	if e.Code == nil {
		e.Code = hash
		if err := a.identity.Save(a.config.Data); err != nil {
			a.log.Warn("the one-time code is not remembered", "error", err)
		}
	}
	return a.config.Centre.Code != "" && !bytes.Equal(hash, e.Code)
}

// enrolAnew asks until the centre takes the kiosk in by its new code, or ctx ends. The
// kiosk records meanwhile; carry hears of the answer.
func (a *App) enrolAnew(ctx context.Context) {
	e, err := a.askOn(ctx, a.stayOutside)
	switch {
	case err == nil:
		a.renewed <- e
	case ctx.Err() == nil:
		a.stayOutside(wordsOf(err))
	}
}

// stayOutside says why the kiosk was not taken in by its new code.
func (a *App) stayOutside(why survey.Words) {
	w := problem("ghi danh lại bằng mã mới trong centre.code chưa được: "+why.In(survey.Vietnamese)+"; thiết bị vẫn ghi như trước",
		"enrolling again with the new code in centre.code has not worked yet: "+why.In(survey.English)+"; the kiosk goes on recording as before")
	a.outside.Store(&w)
	a.note(remark{DiaryNotEnrolled, w})
}

// comeIn goes on with what the centre said to the new code, over the same journal. What
// cannot be kept on disk is asked for again at the next start, and the answer is the same.
func (a *App) comeIn(e *identity.Enrolment) {
	a.identity.Enrolment = e
	if err := a.identity.Save(a.config.Data); err != nil {
		a.log.Error("what the centre said to the new code is not kept", "error", err)
	}
	a.outside.Store(nil)
	a.enrolledRing()
	a.working.Store(a.partsOf(a.working.Load().journal))
	if err := a.show(); err != nil { // the screen shows what it showed before
		a.log.Error("show the counter that the new code is for", "error", err)
	}
	a.log.Info("taken in again by the centre", "kiosk", a.identity.Kiosk(), "name", e.Name, "counters", len(e.Counters))
	a.note(told(DiaryEnrolled, strings.TrimSpace("trung tâm đã nhận lại thiết bị này bằng mã mới, khóa và nhật ký giữ nguyên "+e.Name),
		strings.TrimSpace("the centre has taken this kiosk in again by a new code, with its key and its journal "+e.Name)))
}

// sameAs refuses an answer to a new code that comes from another centre, to which nothing
// must be sent without a word, or that gives the kiosk another role than its settings.
func (a *App) sameAs(was *identity.Enrolment, role survey.KioskRole, key []byte) error {
	switch {
	case !bytes.Equal(key, was.CentreKey):
		return misread("khóa của trung tâm này khác khóa của trung tâm đã nhận thiết bị, nên không gửi gì tới đó; hãy kiểm tra centre.url, hoặc khôi phục trung tâm từ bản sao lưu có khóa cũ",
			"this centre's key is not that of the centre that took the kiosk in, so nothing is sent there; check centre.url, or restore the centre from a backup, which brings its old key")
	case role != "" && role != a.config.Role:
		return misread(fmt.Sprintf("mã này dành cho vai trò %s, thiết bị có vai trò %s; hãy tạo mã cho vai trò %s", role, a.config.Role, a.config.Role),
			fmt.Sprintf("the code is for the role %s, the kiosk has the role %s; make a code for the role %s", role, a.config.Role, a.config.Role))
	}
	return nil
}
