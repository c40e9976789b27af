package webform

import (
	"encoding/hex"
	"errors"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
	"hailong/survey/mask"
)

// The fields of the form. An answer's field is "a." and its question's code.
const (
	fieldVisit   = "visit"
	fieldOpened  = "opened"
	fieldVersion = "questionnaire"
	fieldLang    = "lang"
	fieldStep    = "step"   // stepFirst or stepMore
	fieldRecord  = "record" // the record that the rest goes on with, as chain/sequence
	fieldComment = "comment"
	answerPrefix = "a."

	stepFirst = "first"
	stepMore  = "more"
	notUsed   = "na"
)

// maxFields is how many fields a form has at most: more than the longest questionnaire asks.
const maxFields = 256

// fields are a form as it was sent, each field once.
type fields url.Values

var errForm = errors.New("the form cannot be read")

// readFields reads a form's body.
func readFields(contentType string, body []byte) (fields, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if charset := params["charset"]; err != nil || media != fiber.MIMEApplicationForm || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, errForm
	}
	v, err := url.ParseQuery(string(body))
	if err != nil || len(v) > maxFields {
		return nil, errForm
	}
	for _, values := range v {
		if len(values) > 1 {
			return nil, errForm
		}
	}
	return fields(v), nil
}

func (f fields) get(name string) string { return url.Values(f).Get(name) }

func (f fields) visit() (survey.Visit, error) {
	v, ok := parseVisit(f.get(fieldVisit))
	if !ok {
		return v, errForm
	}
	return v, nil
}

// version is the one that the form showed, if it is one of the door's questionnaire.
func (f fields) version(now *shown, d *door) (survey.Version, bool) {
	v, ok := now.Catalogue.Find(f.get(fieldVersion))
	if !ok || v.Code != d.version.Code {
		return survey.Version{}, false
	}
	_, _, ok = split(v)
	return v, ok
}

// answer is what was chosen of a question: blank where nothing was. The error says that no
// form of ours sends that.
func (f fields) answer(v survey.Version, q survey.Question) (survey.Answer, error) {
	a := survey.Answer{Question: q.Code, Kind: survey.Blank}
	switch said := f.get(answerPrefix + string(q.Code)); {
	case said == "":
	case said == notUsed && q.NotApplicable:
		a.Kind = survey.NotApplicable
	default:
		n, err := strconv.ParseUint(said, 10, 8)
		scale := v.Scale(q.Scale)
		if err != nil || scale == nil {
			return a, errForm
		}
		if _, ok := scale.Level(survey.Level(n)); !ok {
			return a, errForm
		}
		a.Kind, a.Level = survey.AtLevel, survey.Level(n)
	}
	return a, nil
}

// answers are those of several questions.
func (f fields) answers(v survey.Version, questions []survey.Question) (all []survey.Answer, err error) {
	for _, q := range questions {
		a, err := f.answer(v, q)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// comment is the comment as it is stored, and what was masked in it; ok is false for one
// that is too long, or no text.
func (f fields) comment() (text string, masked []mask.Kind, ok bool) {
	text = f.get(fieldComment)
	if survey.CommentProblem(text) != nil {
		return "", nil, false
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' { // browsers end lines with \r\n, the script does not
			return -1
		}
		return r
	}, text)
	text, masked = mask.Comment(strings.TrimSpace(text))
	return text, masked, survey.CommentProblem(text) == nil
}

// record is the record that the rest goes on with, as the form says.
func (f fields) record() (survey.RecordID, bool) {
	id, err := survey.ParseRecordID(f.get(fieldRecord))
	return id, err == nil
}

// firstKey and moreKey are the idempotency keys of a visit's two records. The first one of
// a ticket for one answer needs none: see [kiosk.Press].
func firstKey(d *door, v survey.Visit) string { return "webform/first/" + visitName(d, v) }
func moreKey(d *door, v survey.Visit) string  { return "webform/more/" + visitName(d, v) }

func visitName(d *door, v survey.Visit) string {
	return hex.EncodeToString(d.ticket.Signer[:]) + "/" + hex.EncodeToString(d.ticket.Nonce[:]) + "/" + hex.EncodeToString(v[:])
}
