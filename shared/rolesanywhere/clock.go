package rolesanywhere

import (
	"net/http"
	"sync"
	"time"
)

const (
	// skewSuspect is the offset above which a refused signature is put down to the clock.
	skewSuspect = 30 * time.Second
	// skewCorrect is the offset above which requests are signed with the corrected clock from then on. AWS accepts about 10
	// minutes.
	skewCorrect = 2 * time.Minute
	// skewNews is how much an offset that was reported must change before it is reported again.
	skewNews = time.Minute
	// dateResolution is what the Date header cannot tell: it has whole seconds.
	dateResolution = 2 * time.Second
)

// clock knows how far the local clock is from AWS's. The zero value trusts the local clock.
type clock struct {
	mu       sync.Mutex // guards all below, so that they belong to one measurement
	measured time.Duration
	known    bool
	applied  time.Duration // what is added to the local clock
	reported time.Duration
}

// now is AWS's time as far as known, and what was added to the local clock for it.
func (c *clock) now() (time.Time, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.applied), c.applied
}

// offset is AWS's time minus ours; false if it was never measured.
func (c *clock) offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.measured, c.known
}

// observe measures by the Date of an answer, which is taken for the time half way between sending and receiving. It
// returns false if the answer has no usable Date.
func (c *clock) observe(h http.Header, sent, received time.Time) bool {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return false
	}
	offset := date.Sub(sent.Add(received.Sub(sent) / 2))
	if offset.Abs() <= dateResolution {
		offset = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.measured, c.known = offset, true
	switch {
	case offset.Abs() > skewCorrect:
		c.applied = offset
	case offset.Abs() <= skewSuspect:
		c.applied = 0
	case c.applied != 0:
		// Between the two a correction once made is kept and follows the measurement, so that it does not come and go.
		c.applied = offset
	}
	return true
}

// correct makes the measured offset count from now on, whatever its size.
func (c *clock) correct() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied = c.measured
}

// news is the applied offset, and whether it differs from the one reported before by more than a minute; it then counts as
// reported.
func (c *clock) news() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	appeared := (c.applied == 0) != (c.reported == 0)
	if !appeared && (c.applied-c.reported).Abs() <= skewNews {
		return c.applied, false
	}
	c.reported = c.applied
	return c.applied, true
}
