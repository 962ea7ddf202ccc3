package destination

import (
	"context"
	"errors"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/keystore"
)

// etagTrusted is how long "unchanged" is believed: that the service's ETag changes with a renewed certificate is not
// documented.
const etagTrusted = time.Hour

// memory is what looks leave for the next one. Only the look under way touches it.
type memory struct {
	binding *binding.Binding
	token   token
	etag    string    // of the present identity; "" if the next find must be unconditional
	full    time.Time // when the last unconditional find succeeded
	failed  bool      // the last look did
	version string    // what alarm was raised about
	alarm   alarm
}

// fly makes the look and settles what comes of it.
func (c *Client) fly(ctx context.Context, f *flight) {
	c.mu.Lock()
	old, rejected := c.identity, c.rejected
	c.mu.Unlock()
	c.config.Counters.Add("destination_looks", 1)
	got, e := c.once401(ctx, c.etagFor(old, rejected, time.Now()))
	c.memory.failed = e != nil
	kept := false
	if e == nil {
		kept, e = c.judge(&got, old, rejected)
	}
	changed := e == nil && !kept && (old == nil || got.identity.Version != old.Version)
	id := old
	if changed {
		id = got.identity
	}
	if e == nil {
		c.alarm(id)
	}
	// Here the look's own memory has been used for the last time: with the flight gone, another look may begin.
	now := time.Now()
	c.mu.Lock()
	c.identity, c.looked, c.next, c.flight = id, now, now.Add(spread(c.config.Interval)), nil
	c.pause, c.err = lookPause, nil
	if e != nil {
		c.err = e
		c.pause = max(lookPause, min(e.RetryAfter, retryAfterKept))
	} else {
		c.rejected = false
	}
	f.identity, f.err = c.found()
	serving := c.usable(now)
	close(f.done)
	c.mu.Unlock()

	switch {
	case e != nil:
		c.reportFailure(ctx, e, serving)
	case changed:
		c.config.Counters.Add("destination_changes", 1)
		c.log.InfoContext(ctx, "certificate found", "destination", c.config.Name, "key_store", got.keyStore, "subject", keystore.Subject(id.Leaf),
			"issuer", keystore.Issuer(id.Leaf), "serial", id.Leaf.SerialNumber.String(), "valid_until", id.Leaf.NotAfter.UTC(),
			"identity_version", id.Version, "request_id", got.requestID)
		if old != nil && c.config.OnChange != nil {
			c.config.OnChange(id.Version)
		}
	default:
		c.log.DebugContext(ctx, "destination unchanged", "destination", c.config.Name, "request_id", got.requestID)
	}
}

// etagFor is the etag to send, "" for an unconditional find: while anything is wrong, once the certificate should have been
// renewed, and each hour.
func (c *Client) etagFor(old *keystore.Identity, rejected bool, now time.Time) string {
	if old == nil || rejected || c.memory.failed || !current(old.Leaf, now) || now.After(renewalDue(old.Leaf)) || now.Sub(c.memory.full) >= etagTrusted {
		return ""
	}
	return c.memory.etag
}

// once401 gets a token and finds the destination. After a 401 of either side the token is dropped, the binding read again and
// all tried once more: a rotated binding looks just so.
func (c *Client) once401(ctx context.Context, etag string) (answer, *Error) {
	for again := false; ; again = true {
		got, e := c.tokenAndFind(ctx, etag, again)
		if e == nil || e.Kind != ClientRefused || again {
			return got, e
		}
	}
}

func (c *Client) tokenAndFind(ctx context.Context, etag string, afresh bool) (answer, *Error) {
	m := &c.memory
	if afresh {
		m.token = token{}
	}
	if afresh || m.failed || m.binding == nil {
		b, err := c.config.Binding()
		if err == nil && b == nil {
			err = errors.New("no binding was given")
		}
		if err != nil {
			return answer{}, &Error{Kind: Binding, Op: "find destination", Name: c.config.Name, Err: err}
		}
		if !b.Same(m.binding) {
			etag = "" // it was another service's
		}
		m.binding = b
	}
	if !m.token.usable(m.binding, time.Now()) {
		t, e := c.fetchToken(ctx, m.binding)
		if e != nil {
			return answer{}, e
		}
		m.token = t
	}
	return c.find(ctx, m.binding, m.token, etag)
}

// judge decides whether what was found takes the place of old. Material that is out of its validity by the local clock does
// not replace anything that works; as the only one it is given out, for the clock may be wrong, unless it is so by more than
// a day. kept is true if old stays.
func (c *Client) judge(got *answer, old *keystore.Identity, rejected bool) (kept bool, e *Error) {
	now := time.Now()
	if got.unchanged {
		return true, nil
	}
	leaf := got.identity.Leaf
	if !current(leaf, now) && old != nil && !rejected && current(old.Leaf, now) {
		c.log.Warn("certificate of the destination is out of its validity; the old one stays in use", "destination", c.config.Name,
			"key_store", got.keyStore, "certificate", validity(leaf), "request_id", got.requestID)
		return true, nil
	}
	if e := hopeless(leaf, now); e != nil {
		e.Name, e.KeyStore, e.RequestID = c.config.Name, got.keyStore, got.requestID
		return false, e
	}
	c.memory.etag, c.memory.full = got.etag, now
	return false, nil
}

func (c *Client) reportFailure(ctx context.Context, e *Error, serving bool) {
	c.config.Counters.Add("destination_look_failures", 1)
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // closed meanwhile
	case serving:
		c.log.WarnContext(ctx, "look at the destination did not succeed; the old certificate stays in use", "error", e)
	case e.Outage():
		c.log.WarnContext(ctx, "look at the destination did not succeed", "error", e)
	default:
		c.log.ErrorContext(ctx, "destination gives no certificate", "error", e)
	}
}

// alarm warns once of a certificate that should have been renewed, and once more when little time is left.
func (c *Client) alarm(id *keystore.Identity) {
	m := &c.memory
	if m.version != id.Version {
		m.version, m.alarm = id.Version, calm
	}
	a := alarmOf(id.Leaf, time.Now())
	if a <= m.alarm {
		return
	}
	m.alarm = a
	attrs := []any{"destination", c.config.Name, "certificate", validity(id.Leaf),
		"hint", "renew it; automatic renewal is off unless AutomaticRenew was set, and SAP never renews uploaded certificates"}
	if a == urgent {
		c.log.Error("certificate ends soon and was not renewed", attrs...)
	} else {
		c.log.Warn("certificate should have been renewed", attrs...)
	}
}
