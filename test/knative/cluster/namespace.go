package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespaced tells whether network namespaces can be made here. If not, again is this program in a user namespace in which it
// is root, and everything can be done there; run it and end with its exit code.
func Namespaced(ctx context.Context, args []string) (again *exec.Cmd, ok bool) {
	if os.Geteuid() == 0 {
		return nil, true
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...) //nolint:gosec // this program
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	return cmd, false
}

// oneUser tells whether root is the only user here, as in such a user namespace.
func oneUser() bool {
	m, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !strings.Contains(string(m), "4294967295")
}

// namespace is one thread of the system, in a network namespace of its own if isolated: what it opens or starts lives there.
type namespace struct {
	c    *Cluster
	work chan func()
}

// newNamespace makes one. It ends with Stop.
func (c *Cluster) newNamespace(isolated bool) (*namespace, error) {
	n := &namespace{c, make(chan func())}
	ready := make(chan error)
	c.tasks.Go(func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine, its namespace with the last process in it
		var err error
		if isolated {
			if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
				err = loopbackUp()
			}
		}
		ready <- err
		for f := range n.work {
			f()
		}
	})
	c.own(n)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make a network namespace, which needs root or a user namespace: %w", err)
	}
	return n, nil
}

// Close ends the thread.
func (n *namespace) Close() error {
	close(n.work)
	return nil
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP)
		err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
	}
	return errors.Join(err, unix.Close(s))
}

// do runs f on the thread. After Stop it does not run.
func (n *namespace) do(f func()) (err error) {
	defer func() {
		if recover() != nil { // Close came first
			err = errStopped
		}
	}()
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
	return nil
}

func (n *namespace) dial(address string) (conn net.Conn, err error) {
	stopped := n.do(func() { conn, err = new(net.Dialer).DialContext(context.Background(), "tcp", address) })
	return conn, errors.Join(stopped, err)
}

// expose makes the namespace's address reachable from outside, at the one that it returns.
func (n *namespace) expose(inside string) (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	n.c.relay(l, func() (net.Conn, error) { return n.dial(inside) })
	return l.Addr().String(), nil
}

// reach makes the address outside reachable in the namespace, at inside.
func (n *namespace) reach(inside, outside string) error {
	var l net.Listener
	var err error
	stopped := n.do(func() { l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", inside) })
	if err := errors.Join(stopped, err); err != nil {
		return err
	}
	n.c.relay(l, func() (net.Conn, error) { return new(net.Dialer).DialContext(context.Background(), "tcp", outside) })
	return nil
}

// relay joins every connection that l accepts to a new one, until Stop. Either side's end is passed on, since HTTP servers
// cancel by it.
func (c *Cluster) relay(l net.Listener, dial func() (net.Conn, error)) {
	c.own(l)
	c.tasks.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := dial()
			if err != nil {
				_ = in.Close()
				continue
			}
			c.tasks.Go(func() {
				_, _ = io.Copy(out, in)
				if half, ok := out.(*net.TCPConn); ok {
					_ = half.CloseWrite()
				}
			})
			c.tasks.Go(func() {
				_, _ = io.Copy(in, out)
				_ = in.Close() // and with it the copy above
				_ = out.Close()
			})
		}
	})
}
