package ingress

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestScripts runs the text scripts in testdata, which specify every answer of the ingress; testdata/README.md explains
// their words. Requests and answers are bytes of HTTP/1.1 through the server of net/http.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		ContinueOnError:     true,
		Setup: func(env *testscript.Env) error {
			s := &scene{forwarder: &scripted{verdicts: []string{"accepted"}}}
			env.Values[sceneKey{}] = s
			s.configure(Config{})
			env.Defer(func() { s.stop() })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"config":    command(1, 9, (*scene).cmdConfig),
			"forward":   command(1, 99, (*scene).cmdForward),
			"event":     command(0, 0, (*scene).cmdEvent),
			"reqheader": command(2, 2, (*scene).cmdReqHeader),
			"addheader": command(2, 2, (*scene).cmdAddHeader),
			"noheader":  command(1, 1, (*scene).cmdNoHeader),
			"reqbody":   command(1, 2, (*scene).cmdReqBody),
			"chunked":   command(0, 0, (*scene).cmdChunked),
			"send":      command(2, 2, (*scene).cmdSend),
			"code":      command(1, 1, (*scene).cmdCode),
			"header":    command(1, 2, (*scene).cmdHeader),
			"body":      command(0, 1, (*scene).cmdBody),
			"answered":  command(1, 1, (*scene).cmdAnswered),
			"closed":    command(0, 0, (*scene).cmdClosed),
			"bodysize":  command(1, 1, (*scene).cmdBodySize),
			"forwarded": command(0, 99, (*scene).cmdForwarded),
			"trace":     command(1, 1, (*scene).cmdTrace),
			"logged":    command(1, 1, (*scene).cmdLogged),
			"counted":   command(2, 2, (*scene).cmdCounted),
		},
	})
}

type sceneKey struct{}

// command adapts a method of the scene to testscript. A method returns what it got and what it wanted when they differ.
func command(least, most int, run func(s *scene, neg bool, args []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if len(args) < least || len(args) > most {
			ts.Fatalf("%d arguments, want %d to %d", len(args), least, most)
		}
		s, ok := ts.Value(sceneKey{}).(*scene)
		if !ok {
			ts.Fatalf("there is no scene")
		}
		ts.Check(run(s, neg, args))
	}
}

// scene is the state of a script: the handler under test, the request being written, the last answer.
type scene struct {
	forwarder *scripted
	harness   *harness
	network   *virtual.Network
	stop      func()

	headers [][2]string
	payload string
	chunks  bool

	answer answer
}

// scripted is a Forwarder that answers as the script says, event by event, the last word again and again.
type scripted struct {
	mu       sync.Mutex // guards what follows
	verdicts []string
	got      []string // the events since the last request began, as JSON
	trace    string
}

func (s *scripted) Forward(_ context.Context, events []event.Event, trace string) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = trace
	errs := make([]error, len(events))
	for i := range events {
		text, _, err := cloudevent.AppendJSON(nil, &events[i])
		if err != nil {
			text = []byte(err.Error())
		}
		s.got = append(s.got, string(text))
		word := s.verdicts[min(i, len(s.verdicts)-1)]
		if word == "too-few" {
			return errs[:i]
		}
		errs[i] = verdict(word)
	}
	return errs
}

// answering is scripted for a target that answers: with a CloudEvent by the word reply-event, with a body of its own by the
// word reply.
type answering struct{ *scripted }

func (s answering) Call(ctx context.Context, e *event.Event, trace string) (forward.Reply, error) {
	switch word := s.verdicts[0]; word {
	case "reply-event":
		s.Forward(ctx, []event.Event{*e}, trace)
		answer := event.New()
		answer.SetID("r 1")
		answer.SetSource("/lambda/orders")
		answer.SetType("order.checked.v1")
		answer.SetSubject("50% \"off\" für")
		answer.SetTime(time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC))
		answer.SetExtension("tenant", 7)
		_ = answer.SetData("application/json", map[string]bool{"ok": true})
		return forward.Reply{Event: &answer, ContentType: "application/json", Body: []byte(`{"specversion":"1.0"}`)}, nil
	case "reply":
		s.Forward(ctx, []event.Event{*e}, trace)
		return forward.Reply{ContentType: "application/json", Body: []byte(`{"ok":true}`)}, nil
	}
	return forward.Reply{}, s.Forward(ctx, []event.Event{*e}, trace)[0]
}

