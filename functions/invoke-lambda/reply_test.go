package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func wrapping(s *settings) { waiting(s); s.Lambda.WrapReply = "reply.v1" }

// answering is a network that answers as Lambda does for a function that ran.
func answering(payload, functionError string) network {
	n := network{status: http.StatusOK, header: http.Header{"X-Amz-Executed-Version": {"$LATEST"}}, body: payload}
	if functionError != "" {
		n.header.Set("X-Amz-Function-Error", functionError)
	}
	return n
}

// called is what Call returns for a function that answers so.
func called(t testing.TB, n network, change func(*settings)) (*caller, forward.Reply, error) {
	t.Helper()
	c, e := sinkOn(t, n, change).(*caller), order()
	item, err := c.Prepare(&e, "")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.Call(t.Context(), item)
	return c, reply, err
}

const eventAnswer = `{"specversion":"1.0","id":"r1","source":"https://example.com/a?x=%7a","type":"order.priced.v1","subject":"7","attempt":3,"traceparent":"00-x",` +
	`"time":"2026-10-05T08:20:00Z","datacontenttype":"application/vnd.price+json","dataschema":"HTTPS://Example.com/s","data":{"price":12345678901234567890.10}}`

func TestAnswerThatIsAnEvent(t *testing.T) {
	for name, change := range map[string]func(*settings){"not wrapping": waiting, "wrapping": wrapping} {
		_, reply, err := called(t, answering(eventAnswer, ""), change)
		if err != nil || reply.Event == nil {
			t.Fatalf("%s: Call() = %+v, %v, want an event", name, reply, err)
		}
		e := reply.Event
		got := map[string]any{
			"id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(), "time": e.Time().Format("15:04"), "extensions": e.Extensions(),
			"schema": e.DataSchema(), "content": e.DataContentType(), "data": string(e.Data()),
		}
		want := map[string]any{
			"id": "r1", "source": "https://example.com/a?x=%7a", "type": "order.priced.v1", "subject": "7", "time": "08:20",
			"extensions": map[string]any{"attempt": int32(3), "traceparent": "00-x"}, "schema": "HTTPS://Example.com/s",
			"content": "application/vnd.price+json", "data": `{"price":12345678901234567890.10}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: event (-want +got):\n%s", name, diff)
		}
		if string(reply.Body) != eventAnswer || reply.ContentType != "application/json" {
			t.Errorf("%s: for a plain caller: %s %s, want the answer as it came", name, reply.ContentType, reply.Body)
		}
	}
}

// TestDataOfAnswers: JSON as it stands under every JSON type, the text of a string under others, and bytes.
func TestDataOfAnswers(t *testing.T) {
	for members, want := range map[string]struct {
		data   string
		base64 bool
	}{
		``:               {"", false},
		`,"data":null`:   {"null", false},
		`,"data": [ 1 ]`: {"[ 1 ]", false},
		`,"data":"x","datacontenttype":"application/json; charset=utf-8"`: {`"x"`, false},
		`,"data":"ä\n","datacontenttype":"text/plain"`:                    {"ä\n", false},
		`,"data":null,"datacontenttype":"text/plain"`:                     {"", false},
		`,"data_base64":"/wA=","datacontenttype":"image/x"`:               {"\xff\x00", true},
		`,"data_base64":null,"data":7`:                                    {"7", false},
		`,"data_base64":"Nw=="`:                                           {"7", true},
	} {
		e, _ := asEvent([]byte(`{"specversion":"1.0","id":"1","source":"/x","type":"t","yes":true,"no":false,"absent":null,"subject":""` + members + `}`))
		if e == nil || string(e.Data()) != want.data || e.DataBase64 != want.base64 {
			t.Errorf("asEvent() with %s = %v, want data %q, as bytes: %t", members, e, want.data, want.base64)
			continue
		}
		if diff := cmp.Diff(map[string]any{"yes": true, "no": false}, e.Extensions()); diff != "" || e.Context.(*event.EventContextV1).Subject != nil {
			t.Errorf("extensions (-want +got), and no subject:\n%s", diff)
		}
	}
}

// TestAnswersThatAreNoEvents are for plain callers; a CloudEvent sender gets one only if it is wrapped.
func TestAnswersThatAreNoEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		payload, contentType string
		wrapped              bool  // if that is configured
		malformed            int64 // counted
	}{
		"object":            {`{"price":10.10}`, "application/json", true, 0},
		"text":              {`"done"`, "application/json", true, 0},
		"number":            {"7", "application/json", true, 0},
		"false":             {"false", "application/json", true, 0},
		"null":              {"null", "application/json", false, 0},
		"nothing":           {"", "", false, 0},
		"not JSON":          {"<done/>", "text/plain; charset=utf-8", true, 0},
		"bytes":             {"\xff\x00", "application/octet-stream", true, 0},
		"other version":     {strings.Replace(eventAnswer, `"1.0"`, `"0.3"`, 1), "application/json", true, 1},
		"bad source":        {`{"specversion":"1.0","id":"1","source":"http://[x","type":"t"}`, "application/json", true, 1},
		"bad schema":        {`{"specversion":"1.0","id":"1","source":"/x","type":"t","dataschema":"s"}`, "application/json", true, 1},
		"a name twice":      {`{"specversion":"1.0","id":"1","id":"2","source":"/x","type":"t"}`, "application/json", true, 1},
		"fraction":          {`{"specversion":"1.0","id":"1","source":"/x","type":"t","ext":1.5}`, "application/json", true, 1},
		"large number":      {`{"specversion":"1.0","id":"1","source":"/x","type":"t","ext":2147483648}`, "application/json", true, 1},
		"object as text":    {`{"specversion":"1.0","id":"1","source":"/x","type":"t","datacontenttype":"text/plain","data":{}}`, "application/json", true, 1},
		"event not UTF-8":   {`{"specversion":"1.0","id":"1","source":"/x","type":"t","data":"` + "\xff\"}", "application/octet-stream", true, 0},
		"bad base64":        {`{"specversion":"1.0","id":"1","source":"/x","type":"t","data_base64":"?"}`, "application/json", true, 1},
		"no id":             {`{"specversion":"1.0","source":"/x","type":"t"}`, "application/json", true, 1},
		"bad time":          {`{"specversion":"1.0","id":"1","source":"/x","type":"t","time":"now"}`, "application/json", true, 1},
		"data twice":        {`{"specversion":"1.0","id":"1","source":"/x","type":"t","data":1,"data_base64":"eA=="}`, "application/json", true, 1},
		"line break":        {`{"specversion":"1.0","id":"1\n","source":"/x","type":"t"}`, "application/json", true, 1},
		"bad extension":     {`{"specversion":"1.0","id":"1","source":"/x","type":"t","a_b":"c"}`, "application/json", true, 1},
		"extension's text":  {`{"specversion":"1.0","id":"1","source":"/x","type":"t","ext":"a\u0001"}`, "application/json", true, 1},
		"nested extension":  {`{"specversion":"1.0","id":"1","source":"/x","type":"t","ext":{}}`, "application/json", true, 1},
		"bad content type":  {`{"specversion":"1.0","id":"1","source":"/x","type":"t","datacontenttype":"x y","data":1}`, "application/json", true, 1},
		"version is number": {`{"specversion":1.0,"id":"1","source":"/x","type":"t"}`, "application/json", true, 1},
		"list of events":    {"[" + eventAnswer + "]", "application/json", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, reply, err := called(t, answering(tc.payload, ""), waiting)
			if err != nil || reply.Event != nil || string(reply.Body) != tc.payload || reply.ContentType != tc.contentType {
				t.Errorf("Call() = %+v, %v, want the answer as %q and no event", reply, err, tc.contentType)
			}
			if n := c.counters.Value("replies_malformed"); n != tc.malformed {
				t.Errorf("replies_malformed = %d, want %d", n, tc.malformed)
			}
			_, reply, err = called(t, answering(tc.payload, ""), wrapping)
			if err != nil || (reply.Event != nil) != tc.wrapped {
				t.Fatalf("Call() that wraps = %+v, %v, want an event: %t", reply, err, tc.wrapped)
			}
			if !tc.wrapped {
				return
			}
			e, to := reply.Event, order()
			want := [...]string{cloudevent.Short(&to), "/trustbridge/invoke-lambda/orders", "reply.v1", "1", tc.contentType, tc.payload}
			got := [...]string{e.ID(), e.Source(), e.Type(), e.Subject(), e.DataContentType(), string(e.Data())}
			if diff := cmp.Diff(want, got); diff != "" || e.Validate() != nil {
				t.Errorf("wrapped (-want +got), %v:\n%s", e.Validate(), diff)
			}
		})
	}
}

