package console

import (
	"fmt"
	"slices"
	"time"

	"hailong/survey"
	"hailong/survey/custody"
)

// silentJSON is a kiosk that may have recorded more than it told.
type silentJSON struct {
	Kiosk       survey.KioskID `json:"kiosk"`
	LastContact *time.Time     `json:"last_contact"` // null = never heard of
}

// silentOnes are the kiosks asked for that may have recorded more on the days asked for
// than they told: they are not connected, or were shut out after they had been in use, and
// were not heard of after the last of these days that has begun.
func silentOnes(kiosks []kioskJSON, q custody.ClosingQuery, today survey.Date) []silentJSON {
	list := []silentJSON{}
	to := q.To
	if to == 0 || to > today {
		to = today
	}
	for _, k := range kiosks {
		out := k.Revoked != nil && k.LastContact != nil
		heard := k.LastContact != nil && survey.DateOf(*k.LastContact) > to
		if (q.Kiosk == "" || q.Kiosk == k.ID) && q.From <= today && (out || slices.Contains(k.Problems, silent)) && !heard {
			list = append(list, silentJSON{k.ID, k.LastContact})
		}
	}
	return list
}

// sinceWhen says since when the longest silence lasts.
func sinceWhen(lang survey.Lang, list []silentJSON) string {
	longest := list[0].LastContact
	for _, k := range list {
		if k.LastContact == nil {
			return say(lang, "heard_never")
		}
		if k.LastContact.Before(*longest) {
			longest = k.LastContact
		}
	}
	return fmt.Sprintf(say(lang, "heard_last"), moment(lang, *longest))
}
