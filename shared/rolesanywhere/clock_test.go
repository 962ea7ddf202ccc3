package rolesanywhere

import (
	"net/http"
	"testing"
	"time"
)

// at is an answer's header with a Date.
func at(t time.Time) http.Header {
	return http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}
}

func TestOffsetIsMeasuredAtMidRoundTrip(t *testing.T) {
	sent := time.Date(2027, 1, 15, 10, 0, 0, 0, time.UTC)
	var c clock
	if !c.observe(at(sent.Add(4*time.Minute+20*time.Second)), sent, sent.Add(40*time.Second)) {
		t.Fatal("a good Date was not taken")
	}
	if got, known := c.offset(); got != 4*time.Minute || !known {
		t.Errorf("offset = %v, %v, want 4m0s: Date against the middle of 40 s", got, known)
	}
	if c.observe(http.Header{"Date": {"yesterday"}}, sent, sent) || c.observe(nil, sent, sent) {
		t.Error("an answer without a usable Date was measured")
	}
}

func TestWhatIsAppliedAndReported(t *testing.T) {
	var c clock
	now := time.Date(2027, 1, 15, 10, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		offset  time.Duration
		correct bool // a signature was refused
		applied time.Duration
		news    bool
	}{
		{0, false, 0, false},
		{90 * time.Second, false, 0, false}, // below two minutes nothing is done by itself
		{3 * time.Minute, false, 3 * time.Minute, true},
		{200 * time.Second, false, 200 * time.Second, false}, // followed, but no news
		{100 * time.Second, false, 100 * time.Second, true},  // kept, since it was made
		{20 * time.Second, false, 0, true},                   // agrees again
		{40 * time.Second, false, 0, false},
		{40 * time.Second, true, 40 * time.Second, true},
		{-3 * time.Minute, false, -3 * time.Minute, true},
		{0, false, 0, true},
	} {
		c.observe(at(now.Add(step.offset)), now, now)
		if step.correct {
			c.correct()
		}
		_, applied := c.now()
		if offset, news := c.news(); applied != step.applied || offset != applied || news != step.news {
			t.Errorf("step %d, measured %v: applied %v, news %v; want %v, %v", i, step.offset, applied, news, step.applied, step.news)
		}
	}
}