// TestFunctionErrors: the type is shown and nothing else, since the message may hold what was sent.
func TestFunctionErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		document string
		ran      bool
		says     string
	}{
		"Go":               {`{"errorType":"errorString","errorMessage":"s3cret"}`, true, "errorString"},
		"Java":             {`{"errorMessage":"s3cret","errorType":"java.lang.IllegalStateException","stackTrace":["s3cret"]}`, true, "java.lang.IllegalStateException"},
		"timeout":          {`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: A Error: Task timed out after 1.00 seconds"}`, false, "Sandbox.Timedout"},
		"process gone":     {`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: A Error: Runtime exited without providing a reason"}`, false, "Runtime.ExitError"},
		"no type":          {`{"errorMessage":"s3cret"}`, true, "an error of no name"},
		"type is a number": {`{"errorType":7,"errorMessage":"s3cret"}`, true, "an error of no name"},
		"type is a text":   {`{"errorType":"order s3cret is wrong"}`, true, "an error of no name"},
		"long type":        {`{"errorType":"` + strings.Repeat("s3cret", 20) + `"}`, true, "an error of no name"},
		"line break":       {`{"errorType":"a\nb"}`, true, "an error of no name"},
		"no JSON":          {`s3cret`, true, "an error of no name"},
		"a list":           {`["s3cret"]`, true, "an error of no name"},
		"nothing":          {``, true, "an error of no name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, reply, err := called(t, answering(tc.document, "Unhandled"), wrapping)
			verdict, ok := errors.AsType[*forward.Error](err)
			if !ok || verdict.Kind != forward.Unavailable || verdict.Ran != tc.ran || reply.Body != nil || reply.Event != nil {
				t.Fatalf("Call() = %+v, %#v, want unavailable, ran: %t", reply, err, tc.ran)
			}
			if detail := forward.Detail(err); !strings.Contains(detail, tc.says) || !strings.Contains(err.Error(), tc.says) || strings.Contains(detail, "arn:") {
				t.Errorf("Call() = %v, detail %q, want both to say %q", err, detail, tc.says)
			}
			if strings.Contains(err.Error()+forward.Detail(err), "s3cret") {
				t.Errorf("Call() = %v, detail %q, want nothing that the function chose but the type", err, forward.Detail(err))
			}
		})
	}
}

