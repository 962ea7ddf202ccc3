package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// drainReserve is what is kept of the grace period to answer the last requests and end.
const drainReserve = 2 * time.Second

// Limits of the server that no one needs to set.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute // above the 60 s that load balancers keep a connection, so that they close it
	headerMaxBytes = 64 << 10
)

// server is a function at work.
type server struct {
	name      string
	config    *Config
	log       *slog.Logger
	counters  *telemetry.Counters
	listener  net.Listener
	health    *health
	forwarder *forward.Forwarder
	identity  identity
}

// identity is what the server starts and ends of the identity.
type identity interface {
	// run keeps the identity fresh until ctx ends.
	run(ctx context.Context)
	close()
}

// errGrace is why requests end that are still there when the grace period does.
var errGrace = errors.New("the grace period of the bridge is over")

// serve answers requests until ctx ends, then drains. It returns nil if all went as it should.
func (s *server) serve(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	requests, endRequests := context.WithCancelCause(background)
	defer endRequests(nil)
	httpServer := &http.Server{
		Handler: s.health, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerMaxBytes,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	var owned sync.WaitGroup
	owned.Go(func() { s.identity.run(background) })
	broken := make(chan error, 1)
	owned.Go(func() { broken <- httpServer.Serve(s.listener) })
	s.log.Info("listening", "function", s.name, "address", s.listener.Addr().String())

	var err error
	select {
	case err = <-broken:
		s.drain(httpServer, 0, endRequests) // nothing more can come, and what came is answered
	case <-ctx.Done():
		s.drain(httpServer, s.config.Server.DrainDelay, endRequests)
		if e := <-broken; !errors.Is(e, http.ErrServerClosed) {
			err = e
		}
	}
	stop()
	owned.Wait()
	s.log.Info("stopped", "function", s.name, "counters", s.counters)
	return err
}

// drain ends the server by the platform's rules: not ready at once, accepting for the delay so that what was routed here
// still arrives, then no more; and every request answered by the end of the grace period less drainReserve.
func (s *server) drain(httpServer *http.Server, delay time.Duration, endRequests context.CancelCauseFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Server.Grace-drainReserve)
	defer cancel()
	s.log.Info("draining", "function", s.name)
	s.health.draining.Store(true)
	accepting := time.NewTimer(delay)
	defer accepting.Stop()
	select {
	case <-accepting.C:
	case <-ctx.Done():
	}
	err := httpServer.Shutdown(ctx)
	s.forwarder.Close() // whatever still waits gets its verdict now, and so its answer
	if err == nil {
		return
	}
	s.log.Warn("not all events had a verdict by the end of the grace period; their senders were asked to send again")
	endRequests(errGrace) // after the verdicts: this is for those whose body is still on its way
	last, cancelLast := context.WithTimeout(context.Background(), drainReserve/2)
	defer cancelLast()
	if err := httpServer.Shutdown(last); err != nil {
		_ = httpServer.Close()
	}
}

// close frees what build made. It is safe after serve.
func (s *server) close() {
	_ = s.listener.Close()
	s.forwarder.Close()
	s.identity.close()
}
