package aws

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// TestFaultsOfPublish has every fault that hits a whole call, before and after its effect, and counts the arrivals.
func TestFaultsOfPublish(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  Fault
		status int    // of the SDK's response; 0 is none
		code   string // of the API error; "" is none
	}{
		{"throttled", Fault{Kind: Throttle}, 400, "Throttling"},
		{"throttled by the key service", Fault{Kind: Throttle, Code: "KMSThrottling"}, 400, "KMSThrottling"},
		{"internal error", Fault{Kind: ServerError}, 500, "InternalError"},
		{"unavailable", Fault{Kind: ServerError, Status: 503}, 503, "ServiceUnavailable"},
		{"bad gateway as a page", Fault{Kind: HTMLPage, Status: 502}, 502, ""},
		{"connection dropped", Fault{Kind: Drop}, 0, ""},
		{"answer cut", Fault{Kind: Truncated}, 200, ""},
		{"answer empty", Fault{Kind: Empty}, 200, ""},
		{"answer unparsable", Fault{Kind: Unparsable}, 200, ""},
		{"session expired", Fault{Kind: SessionExpired}, 403, "ExpiredToken"},
		{"session unknown", Fault{Kind: SessionUnknown}, 403, "InvalidClientTokenId"},
	} {
		for phase, arrives := range map[Phase]int{Before: 0, After: 1} {
			fault := tt.fault
			fault.Service, fault.Action, fault.Phase, fault.Count = "sns", "Publish", phase, 1
			if fault.check() != nil {
				continue // this kind has one phase only
			}
			t.Run(fmt.Sprintf("%s/phase %d", tt.name, phase), func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, l *lab) {
					injection := must(l.Inject(fault))(t)
					client := l.sns(l.Seed())
					in := &sns.PublishInput{TopicArn: &l.topic, Message: new("x")}
					out, err := client.Publish(t.Context(), in)
					time.Sleep(time.Second)
					if n := l.MessageCount(l.queueARN); n != arrives {
						t.Errorf("%d messages arrived, want %d", n, arrives)
					}
					checkBroken(t, fault.Kind, out, err, tt.status, tt.code)
					if injection.Hits() != 1 {
						t.Errorf("Hits = %d, want 1", injection.Hits())
					}
					if r := l.Requests()[0]; len(r.Faults) != 1 || r.Faults[0] != fault.Kind.String() || (r.Effect != "") != (arrives == 1) {
						t.Errorf("record = %+v, want the fault %v and its effect", r, fault.Kind)
					}
					if _, err := client.Publish(t.Context(), in); err != nil {
						t.Errorf("Publish after the fault = %v", err)
					}
				})
			})
		}
	}
}

// checkBroken checks how the SDK saw a fault. It takes an empty answer for a success, one without a MessageId.
func checkBroken(t *testing.T, kind FaultKind, out *sns.PublishOutput, err error, status int, code string) {
	t.Helper()
	if kind == Empty {
		if err != nil || out.MessageId != nil {
			t.Errorf("Publish = %v, %v, want the SDK to take it for a success without an id", out, err)
		}
		return
	}
	if err == nil {
		t.Errorf("error = nil, want status %d", status)
	}
	var response *smithyhttp.ResponseError
	got := 0
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		got = response.HTTPStatusCode()
	}
	gotCode := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		gotCode = api.ErrorCode()
	}
	if got != status || code != "" && gotCode != code {
		t.Errorf("error = %d %s (%v), want %d %s", got, gotCode, err, status, code)
	}
}