// TestAnswerThatLambdaDoesNotPassOn: the function did its work.
func TestAnswerThatLambdaDoesNotPassOn(t *testing.T) {
	const document = `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`
	c, reply, err := called(t, answering(document, "Unhandled"), wrapping)
	if err != nil || reply.Body != nil || reply.Event != nil || reply.ContentType != "" || c.counters.Value("responses_too_large") != 1 {
		t.Errorf("Call() = %+v, %v, counted %d; want accepted without an answer, counted", reply, err, c.counters.Value("responses_too_large"))
	}
}

// TestOnlyLambdaProvesThatAFunctionRan: an answer that names no version is none of Lambda's.
func TestOnlyLambdaProvesThatAFunctionRan(t *testing.T) {
	for name, n := range map[string]network{
		"a page": {status: 200, body: "<html>"}, "nothing": {status: 200}, "accepted": {status: 202, header: http.Header{"X-Amz-Executed-Version": {"1"}}},
		"empty version": {status: 200, header: http.Header{"X-Amz-Executed-Version": {""}}, body: "{}"},
	} {
		if _, reply, err := called(t, n, waiting); err == nil || forward.KindOf(err) != forward.Unavailable || reply.Body != nil {
			t.Errorf("%s: Call() = %+v, %v, want unavailable", name, reply, err)
		}
	}
}

// FuzzAnswer: whatever a function answers, what is taken for an event is one, and comes back the same when it is written
// and read again.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		eventAnswer, "", "null", "{}", "[]", `"x"`, "\xff", `{"specversion":"1.0"}`, `{"specversion":"1.0","id":"1","source":"/x","type":"t"}`,
		`{"specversion":"1.0","id":"1","source":"/x","type":"t","data_base64":"eA==","datacontenttype":"text/plain"}`,
		`{"specversion":"1.0","id":"1","source":"/x","type":"t","data":"x","datacontenttype":"text/plain","b":true,"n":null,"i":-1}`,
		`{"specversion":"1.0","id":"1","source":"urn:x","type":"t","data":null,"time":"2026-10-05T08:20:00+02:00"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, claims := asEvent(payload)
		if e == nil {
			return
		}
		if err := e.Validate(); err != nil || !claims || e.SpecVersion() != event.CloudEventsVersionV1 {
			t.Fatalf("asEvent(%q) = %v, which is no event: %v", payload, e, err)
		}
		first, _, err := cloudevent.AppendJSON(nil, e)
		if err != nil {
			t.Fatalf("asEvent(%q) cannot be written: %v", payload, err)
		}
		again, _ := asEvent(first)
		if again == nil {
			t.Fatalf("asEvent(%q) = %s, which is not taken for an event", payload, first)
		}
		second, _, err := cloudevent.AppendJSON(nil, again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("asEvent(%q) = %s, written and read again %s (%v)", payload, first, second, err)
		}
	})
}

// FuzzFunctionError: whatever the document is, the verdict is one, shows at most a name, and the event is accepted only if
// the answer was too large.
func FuzzFunctionError(f *testing.F) {
	for _, seed := range []string{
		`{"errorType":"errorString","errorMessage":"m"}`, `{"errorType":"Function.ResponseSizeTooLarge"}`, `{"errorType":"Sandbox.Timedout"}`,
		"", "null", "[]", `{"errorType":null}`, `{"errorType":"a b"}`, `{"errorType":"\ud800"}`, "\xff", `{"errorType":"x"`,
	} {
		f.Add([]byte(seed))
	}
	c := &caller{*mapper(f, waiting)}
	f.Fuzz(func(t *testing.T, document []byte) {
		err := c.functionError(&lambda.InvokeOutput{Payload: document, FunctionError: aws.String("Unhandled")})
		if err == nil {
			var said struct{ ErrorType string }
			if json.Unmarshal(document, &said) != nil || said.ErrorType != "Function.ResponseSizeTooLarge" {
				t.Fatalf("a function error with %q is accepted", document)
			}
			return
		}
		detail := forward.Detail(err)
		if forward.KindOf(err) != forward.Unavailable || len(detail) > 330 || !cloudevent.ValidText(detail) {
			t.Fatalf("a function error with %q = %v, detail %q", document, err, detail)
		}
	})
}
