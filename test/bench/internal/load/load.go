// Package load sends CloudEvents over HTTP/1.1 as fast as they are answered, each client one after the other on a connection of
// its own, and measures. Requests and answers are written and read by hand: net/http's client would take more of the core that
// the far side needs too than the program under test takes of its own.
//
// [Run] makes the load, and [First] waits for the first event that is accepted.
package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options say what load to make.
type Options struct {
	// Dial connects to the program under test.
	Dial func(ctx context.Context) (net.Conn, error)
	// Clients is how many send at once, at least 1.
	Clients int
	// Warmup is how long they send before the measured time, Measure how long that is.
	Warmup, Measure time.Duration
	// Begin and End are called when the measured time begins and ends; nil is nothing.
	Begin, End func()
}

// Result is what was measured.
type Result struct {
	// Accepted are all answers of 2xx, those of the warm-up too.
	Accepted int64
	// Latencies are those of the answers within the measured time, in rising order.
	Latencies []time.Duration
	// Elapsed is the measured time.
	Elapsed time.Duration
}

// PerSecond is how many events were accepted in a second of the measured time.
func (r Result) PerSecond() float64 { return float64(len(r.Latencies)) / r.Elapsed.Seconds() }

// Percentile is the smallest latency that p of 100 are not above (nearest rank), 0 if nothing was measured.
func (r Result) Percentile(p float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	rank := int(p/100*float64(len(r.Latencies))+0.999999) - 1
	return r.Latencies[min(max(rank, 0), len(r.Latencies)-1)]
}

// patience is how long after its end a load waits for the last answers.
const patience = 10 * time.Second

// Run makes the load. Any answer but 2xx ends it with an error.
func Run(ctx context.Context, o Options) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clients, err := connect(ctx, o)
	if err != nil {
		return Result{}, err
	}
	begin := time.Now().Add(o.Warmup)
	end := begin.Add(o.Measure)
	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() {
			defer func() { _ = c.conn.Close() }()
			defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })()
			if err := c.run(begin, end); err != nil {
				cancel(err) // one is enough: the others stop too
			}
		})
	}
	running.Go(func() { o.mark(ctx, begin, end) })
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	out := Result{Elapsed: o.Measure}
	for _, c := range clients {
		out.Accepted += c.accepted
		out.Latencies = append(out.Latencies, c.latencies...)
	}
	slices.Sort(out.Latencies)
	return out, nil
}

// connect opens the clients' connections.
func connect(ctx context.Context, o Options) ([]*client, error) {
	var clients []*client
	for i := range o.Clients {
		conn, err := o.Dial(ctx)
		if err != nil {
			for _, c := range clients {
				_ = c.conn.Close()
			}
			return nil, fmt.Errorf("connect client %d: %w", i+1, err)
		}
		_ = conn.SetDeadline(time.Now().Add(o.Warmup + o.Measure + patience))
		clients = append(clients, newClient(conn, i))
	}
	return clients, nil
}

// mark calls Begin and End at their times.
func (o Options) mark(ctx context.Context, begin, end time.Time) {
	for _, at := range []struct {
		time time.Time
		call func()
	}{{begin, o.Begin}, {end, o.End}} {
		timer := time.NewTimer(time.Until(at.time))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if at.call != nil {
			at.call()
		}
	}
}

// dialPause is between two attempts to reach a program that does not listen yet.
const dialPause = 200 * time.Microsecond

// First dials until the program listens, and sends one event: nil if that was accepted.
func First(ctx context.Context, dial func(context.Context) (net.Conn, error)) error {
	again := time.NewTicker(dialPause)
	defer again.Stop()
	for {
		conn, err := dial(ctx)
		if err == nil {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			return newClient(conn, 0).send()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
