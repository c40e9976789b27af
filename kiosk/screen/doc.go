// Package screen is the face of a kiosk: the touch-screen page and the kiosk's HTTP
// interface, served by Fiber.
//
// A [Screen] begins out of service. The program gives it something to ask and somebody
// who keeps the answers with [Screen.Show], and takes both away with [Screen.Hide];
// requests in between see one or the other, never a mixture.
//
// The page says thank you only when the [Recorder] has returned an entry, in the same
// way for every answer; further questions follow every first answer alike, and each of
// their answers is a record of its own, which names the visit's first one. The page works
// as plain forms; a script makes it quicker. It leaves nothing in the browser: no cookie,
// no storage, no history.
//
// A press on a button panel reaches the page through [Screen.Pressed].
//
// Whoever may press sits at the kiosk itself, or at a tablet that an operator has paired
// with one counter: everything but the health checks, the page's files and the page where
// a pairing code is typed is answered to the loopback address alone, and what one counter's
// screen needs to a tablet with that counter's credential; by a name that no foreign page
// can give itself, and never to another site's page in the kiosk's browser.
//
// Local rules: values out of a request are copied before they leave a handler (the app
// is set Immutable as well), request bodies are read raw and decoded here, files come
// out of the program itself, and no Fiber type leaves the package.
package screen
