// Package configs carries the questionnaires and the sample structure that come with
// Hài Lòng, as files: the demo loads them, and operators copy them to write their own.
// The comments in the files are the manual of their format.
//
// The folder also holds example settings of the programs, which are not embedded.
package configs

import "embed"

// Files holds the embedded files by their path below this folder.
//
//go:embed questionnaires units
var Files embed.FS

// File names one embedded file.
type File string

// The files that come with the programs.
const (
	Quick       File = "questionnaires/quick.yaml"       // one question, five faces
	Quick3      File = "questionnaires/quick3.yaml"      // one question, three faces
	Service     File = "questionnaires/service.yaml"     // the five factors of a service
	Reason      File = "questionnaires/reason.yaml"      // what mattered most, asked after a press
	DVCTT3      File = "questionnaires/dvctt-3.yaml"     // an online service, three levels
	DaNang2014  File = "questionnaires/danang-2014.yaml" // a historic counter scale of three levels
	SampleUnits File = "units/sample.yaml"               // an invented province
)

// Questionnaires are the questionnaire files, the everyday ones first.
var Questionnaires = []File{Quick, Quick3, Service, Reason, DVCTT3, DaNang2014}

// Bytes is the file's content. It panics for a name that is not one of the constants.
func (f File) Bytes() []byte {
	b, err := Files.ReadFile(string(f))
	if err != nil {
		panic("configs: " + err.Error())
	}
	return b
}
