package lambda

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Handler stands in for a program. Its context ends with the invocation's time or the function's end, and it must return
// then. It has a lambdacontext.LambdaContext and the trace as aws-lambda-go gives them.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// Config is what a function is. Name, Version, Timeout, Environments, MemoryMB and Region are set, and either Path or
// Handler.
type Config struct {
	// Name and Version are what the program sees.
	Name, Version string
	// Path is the program, an aws-lambda-go one or another that speaks the Runtime API.
	Path string
	// Handler stands in for it.
	Handler Handler
	// HandlerName is what the program sees as _HANDLER.
	HandlerName string
	// Timeout is how long an invocation may take.
	Timeout time.Duration
	// Environments is how many there may be at once; the caller invokes no more at once.
	Environments int
	// MemoryMB and Region are what the program sees; they limit nothing.
	MemoryMB int
	Region   string
	// Variables are the function's own.
	Variables map[string]string
}

// Function is a version of a function, with its environments. All methods may be called from many goroutines.
type Function struct {
	config  Config
	done    chan struct{}  // closed by Close
	running sync.WaitGroup // all goroutines

	mu      sync.Mutex            // guards what follows
	all     map[*environment]bool // those that run
	idle    []*environment        // :: some of all
	live    int                   // environments that run or are about to
	changed chan struct{}         // closed and replaced when one became idle or ended
	closed  bool
}

// New makes a function. It starts nothing; environments start when they are needed.
func New(c Config) *Function {
	return &Function{config: c, done: make(chan struct{}), all: make(map[*environment]bool), changed: make(chan struct{})}
}

// Close ends all environments and waits for them. Invocations under way end with [ErrClosed]. A second Close does nothing.
func (f *Function) Close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.done)
		for e := range f.all {
			e.stop()
		}
	}
	f.mu.Unlock()
	f.running.Wait()
}

// enter counts an invocation among what Close waits for; false if the function is closed. The caller calls running.Done.
func (f *Function) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Add(1)
	return true
}

// Invoke runs the function once. Whoever asked may be gone: nothing but the function's time and its end cut it short.
// The only error is [ErrClosed].
func (f *Function) Invoke(in Invocation) (Outcome, error) {
	if !f.enter() {
		return Outcome{}, ErrClosed
	}
	defer f.running.Done()
	if f.config.Handler != nil {
		return f.invokeHandler(in)
	}
	for {
		e, fresh, err := f.acquire()
		switch {
		case errors.Is(err, ErrClosed):
			return Outcome{}, err
		case err != nil:
			return failure(errorEntry, "RequestId: %s Error: %v", in.RequestID, err), nil
		}
		out, taken, err := e.invoke(in)
		if taken || fresh || err != nil {
			return out, err
		}
		// It ended while it was idle, so the invocation never began: another one takes it.
	}
}

// acquire gives an idle environment, or a fresh one. It waits for one that is about to be free.
func (f *Function) acquire() (e *environment, fresh bool, err error) {
	for {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, false, ErrClosed
		}
		if n := len(f.idle); n > 0 {
			e, f.idle = f.idle[n-1], f.idle[:n-1]
			f.mu.Unlock()
			return e, false, nil
		}
		if f.live < f.config.Environments {
			f.live++
			f.mu.Unlock()
			e, err = f.launch()
			return e, true, err
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-f.done:
		}
	}
}

// free makes an environment idle.
func (f *Function) free(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, e)
	f.wake()
}

// started remembers an environment, so that Close ends it.
func (f *Function) started(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[e] = true
	if f.closed {
		e.stop()
	}
}

// ended forgets an environment; nil is one that did not start.
func (f *Function) ended(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live--
	delete(f.all, e)
	f.idle = slices.DeleteFunc(f.idle, func(other *environment) bool { return other == e })
	f.wake()
}

// wake lets all who wait for an environment look again. The caller holds mu.
func (f *Function) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}
