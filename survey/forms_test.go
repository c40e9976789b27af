package survey_test

import "hailong/survey"

func words(vi, en string) survey.Words { return survey.Words{"vi": vi, "en": en} }

// fiveLevels is the scale of the official forms: 4 and 5 count as satisfied.
func fiveLevels() survey.Scale {
	return survey.Scale{Code: "five", Levels: []survey.ScaleLevel{
		{Value: 1, Words: words("Rất không hài lòng", "Very dissatisfied")},
		{Value: 2, Words: words("Không hài lòng", "Dissatisfied")},
		{Value: 3, Words: words("Bình thường", "Neither")},
		{Value: 4, Words: words("Hài lòng", "Satisfied"), Satisfied: true},
		{Value: 5, Words: words("Rất hài lòng", "Very satisfied"), Satisfied: true},
	}}
}

// quick is a questionnaire of one question.
func quick() *survey.Questionnaire {
	return &survey.Questionnaire{
		Code: "quick", Title: words("Đánh giá nhanh", "Quick rating"), Scales: []survey.Scale{fiveLevels()},
		Questions: []survey.Question{{
			Code: "Z0", Kind: survey.Overall, Scale: "five",
			Words: words("Nhìn chung, Ông/Bà hài lòng thế nào?", "All in all, how satisfied are you?"),
		}},
	}
}

// service has two factors and the overall question beside them.
func service() *survey.Questionnaire {
	q := quick()
	q.Code, q.Title = "service", words("Phiếu hỏi dịch vụ", "Service questionnaire")
	q.Factors = []survey.Factor{
		{Code: "A", Name: words("Tiếp cận dịch vụ", "Access")},
		{Code: "E", Name: words("Phản ánh, kiến nghị", "Feedback")},
	}
	q.Questions = append([]survey.Question{
		{Code: "A1", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Biển chỉ dẫn?", "Signs?")},
		{Code: "A2", Factor: "A", Kind: survey.Satisfaction, Scale: "five", Words: words("Chỗ ngồi chờ?", "Seats?")},
		{Code: "E1", Factor: "E", Kind: survey.Satisfaction, Scale: "five", Words: words("Cách trả lời?", "Replies?"), NotApplicable: true},
	}, q.Questions...)
	return q
}
