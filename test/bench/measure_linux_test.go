package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/process"
)

// roleVariable makes the test binary a program under test.
const roleVariable = "BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "broken":
		fmt.Fprintln(os.Stderr, "SNS_TOPIC_ARN is not set")
		os.Exit(2)
	default:
		serve(role)
	}
}

// serve forwards each event to the far side as SNS has it; in the role "loses" it forgets every tenth.
func serve(role string) {
	var n atomic.Int64
	panic(http.ListenAndServe(os.Getenv("LISTEN"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%10 > 0 || role != "loses" {
			out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, os.Getenv("FAR"), strings.NewReader("Action=Publish&Message=m"))
			if err != nil {
				panic(err)
			}
			response, err := http.DefaultClient.Do(out)
			if err != nil {
				panic(err)
			}
			_ = response.Body.Close()
		}
		w.WriteHeader(http.StatusNoContent)
	})))
}

func newTestStage(t *testing.T) *stage {
	t.Helper()
	cpus, err := process.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStage(t.Context(), t.TempDir(), cpus[0], 2048) // larger keys take long to make
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.folder); !os.IsNotExist(err) {
			t.Errorf("the folder of the service key is still there (%v)", err)
		}
	})
	return s
}

func (s *stage) test(t *testing.T, role string) program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program{name: role, path: self, environment: []string{roleVariable + "=" + role, "FAR=" + s.fake.URL()}, listen: listenVariable}
}

func TestMeasureAProgram(t *testing.T) {
	s := newTestStage(t)
	f, err := s.measure(t.Context(), s.test(t, "delivers"), options{measure: 500 * time.Millisecond, clients: 4}, true)
	if err != nil {
		t.Fatal(err)
	}
	if f.EventsPerSecond <= 0 || f.EventsPerCPUSecond < f.EventsPerSecond/2 || f.EventsPerCall != 1 {
		t.Errorf("figures = %+v, want events, one a call", f)
	}
	if f.P50 <= 0 || f.P99 < f.P50 || f.OneP50 <= 0 || f.OneP99 < f.OneP50 {
		t.Errorf("figures = %+v, want latencies in rising order", f)
	}
	if f.Idle < 1 || f.Peak < f.Idle || f.Binary < 1 || f.LoadCPU <= 0 {
		t.Errorf("figures = %+v, want memory, the binary's size and what the load took", f)
	}
	took, err := s.measureStart(t.Context(), s.test(t, "delivers"), 2)
	if err != nil || took <= 0 || took > 10_000 {
		t.Errorf("measureStart = %v ms, %v", took, err)
	}
}

// TestLostEventsProveNothing: whatever a program answers, its figures count only if its events arrived.
func TestLostEventsProveNothing(t *testing.T) {
	s := newTestStage(t)
	p := s.test(t, "loses")
	if f, err := s.measure(t.Context(), p, options{measure: 100 * time.Millisecond, clients: 2}, true); err == nil || !strings.Contains(err.Error(), "these figures prove nothing") {
		t.Errorf("measure = %+v, %v; want that events did not arrive", f, err)
	}
	if _, err := s.measure(t.Context(), p, options{measure: 100 * time.Millisecond, clients: 2}, false); err != nil {
		t.Errorf("measure of a program that delivers nothing = %v", err)
	}
}

func TestProgramThatDoesNotStartSaysWhy(t *testing.T) {
	s := newTestStage(t)
	p := s.test(t, "broken")
	start := time.Now()
	_, _, err := s.start(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "SNS_TOPIC_ARN is not set") {
		t.Errorf("start = %v, want the program's last words", err)
	}
	if took := time.Since(start); took > startLimit/2 {
		t.Errorf("it took %v to see that the program ended", took)
	}
	p.path = filepath.Join(s.bin, "absent")
	if _, err := s.measure(t.Context(), p, options{}, true); !os.IsNotExist(err) {
		t.Errorf("measure of a program that does not exist = %v", err)
	}
}

// TestProgramsAreConfigured holds what the programs get: ours a binding and no credentials of AWS, the plain ones the reverse.
func TestProgramsAreConfigured(t *testing.T) {
	s := newTestStage(t)
	key, err := os.ReadFile(s.keyPath())
	if err != nil || !bytes.Contains(key, []byte(s.fake.URL())) {
		t.Errorf("the service key does not name the far side (%v)", err)
	}
	for _, v := range services() {
		ours, plain := s.function(v, sapIdentity), s.plain(v)
		if !slices.Contains(ours.environment, "DESTINATION_NAME="+sapIdentity) || strings.Contains(strings.Join(ours.environment, " "), "AWS_SECRET") {
			t.Errorf("%s gets %q", ours.name, ours.environment)
		}
		if !strings.Contains(strings.Join(plain.environment, " "), "AWS_SECRET_ACCESS_KEY=") || !slices.Contains(plain.environment, v.plainSettings[0]) {
			t.Errorf("%s gets %q", plain.name, plain.environment)
		}
		if filepath.Dir(ours.path) != s.bin || filepath.Base(plain.path) != v.plain {
			t.Errorf("programs %s and %s, want those in %s", ours.path, plain.path, s.bin)
		}
	}
}
