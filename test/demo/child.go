package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// linesMax is how many lines of a child's output wait to be read; it never writes that many before it is asked.
const linesMax = 1000

// child is a process that writes lines.
type child struct {
	name  string
	cmd   *exec.Cmd
	lines chan string
	read  sync.WaitGroup

	mu   sync.Mutex // guards last
	last []string   // the latest lines, for an error
}

// startChild starts a process. Its lines are those of standard output, or of standard error if log is true.
func startChild(ctx context.Context, name, path string, args, environment []string, log bool) (*child, error) {
	c := &child{name: name, lines: make(chan string, linesMax)}
	// It ends by stop, after a signal that it can answer, and not with ctx.
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // programs that stand beside our own
	c.cmd.Env = append([]string{}, environment...)                         // nothing of ours
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	wanted, other := stdout, stderr
	if log {
		wanted, other = stderr, stdout
	}
	c.read.Go(func() { c.follow(wanted, true); close(c.lines) })
	c.read.Go(func() { c.follow(other, false) })
	return c, nil
}

func (c *child) follow(from io.Reader, pass bool) {
	const lastMax = 20
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		c.mu.Lock()
		c.last = append(c.last[max(0, len(c.last)-lastMax):], scan.Text())
		c.mu.Unlock()
		if pass {
			select {
			case c.lines <- scan.Text():
			default: // nobody reads: the log goes on without us
			}
		}
	}
}

// next waits for a line that holds text and decodes it as JSON into v.
func (c *child) next(ctx context.Context, text string, v any) error {
	for {
		select {
		case line, open := <-c.lines:
			if !open {
				return fmt.Errorf("%s ended before it said %q; its last words:\n%s", c.name, text, c.words())
			}
			if strings.Contains(line, text) {
				return json.Unmarshal([]byte(line), v)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q; its last words:\n%s", c.name, text, c.words())
		}
	}
}

func (c *child) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.last, "\n")
}

// stop tells the process to end and waits for it.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	c.read.Wait()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s did not end well: %w; its last words:\n%s", c.name, err, c.words())
	}
	return nil
}
