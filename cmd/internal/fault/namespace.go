//go:build linux

package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

// ErrNotPermitted says that this machine or user may not make network namespaces.
var ErrNotPermitted = errors.New("network namespaces cannot be made here")

// Namespace is a network of its own for some programs, with one cable to this machine.
type Namespace struct {
	name, cable string
	// Host and Inside are the addresses of the cable's two ends, without ports.
	Host, Inside string
}

// NewNamespace makes a namespace with its cable plugged in. The addresses are of
// 10.213.0.0/16. The error is [ErrNotPermitted] where it cannot be made.
func NewNamespace() (*Namespace, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: it takes root's rights", ErrNotPermitted)
	}
	n := rand.IntN(1 << 14)
	net := fmt.Sprintf("10.213.%d.", n>>6)
	ns := &Namespace{
		name: fmt.Sprintf("hl%d-%d", os.Getpid(), n), cable: fmt.Sprintf("hl%d", n),
		Host: fmt.Sprint(net, n&63*4+1), Inside: fmt.Sprint(net, n&63*4+2),
	}
	for _, line := range []string{
		"netns add " + ns.name,
		"link add " + ns.cable + " type veth peer name inside netns " + ns.name,
		"addr add " + ns.Host + "/30 dev " + ns.cable,
		"link set " + ns.cable + " up",
		"-n " + ns.name + " addr add " + ns.Inside + "/30 dev inside",
		"-n " + ns.name + " link set inside up",
		"-n " + ns.name + " link set lo up",
	} {
		if err := ip(line); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", ErrNotPermitted, err), ns.Close())
		}
	}
	return ns, nil
}

func ip(line string) error {
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, out)
	}
	return nil
}

// Through is what a program is to be started through, to run inside: see [Command].
func (n *Namespace) Through() []string { return []string{"ip", "netns", "exec", n.name} }

// Down pulls the cable: nothing passes, and nobody is told.
func (n *Namespace) Down() error { return ip("link set " + n.cable + " down") }

// Up plugs the cable in again.
func (n *Namespace) Up() error { return ip("link set " + n.cable + " up") }

// Close removes the namespace and its cable. Programs inside must have ended.
func (n *Namespace) Close() error {
	list, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("list the network namespaces: %w", err)
	}
	if !strings.Contains(string(list), n.name) {
		return nil
	}
	return ip("netns del " + n.name)
}
