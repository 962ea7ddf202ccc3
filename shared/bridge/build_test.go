package bridge

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// built makes the rooms of a function in a bubble, around a sink, and closes them when the test ends: what a room leaves
// running then fails the test.
func built(t *testing.T, sink forward.Sink, changes map[string]string) (*server, Target, *virtual.Log) {
	t.Helper()
	environment := startable(t)
	maps.Copy(environment, changes)
	var config Config
	var target Target
	f := Function{Name: "fn", Settings: &own{}, NewSink: func(given Target) forward.Sink { target = given; return sink }}
	if problems, _ := f.configure(&config, append(settingsOf(&config), settingsOf(f.Settings)...), environment); len(problems) > 0 {
		t.Fatal(problems)
	}
	var log virtual.Log
	s, err := f.build(t.Context(), &config, telemetry.NewLogger(&log, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s, target, &log
}

// post sends a binary event without network and returns the status of the answer.
func post(t *testing.T, s *server, changes map[string]string, body string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	for name, value := range map[string]string{"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/x", "Ce-Type": "t"} {
		r.Header.Set(name, value)
	}
	for name, value := range changes {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.health.ServeHTTP(w, r)
	return w.Code
}

// TestSettingsReachTheIngress: a setting that is read and goes nowhere would be worse than none.
func TestSettingsReachTheIngress(t *testing.T) {
	noSource := map[string]string{"Ce-Source": ""}
	batch := map[string]string{"Content-Type": "application/cloudevents-batch+json"}
	two := `[{"specversion":"1.0","id":"1","source":"/x","type":"t"},{"specversion":"1.0","id":"2","source":"/x","type":"t"}]`
	for name, tc := range map[string]struct {
		changes map[string]string
		headers map[string]string
		body    string
		want    int
	}{
		"defaults":                     {nil, nil, "{}", 204},
		"SUCCESS_STATUS":               {map[string]string{"SUCCESS_STATUS": "202"}, nil, "{}", 202},
		"without DEFAULT_SOURCE":       {nil, noSource, "{}", 400},
		"DEFAULT_SOURCE":               {map[string]string{"DEFAULT_SOURCE": "/d"}, noSource, "{}", 204},
		"DEFAULT_SOURCE beside STRICT": {map[string]string{"DEFAULT_SOURCE": "/d", "STRICT": "true"}, noSource, "{}", 400},
		"event over the default":       {nil, nil, `"` + strings.Repeat("x", 1<<20) + `"`, 413},
		"MAX_EVENT_BYTES":              {map[string]string{"MAX_EVENT_BYTES": "2MiB"}, nil, `"` + strings.Repeat("x", 1<<20) + `"`, 204},
		"batch":                        {nil, batch, two, 204},
		"MAX_BATCH_EVENTS":             {map[string]string{"MAX_BATCH_EVENTS": "1"}, batch, two, 413},
		"MAX_BODY_BYTES":               {map[string]string{"MAX_BODY_BYTES": "1KiB", "MAX_EVENT_BYTES": "1KiB"}, batch, two + strings.Repeat(" ", 1<<10), 413},
	} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				s, _, _ := built(t, &slow{}, tc.changes)
				if got := post(t, s, tc.headers, tc.body); got != tc.want {
					t.Errorf("POST = %d, want %d", got, tc.want)
				}
			})
		})
	}
}

// reader is a sink that keeps the data of the last event.
type reader struct {
	slow
	data string
}

func (r *reader) Prepare(e *event.Event, _ string) (forward.Item, error) {
	r.data = string(e.Data())
	return forward.Item{Size: 1}, nil
}

func TestUnwrappingIsConfigured(t *testing.T) {
	const wrapped, bare = `{"data":{"a":1},"header":{"x":"1"}}`, `{"a":1}`
	for value, want := range map[string]string{"always": bare, "never": wrapped} {
		virtual.Run(t, func(t *testing.T) {
			sink := &reader{}
			s, _, _ := built(t, sink, map[string]string{"EVENT_HUB_UNWRAP": value})
			if status := post(t, s, map[string]string{"Ce-Sapconsumertenant": "t"}, wrapped); status != 204 || sink.data != want {
				t.Errorf("EVENT_HUB_UNWRAP=%s: POST = %d and the data %s, want 204 and %s", value, status, sink.data, want)
			}
		})
	}
}

