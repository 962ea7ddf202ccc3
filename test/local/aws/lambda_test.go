package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

func (l *lab) lambda(c sdkaws.Credentials) *lambda.Client { return lambda.NewFromConfig(l.config(c)) }

// echoes answers the payload.
func echoes(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

// fails fails, as an aws-lambda-go program does.
func fails(context.Context, []byte) ([]byte, error) { return nil, errors.New("no such order") }

// statusOf is the HTTP status behind an SDK call's error, 0 if none.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

func TestInvokeNames(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		if want := "arn:aws:lambda:eu-central-1:111122223333:function:orders"; arn != want {
			t.Fatalf("CreateFunction = %s, want %s", arn, want)
		}
		version := must(l.PublishVersion(arn))(t)
		alias := must(l.CreateAlias(arn, "blue", version))(t)
		for _, tt := range []struct{ name, qualifier, version, invoked string }{
			{"orders", "", "$LATEST", arn},
			{arn, "", "$LATEST", arn},
			{"111122223333:function:orders", "", "$LATEST", arn},
			{"function:orders", "", "$LATEST", arn},
			{"orders:$LATEST", "", "$LATEST", arn + ":$LATEST"},
			{"orders", "$LATEST", "$LATEST", arn + ":$LATEST"},
			{"orders", "1", "1", arn + ":1"},
			{"orders", "blue", "1", alias},
			{"orders:blue", "", "1", alias},
			{"orders:blue", "blue", "1", alias},
			{alias, "", "1", alias},
			{"111122223333:function:orders:blue", "", "1", alias},
		} {
			in := &lambda.InvokeInput{FunctionName: &tt.name, Payload: []byte(`{"order":7.10}`)}
			if tt.qualifier != "" {
				in.Qualifier = &tt.qualifier
			}
			out, err := l.lambda(l.Seed()).Invoke(t.Context(), in)
			if err != nil {
				t.Errorf("Invoke(%s, %s) = %v", tt.name, tt.qualifier, err)
				continue
			}
			if *out.ExecutedVersion != tt.version || string(out.Payload) != `{"order":7.10}` || out.FunctionError != nil || out.StatusCode != 200 || out.LogResult != nil {
				t.Errorf("Invoke(%s, %s) = %+v, want version %s and the payload", tt.name, tt.qualifier, out, tt.version)
			}
			runs := l.Invocations(arn)
			if last := runs[len(runs)-1]; last.ARN != tt.invoked || last.Version != tt.version || last.Type != "RequestResponse" || last.Attempt != 1 {
				t.Errorf("Invoke(%s, %s) ran %+v, want %s", tt.name, tt.qualifier, last, tt.invoked)
			}
			requests := l.Requests()
			if last := requests[len(requests)-1]; last.Service != "lambda" || last.Action != "Invoke" || last.Resource != tt.invoked || last.Effect != "invoked 1" {
				t.Errorf("record = %+v, want an Invoke of %s", last, tt.invoked)
			}
		}
		must(l.CreateAlias(arn, "blue", "$LATEST"))(t)
		if out, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &alias}); err != nil || *out.ExecutedVersion != "$LATEST" || string(out.Payload) != "{}" {
			t.Errorf("Invoke of the alias without a payload = %+v, %v, want $LATEST and {}", out, err)
		}
	})
}

