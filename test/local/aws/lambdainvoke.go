package aws

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/lambda"
)

// Limits of an invocation: payloads must be smaller than the first, those of an Event at most the second; the base64 of the
// client context at most the third; and the log that is answered.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
const (
	payloadBytesBelow     = 6_291_456
	eventBytesMax         = 1_048_576
	clientContextBytesMax = 3_583
	logBytesMax           = 4_096
)

// The invocation types.
const (
	invocationSync   = "RequestResponse"
	invocationEvent  = "Event"
	invocationDryRun = "DryRun"
)

// invocationHeaders are the x-amz- headers of Invoke that are here, and those of every signed request.
func invocationHeader(name string) bool {
	switch name {
	case "X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context",
		"X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-User-Agent":
		return true
	}
	return false
}

// readInvoke reads and checks an invocation and its type.
func (s *Server) readInvoke(c *call, t target) (in lambda.Invocation, kind string, r *refusal) {
	for name, values := range c.Header {
		if strings.HasPrefix(name, "X-Amz-") && (!invocationHeader(name) || len(values) > 1) {
			return in, "", invalidInvocation("stand-in: header " + name + " is not here, or there twice")
		}
	}
	kind = c.Header.Get("X-Amz-Invocation-Type")
	if kind == "" {
		kind = invocationSync
	}
	logType := c.Header.Get("X-Amz-Log-Type")
	switch {
	case kind != invocationSync && kind != invocationEvent && kind != invocationDryRun:
		return in, "", invalidInvocation("stand-in: the invocation type must be Event, RequestResponse or DryRun")
	case logType != "" && logType != "None" && logType != "Tail":
		return in, "", invalidInvocation("stand-in: the log type must be None or Tail")
	}
	in = lambda.Invocation{
		RequestID: c.id, ARN: t.qualified(), Payload: c.body, WithLog: logType == "Tail" && kind == invocationSync,
		TraceID: c.Header.Get("X-Amzn-Trace-Id"),
	}
	if in.TraceID == "" {
		in.TraceID = newTrace(c.started.Unix())
	}
	if in.ClientContext, r = clientContext(c.Header.Get("X-Amz-Client-Context")); r != nil {
		return in, "", r
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}")
	}
	switch {
	case len(in.Payload) >= payloadBytesBelow:
		return in, "", &refusal{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLargeException",
			text: fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", payloadBytesBelow)}
	case kind == invocationEvent && len(in.Payload) > eventBytesMax:
		return in, "", &refusal{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLargeException",
			text: fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", len(in.Payload), eventBytesMax)}
	case !json.Valid(in.Payload) || !utf8.Valid(in.Payload):
		return in, "", &refusal{status: http.StatusBadRequest, code: "InvalidRequestContentException",
			text: "Could not parse request body into json: Could not parse payload into json: stand-in: it is not JSON in UTF-8"}
	}
	return in, kind, nil
}

// newTrace is the X-Ray header that Lambda makes where the caller sends none.
// Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
func newTrace(unix int64) string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("Root=1-%08x-%s;Sampled=0", unix, hex.EncodeToString(b))
}

// clientContext is the JSON in the header, nil if there is none.
func clientContext(header string) ([]byte, *refusal) {
	if header == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(header) > clientContextBytesMax || !json.Valid(b) {
		return nil, &refusal{status: http.StatusBadRequest, code: "InvalidRequestContentException",
			text: fmt.Sprintf("stand-in: the client context must be JSON in base64, at most %d bytes", clientContextBytesMax)}
	}
	return b, nil
}

// invokeFunction runs a function, or queues the invocation, or says that it could.
func (s *Server) invokeFunction(c *call, t target) (*answer, *refusal) {
	if r := s.authorize(c, "lambda:InvokeFunction", t.qualified()); r != nil {
		return nil, r
	}
	f, version, run, r := s.find(t)
	if r != nil {
		return nil, r
	}
	in, kind, r := s.readInvoke(c, t)
	if r != nil {
		return nil, r
	}
	switch kind {
	case invocationDryRun:
		return &answer{status: http.StatusNoContent}, nil
	case invocationEvent:
		in.ClientContext = nil // AWS drops it for events
		if !f.events.add(&queuedEvent{Invocation: in, version: version, run: run, accepted: s.now()}) {
			return nil, tooMany("CallerRateLimitExceeded")
		}
		c.effect = "queued 1"
		return &answer{status: http.StatusAccepted}, nil
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return nil, tooMany("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	out, err := run.Invoke(in)
	<-f.slots
	if err != nil {
		return nil, &refusal{status: http.StatusServiceUnavailable, code: "ServiceException", text: "stand-in: " + err.Error()}
	}
	f.runs.add(s.ran(in, out, invocationSync, version, 1))
	return s.invoked(c, in, out, version), nil
}

// invoked is the answer to a RequestResponse: status 200 also of a function that failed.
func (s *Server) invoked(c *call, in lambda.Invocation, out lambda.Outcome, version string) *answer {
	a := &answer{status: http.StatusOK, contentType: contentJSON, header: make(http.Header), body: out.Payload}
	a.header.Set("X-Amz-Executed-Version", version)
	c.effect = "invoked 1"
	if out.Failed() {
		a.header.Set("X-Amz-Function-Error", "Unhandled")
		c.effect = "invoked 1, failed " + strconv.Quote(out.ErrorType)
	}
	if in.WithLog {
		a.header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(out.Log[max(0, len(out.Log)-logBytesMax):]))
	}
	return a
}
