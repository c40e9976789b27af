package screen

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gofiber/fiber/v2"

	"hailong/survey"
)

// revision answers the page's question whether another page is due.
func (s *Screen) revision(c *fiber.Ctx) error {
	s.Look()
	now := s.shown.Load()
	if now == nil || s.unready() != nil {
		return c.SendString(s.outRevision(s.whyOut()))
	}
	p, err := s.placeOf(c, now)
	if err != nil {
		return err
	}
	if now = now.at(p); s.asleep(c, now) {
		return c.SendString(s.closedRevision(now))
	}
	return c.SendString(now.revision + s.sign())
}

// outRevision changes with the reason, so that the page does.
func (s *Screen) outRevision(why *failure) string {
	return why.code + "-" + digest([]byte(why.told.In(survey.Vietnamese)+s.build))
}

// revisionOf names a page by what it shows and by the program's files.
func (s *Screen) revisionOf(v view) (string, error) {
	page, err := s.rendered("page", v)
	if err != nil {
		return "", err
	}
	return digest(append(page, s.build...)), nil
}

// digest names bytes by their content.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