func TestInvokeRefusals(t *testing.T) {
	big := func(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }
	const missing = "Function not found: arn:aws:lambda:eu-central-1:111122223333:function:"
	for _, tt := range []struct {
		name   string
		status int
		code   string
		text   string
		change func(*lambda.InvokeInput)
	}{
		{"unknown function", 404, "ResourceNotFoundException", missing + "other:$LATEST", func(in *lambda.InvokeInput) { in.FunctionName = new("other") }},
		{"unknown alias", 404, "ResourceNotFoundException", missing + "orders:green", func(in *lambda.InvokeInput) { in.Qualifier = new("green") }},
		{"unknown version", 404, "ResourceNotFoundException", missing + "orders:7", func(in *lambda.InvokeInput) { in.FunctionName = new("orders:7") }},
		{"other account", 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-central-1:999999999999:function:orders:$LATEST", func(in *lambda.InvokeInput) { in.FunctionName = new("999999999999:function:orders") }},
		{"other region", 404, "ResourceNotFoundException", "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')", func(in *lambda.InvokeInput) {
			in.FunctionName = new("arn:aws:lambda:us-east-1:111122223333:function:orders")
		}},
		{"two qualifiers", 400, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.", func(in *lambda.InvokeInput) {
			in.FunctionName, in.Qualifier = new("orders:1"), new("2")
		}},
		{"name that is none", 400, "ValidationException", "stand-in: the function is neither a name nor an ARN nor a partial ARN", func(in *lambda.InvokeInput) { in.FunctionName = new("a b") }},
		{"long name", 400, "ValidationException", "stand-in: the function is neither a name nor an ARN nor a partial ARN", func(in *lambda.InvokeInput) { in.FunctionName = new(strings.Repeat("a", 171)) }},
		{"qualifier that is none", 400, "ValidationException", "stand-in: the Qualifier is neither an alias nor a version", func(in *lambda.InvokeInput) { in.Qualifier = new("a b") }},
		{"no JSON", 400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: …", func(in *lambda.InvokeInput) { in.Payload = []byte(`{"order":`) }},
		{"no UTF-8", 400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: …", func(in *lambda.InvokeInput) { in.Payload = []byte("\"\xff\"") }},
		{"event that is no JSON", 400, "InvalidRequestContentException", "Could not parse request body into json: …", func(in *lambda.InvokeInput) {
			in.InvocationType, in.Payload = types.InvocationTypeEvent, []byte(`x`)
		}},
		{"too large", 413, "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation", func(in *lambda.InvokeInput) { in.Payload = big(6_291_456) }},
		{"event too large", 413, "RequestEntityTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)", func(in *lambda.InvokeInput) {
			in.InvocationType, in.Payload = types.InvocationTypeEvent, big(1_048_577)
		}},
		{"other type", 400, "InvalidParameterValueException", "stand-in: the invocation type must be Event, RequestResponse or DryRun", func(in *lambda.InvokeInput) { in.InvocationType = "Later" }},
		{"other log type", 400, "InvalidParameterValueException", "stand-in: the log type must be None or Tail", func(in *lambda.InvokeInput) { in.LogType = "All" }},
		{"client context", 400, "InvalidRequestContentException", "stand-in: the client context must be JSON in base64, at most 3583 bytes", func(in *lambda.InvokeInput) { in.ClientContext = new("e30") }},
		{"long client context", 400, "InvalidRequestContentException", "stand-in: the client context must be JSON in base64, at most 3583 bytes", func(in *lambda.InvokeInput) {
			in.ClientContext = new(base64.StdEncoding.EncodeToString(big(2_688)))
		}},
		{"tenant", 400, "InvalidParameterValueException", "stand-in: header X-Amz-Tenant-Id is not here, or there twice", func(in *lambda.InvokeInput) { in.TenantId = new("x") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
				in := &lambda.InvokeInput{FunctionName: new("orders"), Payload: []byte(`{}`)}
				tt.change(in)
				_, err := l.lambda(l.Seed()).Invoke(t.Context(), in)
				refused(t, err, tt.code, tt.text)
				if got := statusOf(err); got != tt.status {
					t.Errorf("status = %d, want %d", got, tt.status)
				}
				time.Sleep(time.Hour)
				if n := l.InvocationCount(arn); n != 0 {
					t.Errorf("%d invocations ran, want none", n)
				}
			})
		})
	}
}