func TestFaultsOfSessions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  Fault
		status int
		code   string
		check  func(*testing.T, *lab, sessionReply)
	}{
		{"throttled", Fault{Kind: Throttle, Phase: Before}, 429, "ThrottlingException", header("Retry-After", "")},
		{"throttled, with a time", Fault{Kind: Throttle, Phase: Before, RetryAfter: 1500 * time.Millisecond}, 429, "ThrottlingException", header("Retry-After", "2")},
		{"internal error", Fault{Kind: ServerError, Phase: After}, 500, "InternalErrorException", nil},
		{"unavailable", Fault{Kind: ServerError, Status: 503, Phase: Before}, 503, "ServiceUnavailableException", nil},
		{"empty set", Fault{Kind: NoCredentialSet, Phase: After}, 201, "", func(t *testing.T, _ *lab, r sessionReply) {
			if r.Sets == nil || len(r.Sets) != 0 {
				t.Errorf("credentialSet = %v, want it empty", r.Sets)
			}
		}},
		{"set without credentials", Fault{Kind: NoCredentials, Phase: After}, 201, "", func(t *testing.T, _ *lab, r sessionReply) {
			if len(r.Sets) != 1 || r.Sets[0].Credentials != nil {
				t.Errorf("credentialSet = %v, want one without credentials", r.Sets)
			}
		}},
		{"past expiration", Fault{Kind: PastExpiration, Phase: After}, 201, "", expiresIn(-time.Minute)},
		{"short lifetime", Fault{Kind: ShortLifetime, Lifetime: 20 * time.Second, Phase: After}, 201, "", expiresIn(20 * time.Second)},
		{"late", Fault{Kind: Latency, Delay: 3 * time.Second, Phase: Before}, 201, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				tt.fault.Service = "rolesanywhere"
				injection := must(l.Inject(tt.fault))(t)
				start := time.Now()
				got := l.send(t, l.ask())
				if got.status != tt.status || got.code != tt.code {
					t.Errorf("CreateSession = %d %s, want %d %s", got.status, got.code, tt.status, tt.code)
				}
				if took := time.Since(start); took != tt.fault.Delay {
					t.Errorf("CreateSession took %v, want %v", took, tt.fault.Delay)
				}
				given := 1
				if tt.fault.Phase == Before && tt.fault.Kind != Latency {
					given = 0
				}
				if n := l.sessions(); n != given {
					t.Errorf("%d sessions were given out, want %d", n, given)
				}
				if tt.check != nil {
					tt.check(t, l, got)
				}
				injection.Remove()
				if got := l.send(t, l.ask()); got.status != 201 || injection.Hits() != 1 {
					t.Errorf("CreateSession after Remove = %d, %d hits, want 201 and 1", got.status, injection.Hits())
				}
			})
		})
	}
}

func header(name, want string) func(*testing.T, *lab, sessionReply) {
	return func(t *testing.T, _ *lab, r sessionReply) {
		t.Helper()
		if got := r.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func expiresIn(d time.Duration) func(*testing.T, *lab, sessionReply) {
	return func(t *testing.T, l *lab, r sessionReply) {
		t.Helper()
		c := r.Sets[0].Credentials
		if got := time.Until(c.Expiration); got != d {
			t.Errorf("expiration is in %v, want %v", got, d)
		}
		if d > 0 {
			return
		}
		keys := sdkaws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
		_, err := l.sns(keys).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("x")})
		refused(t, err, "ExpiredToken", "The security token included in the request is expired")
	}
}

// TestFaultsOfBatches: an entry that the answer does not show as accepted may have been delivered or not.
func TestFaultsOfBatches(t *testing.T) {
	odd := func(e Entry) bool { return e.ID == "b" || e.Attributes["ce-id"] == "d" }
	for _, tt := range []struct {
		name       string
		fault      Fault
		arrived    []string
		successful int
		failed     int
	}{
		{"failed, not delivered", Fault{Kind: PartialFailure, Phase: Before, Entries: odd}, []string{"a", "c"}, 2, 2},
		{"failed, delivered", Fault{Kind: PartialFailure, Phase: After, Entries: odd}, []string{"a", "b", "c", "d"}, 2, 2},
		{"all failed", Fault{Kind: PartialFailure, Phase: Before}, nil, 0, 4},
		{"missing, not delivered", Fault{Kind: MissingIDs, Phase: Before, Entries: odd}, []string{"a", "c"}, 2, 0},
		{"missing, delivered", Fault{Kind: MissingIDs, Phase: After, Entries: odd}, []string{"a", "b", "c", "d"}, 2, 0},
		{"unknown ids, not delivered", Fault{Kind: UnknownIDs, Phase: Before, Entries: odd}, []string{"a", "c"}, 4, 0},
		{"unknown ids, delivered", Fault{Kind: UnknownIDs, Phase: After, Entries: odd}, []string{"a", "b", "c", "d"}, 4, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				tt.fault.Service, tt.fault.Action, tt.fault.Count = "sns", "PublishBatch", 1
				tt.fault.Code, tt.fault.SenderFault = "InvalidParameter", true
				injection := must(l.Inject(tt.fault))(t)
				out, err := l.sns(l.Seed()).PublishBatch(t.Context(), batch(l, "a", "b", "c", "d"))
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Successful) != tt.successful || len(out.Failed) != tt.failed {
					t.Errorf("%d successful, %d failed, want %d, %d", len(out.Successful), len(out.Failed), tt.successful, tt.failed)
				}
				known := 0
				for _, e := range out.Successful {
					if strings.Contains("abcd", *e.Id) {
						known++
					}
				}
				if want := min(tt.successful, 2); known != want {
					t.Errorf("%d known ids in Successful, want %d", known, want)
				}
				for _, e := range out.Failed {
					if *e.Code != "InvalidParameter" || !e.SenderFault || *e.Message == "" {
						t.Errorf("Failed entry = %+v, want the fault's code and SenderFault", e)
					}
				}
				time.Sleep(time.Second)
				var got []string
				for _, m := range l.Messages(l.queueARN) {
					got = append(got, m.Attributes["ce-id"].Value)
				}
				if diff := cmp.Diff(tt.arrived, got); diff != "" || injection.Hits() != 1 {
					t.Errorf("%d hits, want 1; arrived (-want +got):\n%s", injection.Hits(), diff)
				}
			})
		})
	}
}

