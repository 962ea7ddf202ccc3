package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestSecretsAreRedacted(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelDebug)
	log.Info("x", "client_secret", "hunter2", slog.Group("binding", "password", "hunter2", "clientid", "visible"),
		"session_token", "hunter2", "token_requests", 7, "authorization", "hunter2", "private_key", "hunter2", "credentials", []string{"hunter2"})
	log.With("access_token", "hunter2").WithGroup("g").Info("y", "secret_access_key", "hunter2")
	if got := out.String(); strings.Contains(got, "hunter2") || !strings.Contains(got, "visible") || !strings.Contains(got, `"token_requests":7`) {
		t.Errorf("the log is\n%s\nwant every secret redacted, and the client id and the count kept", got)
	}
	if n := strings.Count(out.String(), redacted); n != 8 {
		t.Errorf("%d values are redacted, want 8:\n%s", n, out.String())
	}
}

func TestLevelIsKept(t *testing.T) {
	var out bytes.Buffer
	NewLogger(&out, slog.LevelWarn).Info("x")
	if out.Len() != 0 {
		t.Errorf("an Info line at level Warn: %s", out.String())
	}
}

func TestCounters(t *testing.T) {
	c := &Counters{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.Add("b", 1)
				c.Add("a", 2)
			}
		})
	}
	wg.Wait()
	if a, b := c.Value("a"), c.Value("b"); a != 16000 || b != 8000 {
		t.Errorf("counters a, b = %d, %d, want 16000, 8000", a, b)
	}
	if got := c.LogValue().String(); got != "[a=16000 b=8000]" {
		t.Errorf("LogValue() = %s, want both, sorted", got)
	}
	var none *Counters
	none.Add("a", 1)
	if none.Value("a") != 0 || len(none.LogValue().Group()) != 0 {
		t.Error("a nil *Counters counted")
	}
}

func TestOnce(t *testing.T) {
	var o Once
	if !o.First("x") || o.First("x") || !o.First("y") {
		t.Error("First() is not true exactly once for a key")
	}
	for i := range 2000 {
		o.First(fmt.Sprint(i))
	}
	if n := len(o.seen); n != rememberedMax {
		t.Errorf("%d keys are remembered, want at most %d", n, rememberedMax)
	}
	if o.First("one more") {
		t.Error("First() = true for a key that cannot be remembered: it would be logged each time")
	}
}

func ExampleCounters() {
	var c Counters
	c.Add("events_accepted", 3)
	fmt.Println(c.LogValue())
	// Output: [events_accepted=3]
}
