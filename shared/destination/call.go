package destination

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	bodyMaxBytes = 8 << 20 // of an answer; a find with four certificates has 17 KB
	textMaxBytes = 4 << 10 // of the service's words in an error
	hiddenBegin  = 16      // bytes of a secret or token by which it is known in a text
	attemptsMax  = 3
	retryBase    = 100 * time.Millisecond
	// retryAfterMax is the longest wait that is spent inside a look; a longer one ends it.
	retryAfterMax = 5 * time.Second
)

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
	hidden []string // what the request carried and no text may show; no empty ones
}

// request is what is asked of the service.
type request struct {
	op, name string // for people
	by       Doer
	mutual   bool // by presents a client certificate
	build    func(context.Context) (*http.Request, error)
	read     func(*reply) *Error // takes the answer
}

// call sends the request, at most three times, until its answer is taken. Every error it returns tells who was asked and how
// often.
func (s *service) call(ctx context.Context, r request) *Error {
	for attempt := 1; ; attempt++ {
		host, e := s.once(ctx, r)
		if e == nil {
			return nil
		}
		e.Op, e.Name, e.Host, e.Attempts = r.op, r.name, host, attempt
		if !e.retry || attempt == attemptsMax || e.RetryAfter > retryAfterMax {
			return e
		}
		d := retryBase << (attempt - 1)
		wait := max(e.RetryAfter, d/2+rand.N(d/2))
		if !sleep(ctx, wait) {
			return e
		}
	}
}

func (s *service) once(ctx context.Context, asked request) (host string, e *Error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.CallTimeout)
	defer cancel()
	request, err := asked.build(ctx)
	if err != nil {
		return "", &Error{Kind: Binding, Err: err}
	}
	host = request.URL.Host
	if request.URL.Scheme != "https" && (asked.mutual || !isLoopback(request.URL.Hostname())) {
		return host, &Error{Kind: Unencrypted}
	}
	response, err := asked.by.Do(request)
	switch {
	case err != nil && asked.mutual && refusedCertificate(err):
		return host, &Error{Kind: ClientRefused, Err: withoutURL(err)}
	case err != nil:
		return host, &Error{Kind: Connection, Err: withoutURL(err), retry: true}
	}
	defer func() { _ = response.Body.Close() }()
	r := &reply{status: response.StatusCode, header: response.Header, hidden: s.hidden()}
	r.body, err = io.ReadAll(io.LimitReader(response.Body, bodyMaxBytes+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return host, r.fail(&Error{Kind: CutOff, retry: true})
	case err != nil:
		return host, r.fail(&Error{Kind: Connection, Err: fmt.Errorf("read the answer: %w", err), retry: true})
	case len(r.body) > bodyMaxBytes:
		return host, r.fail(&Error{Kind: NotTheService, Reason: "the answer is larger than 8 MB"})
	case r.status == http.StatusTooManyRequests:
		return host, r.fail(&Error{Kind: Throttled, retry: true})
	case r.status >= 500:
		return host, r.fail(&Error{Kind: ServiceFault, retry: true})
	case r.status >= 300 && r.status < 400 && r.status != http.StatusNotModified:
		return host, r.fail(&Error{Kind: NotTheService, Reason: "it redirects, and a token must not follow"})
	}
	return host, asked.read(r)
}

// fail adds what the answer says to e.
func (r *reply) fail(e *Error) *Error {
	e.Status, e.RequestID, e.RetryAfter = r.status, bounded(r.header.Get("X-Vcap-Request-Id")), retryAfter(r.header)
	if r.status < 300 {
		// A successful answer may hold a key or a token: its text is never quoted.
		if e.Kind == NotTheService {
			e.ContentType = bounded(r.header.Get("Content-Type"))
		}
		return e
	}
	text, quotable := r.words()
	if !quotable {
		e.ContentType = bounded(r.header.Get("Content-Type"))
		return e
	}
	e.Text = bounded(strings.Join(strings.Fields(text), " "))
	return e
}

// words is what an answer says of an error: the members that the API and OAuth have for it, or a text. A page, other JSON and
// what repeats the request are not quotable: anything may stand there, the secret too.
func (r *reply) words() (text string, quotable bool) {
	text = strings.TrimSpace(strings.TrimPrefix(string(r.body), "\ufeff"))
	switch {
	case strings.HasPrefix(text, "<"):
		return "", false
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		var members struct {
			Message     any `json:"ErrorMessage"`
			Error       any `json:"error"`
			Description any `json:"error_description"`
		}
		if json.Unmarshal([]byte(text), &members) != nil {
			return "", false
		}
		var said []string
		for _, member := range []any{members.Message, members.Error, members.Description} {
			if s, is := member.(string); is && s != "" {
				said = append(said, s)
			}
		}
		if text = strings.Join(said, " "); text == "" {
			return "", false
		}
	}
	return text, !r.repeats(text)
}

// repeats is true for a text that holds something of the request which nobody may see. The begin of it is enough, for a text
// may be cut off within; and the form's own names are, for its values may be written in ways that are not known here.
func (r *reply) repeats(text string) bool {
	for _, name := range []string{"client_secret=", "grant_type=", "access_token=", `access_token"`} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return slices.ContainsFunc(r.hidden, func(value string) bool {
		return strings.Contains(text, value[:min(len(value), hiddenBegin)])
	})
}

// hidden is the secret, as it is and as the form of a token request has it, and the token.
func (s *service) hidden() []string {
	values := []string{s.token.value.Reveal()}
	if s.binding != nil {
		secret := s.binding.ClientSecret.Reveal()
		values = append(values, secret, url.QueryEscape(secret))
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}

// decode reads a successful answer into v, an object or with array an array, and tells an answer that ended early from one of
// something else.
func (r *reply) decode(v any, array bool) *Error {
	text := strings.TrimSpace(string(r.body))
	begin, what := byte('{'), "the answer is no JSON object"
	if array {
		begin, what = '[', "the answer is no JSON array"
	}
	if r.status != http.StatusOK {
		return r.fail(&Error{Kind: BadAnswer, Reason: "status 200 was expected"})
	}
	if text == "" {
		return r.fail(&Error{Kind: CutOff, retry: true})
	}
	if text[0] != begin {
		return r.fail(&Error{Kind: NotTheService, Reason: what, retry: true})
	}
	d := json.NewDecoder(strings.NewReader(text))
	// The texts of JSON errors are left out: they may quote a value.
	if err := d.Decode(v); errors.Is(err, io.ErrUnexpectedEOF) {
		return r.fail(&Error{Kind: CutOff, retry: true})
	} else if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		return r.fail(&Error{Kind: NotTheService, Reason: what, retry: true})
	} else if err != nil {
		return r.fail(&Error{Kind: BadAnswer, Reason: "a member has another type than the API says"})
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r.fail(&Error{Kind: NotTheService, Reason: "something follows the JSON", retry: true})
	}
	return nil
}

// retryAfter is the wait that an answer asks for, 0 if it asks for none.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(v); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), time.Hour)
}

// withoutURL drops the URL that net/http puts before its errors: the host is named already, and the name of the destination too.
func withoutURL(err error) error {
	if u, found := errors.AsType[*url.Error](err); found {
		return u.Err
	}
	return err
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// bounded cuts what others wrote to what a log line can take.
func bounded(s string) string {
	if len(s) <= textMaxBytes {
		return s
	}
	cut := textMaxBytes
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