// singly is a sink that takes one item a call, and a minute for it.
type singly struct {
	slow
	mu  sync.Mutex
	now int
}

func (*singly) Limits() forward.Limits { return forward.Limits{Items: 1} }

func (s *singly) Send(ctx context.Context, items []forward.Item) []error {
	s.mu.Lock()
	s.now++
	s.mu.Unlock()
	return s.slow.Send(ctx, items)
}

// TestSettingsReachTheQueue: of five senders, QUEUE_EVENTS are let in and BATCH_SLOTS are served at once; those who wait are
// answered when REQUEST_TIMEOUT is over, less a second.
func TestSettingsReachTheQueue(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		sink := &singly{slow: slow{after: time.Minute}}
		s, _, _ := built(t, sink, map[string]string{"QUEUE_EVENTS": "4", "MAX_BATCH_EVENTS": "4", "BATCH_SLOTS": "3", "REQUEST_TIMEOUT": "5s"})
		began := time.Now()
		statuses := map[int]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				status := post(t, s, nil, "{}")
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		synctest.Wait()
		sink.mu.Lock()
		if sink.now != 3 {
			t.Errorf("%d calls at once, want BATCH_SLOTS", sink.now)
		}
		sink.mu.Unlock()
		wg.Wait()
		if took := time.Since(began); statuses[429] != 1 || statuses[503] != 4 || took != 4*time.Second {
			t.Errorf("statuses %v after %v, want one 429, and four 503 after 4s", statuses, took)
		}
	})
}

// heavy is a sink of items of 3 MiB.
type heavy struct{ slow }

func (*heavy) Prepare(*event.Event, string) (forward.Item, error) {
	return forward.Item{Size: 3 << 20}, nil
}

func TestBytesOfTheQueueAreConfigured(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s, _, _ := built(t, &heavy{slow{after: time.Second}}, map[string]string{"QUEUE_BYTES": "4MiB"})
		var first sync.WaitGroup
		first.Go(func() {
			if status := post(t, s, nil, "{}"); status != 204 {
				t.Errorf("POST = %d, want 204", status)
			}
		})
		synctest.Wait()
		if status := post(t, s, nil, "{}"); status != 429 {
			t.Errorf("POST of what does not fit beside the first = %d, want 429", status)
		}
		first.Wait()
	})
}

func TestSettingsReachTheTarget(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		_, target, _ := built(t, &slow{}, map[string]string{"AWS_CALL_TIMEOUT": "3s", "BATCH_SLOTS": "5", "AWS_REGION": "eu-west-1"})
		client, ok := target.AWS.HTTPClient.(*awshttp.BuildableClient)
		if !ok || client.GetTimeout() != 3*time.Second || client.GetTransport().MaxIdleConnsPerHost < 5 {
			t.Errorf("the client of AWS is %v, want AWS_CALL_TIMEOUT an attempt and a connection a slot", target.AWS.HTTPClient)
		}
		if target.AWS.Credentials != target.Session.Credentials() {
			t.Errorf("the credentials are %v, want the session's", target.AWS.Credentials)
		}
		if target.AWS.Region != "eu-west-1" || target.Counters == nil {
			t.Errorf("region %q, counters %v; want AWS_REGION and a place to count", target.AWS.Region, target.Counters)
		}
	})
}

// TestIdentitySignsInAtOnce: the first event should find credentials, and an operator should not have to wait for it to
// learn that there are none.
func TestIdentitySignsInAtOnce(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s, _, log := built(t, &slow{}, map[string]string{"DESTINATION_SERVICE_KEY_PATH": "/no/such/file"})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.identity.run(ctx) })
		time.Sleep(time.Minute)
		cancel()
		running.Wait()
		if n := strings.Count(log.String(), "cannot sign in to aws yet"); n != 1 || !strings.Contains(log.String(), "/no/such/file") {
			t.Errorf("the log says %d times that it cannot sign in, want once, and why:\n%s", n, log.String())
		}
	})
}