func TestFaultsAreChosen(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		third := must(l.Inject(Fault{Service: "sns", Phase: Before, Kind: Throttle, When: func(c Call) bool {
			return c.Number == 3 && c.Action == "Publish" && c.Resource == l.topic && strings.Contains(string(c.Body), "Message=m3")
		}}))(t)
		other := must(l.Inject(Fault{Service: "sqs", Phase: Before, Kind: Throttle, Count: 1}))(t)
		anything := must(l.Inject(Fault{Phase: After, Kind: Latency, Delay: time.Second}))(t)
		client := l.sns(l.Seed())
		start := time.Now()
		for i := 1; i <= 5; i++ {
			_, err := client.Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new(fmt.Sprint("m", i))})
			if (err != nil) != (i == 3) {
				t.Errorf("Publish %d = %v", i, err)
			}
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("five calls took %v, want a second for each of the four that had an effect", took)
		}
		for i := range 2 {
			_, err := l.sqs(l.Seed()).ListQueues(t.Context(), &sqs.ListQueuesInput{})
			if (err != nil) != (i == 0) {
				t.Errorf("ListQueues %d = %v", i, err)
			}
		}
		if third.Hits() != 1 || other.Hits() != 1 || anything.Hits() != 5 {
			t.Errorf("hits = %d, %d, %d, want 1, 1, 5", third.Hits(), other.Hits(), anything.Hits())
		}
	})
}

func TestRandomFaultsRepeat(t *testing.T) {
	pick := func() (picked []int) {
		when := Random(42, 0.1)
		for i := range 1000 {
			if when(Call{}) {
				picked = append(picked, i)
			}
		}
		return picked
	}
	first := pick()
	if n := len(first); n < 60 || n > 140 {
		t.Errorf("Random(42, 0.1) picked %d of 1000, want about 100", n)
	}
	if diff := cmp.Diff(first, pick()); diff != "" {
		t.Errorf("Random picks differently (-first +second):\n%s", diff)
	}
}

func TestAfterPassesRefusalsBy(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		injection := must(l.Inject(Fault{Phase: After, Kind: Drop}))(t)
		_, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("")})
		refused(t, err, "InvalidParameter", "Invalid parameter: Empty message")
		if injection.Hits() != 0 {
			t.Errorf("Hits = %d, want 0", injection.Hits())
		}
	})
}

func TestInjectRefuses(t *testing.T) {
	s := newServer(t, Config{})
	for name, f := range map[string]Fault{
		"no kind":                   {Phase: Before},
		"no phase":                  {Kind: Drop},
		"unknown service":           {Kind: Drop, Phase: Before, Service: "s3"},
		"partial Publish":           {Kind: PartialFailure, Phase: Before, Service: "sns", Action: "Publish"},
		"entries of a drop":         {Kind: Drop, Phase: Before, Entries: func(Entry) bool { return true }},
		"empty set of sns":          {Kind: NoCredentialSet, Phase: After, Service: "sns"},
		"empty set before":          {Kind: NoCredentialSet, Phase: Before, Service: "rolesanywhere"},
		"expired session after":     {Kind: SessionExpired, Phase: After, Service: "sns"},
		"expired session to get it": {Kind: SessionExpired, Phase: Before, Service: "rolesanywhere"},
		"truncated before":          {Kind: Truncated, Phase: Before},
		"latency without a delay":   {Kind: Latency, Phase: Before},
		"lifetime that is none":     {Kind: ShortLifetime, Phase: After, Service: "rolesanywhere"},
		"server error 404":          {Kind: ServerError, Phase: Before, Status: http.StatusNotFound},
	} {
		if _, err := s.Inject(f); err == nil {
			t.Errorf("Inject(%s) = nil, want an error", name)
		}
	}
}
