// Package process runs the programs under test, each on one CPU alone, and reads from /proc what they use. Linux only.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a program may take to end.
const stopTime = 10 * time.Second

// Process is a program at work. End it with Stop.
type Process struct {
	name   string
	cmd    *exec.Cmd
	output tail
	ended  chan struct{}
	err    error // of its end; set when ended is closed
}

// Start starts the program at path on one CPU, with this environment and nothing else. It ends when ctx does, at the latest.
func Start(ctx context.Context, path string, cpu int, environment []string, args ...string) (*Process, error) {
	p := &Process{name: path[strings.LastIndexByte(path, '/')+1:], ended: make(chan struct{})}
	// taskset becomes the program: same process, same id.
	p.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(cpu), path}, args...)...) //nolint:gosec // programs that stand beside our own
	p.cmd.Env = append([]string{}, environment...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTime
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() { // Stop waits for it
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is the end of what the program wrote.
func (p *Process) Output() string { return p.output.String() }

// Stop tells the program to end and waits for it. That it ends by the signal is as good as an exit status of 0.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopTime, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.ended
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return nil
		}
	}
	if p.err != nil {
		return fmt.Errorf("%s did not end well: %w; its last words:\n%s", p.name, p.err, p.Output())
	}
	return nil
}

// Pin moves this process, all its threads, to one CPU.
func Pin(ctx context.Context, cpu int) error {
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", strconv.Itoa(cpu), strconv.Itoa(os.Getpid())).CombinedOutput() //nolint:gosec // numbers
	if err != nil {
		return fmt.Errorf("pin the load to CPU %d by taskset: %w: %s", cpu, err, out)
	}
	return nil
}

// tail keeps the end of what is written. Safe for concurrent use.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// tailMax is how much is kept.
const tailMax = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailMax; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
