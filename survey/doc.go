// Package survey holds the nouns of Hài Lòng and the rules that make them valid:
// units and their counters, questionnaires with their scales, the responses that
// citizens give, and the question an analyst asks of them.
//
// A citizen's act is a [Response]: answers to the questions of one [Questionnaire]
// version, given at one counter through one [Channel] at one [Stage] of a case.
// Kept by a kiosk's journal it becomes an [Entry], named for ever by its [RecordID]:
// the chain it belongs to and its sequence in it.
//
// Everything here is plain data and pure functions over the standard library: no
// file, no clock, no network. Validation answers with [Problems]: each names the
// place, the value found and what is allowed, in Vietnamese and in English.
package survey
