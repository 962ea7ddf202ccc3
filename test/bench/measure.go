package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/fake"
	"github.com/trustbridge/trustbridge/test/bench/internal/load"
	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

// subject is a program under test, at work.
type subject struct {
	*process.Process
	stage *stage
	dial  func(context.Context) (net.Conn, error)
}

// startLimit is how long a program may take until it accepts its first event.
const startLimit = 30 * time.Second

// start starts a program and returns when it has accepted its first event, with the time that took from before its exec.
func (s *stage) start(ctx context.Context, p program) (*subject, time.Duration, error) {
	host, port, err := freePort(ctx)
	if err != nil {
		return nil, 0, err
	}
	before := time.Now()
	child, err := process.Start(ctx, p.path, s.cpu, append(p.listen(host, port), p.environment...))
	if err != nil {
		return nil, 0, err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	}
	if err := first(ctx, child, dial); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("%s did not accept a first event: %w", p.name, err), child.Stop())
	}
	return &subject{Process: child, stage: s, dial: dial}, time.Since(before), nil
}

var (
	errEnded = errors.New("it ended")
	errLate  = fmt.Errorf("%v are over", startLimit)
)

// first waits until the program has accepted an event, as long as it lives.
func first(ctx context.Context, child *process.Process, dial func(context.Context) (net.Conn, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, errLate)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-child.Ended():
			end(errEnded)
		case <-ctx.Done():
		}
	})
	err := load.First(ctx, dial)
	end(nil)
	watching.Wait()
	return err
}

// freePort is a port of 127.0.0.1 that nobody had a moment ago.
func freePort(ctx context.Context) (host, port string, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	if host, port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		return "", "", err
	}
	return host, port, listener.Close()
}

// measureStart starts and stops a program that many times and returns the median of exec → first accepted event.
func (s *stage) measureStart(ctx context.Context, p program, times int) (float64, error) {
	var all []float64
	for range times {
		child, took, err := s.start(ctx, p)
		if err != nil {
			return 0, err
		}
		if err := child.Stop(); err != nil {
			return 0, err
		}
		all = append(all, milliseconds(took))
	}
	return median(all), nil
}

// measure runs a program through both setups. arrives tells whether its events go to the far side.
func (s *stage) measure(ctx context.Context, p program, o options, arrives bool) (f figures, err error) {
	file, err := os.Stat(p.path)
	if err != nil {
		return figures{}, err
	}
	child, _, err := s.start(ctx, p)
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	idle, err := process.MemoryOf(child.PID())
	if err != nil {
		return figures{}, err
	}
	one, err := child.load(ctx, load.Options{Clients: 1, Warmup: o.measure / 10, Measure: o.measure}, arrives)
	if err != nil {
		return figures{}, fmt.Errorf("%s with one client: %w", p.name, err)
	}
	all, err := child.load(ctx, load.Options{Clients: o.clients, Warmup: o.measure / 3, Measure: o.measure}, arrives)
	if err != nil {
		return figures{}, fmt.Errorf("%s with %d clients: %w", p.name, o.clients, err)
	}
	loaded, err := process.MemoryOf(child.PID())
	if err != nil {
		return figures{}, err
	}
	events := float64(len(all.Latencies))
	f = figures{
		EventsPerSecond: all.PerSecond(), EventsPerCPUSecond: ratio(events, all.used.subject.Seconds()),
		P50: milliseconds(all.Percentile(50)), P99: milliseconds(all.Percentile(99)),
		OneP50: milliseconds(one.Percentile(50)), OneP99: milliseconds(one.Percentile(99)),
		Idle: megabytes(idle.Now), Peak: megabytes(loaded.Peak), Binary: megabytes(file.Size()),
		LoadCPU: share(all.used.load, all), ForeignCPU: max(share(all.used.foreign, all), share(one.used.foreign, one)),
	}
	if arrives {
		f.Connections = 1000 * ratio(float64(all.took.Connections), events)
		f.EventsPerCall = ratio(float64(all.took.Events), float64(all.took.Calls))
	}
	return f, nil
}

// loaded is one load's result, with what was used meanwhile.
type loaded struct {
	load.Result
	took fake.Count // by the far side, in the measured time
	used usage      // in the measured time
}

// share is a CPU time as percent of one core over the measured time.
func share(d time.Duration, l loaded) float64 { return 100 * ratio(d.Seconds(), l.Elapsed.Seconds()) }

// load loads the program and checks that what it accepted arrived.
func (c *subject) load(ctx context.Context, o load.Options, arrives bool) (loaded, error) {
	var begin, end usage
	var errBegin, errEnd error
	o.Dial = c.dial
	far := c.stage.fake
	var from, to fake.Count
	o.Begin = func() { from = far.Count(); begin, errBegin = c.usage() }
	o.End = func() { to = far.Count(); end, errEnd = c.usage() }
	before := far.Count()
	result, err := load.Run(ctx, o)
	if err := errors.Join(err, errBegin, errEnd); err != nil {
		return loaded{}, fmt.Errorf("%w; the program's last words:\n%s", err, c.Output())
	}
	if arrived := far.Count().Minus(before).Events; arrives && arrived != result.Accepted {
		return loaded{}, fmt.Errorf("%d events were accepted, and %d arrived at the far side: these figures prove nothing", result.Accepted, arrived)
	}
	return loaded{Result: result, took: to.Minus(from), used: end.minus(begin)}, nil
}

// usage is CPU time: of the program under test, of this process, and of all others.
type usage struct{ subject, load, foreign time.Duration }

func (c *subject) usage() (u usage, err error) {
	if u.subject, err = process.CPUTime(c.PID()); err != nil {
		return u, err
	}
	if u.load, err = process.CPUTime(os.Getpid()); err != nil {
		return u, err
	}
	busy, err := process.Busy()
	u.foreign = busy - u.subject - u.load
	return u, err
}

func (u usage) minus(earlier usage) usage {
	return usage{u.subject - earlier.subject, u.load - earlier.load, max(0, u.foreign-earlier.foreign)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// ratio is a / b, 0 if b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
