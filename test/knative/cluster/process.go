package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// errStopped answers whoever wants to start something after Stop.
var errStopped = errors.New("the cluster is stopped")

// process is a child that dies with this program. What it prints is appended to NAME.log in the state's folder.
type process struct {
	*exec.Cmd
	name string
	done chan struct{} // closed when it has ended
}

// spawn starts cmd in a namespace.
func (c *Cluster) spawn(ns *namespace, name string, cmd *exec.Cmd) (*process, error) {
	out, err := os.OpenFile(c.file(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // when the starting thread ends: hence only namespaces' threads start processes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil, errStopped
	}
	if stopped := ns.do(func() { err = cmd.Start() }); stopped != nil || err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(stopped, err))
	}
	p := &process{Cmd: cmd, name: name, done: make(chan struct{})}
	c.started = append(c.started, p)
	c.tasks.Go(func() { _ = cmd.Wait(); close(p.done) })
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process, if there is one.
func (p *process) kill() {
	if p != nil {
		_ = p.Process.Kill()
		<-p.done
	}
}

// Log is what a process, or a pod's function by NAMESPACE.SERVICE, printed so far.
func (c *Cluster) Log(name string) string {
	files, err := filepath.Glob(c.file(name + "-[0-9]*-deployment.log"))
	if err != nil || files == nil {
		files = []string{c.file(name + ".log")}
	}
	var out strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // our own
		if err == nil {
			out.Write(text)
		}
	}
	return out.String()
}

// Memory is the resident memory of the running processes, in bytes, and how many there are.
func (c *Cluster) Memory() (total int64, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.started {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
		_, rss, found := strings.Cut(string(status), "VmRSS:")
		if err != nil || !found || p.ended() {
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(rss)[0], 10, 64)
		if err == nil {
			total += kib << 10
			count++
		}
	}
	return total, count
}

// freePorts are ports of loopback that nobody listens at.
func freePorts(ctx context.Context, n int) ([]string, error) {
	var out []string
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		out = append(out, port)
	}
	return out, nil
}

// wait asks until yes, the limit, or the end of one of the processes.
func wait(ctx context.Context, what string, limit time.Duration, yes func() bool, processes ...*process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		for _, p := range processes {
			if p.ended() {
				return fmt.Errorf("%s: %s ended: %v; %s", what, p.name, p.ProcessState, p.Stdout.(*os.File).Name())
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-again.C:
		}
	}
	return nil
}

// get asks and returns the status.
func get(ctx context.Context, h *http.Client, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := h.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// probe is one of the kubelet's.
func probe(ctx context.Context, address string, h *corev1.HTTPGetAction) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+h.Path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "kube-probe/1") // Eventing's programs answer 405 to others
	for _, kv := range h.HTTPHeaders {
		r.Header.Set(kv.Name, kv.Value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("GET %s: %s", h.Path, response.Status)
	}
	return nil
}
