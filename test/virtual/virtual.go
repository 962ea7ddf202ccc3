// Package virtual is time and network for tests: a synctest bubble that starts in the fixtures' year, and a network of pipes
// that works inside it.
//
// [Run] runs a test in a bubble, and [Network] connects what is in it: servers listen on [Network.Listen], clients dial by
// [Network.Dial] or use [Network.Client]. Nothing of it touches the machine's network, and every goroutine must have ended
// when the bubble ends, which makes each such test a check for leaks too. Plain http only: handshakes cost real time.
package virtual

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Start is when the bubbles of [Run] begin: every certificate of test/testdata that is meant to be valid then is.
//
//nolint:gochecknoglobals // a constant that the language cannot express as one
var Start = time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)

// Run runs f in a synctest bubble whose clock shows [Start].
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(Start)) // bubbles begin in the year 2000
		f(t)
	})
}

// Network is an in-memory network. The zero value is empty and ready. Safe for concurrent use.
type Network struct {
	mu        sync.Mutex // guards listeners
	listeners map[string]*listener
}

// ErrRefused is what dialling an address without a listener gives.
var ErrRefused = errors.New("connection refused")

// Listen returns a listener for an address of the form host:port, or "" for all that have no listener of their own. It
// stays until it is closed.
func (n *Network) Listen(address string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = make(map[string]*listener)
	}
	l := &listener{network: n, address: address, accept: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l
}

// Dial connects to a listener.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[address]
	if l == nil {
		l = n.listeners[""]
	}
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", address, ErrRefused)
	}
	here, there := net.Pipe()
	select {
	case l.accept <- there:
		return here, nil
	case <-l.closed:
		return nil, fmt.Errorf("dial %s: %w", address, ErrRefused)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client returns a client of the network. Its connections are not kept, so that none outlives the bubble.
func (n *Network) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: n.Dial, DisableKeepAlives: true}}
}

// Serve serves handler at address until the test ends.
func (n *Network) Serve(t *testing.T, address string, handler http.Handler) {
	t.Helper()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	l := n.Listen(address)
	var done sync.WaitGroup
	done.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve %s: %v", address, err)
		}
	})
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close %s: %v", address, err)
		}
		done.Wait()
	})
}

type listener struct {
	network *Network
	address string
	accept  chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		if l.network.listeners[l.address] == l {
			delete(l.network.listeners, l.address)
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.address) }

// address is the address of a listener of pipes.
type address string

func (address) Network() string  { return "pipe" }
func (a address) String() string { return string(a) }

// Settle waits until every other goroutine of the bubble waits for something: what a test has set going has arrived, unless
// it needs time.
func Settle() { synctest.Wait() }
