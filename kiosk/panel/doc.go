// Package panel hears the buttons of a counter: USB keypads and GPIO keys through Linux
// evdev, and button boxes on a serial line. What its devices do becomes presses; each is
// handed to the Recorder, and only when it is on stable storage a lamp or a tone says so,
// the same for every level.
//
// What makes a press out of the edges of contacts is a pure machine (contacts), and so is
// what makes a change of mind out of two presses (visit). Goroutines only read, keep, and
// signal.
package panel
