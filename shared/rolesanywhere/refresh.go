package rolesanywhere

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	callTimeout  = 60 * time.Second // of one call with its attempts and the source's look
	refusalPause = 10 * time.Second // how long a refusal answers for new calls
	backoffBase  = time.Second
	backoffCap   = 60 * time.Second // between refreshes while the old session is valid
	outageCap    = 10 * time.Second // between calls while nothing is valid
	changeSpread = 30 * time.Second
)

// run makes every call, one at a time: those that callers wait for, and refreshes. It ends with ctx, after the call that
// is under way.
func (p *Provider) run(ctx context.Context) {
	defer close(p.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			p.land()
			return
		}
		f, started, wait := p.next(time.Now())
		if f == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-p.wake:
			case <-timer.C:
			}
			continue
		}
		p.fly(ctx, f, started)
	}
}

// next is the flight to make now and how often the identity had changed by then, or how long there is nothing to do.
func (p *Provider) next(now time.Time) (f *flight, changes int, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait = time.Hour
	for _, due := range []time.Time{p.refresh, p.changed} {
		if due.IsZero() {
			continue
		}
		wait = min(wait, max(due.Sub(now), 0))
	}
	if p.flight == nil && wait > 0 {
		return nil, 0, wait
	}
	if s := p.current.Load(); p.flight == nil && (s == nil || !s.valid(now)) && p.changed.IsZero() {
		// The session ended while nothing could replace it. The next event asks again; without events there is no need.
		p.refresh = time.Time{}
		return nil, 0, time.Hour
	}
	return p.want(), p.changes, 0
}

// fly makes the call and settles what comes of it.
func (p *Provider) fly(ctx context.Context, f *flight, changes int) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if p.unchanged(ctx) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.flight = nil
		if changes == p.changes { // else it changed once more, after it had been looked at
			p.changed = time.Time{}
		}
		close(f.done)
		return
	}
	s, e := p.caller.call(ctx)
	counters := p.caller.config.Counters
	if e != nil {
		counters.Add("create_session_failures", 1)
	} else {
		counters.Add("create_session_successes", 1)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.flight, p.ended = nil, now
	f.err = e
	if changes == p.changes {
		p.changed = time.Time{}
	}
	defer close(f.done) // before the lock is given up, so that nobody sees a flight that is neither under way nor done
	if e == nil {
		p.current.Store(s)
		p.failures, p.memory = 0, nil
		p.refresh = now.Add(spread(s.lifetime*60/100, s.lifetime*80/100))
		p.log.InfoContext(ctx, "signed in to aws", "valid_until", s.expires.UTC(), "identity_version", s.version,
			"role_arn", s.target.role, "algorithm", s.algorithm, "signing", s.signing)
		return
	}
	p.failures++
	switch old := p.current.Load(); {
	case old != nil && old.valid(now):
		pause := max(p.backoff(backoffCap), min(e.RetryAfter, backoffCap))
		if !e.Outage() {
			pause = max(pause, refusalPause)
		}
		p.refresh = now.Add(pause)
		p.log.WarnContext(ctx, "refresh of aws credentials did not succeed; the old ones stay in use", "error", e,
			"valid_until", old.expires.UTC(), "next_try", pause)
	case e.Kind == NoIdentity: // the source has logged it, and is asked for each event
	case e.Outage():
		p.log.WarnContext(ctx, "sign-in to aws did not succeed", "error", e)
	default:
		p.log.ErrorContext(ctx, "sign-in to aws was refused", "error", e)
	}
	switch {
	case changes != p.changes: // it is about an identity that has been replaced
	case e.Kind == NoIdentity: // the source remembers for itself
	case e.Outage():
		p.memory = &memory{err: e, until: now.Add(max(p.backoff(outageCap), min(e.RetryAfter, backoffCap)))}
	default:
		p.memory = &memory{err: e, until: now.Add(refusalPause)}
	}
}

// unchanged is true if the flight is only for a changed identity, and the session was signed by the present one already, for the same role.
func (p *Provider) unchanged(ctx context.Context) bool {
	p.mu.Lock()
	now := time.Now()
	s := p.current.Load()
	due := !p.changed.IsZero() && !now.Before(p.changed) && now.Before(p.refresh)
	p.mu.Unlock()
	if !due || s == nil || !s.valid(now) {
		return false
	}
	id, t, e := p.caller.snapshot(ctx)
	return e == nil && id.Version == s.version && t.equal(s.target)
}

// land ends the flight that nobody will make any more.
func (p *Provider) land() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.flight != nil {
		p.flight.err = p.caller.complete(&Error{Kind: Closed}, prepared{})
		close(p.flight.done)
		p.flight = nil
	}
}

// backoff grows from 1 s by the failures in a row to limit; half of it is random. p.mu is held.
func (p *Provider) backoff(limit time.Duration) time.Duration {
	d := min(limit, backoffBase<<min(max(p.failures-1, 0), 10))
	return spread(d/2, d)
}

// spread is a random duration from low to high.
func spread(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + rand.N(high-low)
}
