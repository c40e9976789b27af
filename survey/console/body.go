package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// readBody is a request's body as it came, at most limit bytes. Compressed bodies are
// refused: unpacked they may be of any size.
func readBody(ctx *fiber.Ctx, limit int) ([]byte, error) {
	if e := ctx.Get(fiber.HeaderContentEncoding); e != "" && e != "identity" {
		return nil, refuse(fiber.StatusUnsupportedMediaType, "hãy gửi nội dung không nén", "send the body without compression")
	}
	b := ctx.Request().Body()
	if len(b) > limit {
		return nil, refuse(fiber.StatusRequestEntityTooLarge,
			fmt.Sprintf("nội dung gửi đến địa chỉ này được nhiều nhất %d byte", limit), fmt.Sprintf("a body sent here may have at most %d bytes", limit))
	}
	return b, nil
}

// readJSON reads a body into v: one JSON object, in which every key is known.
func readJSON(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, more := dec.Token(); more == nil || !errors.Is(more, io.EOF) {
			return refuse(fiber.StatusBadRequest, "nội dung phải là đúng một đối tượng JSON", "the body must be exactly one JSON object")
		}
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return survey.Problems{{
			Path: orBody(wrongType.Field), Value: wrongType.Value,
			Vi: "sai kiểu dữ liệu (ở byte " + fmt.Sprint(wrongType.Offset) + "); cần " + jsonKind(wrongType, survey.Vietnamese),
			En: "the wrong type (at byte " + fmt.Sprint(wrongType.Offset) + "); it must be " + jsonKind(wrongType, survey.English),
		}}
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return survey.Problems{{Path: strings.Trim(name, `"`), Vi: "không có khóa này ở đây", En: "there is no such key here"}}
	}
	return refuse(fiber.StatusBadRequest, "không đọc được nội dung JSON: "+err.Error(), "the JSON body cannot be read: "+err.Error())
}

func orBody(path string) string {
	if path == "" {
		return "body"
	}
	return path
}

// jsonKind is what a Go type is called in JSON.
func jsonKind(e *json.UnmarshalTypeError, lang survey.Lang) string {
	name := e.Type.Kind().String()
	switch name {
	case "string":
		return survey.Words{"vi": "chuỗi", "en": "a string"}.In(lang)
	case "slice":
		return survey.Words{"vi": "danh sách", "en": "a list"}.In(lang)
	case "struct", "map":
		return survey.Words{"vi": "đối tượng", "en": "an object"}.In(lang)
	}
	return survey.Words{"vi": "số nguyên", "en": "a whole number"}.In(lang)
}
