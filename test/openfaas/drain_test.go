package openfaas

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas/faas-provider/types"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/openfaas/manifest"
)

// lag is how long requests still go to a pod that was told to end; stack.yml's DRAIN_DELAY is above it.
const lag = time.Second

// load sends events to all functions from several senders, with a pause after each, until stop is called.
type load struct {
	mu       sync.Mutex // guards what follows
	answered map[string][]string
	failed   map[string]int
	last     reply
	senders  sync.WaitGroup
	cancel   context.CancelFunc
}

func (s *stage) startLoad(name string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{answered: map[string][]string{}, failed: map[string]int{}, cancel: cancel}
	for _, function := range local.Functions() {
		for sender := range 4 {
			l.senders.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					id := fmt.Sprintf("%s-%s-%d-%d", name, function, sender, n)
					r, err := s.try(context.Background(), http.MethodPost, "/function/"+function, map[string]string{
						"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": id, "Ce-Source": "/erp/orders", "Ce-Type": "order.changed.v1",
					}, `{"order":1}`)
					l.take(function, id, r, err)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
	}
	return l
}

func (l *load) take(function, id string, r reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || r.status/100 != 2 {
		l.failed[function]++
		l.last = r
		return
	}
	l.answered[function] = append(l.answered[function], id)
}

func (l *load) stop() {
	l.cancel()
	l.senders.Wait()
}

// updateAll deploys the functions anew, at the same time.
func (s *stage) updateAll(t *testing.T, settings ...string) {
	t.Helper()
	var all []types.FunctionDeployment
	for _, name := range local.Functions() {
		all = append(all, s.deployment(t, name, settings...))
	}
	var updates sync.WaitGroup
	for _, d := range all {
		updates.Go(func() {
			if _, err := s.client.Update(context.Background(), d); err != nil {
				t.Errorf("update %s: %v", d.Service, err)
			}
		})
	}
	updates.Wait()
}

// drain updates all functions while events come in: each is answered as a success, and has arrived.
func (s *stage) drain(t *testing.T) {
	old, err := s.provider.Resolve("publish-sns")
	if err != nil {
		t.Fatal(err)
	}
	l := s.startLoad("drain")
	var watching sync.WaitGroup
	var unready, served bool
	stop := make(chan struct{})
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if r, err := http.Get("http://" + old.Host + ":" + manifest.Port + manifest.Ready); err == nil {
				unready = unready || r.StatusCode == http.StatusServiceUnavailable
				_ = r.Body.Close()
			}
			if r, err := http.Get("http://" + old.Host + ":" + manifest.Port + manifest.Health); err == nil {
				served = served || unready && r.StatusCode == http.StatusOK
				_ = r.Body.Close()
			}
		}
	})
	s.provider.SetLag(lag)
	s.updateAll(t)
	s.provider.SetLag(0)
	l.stop()
	close(stop)
	watching.Wait()
	if !unready || !served {
		t.Errorf("the pod that was told to end said that it is not ready: %t, and that it lives then: %t; want both", unready, served)
	}
	for _, function := range local.Functions() {
		ids := l.answered[function]
		arrived := s.waitFor(t, function, ids...)
		missing := 0
		for _, id := range ids {
			if !arrived[id] {
				missing++
			}
		}
		if l.failed[function] > 0 || missing > 0 || len(ids) < 20 {
			t.Errorf("%s: %d events failed (the last: %v), %d of %d did not arrive; want none, of 20 at least", function, l.failed[function], l.last, missing, len(ids))
		}
		say(t, "%-15s updated under load: %d events sent, %d failed, %d in the %s", function, len(ids)+l.failed[function], l.failed[function], len(ids)-missing, farEnd(function))
	}
}

// noDelay is the counter-check: it fails if drain would not notice a loss.
func (s *stage) noDelay(t *testing.T) {
	s.updateAll(t, "DRAIN_DELAY", "0s")
	l := s.startLoad("no-delay")
	s.provider.SetLag(lag)
	s.updateAll(t)
	s.provider.SetLag(0)
	l.stop()
	for _, function := range local.Functions() {
		if l.failed[function] == 0 {
			t.Errorf("%s: nothing failed without DRAIN_DELAY", function)
		}
	}
	say(t, "without DRAIN_DELAY: %v failed", l.failed)
}