func TestInvokeAtTheLimit(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		for kind, n := range map[types.InvocationType]int{types.InvocationTypeRequestResponse: 6_291_455, types.InvocationTypeEvent: 1_048_576} {
			payload := []byte(`"` + strings.Repeat("x", n-2) + `"`)
			if _, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, InvocationType: kind, Payload: payload}); err != nil {
				t.Errorf("Invoke %s of %d bytes = %v, want it accepted", kind, n, err)
			}
		}
		clientContext := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"` + strings.Repeat("v", 2_666-2) + `"}}`))
		if _, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, ClientContext: &clientContext}); err != nil || len(clientContext) > 3583 || len(clientContext) < 3579 {
			t.Errorf("Invoke with a client context of %d bytes = %v, want it accepted", len(clientContext), err)
		}
		time.Sleep(time.Second)
		if n := l.InvocationCount(arn); n != 3 {
			t.Errorf("%d invocations ran, want 3", n)
		}
	})
}

func TestFunctionsAreChecked(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		fifo := must(l.CreateFIFOQueue("dead.fifo", FIFOOptions{}))(t)
		got := map[string]string{}
		for name, o := range map[string]FunctionOptions{
			"a b":        {Handler: echoes},
			"none":       {},
			"both":       {Handler: echoes, Path: "/bin/true"},
			"no-program": {Path: t.TempDir() + "/bootstrap"},
			"folder":     {Path: t.TempDir()},
			"long":       {Handler: echoes, Timeout: 901 * time.Second},
			"fraction":   {Handler: echoes, Timeout: 1500 * time.Millisecond},
			"negative":   {Handler: echoes, Concurrency: -1},
			"reserved":   {Handler: echoes, Environment: map[string]string{"AWS_REGION": "x"}},
			"name":       {Handler: echoes, Environment: map[string]string{"a-b": "x"}},
			"large":      {Handler: echoes, Environment: map[string]string{"KEY": strings.Repeat("x", 4094)}},
			"no-queue":   {Handler: echoes, OnFailure: l.queueARN + "2"},
			"fifo-queue": {Handler: echoes, OnFailure: fifo},
		} {
			_, err := l.CreateFunction(name, o)
			got[name] = fmt.Sprint(err)
		}
		for name, want := range map[string]string{
			"a b": "a name has", "none": "either a Path or a Handler", "both": "either a Path or a Handler", "no-program": "no such file",
			"folder": "not an executable file", "long": "Timeout", "fraction": "Timeout", "negative": "Concurrency", "reserved": "AWS_REGION is reserved",
			"name": `"a-b"`, "large": "4096 bytes", "no-queue": "OnFailure", "fifo-queue": "OnFailure",
		} {
			if !strings.HasPrefix(got[name], fmt.Sprintf("create function %q: ", name)) || !strings.Contains(got[name], want) {
				t.Errorf("CreateFunction(%s) = %s, want an error about %s", name, got[name], want)
			}
		}
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		if _, err := l.CreateFunction("orders", FunctionOptions{Handler: echoes}); err == nil {
			t.Error("CreateFunction again = nil, want an error")
		}
		for _, tt := range []struct{ arn, alias, version string }{{arn + "2", "a", "$LATEST"}, {arn, "7", "$LATEST"}, {arn, "a b", "$LATEST"}, {arn, "a", "1"}} {
			if _, err := l.CreateAlias(tt.arn, tt.alias, tt.version); err == nil {
				t.Errorf("CreateAlias(%v) = nil, want an error", tt)
			}
		}
		if _, err := l.PublishVersion(arn + "2"); err == nil {
			t.Error("PublishVersion of a function that is not there = nil, want an error")
		}
		for range 2 {
			l.DeleteFunction(arn)
		}
		_, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("orders")})
		refused(t, err, "ResourceNotFoundException", "Function not found: …")
		must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		if diff := cmp.Diff(0, l.InvocationCount(arn)); diff != "" {
			t.Errorf("invocations of the new function (-want +got):\n%s", diff)
		}
	})
}
