package aws

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// signed is a form that was signed for SNS, as a server reads it.
func signed(ctx context.Context, c sdkaws.Credentials, form string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://aws.test/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := v4.NewSigner().SignHTTP(ctx, c, r, hexSum([]byte(form)), "sns", "eu-central-1", time.Now()); err != nil {
		panic(err)
	}
	return r
}

func TestErrorShapeOfForms(t *testing.T) {
	s := newServer(t, Config{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, signed(t.Context(), s.Seed(), "Action=Publish&Version=2010-03-31&TopicArn=a:<b>"))
	want := `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>InvalidParameter</Code>` +
		`<Message>Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2</Message></Error><RequestId>` +
		w.Header().Get("X-Amzn-Requestid") + `</RequestId></ErrorResponse>`
	if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "text/xml" {
		t.Errorf("answer = %s %s, want %s", w.Header().Get("Content-Type"), got, want)
	}
}

func TestErrorShapesOfJSON(t *testing.T) {
	s := newServer(t, Config{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	want := `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}`
	if got := w.Body.String(); w.Code != 400 || got != want || w.Header().Get("X-Amzn-Query-Error") != "MissingAuthenticationTokenException;Sender" {
		t.Errorf("sqs = %d %s %s, want %s", w.Code, w.Header().Get("X-Amzn-Query-Error"), got, want)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/sessions", http.NoBody))
	want = `{"Type":"User","message":"stand-in: verify signature: the Authorization header is not of this scheme: it must be there exactly once"}`
	if got := w.Body.String(); w.Code != 403 || got != want || w.Header().Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Errorf("rolesanywhere = %d %s, want %s", w.Code, got, want)
	}
}

func TestClockOffset(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		for _, offset := range []time.Duration{0, 8 * time.Minute, -8 * time.Minute} {
			l.SetClockOffset(offset)
			got := l.send(t, l.ask())
			want := time.Now().Add(offset)
			if date := got.header.Get("Date"); date != want.UTC().Format(http.TimeFormat) {
				t.Errorf("Date with offset %v = %s, want %v", offset, date, want)
			}
			if expires := got.Sets[0].Credentials.Expiration; !expires.Equal(want.Add(time.Hour)) {
				t.Errorf("expiration with offset %v = %v, want %v", offset, expires, want.Add(time.Hour))
			}
		}
		l.SetClockOffset(20 * time.Minute)
		if got := l.send(t, l.ask()); got.text != "Invalid signature" {
			t.Errorf("CreateSession 20 minutes off = %q, want it refused", got.text)
		}
	})
}

func TestTooLargeBody(t *testing.T) {
	s := newServer(t, Config{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/", bytes.NewReader(make([]byte, bodyBytesMax+1))))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status = %d, want 413", w.Code)
	}
}

// TestClosed: the bubble fails if a goroutine is left.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		topic, queueARN := must(s.CreateTopic("t"))(t), must(s.CreateQueue("q"))(t)
		must(s.Subscribe(topic, queueARN, true))(t)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, signed(t.Context(), s.Seed(), "Action=ListTopics&Version=2010-03-31"))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("status after Close = %d, want 503", w.Code)
		}
		if _, err := s.Subscribe(topic, must(s.CreateQueue("r"))(t), true); err == nil {
			t.Error("Subscribe after Close = nil, want an error")
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, Config{KeepRequests: 3, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for i := range 5 {
		s.ServeHTTP(httptest.NewRecorder(), signed(t.Context(), s.Seed(), fmt.Sprintf("Action=CreateTopic&Version=2010-03-31&Name=t%d", i)))
	}
	var effects, identities []string
	for _, r := range s.Requests() {
		effects, identities = append(effects, r.Action+" "+r.Effect), append(identities, r.Identity)
	}
	if diff := cmp.Diff([]string{"CreateTopic topic created", "CreateTopic topic created", "CreateTopic topic created"}, effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"seed", "seed", "seed"}, identities); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
	if n := s.RequestCount(); n != 5 {
		t.Errorf("RequestCount = %d, want 5", n)
	}
	if strings.Contains(log.String(), s.Seed().SecretAccessKey) || strings.Count(log.String(), "request answered") != 5 {
		t.Errorf("log = %s, want five lines without a secret", log.String())
	}
}

// TestSideBySide: two stand-ins share nothing, and resources of one name have one ARN.
func TestSideBySide(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		other := newLab(t, Config{Account: "999999999999", Region: "us-east-1"})
		if got, want := other.topic, "arn:aws:sns:us-east-1:999999999999:orders"; got != want {
			t.Errorf("topic = %s, want %s", got, want)
		}
		same := newLab(t, Config{})
		if l.anchorARN != same.anchorARN || l.profileARN != same.profileARN {
			t.Errorf("ARNs = %s, %s, want those of another stand-in: %s, %s", l.anchorARN, l.profileARN, same.anchorARN, same.profileARN)
		}
		if _, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("x")}); err != nil {
			t.Fatal(err)
		}
		l.arrived(t, l.queueARN, 1)
		if n := same.MessageCount(same.queueARN); n != 0 {
			t.Errorf("%d messages arrived in the other stand-in, want none", n)
		}
		_, err := same.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("x")})
		refused(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	})
}

func TestWaitMessagesSaysHowManyCame(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.WaitMessages(ctx, l.queueARN, 1)
		if err == nil || !strings.Contains(err.Error(), "wait for 1 messages: 0 arrived") {
			t.Errorf("WaitMessages = %v, want an error that says how many arrived", err)
		}
		if _, err := l.WaitMessages(ctx, l.queueARN+"2", 1); err == nil {
			t.Error("WaitMessages of no queue = nil, want an error")
		}
	})
}