// verdict is the error that a word of a script stands for: a kind, and after = what it asks to wait.
func verdict(word string) error {
	word, wait, _ := strings.Cut(word, "=")
	e := &forward.Error{Op: "publish to arn:aws:sns:eu-central-1:111122223333:orders"}
	e.RetryAfter, _ = time.ParseDuration(wait)
	switch word {
	case "accepted", "reply", "reply-event":
		return nil
	case "ran":
		e.Kind, e.Ran = forward.Unavailable, true
		e.Err = forward.WithDetail(errors.New("OrderClosed"), "the Lambda function failed with OrderClosed; its own log has the cause")
	case "invalid":
		e.Kind, e.Err = forward.Invalid, errors.New("the mapping has no group id")
	case "too-large":
		e.Kind, e.Err = forward.Invalid, fmt.Errorf("262145 bytes: %w", forward.ErrTooLarge)
	case "content":
		e.Kind, e.Err = forward.Invalid, fmt.Errorf("character U+0001: %w", forward.ErrContent)
	case "denied":
		e.Kind, e.Err = forward.Denied, errors.New("AuthorizationError")
	case "denied-with-detail":
		e.Kind = forward.Denied
		e.Err = forward.WithDetail(errors.New("AuthorizationError"), "the role may not publish to the topic; add sns:Publish to its policy")
	case "throttled":
		e.Kind, e.Err = forward.Throttled, errors.New("Throttled")
	case "unavailable":
		e.Kind, e.Err = forward.Unavailable, errors.New("dial tcp 10.0.0.1:443: refused")
	case "batch-refused":
		e.Kind, e.Err = forward.BatchRefused, errors.New("BatchRequestTooLong")
	default:
		return errors.New("an error of no kind: " + word)
	}
	return e
}

// configure starts a new handler, with nothing counted and nothing logged.
func (s *scene) configure(c Config) {
	if s.stop != nil {
		s.stop()
	}
	if c.Forwarder == nil {
		c.Forwarder = s.forwarder
	}
	s.harness = newHarness(c)
	s.network, s.stop = serve(s.harness.handler, nil)
}

func (s *scene) cmdConfig(_ bool, args []string) error {
	var c Config
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "defaults":
		case "strict":
			c.Strict, err = strconv.ParseBool(value)
		case "default_source":
			c.DefaultSource = value
		case "unwrap":
			c.EventHubUnwrap = Unwrap(value)
		case "max_event_bytes":
			c.MaxEventBytes, err = strconv.ParseInt(value, 10, 64)
		case "max_body_bytes":
			c.MaxBodyBytes, err = strconv.ParseInt(value, 10, 64)
		case "max_batch_events":
			c.MaxBatchEvents, err = strconv.Atoi(value)
		case "plain":
			c.PlainType, c.PlainSource, _ = strings.Cut(value, ",")
		case "auth":
			c.Authenticator = gate(value)
		case "origins":
			c.WebhookOrigins = strings.Split(value, ",")
		case "replies":
			c.Forwarder = answering{s.forwarder}
		case "success_status":
			c.SuccessStatus, err = strconv.Atoi(value)
		default:
			return fmt.Errorf("no setting is called %s", name)
		}
		if err != nil {
			return err
		}
	}
	s.configure(c)
	return nil
}

func (s *scene) cmdForward(_ bool, args []string) error {
	s.forwarder.verdicts = args
	return nil
}

func (s *scene) cmdEvent(bool, []string) error {
	s.headers = [][2]string{
		{"ce-specversion", "1.0"}, {"ce-id", "e-1"}, {"ce-source", "/sap/s4"}, {"ce-type", "order.created.v1"}, {"content-type", "application/json"},
	}
	s.payload = `{"order":1}`
	return nil
}

func (s *scene) cmdReqHeader(_ bool, args []string) error {
	_ = s.cmdNoHeader(false, args[:1])
	return s.cmdAddHeader(false, args)
}

func (s *scene) cmdAddHeader(_ bool, args []string) error {
	s.headers = append(s.headers, [2]string{args[0], args[1]})
	return nil
}

func (s *scene) cmdNoHeader(_ bool, args []string) error {
	kept := s.headers[:0]
	for _, h := range s.headers {
		if !strings.EqualFold(h[0], args[0]) {
			kept = append(kept, h)
		}
	}
	s.headers = kept
	return nil
}

// cmdReqBody sets the body: a text in Go's escapes where it is double-quoted, and a number of repetitions.
func (s *scene) cmdReqBody(_ bool, args []string) error {
	s.payload = args[0]
	if text, err := strconv.Unquote(args[0]); err == nil && args[0][0] == '"' && strings.Contains(args[0], `\`) {
		s.payload = text
	}
	if len(args) == 2 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		s.payload = strings.Repeat(s.payload, n)
	}
	return nil
}

func (s *scene) cmdChunked(bool, []string) error {
	s.chunks = true
	return nil
}

// cmdSend sends the request that was described and reads its answer; the next request begins empty.
func (s *scene) cmdSend(_ bool, args []string) (err error) {
	s.forwarder.got, s.forwarder.trace = nil, ""
	var lines []string
	for _, h := range s.headers {
		lines = append(lines, h[0]+": "+h[1])
	}
	raw := request(args[0], args[1], s.payload, lines...)
	if s.chunks {
		lines = append(lines, "Transfer-Encoding: chunked")
		raw = request(args[0], args[1], "", lines...) + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(s.payload), s.payload)
	}
	s.answer, err = roundTrip(s.network, raw)
	s.headers, s.payload, s.chunks = nil, "", false
	return err
}
