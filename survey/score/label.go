package score

import (
	"strings"

	"hailong/survey"
)

// label is a row's name for people, in Vietnamese, as known on the query's last day.
func (c *computing) label(key string) string {
	s, day := c.Structure, c.query.To
	switch c.query.By {
	case survey.ByUnit, survey.ByResolvingUnit:
		return unitName(s, survey.UnitCode(key), day)
	case survey.ByCounter:
		if row, ok := s.Counter(survey.CounterCode(key), day); ok {
			return row.Name.In(survey.Vietnamese)
		}
		for _, row := range s.Counters {
			if string(row.Code) == key {
				return row.Name.In(survey.Vietnamese)
			}
		}
	case survey.ByField:
		for _, f := range s.Fields {
			if string(f.Code) == key {
				return f.Name.In(survey.Vietnamese)
			}
		}
	case survey.ByProcedure:
		for _, p := range s.Procedures {
			if string(p.Code) == key {
				return p.Name.In(survey.Vietnamese)
			}
		}
	case survey.ByQuestion:
		return c.questionLabel(key)
	case survey.ByFactor:
		for _, v := range c.Catalogue.All() {
			for _, f := range v.Factors {
				if c.wanted.versions[v.Hash] != nil && string(f.Code) == key {
					return f.Name.In(survey.Vietnamese)
				}
			}
		}
	default:
		if w, ok := words[c.query.By][key]; ok {
			return w
		}
	}
	if key == "" {
		return "không rõ"
	}
	return key
}

func unitName(s *survey.Structure, code survey.UnitCode, day survey.Date) string {
	if u, ok := s.Unit(code, day); ok {
		return u.Name.In(survey.Vietnamese)
	}
	for _, u := range s.Units { // a unit of other days
		if u.Code == code {
			return u.Name.In(survey.Vietnamese)
		}
	}
	if code == "" {
		return "không rõ"
	}
	return string(code)
}

func (c *computing) questionLabel(key string) string {
	in, code, both := strings.Cut(key, "/")
	if !both {
		code = key
	}
	for _, v := range c.Catalogue.All() {
		if c.wanted.versions[v.Hash] == nil || both && string(v.Code) != in {
			continue
		}
		if x, ok := v.Question(survey.QuestionCode(code)); ok {
			return x.Words.In(survey.Vietnamese)
		}
	}
	return key
}

// words are the names of groups that are not data.
var words = map[survey.Grouping]map[string]string{
	survey.ByChannel: {
		"button": "Nút bấm", "touch": "Màn hình", "qr": "Mã QR", "web": "Trang web", "app": "Ứng dụng",
		"portal": "Cổng dịch vụ công", "campaign": "Đợt khảo sát", "paper": "Phiếu giấy",
	},
	survey.ByStage: {
		"reception": "Tiếp nhận", "supplement": "Yêu cầu bổ sung", "refusal": "Từ chối", "result": "Trả kết quả",
	},
	survey.ByRespondent: {"citizen": "Cá nhân", "organisation": "Tổ chức"},
	survey.ByWeekday: {
		"1": "Thứ Hai", "2": "Thứ Ba", "3": "Thứ Tư", "4": "Thứ Năm", "5": "Thứ Sáu", "6": "Thứ Bảy", "7": "Chủ nhật",
	},
}
