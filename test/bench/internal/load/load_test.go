package load

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

const address = "bench:80"

func dialer(n *virtual.Network) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return n.Dial(ctx, "tcp", address) }
}

// TestLoadCountsAndMeasures: with a program that takes 1 ms for each event, every figure is known beforehand.
func TestLoadCountsAndMeasures(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		var mu sync.Mutex
		ids := map[string]bool{}
		network.Serve(t, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != Data() || r.Header.Get("Ce-Specversion") != "1.0" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("request = %v with %q, %v; want a binary-mode CloudEvent", r.Header, body, err)
			}
			mu.Lock()
			if id := r.Header.Get("Ce-Id"); id == "" || ids[id] {
				t.Errorf("the id %q came again, or is none", id)
			}
			ids[r.Header.Get("Ce-Id")] = true
			mu.Unlock()
			time.Sleep(time.Millisecond)
			w.WriteHeader(http.StatusNoContent)
		}))
		start := time.Now()
		var begin, end time.Duration
		r, err := Run(t.Context(), Options{
			Dial: dialer(&network), Clients: 4, Warmup: 100 * time.Millisecond, Measure: time.Second,
			Begin: func() { begin = time.Since(start) }, End: func() { end = time.Since(start) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if begin != 100*time.Millisecond || end != 1100*time.Millisecond {
			t.Errorf("measured from %v to %v, want from 100ms to 1.1s", begin, end)
		}
		if r.Accepted != 4*1100 || int(r.Accepted) != len(ids) {
			t.Errorf("Accepted = %d, and %d arrived, want %d", r.Accepted, len(ids), 4*1100)
		}
		if n := len(r.Latencies); n != 4*1000 || r.PerSecond() != 4000 {
			t.Errorf("%d latencies, %v events/s, want 4000 and 4000", n, r.PerSecond())
		}
		if r.Percentile(50) != time.Millisecond || r.Percentile(100) != time.Millisecond {
			t.Errorf("p50 %v, p100 %v, want 1ms", r.Percentile(50), r.Percentile(100))
		}
	})
}

func TestLoadEndsAtTheFirstRefusal(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		n := 0
		network.Serve(t, address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Millisecond)
			if n++; n == 10 {
				http.Error(w, "too much", http.StatusTooManyRequests)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		start := time.Now()
		_, err := Run(t.Context(), Options{Dial: dialer(&network), Clients: 1, Measure: time.Hour})
		if err == nil || !strings.Contains(err.Error(), "answered 429: too much") {
			t.Errorf("Run = %v, want the answer 429 and its text", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it ended after %v, want at once", took)
		}
	})
}

func TestLoadEndsWithItsContext(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		network.Serve(t, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the sender went
			<-r.Context().Done()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Run(ctx, Options{Dial: dialer(&network), Clients: 2, Measure: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want that its context ended", err)
		}
	})
}

func TestLoadSaysThatItCannotConnect(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		if _, err := Run(t.Context(), Options{Dial: dialer(&network), Clients: 2}); !errors.Is(err, virtual.ErrRefused) {
			t.Errorf("Run = %v, want connection refused", err)
		}
	})
}

func TestFirstWaitsForAListener(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		start := time.Now()
		var accepted time.Duration
		time.AfterFunc(40*time.Millisecond, func() {
			network.Serve(t, address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(5 * time.Millisecond)
				accepted = time.Since(start)
				w.WriteHeader(http.StatusNoContent)
			}))
		})
		if err := First(t.Context(), dialer(&network)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != accepted || took < 45*time.Millisecond || took > 46*time.Millisecond {
			t.Errorf("it took %v, accepted at %v, want both when the first event was accepted", took, accepted)
		}
		virtual.Settle()
	})
}

func TestFirstGivesUpWithItsContext(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var network virtual.Network
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := First(ctx, dialer(&network)); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, virtual.ErrRefused) {
			t.Errorf("First = %v, want that its time was over, and why it could not connect", err)
		}
	})
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, row := range []struct {
		latencies []time.Duration
		p         float64
		want      time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 0, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{1, 2}, 50, 1},
		{[]time.Duration{1, 2}, 51, 2},
		{[]time.Duration{1, 2, 3}, 50, 2},
		{hundred, 1, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		if got := (Result{Latencies: row.latencies}).Percentile(row.p); got != row.want {
			t.Errorf("Percentile(%v) of %d = %d, want %d", row.p, len(row.latencies), got, row.want)
		}
	}
}

func TestDataIsJSONOfItsSize(t *testing.T) {
	if len(Data()) != DataBytes || !json.Valid([]byte(Data())) {
		t.Errorf("Data() has %d bytes, want JSON of %d: %s", len(Data()), DataBytes, Data())
	}
}
