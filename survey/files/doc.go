// Package files reads what operators write: questionnaires and structures in YAML,
// units in CSV, and, with [Strict], the programs' own settings.
//
// Reading is strict, so that a slip of the pen is told and never guessed at:
//
//   - a key that means nothing, or stands there twice, is refused by name and line;
//   - text is taken as it stands written: a code 007 or 1.50 needs no quotes and
//     keeps its zeros, and yes, null or 0x10 in a text are those letters (only an
//     empty value, ~ and null count as "nothing written");
//   - words are brought into one Unicode form (NFC), so that the same Vietnamese
//     letter is the same bytes, whichever keyboard typed it;
//   - what makes YAML surprising or dangerous is refused: anchors and aliases, merge
//     keys, tags, several documents in a file, deep nesting.
//
// UTF-8 with or without a byte order mark and any kind of line end are accepted.
//
// Every error is an [*Error]: it lists everything wrong with the file, line by line,
// in Vietnamese or in English.
package files
