package centreapp

// holdFile has nothing to do on Windows: a store that a program has open cannot be moved
// there, so putting another one in its place fails.
func holdFile(string) (release func() error, held bool, err error) {
	return func() error { return nil }, true, nil
}
