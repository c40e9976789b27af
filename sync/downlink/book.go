package downlink

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hailong/survey/disk"
	"hailong/survey/ticket"
)

// BookFile is the name of the file, inside a kiosk's data folder, in which the directory
// is kept for the next start: "HLD1", the tag, and the signed directory as it came.
const BookFile = "directory.bin"

const bookMagic = "HLD1"

// ahead is by how much the clocks of a centre and a kiosk may differ. A directory that was
// made later than that from now was made with a clock that was wrong, and is no measure of
// what is new.
const ahead = 24 * time.Hour

// ErrOlder says that a directory was made before the one that is held.
var ErrOlder = errors.New("the directory is older than the one held")

// Held is a directory as a kiosk uses it. It does not change once made.
type Held struct {
	Tag    Tag
	Made   time.Time // by the centre's clock
	Online string    // see [ticket.Directory]
	Ring   *ticket.Ring
}

// Book is what a kiosk holds of the centre's directory, in memory and on disk. Safe for
// many goroutines.
type Book struct {
	path   string
	centre ed25519.PublicKey
	taking sync.Mutex // held while a directory is put in another's place
	held   atomic.Pointer[Held]
}

// OpenBook opens the book in a file. centre is the key that a directory must be signed
// with. A file that is not there is an empty book; one that cannot be used is an empty
// book, too, and the error says why: the kiosk asks for another.
func OpenBook(path string, centre ed25519.PublicKey) (*Book, error) {
	b := &Book{path: path, centre: centre}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("read the directory kept at the last stop: %w", err)
	}
	front := len(bookMagic) + len(Tag{})
	if len(data) < front || string(data[:len(bookMagic)]) != bookMagic {
		return b, fmt.Errorf("read the directory kept at the last stop: %s is not such a file", path)
	}
	held, err := b.read(Tag(data[len(bookMagic):front]), data[front:])
	if err != nil {
		return b, fmt.Errorf("read the directory kept at the last stop: %w", err)
	}
	b.held.Store(held)
	return b, nil
}

// Held is the directory held; nil = none yet.
func (b *Book) Held() *Held { return b.held.Load() }

// Tag is that of the directory held; zero = none yet.
func (b *Book) Tag() Tag {
	if h := b.Held(); h != nil {
		return h.Tag
	}
	return Tag{}
}

// Take puts a directory, as it came, in the place of the one held. With an error it
// stays as it was: the directory is cut, not signed by the centre, [ErrOlder], or could
// not be put on disk.
func (b *Book) Take(tag Tag, packed []byte) error {
	b.taking.Lock()
	defer b.taking.Unlock()
	next, err := b.read(tag, packed)
	if err != nil {
		return err
	}
	if h := b.Held(); h != nil && next.Made.Before(h.Made) && time.Until(h.Made) < ahead {
		return fmt.Errorf("%w: of %s, and that of %s is held", ErrOlder, next.Made.Format(time.RFC3339), h.Made.Format(time.RFC3339))
	}
	if err := disk.Write(b.path, append(append([]byte(bookMagic), tag[:]...), packed...)); err != nil {
		return fmt.Errorf("keep the directory: %w", err)
	}
	b.held.Store(next)
	return nil
}

// read makes of the bytes on their way what a kiosk uses.
func (b *Book) read(tag Tag, packed []byte) (*Held, error) {
	signed, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	d, err := ticket.OpenDirectory(signed, b.centre)
	if err != nil {
		return nil, err
	}
	return &Held{Tag: tag, Made: d.Made, Online: d.Online, Ring: ticket.NewRing(d, b.centre)}, nil
}
