package aws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// program is the real aws-lambda-go program, built for a test.
func program(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "bootstrap")
	build := exec.CommandContext(tb.Context(), "go", "build", "-tags", "lambda.norpc", "-o", path, "github.com/trustbridge/trustbridge/test/local/cmd/lambda-echo")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build lambda-echo: %v\n%s", err, out)
	}
	return path
}

// TestPrograms runs real children behind the SDK, in real time. What environments do is tested beside them.
func TestPrograms(t *testing.T) {
	path := program(t)
	goroutines := runtime.NumGoroutine()
	s := New(Config{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := lambda.New(lambda.Options{
		Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(s.Seed().AccessKeyID, s.Seed().SecretAccessKey, ""), HTTPClient: server.Client(), RetryMaxAttempts: 1,
	})
	create := func(handler string, o FunctionOptions) string {
		o.Path, o.HandlerName = path, handler
		return must(s.CreateFunction(handler, o))(t)
	}
	invoke := func(t *testing.T, arn, payload string) *lambda.InvokeOutput {
		t.Helper()
		out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, Payload: []byte(payload), LogType: types.LogTypeTail})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pid := 0
	t.Run("answers", func(t *testing.T) {
		if out := invoke(t, create("echo", FunctionOptions{}), `{"order":7.10}`); string(out.Payload) != `{"order":7.10}` {
			t.Errorf("Invoke = %s, want the payload", out.Payload)
		}
		out := invoke(t, create("cloudevent", FunctionOptions{}), `{"order":7}`)
		var event struct{ SpecVersion, Type string }
		if err := json.Unmarshal(out.Payload, &event); err != nil || event.SpecVersion != "1.0" || event.Type != "trustbridge.echoed" {
			t.Errorf("Invoke = %s, %v, want a CloudEvent", out.Payload, err)
		}
	})
	t.Run("environment", func(t *testing.T) {
		arn := create("describe", FunctionOptions{Environment: map[string]string{"TABLE": "orders"}, MemoryMB: 256, Timeout: 30 * time.Second})
		version := must(s.PublishVersion(arn))(t)
		out := invoke(t, must(s.CreateAlias(arn, "blue", version))(t), `1`)
		var seen struct {
			Environment []string
			ARN         string
			PID         int
		}
		if err := json.Unmarshal(out.Payload, &seen); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(seen.Environment, "\n")
		for _, want := range []string{"TABLE=orders", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_VERSION=1", "AWS_REGION=eu-central-1"} {
			if !strings.Contains(all, want) {
				t.Errorf("environment = %s, want %s", all, want)
			}
		}
		if strings.Contains(all, "PATH=") || seen.ARN != arn+":blue" || *out.ExecutedVersion != "1" {
			t.Errorf("environment = %s, ARN %s, version %s, want nothing of the parent and the alias's", all, seen.ARN, *out.ExecutedVersion)
		}
		pid = seen.PID
	})
	t.Run("failures", func(t *testing.T) {
		for handler, want := range map[string]string{
			"fail": `{"errorMessage":"the order is not known","errorType":"errorString"}`, "panic": `{"errorMessage":"the order is impossible","errorType":"string"`,
			"exit": `exited with error: exit status 3"}`,
		} {
			arn := create(handler, FunctionOptions{Concurrency: 1})
			for range 2 {
				if out := invoke(t, arn, `1`); out.StatusCode != 200 || *out.FunctionError != "Unhandled" || !strings.Contains(string(out.Payload), want) {
					t.Errorf("%s: Invoke = %d %s, want a function error %s", handler, out.StatusCode, out.Payload, want)
				}
			}
		}
	})
	t.Run("log", func(t *testing.T) {
		arn := create("talk", FunctionOptions{})
		log := decoded(t, *invoke(t, arn, `7`).LogResult)
		if !strings.Contains(log, "before 7\nafter 7\nEND RequestId: ") || !strings.HasPrefix(log, "START RequestId: ") {
			t.Errorf("log = %s, want what it wrote before and after its answer", log)
		}
		log = decoded(t, *invoke(t, arn, `"`+strings.Repeat("x", 9000)+`"`).LogResult)
		if len(log) != 4096 || !strings.Contains(log, "REPORT RequestId: ") || strings.Contains(log, "START") {
			t.Errorf("log has %d bytes, want the last 4096", len(log))
		}
	})
	t.Run("event", func(t *testing.T) {
		if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("echo"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`8`)}); err != nil {
			t.Fatal(err)
		}
		runs, err := s.WaitInvocations(t.Context(), s.functionARN("echo"), 2)
		if err != nil || string(runs[1].Payload) != "8" || runs[1].Type != "Event" || runs[1].ErrorType != "" {
			t.Errorf("runs = %+v, %v, want the event's", runs, err)
		}
	})
	server.CloseClientConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	server.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("signal to a program after Close = %v, want it gone", err)
	}
	for range 200 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, want %d:\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// BenchmarkInvoke is the stand-in's whole work for signed invocations of a kilobyte; the client's signing is not part of it.
func BenchmarkInvoke(b *testing.B) {
	body := `"` + strings.Repeat("x", 1022) + `"`
	for name, o := range map[string]FunctionOptions{"handler": {Handler: echoes, Concurrency: 64}, "program": {Path: program(b), Concurrency: 64}} {
		for _, kind := range []string{"RequestResponse", "Event"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				s := newServer(b, Config{})
				if _, err := s.CreateFunction("orders", o); err != nil {
					b.Fatal(err)
				}
				r := httptest.NewRequest(http.MethodPost, "http://aws.test/2015-03-31/functions/orders/invocations", strings.NewReader(body))
				r.Header.Set("X-Amz-Invocation-Type", kind)
				if err := v4.NewSigner().SignHTTP(context.Background(), s.Seed(), r, hexSum([]byte(body)), "lambda", "eu-central-1", time.Now()); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						again := r.Clone(context.Background())
						again.Body = readCloser{strings.NewReader(body)}
						w := httptest.NewRecorder()
						if s.ServeHTTP(w, again); w.Code > http.StatusAccepted {
							b.Errorf("status = %d %s", w.Code, w.Body)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}