// TestSetUpErrors: every set-up call that AWS would refuse is refused, and says why.
func TestSetUpErrors(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		second := func(_ string, err error) error { return err }
		unknown := strings.Replace(otherARN, "trust-anchor", "profile", 1)
		for _, tt := range []struct {
			name string
			err  error
			says string
		}{
			{"anchor without certificates", second(l.CreateTrustAnchor("a")), "one or two certificates"},
			{"anchor of three", second(l.CreateTrustAnchor("a", l.root.Cert, l.issuing.Cert, l.root.Cert)), "one or two certificates"},
			{"anchor of a leaf", second(l.CreateTrustAnchor("a", l.leaf.Cert)), "not a CA's"},
			{"anchor twice", second(l.CreateTrustAnchor("anchor", l.root.Cert)), "exists"},
			{"unknown anchor updated", l.UpdateTrustAnchor(otherARN, l.root.Cert), "does not exist"},
			{"anchor updated to a leaf", l.UpdateTrustAnchor(l.anchorARN, l.leaf.Cert), "not a CA's"},
			{"unknown anchor disabled", l.DisableTrustAnchor(otherARN), "does not exist"},
			{"role's name", second(l.CreateRole("a b", anyTrust)), "64"},
			{"role's trust policy", second(l.CreateRole("r", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)), "principal"},
			{"role twice", second(l.CreateRole("events/Bridge", anyTrust)), "exists"},
			{"role's policy", l.PutRolePolicy(l.roleARN, "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{}}}}`), `"NumericEquals"`},
			{"unknown role", l.PutRolePolicy("x", "p", publishAnywhere), "does not exist"},
			{"unknown role's policy", l.UpdateTrustPolicy("x", anyTrust), "does not exist"},
			{"trust policy replaced by none", l.UpdateTrustPolicy(l.roleARN, "{}"), "Version"},
			{"session too short", l.SetMaxSessionDuration(l.roleARN, time.Minute), "between"},
			{"profile's name", second(l.CreateProfile("a/b", ProfileOptions{})), "letters"},
			{"profile twice", second(l.CreateProfile("profile", ProfileOptions{})), "exists"},
			{"profile's duration", second(l.CreateProfile("p", ProfileOptions{Duration: time.Minute})), "duration 1m0s"},
			{"profile's role", second(l.CreateProfile("p", ProfileOptions{Roles: []string{"Bridge"}})), `"Bridge"`},
			{"profile's session policy", l.UpdateProfile(l.profileARN, ProfileOptions{SessionPolicy: "x"}), "session policy"},
			{"unknown profile", l.UpdateProfile(unknown, ProfileOptions{}), "does not exist"},
			{"topic's name", second(l.CreateTopic("a.fifo")), "Topic Name"},
			{"queue's name", second(l.CreateQueue("a.fifo")), "FIFO"},
			{"unknown topic", second(l.Subscribe(l.topic+"2", l.queueARN, true)), "does not exist"},
			{"unknown queue", second(l.Subscribe(l.topic, l.queueARN+"2", true)), "does not exist"},
		} {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.says) {
				t.Errorf("%s: error = %v, want one that says %q", tt.name, tt.err, tt.says)
			}
		}
		big := testpki.Root(strings.Repeat("n", 6000))
		if _, err := l.CreateTrustAnchor("big", big.Cert); err == nil || !strings.Contains(err.Error(), "8000") {
			t.Errorf("CreateTrustAnchor of a large certificate = %v, want an error that names the limit", err)
		}
		if err := l.SetMaxSessionDuration(l.roleARN, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		profileWith(func(o *ProfileOptions) { o.Duration = 2 * time.Hour })(t, l, nil)
		if got := l.send(t, l.ask()).Sets[0].Credentials.Expiration; !got.Equal(time.Now().Add(2 * time.Hour)) {
			t.Errorf("expiration = %v, want in two hours once both are raised", got)
		}
	})
}

// FuzzServeHTTP: a request signed by the seed key is answered, whatever its form, and only a well-formed one has an effect.
func FuzzServeHTTP(f *testing.F) {
	f.Add("Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:eu-central-1:111122223333:orders&Message=x&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v")
	f.Add("Action=PublishBatch&Version=2010-03-31&TopicArn=arn:aws:sns:eu-central-1:111122223333:orders&PublishBatchRequestEntries.member.1.Id=1&PublishBatchRequestEntries.member.1.Message=x")
	f.Add("Action=Subscribe&Version=2010-03-31&TopicArn=a&Protocol=sqs&Attributes.entry.1.key=k&Attributes.entry.1.value=v")
	f.Add("%zz;&&=")
	f.Fuzz(func(t *testing.T, form string) {
		s := newServer(t, Config{})
		topic, queueARN := must(s.CreateTopic("orders"))(t), must(s.CreateQueue("orders"))(t)
		must(s.Subscribe(topic, queueARN, true))(t)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, signed(t.Context(), s.Seed(), form))
		record := s.Requests()[0]
		if w.Code != record.Status || (w.Code == 200) != (record.Code == "") || w.Body.Len() == 0 {
			t.Errorf("%q: answer %d %s, record %+v", form, w.Code, w.Body, record)
		}
		if record.Effect != "" && w.Code != 200 {
			t.Errorf("%q: refused with %d, but %s", form, w.Code, record.Effect)
		}
	})
}
