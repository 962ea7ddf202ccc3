package rolesanywhere

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// retrieveAll calls Retrieve n times at once and returns how many succeeded.
func retrieveAll(t *testing.T, p *Provider, n int) int {
	t.Helper()
	var mu sync.Mutex // guards got
	got := 0
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if c, err := p.Retrieve(t.Context()); err == nil && c.HasKeys() {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return got
}

func kind(err error) Kind {
	if e, found := errors.AsType[*Error](err); found {
		return e.Kind
	}
	return 0
}

func TestFact01OneFlightForManyCallers(t *testing.T) {
	for _, n := range []int{20, 1000} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.service.does(always(answer{delay: time.Second}))
			if got := retrieveAll(t, s.Provider, n); got != n || s.service.calls() != 1 {
				t.Errorf("%d callers: %d got credentials by %d calls, want all by 1", n, got, s.service.calls())
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(c *Config) { c.SessionName, c.Duration = "bridge", time.Hour })
		begin := time.Now()
		got, err := s.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := aws.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "sECRET1", SessionToken: "tOKEN1", AccountID: "111122223333",
			Source: sourceName, CanExpire: true, Expires: begin.Add(time.Hour - early)}
		if !got.Expires.Equal(want.Expires) {
			t.Errorf("Expires = %v, want %v: a minute before the end", got.Expires, want.Expires)
		}
		got.Expires = want.Expires
		if got != want {
			t.Errorf("Retrieve = %+v, want %+v", got, want)
		}
		wantBody := `{"durationSeconds":3600,"profileArn":"` + profileARN + `","roleArn":"` + roleARN + `","roleSessionName":"bridge","trustAnchorArn":"` + anchorARN + `"}`
		if body := s.service.all()[0].body; body != wantBody {
			t.Errorf("the body is %s, want %s", body, wantBody)
		}
	})
}

func TestOmittedMembersAreAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b := s.service.all()[0].body; strings.Contains(b, "duration") || strings.Contains(b, "SessionName") {
			t.Errorf("the body is %s, want neither duration nor session name", b)
		}
	})
}

func TestFact18CancelledCallerLeavesTheFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(answer{delay: 5 * time.Second}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := s.Retrieve(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("Retrieve = %v after %v, want the caller's own deadline after 1s", err, time.Since(begin))
		}
		if c, err := s.Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIA1" || s.service.calls() != 1 {
			t.Errorf("the next Retrieve = %v, %v after %d calls, want the first call's session", c.AccessKeyID, err, s.service.calls())
		}
	})
}

func TestCloseEndsAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(answer{hang: true}))
		failed := make(chan error, 1)
		go func() {
			_, err := s.Retrieve(t.Context())
			failed <- err
		}()
		synctest.Wait()
		begin := time.Now()
		s.Close()
		if err := <-failed; err == nil || time.Since(begin) != 0 {
			t.Errorf("Close ended the flight with %v after %v, want an error at once", err, time.Since(begin))
		}
		if _, err := s.Retrieve(t.Context()); kind(err) != Closed {
			t.Errorf("Retrieve after Close = %v, want kind closed", err)
		}
		s.Close() // again: no effect
	})
}

func TestRefusalIsRememberedTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(refuse("Requested Role isn't one of those listed in the Profile.")))
		for range 100 {
			if _, err := s.Retrieve(t.Context()); kind(err) != RoleNotInProfile {
				t.Fatalf("Retrieve = %v, want role not in profile", err)
			}
		}
		if s.service.calls() != 1 {
			t.Errorf("100 events after a refusal made %d calls, want 1", s.service.calls())
		}
		s.service.does(nil) // cured
		time.Sleep(refusalPause)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("10 s after the refusal, cured: %v", err)
		}
	})
}

func TestOutageBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(answer{dropBefore: true}))
		begin := time.Now()
		for time.Since(begin) < 10*time.Minute {
			if _, err := s.Retrieve(t.Context()); kind(err) != Connection {
				t.Fatalf("Retrieve = %v, want no answer", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		// At least 5 s lie between two calls of three attempts once the back off is at its limit.
		if n := s.service.calls(); n > 3*150 {
			t.Errorf("6,000 events in 10 minutes of outage made %d requests, want at most 450", n)
		}
		s.service.does(nil)
		begin = time.Now()
		for {
			if _, err := s.Retrieve(t.Context()); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(begin); d > 15*time.Second {
			t.Errorf("the first event got through %v after the cure, want at most 15s", d)
		}
	})
}

func TestRejectedSessionIsNeverHandedOutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first, err := s.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Reject("ASIA-other")
		if c, _ := s.Retrieve(t.Context()); c.AccessKeyID != first.AccessKeyID {
			t.Errorf("rejecting another key replaced %s by %s", first.AccessKeyID, c.AccessKeyID)
		}
		begin := time.Now()
		for range 200 { // every session is rejected, for 20 s
			if c, err := s.Retrieve(t.Context()); err == nil {
				s.Reject(c.AccessKeyID)
			} else if kind(err) != SessionRejected {
				t.Fatalf("Retrieve = %v, want session rejected", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := s.service.calls(); n < 2 || n > 1+3 {
			t.Errorf("%v of rejected sessions made %d calls, want 2 to 4: one each 10 s", time.Since(begin), n)
		}
		time.Sleep(rejectPause)
		if c, err := s.Retrieve(t.Context()); err != nil || c.AccessKeyID == first.AccessKeyID {
			t.Errorf("Retrieve later = %v, %v, want another session", c.AccessKeyID, err)
		}
	})
}

func TestIdentityChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first, _ := s.Retrieve(t.Context())
		s.source.set(rsaIdentity(t), nil)
		s.IdentityChanged()
		if c, _ := s.Retrieve(t.Context()); c.AccessKeyID != first.AccessKeyID {
			t.Errorf("a changed identity discarded the valid session %s", first.AccessKeyID)
		}
		time.Sleep(changeSpread + time.Second)
		if c, _ := s.Retrieve(t.Context()); c.AccessKeyID == first.AccessKeyID || s.service.calls() != 2 {
			t.Errorf("31 s later the session is %s after %d calls, want a second one", c.AccessKeyID, s.service.calls())
		}
		s.IdentityChanged() // told again of what signed already
		time.Sleep(changeSpread + time.Second)
		if s.service.calls() != 2 {
			t.Errorf("telling again made %d calls, want still 2", s.service.calls())
		}
	})
}

func TestIdentityChangedForgetsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(refuse("Untrusted signing certificate")))
		if _, err := s.Retrieve(t.Context()); kind(err) != Chain {
			t.Fatalf("Retrieve = %v, want chain", err)
		}
		if len(s.source.rejects) != 1 || s.source.rejects[0] != s.source.identity.Version {
			t.Errorf("the source was told %v, want the refused version once", s.source.rejects)
		}
		s.service.does(nil)
		s.source.set(rsaIdentity(t), nil)
		s.IdentityChanged()
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("Retrieve at once after the change = %v, want a session", err)
		}
	})
}

func TestRefusalOfAReplacedIdentityIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(func(n int) answer {
			if n == 1 {
				a := refuse("Untrusted signing certificate")
				a.delay = 5 * time.Second
				return a
			}
			return answer{}
		})
		go func() {
			time.Sleep(time.Second) // while the first call is under way
			s.source.set(rsaIdentity(t), nil)
			s.IdentityChanged()
		}()
		if _, err := s.Retrieve(t.Context()); kind(err) != Chain {
			t.Fatalf("Retrieve = %v, want chain", err)
		}
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("Retrieve at once after it = %v, want the new identity tried", err)
		}
	})
}

// sourceError is what a source's own error looks like.
type sourceError struct{ outage bool }

func (sourceError) Error() string  { return "find destination: 404" }
func (sourceError) Detail() string { return "the destination does not exist; create it" }
func (e sourceError) Outage() bool { return e.outage }

func TestSourceErrorsSpeakForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		cause := fmt.Errorf("wrapped: %w", sourceError{})
		s.source.set(nil, cause)
		_, err := s.Retrieve(t.Context())
		e, _ := errors.AsType[*Error](err)
		if e == nil || !errors.Is(err, cause) || e.Outage() || e.Detail() != (sourceError{}).Detail() {
			t.Fatalf("Retrieve = %v, want the source's error, its detail and no outage", err)
		}
		if aws.BoolTernary(true) == (retry.RetryableError{}).IsErrorRetryable(err) {
			t.Errorf("the AWS SDK would retry %v", err)
		}
		s.source.set(nil, errors.New("silent"))
		if _, err := s.Retrieve(t.Context()); !errors.As(err, &e) || !e.Outage() || e.Detail() == "" {
			t.Errorf("Retrieve = %v, want an outage with a sentence of our own", err)
		}
		s.source.set(nil, nil)
		if _, err := s.Retrieve(t.Context()); kind(err) != NoIdentity {
			t.Errorf("a source that gives nothing: %v, want no identity", err)
		}
		s.source.set(ecIdentity(t), nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("the cured source was not asked at once: %v", err)
		}
		if s.service.calls() != 1 {
			t.Errorf("%d requests were sent, want 1: none without an identity", s.service.calls())
		}
	})
}

func TestFact17NoSecretAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.service.does(always(answer{status: 201, body: `{"credentialSet":[{"credentials":{"secretAccessKey":"sECRET","sessionToken":7}}]}`}))
		s.Reject("ASIA1")
		_, err := s.Retrieve(t.Context())
		if kind(err) != Malformed {
			t.Fatalf("Retrieve = %v, want a malformed answer", err)
		}
		slog.New(slog.NewTextHandler(s.log, nil)).Info("all", "provider", s.Provider, "error", err)
		session := &session{credentials: aws.Credentials{SecretAccessKey: "sECRET", SessionToken: "tOKEN"}}
		text := s.log.String() + fmt.Sprintf("%v %+v %#v %s %q %v", session, session, session, session, session, session.LogValue())
		for _, secret := range []string{"sECRET", "tOKEN", "Signature="} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in what was logged and printed:\n%s", secret, text)
			}
		}
	})
}

func TestFact13EveryRefusalSaysWhatToCheck(t *testing.T) {
	for k := ClockSkew; k <= Closed; k++ {
		id := ecIdentity(t)
		e := (&Error{Kind: k, Status: 403, Text: "text", RequestID: "id-1", Attempts: 2, TrustAnchorARN: anchorARN, ProfileARN: profileARN,
			RoleARN: roleARN, Err: sourceError{}}).about(id)
		if e.Kind.String() == "unknown kind" || e.Detail() == "" || strings.Contains(e.Error(), "\n") {
			t.Errorf("kind %d: %q, detail %q, want a name, a sentence and one line", k, e.Error(), e.Detail())
		}
		for _, private := range []string{"arn:", "1111222233", keystore.Subject(id.Leaf), "http"} {
			if strings.Contains(e.Detail(), private) {
				t.Errorf("the detail of %v holds %q: %s", k, private, e.Detail())
			}
		}
		if k == NoIdentity {
			continue
		}
		for _, part := range []string{"check: ", anchorARN, profileARN, roleARN, keystore.Subject(id.Leaf), id.Leaf.SerialNumber.String(), "valid until", "id-1", "attempts 2"} {
			if !strings.Contains(e.Error(), part) {
				t.Errorf("the error of %v lacks %q: %s", k, part, e.Error())
			}
		}
	}
}
