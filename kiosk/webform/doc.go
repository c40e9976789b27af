// Package webform serves the web form behind a QR code, a link or a poster's short
// address, to anybody's phone. It is what the online gateway shows to the open network,
// and nothing else is served there.
//
// A citizen meets one question first: the overall one. Once it is committed they are
// thanked and offered the rest; whoever stops there has been counted. Every page is made
// on the server and works without scripts; the script only sends again what could not be
// sent. Style and script stand inside the page, so that the first page is one request.
//
// # What is counted
//
// A form carries 8 random bytes, drawn when it is opened: its visit. A ticket for one
// answer is spent by the commit of its record (see [kiosk.Press]): the same form sent
// twice is the same record, and another opening of the form learns that the ticket is
// spent and nothing more. A poster's ticket is never spent; there each visit is an answer
// of its own.
//
// A ticket must be good when its form is opened. The form may be sent afterwards, since a
// phone may have been without a network: a keyed hash of the moment of opening in the form
// shows that it was opened in time.
//
// # What is kept of a citizen
//
// The answers. No address, no kind of browser, no text of a ticket is stored or logged;
// comments are masked ([mask.Comment]) before they are handed on. Addresses are held in
// memory, shortened, for the limits alone. One cookie exists, of one ticket's address,
// after its first commit: with it the same phone goes on with the rest.
package webform
