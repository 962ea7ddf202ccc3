package aws

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestErrorShapeOfLambda has the headers and bodies as they go over the wire.
func TestErrorShapeOfLambda(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		role := l.credentials(t, l.ask())
		ask := func(c sdkaws.Credentials, path, body string, age time.Duration) (int, string, string) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if c.AccessKeyID != "" {
				if err := v4.NewSigner().SignHTTP(t.Context(), c, r, hexSum([]byte(body)), "lambda", "eu-central-1", time.Now().Add(-age)); err != nil {
					t.Fatal(err)
				}
			}
			response, err := l.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if response.Header.Get("X-Amzn-Requestid") == "" || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: headers = %v", path, response.Header)
			}
			return response.StatusCode, response.Header.Get("X-Amzn-Errortype"), string(bytes.TrimSpace(b))
		}
		other := role
		other.AccessKeyID = "ASIAOTHEROTHEROTHER0"
		for _, tt := range []struct {
			name        string
			credentials sdkaws.Credentials
			path, body  string
			age         time.Duration
			status      int
			code, want  string
		}{
			{"unsigned", sdkaws.Credentials{}, "orders/invocations", "{}", 0, 403, "MissingAuthenticationTokenException", `{"Type":"User","message":"Request is missing Authentication Token"}`},
			{"unknown key", other, "orders/invocations", "{}", 0, 403, "UnrecognizedClientException", `{"Type":"User","message":"The security token included in the request is invalid."}`},
			{"clock", l.Seed(), "orders/invocations", "{}", 6 * time.Minute, 403, "InvalidSignatureException", `{"Type":"User","message":"Signature expired: 20261201T115400Z is now earlier than 20261201T115500Z (20261201T120000Z - 5 min.)"}`},
			{"denied", role, "orders/invocations?Qualifier=blue", "{}", 0, 403, "AccessDeniedException", `{"Message":"User: ` + l.session(t) + ` is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:eu-central-1:111122223333:function:orders:blue because no identity-based policy allows the lambda:InvokeFunction action"}`},
			{"unknown function", l.Seed(), "other/invocations", "{}", 0, 404, "ResourceNotFoundException", `{"Message":"Function not found: arn:aws:lambda:eu-central-1:111122223333:function:other:$LATEST","Type":"User"}`},
			{"no JSON", l.Seed(), "orders/invocations", "x", 0, 400, "InvalidRequestContentException", `{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: stand-in: it is not JSON in UTF-8"}`},
			{"other path", l.Seed(), "orders/configuration", "", 0, 404, "UnknownOperationException", `{"Type":"User","message":"stand-in: only POST /2015-03-31/functions/{name}/invocations with Qualifier is here"}`},
			{"other query", l.Seed(), "orders/invocations?Other=1", "", 0, 404, "UnknownOperationException", `{"Type":"User","message":"stand-in: only POST /2015-03-31/functions/{name}/invocations with Qualifier is here"}`},
		} {
			status, code, got := ask(tt.credentials, "/2015-03-31/functions/"+tt.path, tt.body, tt.age)
			if status != tt.status || code != tt.code || got != tt.want {
				t.Errorf("%s: answer = %d %s %s\nwant %d %s %s", tt.name, status, code, got, tt.status, tt.code, tt.want)
			}
		}
		must(l.Inject(Fault{Service: "lambda", Phase: Before, Kind: Throttle}))(t)
		if status, code, got := ask(l.Seed(), "/2015-03-31/functions/orders/invocations", "{}", 0); status != 429 || code != "TooManyRequestsException" ||
			got != `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}` {
			t.Errorf("throttled: answer = %d %s %s", status, code, got)
		}
	})
}

// TestScopeDecides: what is signed for another service is no call of Lambda, whatever its path says, and the reverse.
func TestScopeDecides(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		for _, tt := range []struct {
			path, service string
			status        int
			code          string
		}{
			{"/2015-03-31/functions/orders/invocations", "sns", 400, "InvalidAction"},
			{"/", "lambda", 404, "UnknownOperationException"},
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+tt.path, http.NoBody)
			if err := v4.NewSigner().SignHTTP(t.Context(), l.Seed(), r, hexSum(nil), tt.service, "eu-central-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			l.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Errortype"), tt.code) {
				t.Errorf("%s signed for %s = %d %s, want %d %s", tt.path, tt.service, w.Code, w.Body, tt.status, tt.code)
			}
		}
		if n := l.InvocationCount(arn); n != 0 {
			t.Errorf("%d invocations ran, want none", n)
		}
	})
}

// TestPathIsSigned: an ARN in the path is signed as it is escaped.
func TestPathIsSigned(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		escaped := "/2015-03-31/functions/" + strings.ReplaceAll(arn, ":", "%3A") + "/invocations"
		for path, status := range map[string]int{escaped: 200, strings.Replace(escaped, "%3A", ":", 1): 403, strings.ReplaceAll(escaped, "%3A", "%3a"): 403, escaped + "?Qualifier=$LATEST": 403} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+escaped, http.NoBody)
			if err := v4.NewSigner().SignHTTP(t.Context(), l.Seed(), r, hexSum(nil), "lambda", "eu-central-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			sent := httptest.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+path, http.NoBody)
			sent.Header = r.Header
			w := httptest.NewRecorder()
			l.ServeHTTP(w, sent)
			if w.Code != status {
				t.Errorf("%s signed as %s = %d %s, want %d", path, escaped, w.Code, w.Body, status)
			}
		}
		if n := l.InvocationCount(arn); n != 1 {
			t.Errorf("%d invocations ran, want one", n)
		}
	})
}

// session is the ARN of the session that the lab's certificate gets.
func (l *lab) session(t *testing.T) string {
	t.Helper()
	return l.send(t, l.ask()).Sets[0].AssumedRoleUser["arn"]
}

func TestInvokeNeedsPermission(t *testing.T) {
	const alias = "arn:aws:lambda:eu-central-1:111122223333:function:orders:blue"
	bare := strings.TrimSuffix(alias, ":blue")
	for _, tt := range []struct {
		name, action, resource, function string
		allowed                          bool
	}{
		{"the function", "lambda:InvokeFunction", bare, "orders", true},
		{"another", "lambda:InvokeFunction", bare + "2", "orders", false},
		{"another action", "lambda:GetFunction", bare, "orders", false},
		{"the alias", "lambda:InvokeFunction", alias, "orders:blue", true},
		{"the alias by the bare ARN", "lambda:InvokeFunction", bare, "orders:blue", false},
		{"the function by the alias's ARN", "lambda:InvokeFunction", alias, "orders", false},
		{"all aliases", "lambda:InvokeFunction", bare + ":*", "orders:blue", true},
	} {
		for _, kind := range []types.InvocationType{"RequestResponse", "Event", "DryRun"} {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
				must(l.CreateAlias(arn, "blue", "$LATEST"))(t)
				document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":%q,"Resource":%q}}`, tt.action, tt.resource)
				if err := l.PutRolePolicy(l.roleARN, "invoke", document); err != nil {
					t.Fatal(err)
				}
				_, err := l.lambda(l.credentials(t, l.ask())).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &tt.function, InvocationType: kind})
				if !tt.allowed {
					refused(t, err, "AccessDeniedException", "User: …")
				}
				time.Sleep(time.Second)
				want := 0
				if tt.allowed && kind != "DryRun" {
					want = 1
				}
				if n := l.InvocationCount(arn); (err == nil) != tt.allowed || n != want {
					t.Errorf("%s: Invoke %s = %v, %d ran, want allowed %v, %d", tt.name, kind, err, n, tt.allowed, want)
				}
			})
		}
	}
}
