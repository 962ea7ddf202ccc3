package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// initTimeout is how long a program may take until it asks for its first invocation.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const initTimeout = 10 * time.Second

// environment is a program that runs, and the Runtime API that it talks to.
type environment struct {
	function *Function
	command  *exec.Cmd
	output   *output
	server   *http.Server
	serving  sync.WaitGroup
	stop     context.CancelFunc // kills the process group
	ended    chan struct{}      // closed when the process is gone
	status   string             // how it ended, "" if well; read after ended
	rest     []byte             // what it wrote at the end; read after ended
	work     chan *job          // taken by the program's next

	mu      sync.Mutex // guards what follows
	current *job       // handed out, until the program asks for the next
	initial []byte     // the document of an error before the first invocation
}

// job is an invocation on its way through an environment.
type job struct {
	Invocation
	outcome  chan Outcome  // gets one
	settled  chan struct{} // closed when the program asks for the next
	answered bool          // guarded by the environment's mutex
}

// launch starts an environment and the goroutine that waits for its end.
func (f *Function) launch() (*environment, error) {
	e, err := f.prepare()
	if err != nil {
		f.ended(nil)
		return nil, err
	}
	f.started(e)
	f.running.Go(e.wait)
	return e, nil
}

// prepare starts the Runtime API and the program.
func (f *Function) prepare() (*environment, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	out, err := newOutput()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &environment{function: f, output: out, stop: stop, ended: make(chan struct{}), work: make(chan *job)}
	e.command = exec.CommandContext(ctx, f.config.Path) //nolint:gosec // the program that the test registered
	group(e.command)
	e.command.Cancel = func() error { return kill(e.command) }
	e.command.Env = f.config.variables(listener.Addr().String())
	e.command.Dir = filepath.Dir(f.config.Path)
	e.command.Stdout, e.command.Stderr = out.write, out.write
	if err := e.command.Start(); err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("start program: %w", err), out.close(), listener.Close())
	}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: time.Minute}
	e.serving.Go(func() { _ = e.server.Serve(listener) })
	return e, nil
}

// variables are all that the program sees.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (c Config) variables(api string) []string {
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": c.Name, "AWS_LAMBDA_FUNCTION_VERSION": c.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemoryMB), "AWS_REGION": c.Region, "_HANDLER": c.HandlerName,
		"LAMBDA_TASK_ROOT": filepath.Dir(c.Path),
	}
	maps.Copy(all, c.Variables)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+"="+all[name])
	}
	return out
}

// wait waits for the end of the program and clears up after it.
func (e *environment) wait() {
	if err := e.command.Wait(); err != nil {
		e.status = err.Error()
	}
	_ = kill(e.command) // what it started; mostly nothing is there
	e.stop()
	e.rest = e.output.cut()
	close(e.ended)
	e.function.ended(e)
	// Answers of the Runtime API that are under way see the end and return; the connections are the process's, so gone.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = e.server.Shutdown(ctx)
	_ = e.server.Close()
	e.serving.Wait()
	_ = e.output.close()
}

// invoke hands an invocation to the program. taken is false if the program ended without having got it.
func (e *environment) invoke(in Invocation) (out Outcome, taken bool, err error) {
	f := e.function
	j := &job{Invocation: in, outcome: make(chan Outcome, 1), settled: make(chan struct{})}
	timer := time.NewTimer(initTimeout)
	defer timer.Stop()
	select {
	case e.work <- j:
	case <-e.ended:
		return e.failedToStart(in), false, nil
	case <-timer.C:
		e.stop()
		return timedOut(in.RequestID, initTimeout), true, nil
	case <-f.done:
		e.stop()
		return Outcome{}, true, ErrClosed
	}
	started := time.Now()
	timer.Reset(f.config.Timeout)
	select {
	case out = <-j.outcome:
	case <-e.ended:
		select {
		case out = <-j.outcome: // it answered, then ended
		default:
			out = exited(in.RequestID, e.status)
		}
	case <-timer.C:
		e.stop()
		out = timedOut(in.RequestID, f.config.Timeout)
	case <-f.done:
		e.stop()
		return Outcome{}, true, ErrClosed
	}
	out.Duration = time.Since(started)
	deadline := started.Add(f.config.Timeout)
	if in.WithLog {
		out.Log = report(in, f.config, e.settle(j, deadline), out.Duration)
		return out, true, nil
	}
	f.running.Go(func() { e.settle(j, deadline) })
	return out, true, nil
}

// settle waits until the program asks for the next invocation, which makes the environment idle, or is gone, and returns
// what it wrote.
func (e *environment) settle(j *job, deadline time.Time) []byte {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-j.settled:
		written := e.output.cut()
		e.function.free(e)
		return written
	case <-e.ended:
		return e.rest
	case <-timer.C:
	case <-e.function.done:
	}
	e.stop()
	<-e.ended
	return e.rest
}

// failedToStart is the outcome of an invocation that the program never asked for.
func (e *environment) failedToStart(in Invocation) Outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initial != nil {
		return reported(e.initial)
	}
	return exited(in.RequestID, e.status)
}
