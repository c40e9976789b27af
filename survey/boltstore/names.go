package boltstore

import (
	"encoding/binary"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"

	"hailong/survey"
	"hailong/survey/score"
)

// class says what a name is the name of, so that a counter and a unit with the same
// code have different numbers.
type class byte

const (
	counterClass    class = 'c'
	unitClass       class = 'u'
	channelClass    class = 'h'
	stageClass      class = 's'
	fieldClass      class = 'f'
	procedureClass  class = 'p'
	respondentClass class = 'r'
	exclusionClass  class = 'x'
	itemClass       class = 'i' // text is the hash, the kind as one byte, the code
)

// name is what a number in a roll-up stands for.
type name struct {
	class class
	text  string
	item  score.Item // of itemClass
}

// wordKey finds the number of a name that is not an item.
type wordKey struct {
	class class
	text  string
}

// names gives numbers to the words in roll-ups, as the names bucket holds them. The
// number 0 is the empty text of every class. A published value never changes.
type names struct {
	list  []name // by number
	words map[wordKey]uint32
	items map[score.Item]uint32
}

func newNames() *names {
	return &names{list: make([]name, 1), words: map[wordKey]uint32{}, items: map[score.Item]uint32{}}
}

func (n *names) clone() *names {
	return &names{list: n.list[:len(n.list):len(n.list)], words: maps.Clone(n.words), items: maps.Clone(n.items)}
}

func (n *names) add(x name) {
	number := uint32(len(n.list))
	n.list = append(n.list, x)
	if x.class == itemClass {
		n.items[x.item] = number
	} else {
		n.words[wordKey{x.class, x.text}] = number
	}
}

// word is the number of a text, if it has one.
func (n *names) word(c class, text string) (uint32, bool) {
	if text == "" {
		return 0, true
	}
	number, ok := n.words[wordKey{c, text}]
	return number, ok
}

// text is what a number of class c stands for.
func (n *names) text(c class, number uint32) (string, error) {
	switch {
	case number == 0:
		return "", nil
	case int(number) < len(n.list) && n.list[number].class == c:
		return n.list[number].text, nil
	}
	return "", fmt.Errorf("%w: the number %d is not one of class %c", errDamaged, number, c)
}

func (n *names) item(number uint32) (score.Item, error) {
	if int(number) < len(n.list) && n.list[number].class == itemClass {
		return n.list[number].item, nil
	}
	return score.Item{}, fmt.Errorf("%w: the number %d is not that of an item", errDamaged, number)
}

// extended is n with what tx holds beyond it: names of a commit that is done but not
// published yet.
func (n *names) extended(tx *bbolt.Tx) *names {
	b := tx.Bucket(nameBucket)
	if b.Sequence() < uint64(len(n.list)) {
		return n
	}
	n = n.clone()
	c := b.Cursor()
	for k, v := c.Seek(binary.BigEndian.AppendUint32(nil, uint32(len(n.list)))); k != nil; k, v = c.Next() {
		n.add(decodeName(v))
	}
	return n
}

func encodeName(x name) []byte {
	if x.class != itemClass {
		return append([]byte{byte(x.class)}, x.text...)
	}
	b := append([]byte{byte(x.class)}, x.item.Questionnaire[:]...)
	return append(append(b, byte(x.item.Kind)), x.item.Code...)
}

func decodeName(v []byte) name {
	x := name{class: class(v[0]), text: string(v[1:])}
	if x.class == itemClass {
		x.item = score.Item{
			Questionnaire: survey.Hash([]byte(x.text[:hashLen])), Kind: score.ItemKind(x.text[hashLen]), Code: x.text[hashLen+1:],
		}
		x.text = ""
	}
	return x
}

// number is the number of a text, a new one if it has none yet.
func (w *writing) number(c class, text string) (uint32, error) {
	if n, ok := w.names.word(c, text); ok {
		return n, nil
	}
	return w.newName(name{class: c, text: text})
}

func (w *writing) itemNumber(i score.Item) (uint32, error) {
	if n, ok := w.names.items[i]; ok {
		return n, nil
	}
	return w.newName(name{class: itemClass, item: i})
}

func (w *writing) newName(x name) (uint32, error) {
	if !w.ownNames {
		w.names, w.ownNames = w.names.clone(), true
	}
	number, err := w.bucket(nameBucket).NextSequence()
	if err != nil {
		return 0, err
	}
	if number != uint64(len(w.names.list)) {
		return 0, fmt.Errorf("%w: its names are not numbered without gaps", errDamaged)
	}
	w.names.add(x)
	return uint32(number), w.put(nameBucket, binary.BigEndian.AppendUint32(nil, uint32(number)), encodeName(x))
}