// grace has a request under way that never ends by itself: its sender is told to send again before the platform kills.
func (s *stage) grace(t *testing.T) {
	const grace = 5 * time.Second // 30 s are stack.yml's, and too long to wait for
	s.update(t, "invoke-lambda", "GRACE", grace.String(), "DRAIN_DELAY", "1s")
	before := len(s.provider.Ends())
	type outcome struct {
		reply
		err error
		at  time.Time
	}
	answered := make(chan outcome, 1)
	go func() {
		r, err := s.try(context.Background(), http.MethodPost, "/function/invoke-lambda", map[string]string{"Content-Type": "application/cloudevents+json"},
			`{"specversion":"1.0","id":"held","source":"/erp/orders","type":"`+hold+`"}`)
		answered <- outcome{r, err, time.Now()}
	}()
	select {
	case <-s.holding:
	case o := <-answered:
		t.Fatalf("answer = %v, %v before the Lambda function ran", o.reply, o.err)
	}
	told := time.Now()
	s.update(t, "invoke-lambda")
	o := <-answered
	if took := o.at.Sub(told); o.err != nil || o.status != http.StatusServiceUnavailable || o.header.Get("Retry-After") == "" || took > grace {
		t.Errorf("answer %v after SIGTERM = %v, %v; want 503 with Retry-After within %v", took, o.reply, o.err, grace)
	}
	within(t, 10*time.Second, "the pod ends", func() bool {
		for _, e := range s.provider.Ends()[before:] {
			if e.Function == "invoke-lambda" && e.Took > 2*time.Second && e.Took < grace {
				return true
			}
		}
		return false
	})
	say(t, "a request that does not end: answered %d and Retry-After %s, %.1f s after SIGTERM (GRACE %v)", o.status, o.header.Get("Retry-After"), o.at.Sub(told).Seconds(), grace)
}

// slow has a target that does not answer: the sender is told to send again before its own patience, and the gateway's, ends.
func (s *stage) slow(t *testing.T) {
	const most = 2 * time.Second // 25 s are stack.yml's
	s.update(t, "invoke-lambda", "REQUEST_TIMEOUT", most.String())
	began := time.Now()
	r := s.send(t, "/function/invoke-lambda", map[string]string{"Content-Type": "application/cloudevents+json"},
		`{"specversion":"1.0","id":"slow","source":"/erp/orders","type":"`+hold+`"}`)
	if took := time.Since(began); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || took > most {
		t.Errorf("answer after %v = %v, want 503 with Retry-After within %v", took, r, most)
	}
	s.update(t, "invoke-lambda")
}

// ends looks at every pod that has ended: in time, well, and without having written anything.
func (s *stage) ends(t *testing.T) {
	d := s.deployment(t, "publish-sns")
	delay, err := time.ParseDuration(d.EnvVars["DRAIN_DELAY"])
	if err != nil {
		t.Fatal(err)
	}
	within(t, manifest.Grace, "all pods but the last end", func() bool { return len(s.provider.Ends()) >= 14 })
	full, peak := 0, map[string]int64{}
	for _, e := range s.provider.Ends() {
		if e.Code != 0 || e.Took >= manifest.Grace || len(e.Written) > 0 {
			t.Errorf("%s ended with %d after %v, wrote %v; want 0 before %v and nothing", e.Function, e.Code, e.Took, e.Written, manifest.Grace)
		}
		if e.Took >= delay {
			full++
		}
		peak[e.Function] = max(peak[e.Function], e.Peak)
	}
	if full < 8 {
		t.Errorf("%d pods served on for the %v of stack.yml, want the 8 that were ended with it", full, delay)
	}
	say(t, "%d pods ended with 0; those with DRAIN_DELAY %v served on for it", len(s.provider.Ends()), delay)
	for _, name := range local.Functions() {
		limit := s.deployment(t, name).Limits.Memory
		most, err := strconv.ParseInt(strings.TrimSuffix(limit, "Mi"), 10, 64)
		if err != nil || peak[name] == 0 || peak[name] >= most<<20/2 {
			t.Errorf("%s took %d MiB under load (%v), want less than half of its limit %s", name, peak[name]>>20, err, limit)
		}
		say(t, "%-15s took %d MiB at most, of its %s", name, peak[name]>>20, limit)
	}
}
