package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// program is where TestMain built the real aws-lambda-go program.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambda-echo")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(context.Background(), "go", "build", "-tags", "lambda.norpc", "-o", program,
		"github.com/trustbridge/trustbridge/test/local/cmd/lambda-echo")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build lambda-echo: %v\n%s", err, out))
	}
	m.Run()
}

// start is a function of the program, closed when the test ends.
func start(t *testing.T, handler string, change func(*Config)) *Function {
	t.Helper()
	c := Config{
		Name: "echo", Version: "$LATEST", Path: program, HandlerName: handler, Timeout: 10 * time.Second,
		Environments: 2, MemoryMB: 128, Region: "eu-central-1", Variables: map[string]string{"OWN": "1"},
	}
	if change != nil {
		change(&c)
	}
	f := New(c)
	t.Cleanup(f.Close)
	return f
}

func invoke(t *testing.T, f *Function, payload string) Outcome {
	t.Helper()
	out, err := f.Invoke(Invocation{RequestID: "request-1", ARN: "arn:f", Payload: []byte(payload), WithLog: true})
	if err != nil {
		t.Fatalf("Invoke = %v", err)
	}
	return out
}

// eventually waits in real time, which children have, until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Errorf("%s: not within 5 s", what)
}

// alive tells whether a process runs; one that ended and waits for its parent's notice does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

type description struct {
	Environment []string
	RequestID   string `json:"request_id"`
	ARN, Trace  string
	Custom      map[string]string
	LeftMS      int64 `json:"left_ms"`
	PID         int
	Payload     json.RawMessage
}

func describe(t *testing.T, f *Function, in Invocation) description {
	t.Helper()
	out, err := f.Invoke(in)
	var d description
	if err := errors.Join(err, json.Unmarshal(out.Payload, &d)); err != nil || out.Failed() {
		t.Fatalf("Invoke = %s, %v, want a description", out.Payload, err)
	}
	return d
}

func TestEcho(t *testing.T) {
	f := start(t, "echo", nil)
	for _, payload := range []string{`{"order":7.10,"text":"<ü>"}`, `null`, ` [ 1 ] `, `"` + strings.Repeat("x", 1<<20) + `"`} {
		if out := invoke(t, f, payload); string(out.Payload) != payload || out.Failed() || out.Duration <= 0 {
			t.Errorf("Invoke(%.40s) = %.40s, %q, want the payload byte for byte", payload, out.Payload, out.ErrorType)
		}
	}
}

// TestEnvironmentVariables: a program sees what Lambda and its function give it, nothing of this process.
func TestEnvironmentVariables(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the parent")
	f := start(t, "describe", func(c *Config) { c.Environments = 1 })
	in := Invocation{
		RequestID: "request-1", ARN: "arn:f:blue", Payload: []byte(`{"a":1}`), TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
		ClientContext: []byte(`{"custom":{"k":"v"}}`),
	}
	first := describe(t, f, in)
	api := ""
	for i, v := range first.Environment {
		if rest, found := strings.CutPrefix(v, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:"); found {
			api, first.Environment[i] = rest, "AWS_LAMBDA_RUNTIME_API"
		}
	}
	want := []string{
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_FUNCTION_NAME=echo", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_RUNTIME_API", "AWS_REGION=eu-central-1", "LAMBDA_TASK_ROOT=" + filepath.Dir(program), "OWN=1", "_HANDLER=describe",
		"_X_AMZN_TRACE_ID=" + in.TraceID, // set by aws-lambda-go
	}
	if diff := cmp.Diff(want, first.Environment); diff != "" || api == "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if first.RequestID != "request-1" || first.ARN != "arn:f:blue" || first.Trace != in.TraceID || first.Custom["k"] != "v" || string(first.Payload) != `{"a":1}` {
		t.Errorf("description = %+v, want what was invoked", first)
	}
	if first.LeftMS < 9_000 || first.LeftMS > 10_000 {
		t.Errorf("time left = %d ms, want just under 10 s", first.LeftMS)
	}
	second := describe(t, f, Invocation{RequestID: "request-2", ARN: "arn:f", Payload: []byte(`1`)})
	if second.PID != first.PID || second.RequestID != "request-2" || second.Trace != "" || second.Custom != nil {
		t.Errorf("second description = %+v, want the same process and nothing of the first invocation", second)
	}
}

