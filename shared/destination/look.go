package destination

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// etagTrusted is how long "unchanged" is believed: that the service's ETag changes with a renewed certificate is not
// documented.
const etagTrusted = time.Hour

// memory is what looks leave for the next one. Only the look under way touches it.
type memory struct {
	service *service
	etag    string            // of the present identity; "" if the next find must be unconditional
	key     [sha256.Size]byte // digest of the file that holds its key; zero if there is none
	full    time.Time         // when the last unconditional find succeeded
	failed  bool              // the last look did
	version string            // what alarm was raised about
	alarm   alarm
}

// fly makes the look and settles what comes of it.
func (c *Client) fly(ctx context.Context, f *flight) {
	c.mu.Lock()
	old, rejected := c.held, c.rejected
	c.mu.Unlock()
	c.config.Counters.Add("destination_looks", 1)
	got, e := c.lookOnce(ctx, old, rejected)
	c.memory.failed = e != nil
	kept := false
	if e == nil {
		kept, e = c.judge(&got, old, rejected)
	}
	held := old
	changed := e == nil && !kept && !got.found.equal(old)
	if changed {
		held = got.found
	}
	if e == nil {
		c.alarm(held.identity)
	}
	// Here the look's own memory has been used for the last time: with the flight gone, another look may begin.
	now := time.Now()
	c.mu.Lock()
	c.held, c.looked, c.next, c.flight = held, now, now.Add(spread(c.config.Interval)), nil
	c.pause, c.err = lookPause, nil
	if e != nil {
		c.err = e
		c.pause = max(lookPause, min(e.RetryAfter, retryAfterKept))
	} else {
		c.rejected = false
	}
	f.found, f.err = c.found()
	serving := c.usable(now)
	close(f.done)
	c.mu.Unlock()

	switch {
	case e != nil:
		c.reportFailure(ctx, e, serving)
	case changed:
		c.config.Counters.Add("destination_changes", 1)
		c.reportChange(ctx, old, got)
		if old != nil && c.config.OnChange != nil {
			c.config.OnChange(held.identity.Version)
		}
	default:
		c.log.DebugContext(ctx, "destination unchanged", "request_id", got.requestID)
	}
}

// lookOnce asks the service. The file with the key is read first: of another key the service may know nothing new.
func (c *Client) lookOnce(ctx context.Context, old *snapshot, rejected bool) (got answer, e *Error) {
	key, e := readKey(c.config.KeyPath)
	if e != nil {
		return answer{}, e
	}
	etag := c.etagFor(old, rejected, time.Now())
	if !key.same(c.memory.key) {
		etag = ""
	}
	e = c.memory.service.authorized(ctx, func(changed bool) (e *Error) {
		if changed {
			etag = "" // it was another client's
		}
		got, e = c.find(ctx, key, etag)
		return e
	})
	if e == nil {
		got.key = key
	}
	return got, e
}

// etagFor is the etag to send, "" for an unconditional find: while anything is wrong, once the certificate should have been
// renewed, and each hour.
func (c *Client) etagFor(old *snapshot, rejected bool, now time.Time) string {
	if old == nil || rejected || c.memory.failed {
		return ""
	}
	leaf := old.identity.Leaf
	if !current(leaf, now) || now.After(renewalDue(leaf)) || now.Sub(c.memory.full) >= etagTrusted {
		return ""
	}
	return c.memory.etag
}

// judge decides whether what was found takes the place of old. Material that is out of its validity by the local clock does
// not replace anything that works; as the only one it is given out, for the clock may be wrong, unless it is so by more than
// a day. kept is true if old stays.
func (c *Client) judge(got *answer, old *snapshot, rejected bool) (kept bool, e *Error) {
	now := time.Now()
	if got.unchanged {
		return true, nil
	}
	leaf := got.found.identity.Leaf
	if !current(leaf, now) && old != nil && !rejected && current(old.identity.Leaf, now) {
		c.log.Warn("certificate of the destination is out of its validity; the old one stays in use",
			"key_store", got.keyStore, "certificate", validity(leaf), "request_id", got.requestID)
		return true, nil
	}
	if e := hopeless(leaf, now); e != nil {
		e.Name, e.KeyStore, e.RequestID = c.config.named(), got.keyStore, got.requestID
		return false, e
	}
	c.memory.etag, c.memory.full = got.etag, now
	if got.key != nil {
		c.memory.key = got.key.digest
	}
	return false, nil
}

// reportChange says what was found, or what changed beside the certificate.
func (c *Client) reportChange(ctx context.Context, old *snapshot, got answer) {
	id := got.found.identity
	if old != nil && old.identity.Version == id.Version {
		c.log.InfoContext(ctx, "properties of the destination changed", "properties", slices.Sorted(maps.Keys(got.found.properties)),
			"request_id", got.requestID)
		return
	}
	c.log.InfoContext(ctx, "certificate found", "key_store", got.keyStore, "subject", keystore.Subject(id.Leaf),
		"issuer", keystore.Issuer(id.Leaf), "serial", id.Leaf.SerialNumber.String(), "valid_until", id.Leaf.NotAfter.UTC(),
		"identity_version", id.Version, "request_id", got.requestID)
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
	attrs := []any{"certificate", validity(id.Leaf),
		"hint", "renew it; automatic renewal is off unless AutomaticRenew was set, and SAP never renews uploaded certificates"}
	if a == urgent {
		c.log.Error("certificate ends soon and was not renewed", attrs...)
	} else {
		c.log.Warn("certificate should have been renewed", attrs...)
	}
}