// TestFailures: how each way to fail shows, and that the next invocation is well.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		handler, payload, errorType, document string
		survives                              bool
	}{
		{"fail", `1`, "errorString", `{"errorMessage":"the order is not known","errorType":"errorString"}`, true},
		{"panic", `1`, "string", `{"errorMessage":"the order is impossible","errorType":"string","stackTrace":[`, false},
		{"exit", `1`, "Runtime.ExitError", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: request-1 Error: Runtime exited with error: exit status 3"}`, false},
		{"init", `1`, "Runtime.ExitError", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: request-1 Error: Runtime exited with error: exit status 4"}`, false},
		{"slow", `60000`, "Sandbox.Timedout", `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: request-1 Error: Task timed out after 1.00 seconds"}`, false},
		{"broken", `1`, "errorString", `{"errorMessage":"the answer broke off","errorType":"errorString"}`, true},
		{"big", strconv.Itoa(ResponseBytesMax + 1), "Function.ResponseSizeTooLarge", `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, false},
	} {
		t.Run(tt.handler, func(t *testing.T) {
			t.Parallel()
			f := start(t, tt.handler, func(c *Config) {
				c.Environments = 1
				if tt.handler == "slow" {
					c.Timeout = time.Second
				}
			})
			for range 2 {
				out := invoke(t, f, tt.payload)
				if out.ErrorType != tt.errorType || !strings.HasPrefix(string(out.Payload), tt.document) {
					t.Errorf("Invoke = %s, %.200s, want %s, %s", out.ErrorType, out.Payload, tt.errorType, tt.document)
				}
			}
			f.mu.Lock()
			idle := len(f.idle)
			f.mu.Unlock()
			if (idle == 1) != tt.survives {
				t.Errorf("%d environments are idle after the failure, want it to survive: %v", idle, tt.survives)
			}
			switch tt.handler {
			case "slow":
				if out := invoke(t, f, `1`); string(out.Payload) != `1` {
					t.Errorf("Invoke after a timeout = %s, want an answer", out.Payload)
				}
			case "big":
				if out := invoke(t, f, strconv.Itoa(ResponseBytesMax)); len(out.Payload) != ResponseBytesMax || out.Failed() {
					t.Errorf("Invoke = %d bytes, %s, want the largest response", len(out.Payload), out.ErrorType)
				}
			}
		})
	}
}

func TestNoProgram(t *testing.T) {
	f := start(t, "echo", func(c *Config) { c.Path = filepath.Join(t.TempDir(), "bootstrap") })
	for range 3 {
		if out := invoke(t, f, `1`); out.ErrorType != "Runtime.InvalidEntrypoint" || !strings.Contains(string(out.Payload), "no such file") {
			t.Errorf("Invoke = %s, %s, want Runtime.InvalidEntrypoint", out.ErrorType, out.Payload)
		}
	}
}

// TestLog: an invocation's log has what it wrote, also after its answer, and nothing of the one before.
func TestLog(t *testing.T) {
	f := start(t, "talk", nil)
	for i := range 20 {
		out := invoke(t, f, strconv.Itoa(i))
		want := fmt.Sprintf("^START RequestId: request-1 Version: \\$LATEST\nbefore %d\nafter %d\nEND RequestId: request-1\n"+
			"REPORT RequestId: request-1\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\tMemory Size: 128 MB\t\n$", i, i)
		if !regexp.MustCompile(want).Match(out.Log) {
			t.Errorf("log %d = %s, want %s", i, out.Log, want)
		}
	}
	quiet, err := f.Invoke(Invocation{RequestID: "quiet", Payload: []byte(`100`)})
	if err != nil || quiet.Log != nil {
		t.Errorf("log = %s, %v, want none that was not asked for", quiet.Log, err)
	}
	if out := invoke(t, f, `101`); strings.Contains(string(out.Log), "100") {
		t.Errorf("log = %s, want nothing of the invocation before", out.Log)
	}
}

func TestTimeoutKillsTheGroup(t *testing.T) {
	f := start(t, "child", func(c *Config) { c.Timeout = time.Second })
	out := invoke(t, f, `"hang"`)
	pid := childOf(t, out)
	if out.ErrorType != "Sandbox.Timedout" {
		t.Errorf("Invoke = %s, want a timeout", out.Payload)
	}
	eventually(t, "the child of the program is gone", func() bool { return !alive(pid) })
}

// TestExitEndsTheGroup: a program that ends by itself takes with it what it started.
func TestExitEndsTheGroup(t *testing.T) {
	f := start(t, "child", nil)
	out := invoke(t, f, `"exit"`)
	pid := childOf(t, out)
	if want := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: request-1 Error: Runtime exited without providing a reason"}`; string(out.Payload) != want {
		t.Errorf("Invoke = %s, want %s", out.Payload, want)
	}
	eventually(t, "the child of the program is gone", func() bool { return !alive(pid) })
}

func childOf(t *testing.T, out Outcome) int {
	t.Helper()
	_, rest, _ := strings.Cut(string(out.Log), "child ")
	text, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(text)
	if err != nil || !alive(pid) && !out.Failed() {
		t.Fatalf("log = %s, want the id of a child that lives", out.Log)
	}
	return pid
}

// TestClose: no goroutine, port or process is left, of the program or of what it started.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	f := start(t, "child", nil)
	child := childOf(t, invoke(t, f, `"answer"`))
	f.mu.Lock()
	e := f.idle[0]
	f.mu.Unlock()
	pid := e.command.Process.Pid
	api := ""
	for _, v := range e.command.Env {
		if rest, found := strings.CutPrefix(v, "AWS_LAMBDA_RUNTIME_API="); found {
			api = rest
		}
	}
	f.Close()
	f.Close()
	if alive(pid) {
		t.Error("the program lives after Close")
	}
	eventually(t, "the child of the program is gone", func() bool { return !alive(child) })
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", api); err == nil {
		t.Errorf("the Runtime API still listens; closing: %v", c.Close())
	}
	eventually(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
	if _, err := f.Invoke(Invocation{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke after Close = %v, want %v", err, ErrClosed)
	}
}

func TestCloseEndsInvocations(t *testing.T) {
	f := start(t, "slow", nil)
	done := make(chan error, 1)
	go func() {
		_, err := f.Invoke(Invocation{Payload: []byte(`60000`)})
		done <- err
	}()
	eventually(t, "the program runs", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.live == 1
	})
	f.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke, closed meanwhile = %v, want %v", err, ErrClosed)
	}
}

func TestEnvironmentsAreBounded(t *testing.T) {
	f := start(t, "describe", func(c *Config) { c.Environments = 3 })
	var mu sync.Mutex
	processes := map[int]int{}
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			for range 30 {
				d := describe(t, f, Invocation{RequestID: "r", Payload: []byte(`1`)})
				mu.Lock()
				processes[d.PID]++
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if n := len(processes); n < 1 || n > 3 {
		t.Errorf("90 invocations by 3 callers ran in %d processes, want at most 3: %v", n, processes)
	}
}

// TestIdleProgramEnds: a program that ends while it waits is replaced.
func TestIdleProgramEnds(t *testing.T) {
	f := start(t, "describe", func(c *Config) { c.Environments = 1 })
	first := describe(t, f, Invocation{RequestID: "1", Payload: []byte(`1`)})
	eventually(t, "the environment is idle", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.idle) == 1
	})
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the environment is forgotten", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.live == 0
	})
	if second := describe(t, f, Invocation{RequestID: "2", Payload: []byte(`1`)}); second.PID == first.PID {
		t.Errorf("both invocations ran in process %d, want a fresh one", first.PID)
	}
}
