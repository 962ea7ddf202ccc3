package senders

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// EventMeshConfig is the folder deploy/btp/event-mesh, filled in.
type EventMeshConfig struct {
	queue struct {
		AccessType         string `json:"accessType"`
		MaxRedeliveryCount int    `json:"maxRedeliveryCount"`
	}
	topics       []string
	subscription struct {
		Name       string `json:"name"`
		Address    string `json:"address"`
		QoS        int    `json:"qos"`
		PushConfig struct {
			Type               string          `json:"type"`
			Endpoint           string          `json:"endpoint"`
			ExemptHandshake    bool            `json:"exemptHandshake"`
			DefaultContentType string          `json:"defaultContentType"`
			SecuritySchema     *securitySchema `json:"securitySchema"`
		} `json:"pushConfig"`
	}
}

type securitySchema struct {
	Type         string `json:"type"`
	User         string `json:"user"` // this and Password: the names are unverified
	Password     string `json:"password"`
	GrantType    string `json:"grantType"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	TokenURL     string `json:"tokenUrl"`
}

// LoadEventMesh reads queue.json, topics.txt and a subscription, for example subscription.json. A member that Event Mesh does not have,
// or a value that would deliver nothing, is an error.
func LoadEventMesh(files fs.FS, subscription string, values Values) (*EventMeshConfig, error) {
	c := &EventMeshConfig{}
	var err error
	if err = readJSON(files, "queue.json", values, &c.queue); err != nil {
		return nil, err
	}
	if c.topics, err = readTopics(files, "topics.txt", values); err != nil {
		return nil, err
	}
	s := &c.subscription
	if err = readJSON(files, subscription, values, s); err != nil {
		return nil, err
	}
	queue, found := strings.CutPrefix(s.Address, "queue:")
	if !found || strings.Count(queue, "/") != 3 {
		return nil, fmt.Errorf("read %s: address is %q, want queue: and a name below a namespace of three segments", subscription, s.Address)
	}
	if n := c.queue.MaxRedeliveryCount; n < 0 || n > 255 {
		return nil, fmt.Errorf("read queue.json: maxRedeliveryCount is %d, want 0 (no limit) to 255", n)
	}
	if err := demand("queue.json", field{"accessType", c.queue.AccessType, []string{"NON_EXCLUSIVE"}}); err != nil {
		return nil, err
	}
	if err := demand(subscription,
		field{"name", s.Name, nil}, field{"qos", strconv.Itoa(s.QoS), []string{"0", "1"}}, field{"pushConfig.type", s.PushConfig.Type, []string{"webhook"}},
		field{"pushConfig.endpoint", s.PushConfig.Endpoint, nil},
	); err != nil {
		return nil, err
	}
	return c, s.PushConfig.SecuritySchema.check(subscription)
}

func (s *securitySchema) check(file string) error {
	switch {
	case s == nil:
		return nil
	case s.Type == "oauth2":
		return demand(file, field{"grantType", s.GrantType, []string{"client_credentials"}}, field{"clientId", s.ClientID, nil},
			field{"clientSecret", s.ClientSecret, nil}, field{"tokenUrl", s.TokenURL, nil})
	}
	return demand(file, field{"securitySchema.type", s.Type, []string{"basic"}}, field{"user", s.User, nil}, field{"password", s.Password, nil})
}

func (s *securitySchema) credentials(client *http.Client) credentials {
	switch {
	case s == nil:
		return credentials{}
	case s.Type == "oauth2":
		return credentials{oauth: &tokens{client: client, url: s.TokenURL, id: s.ClientID, secret: s.ClientSecret}}
	}
	return credentials{user: s.User, password: s.Password}
}

// Event Mesh's habits.
// Source: https://github.com/SAP-docs/btp-integration-suite (webhook subscriptions: 15 minutes, growing to once a day; 18 messages).
const (
	meshParallel   = 18
	meshFirstPause = 15 * time.Minute
	meshLastPause  = 24 * time.Hour
)

// NewEventMesh is a webhook subscription of Event Mesh, with S/4HANA as publisher: structured events without a content type.
func NewEventMesh(c *EventMeshConfig, o Options) (*Sender, error) {
	return newEventMesh(c, o, "event mesh", func(e Event) message { return message{topic: e.topic(), body: e.structured()} })
}

// newEventMesh delivers what publish makes of events.
func newEventMesh(c *EventMeshConfig, o Options, kind string, publish func(Event) message) (*Sender, error) {
	if o.Client == nil {
		return nil, fmt.Errorf("new sender %s: a client is needed", kind)
	}
	push := &c.subscription.PushConfig
	identity := push.SecuritySchema.credentials(o.Client)
	s := &Sender{
		kind: kind, subscription: c.subscription.Name, queue: strings.TrimPrefix(c.subscription.Address, "queue:"), client: o.Client,
		habits: habits{
			parallel: meshParallel, timeout: or(o.Unverified.WebhookTimeout, 30*time.Second), success: twoHundreds,
			pause: growing(meshFirstPause, meshLastPause, or(o.Unverified.RetryGrowth, 2)),
		},
	}
	switch {
	case c.subscription.QoS == 0:
		s.habits.deliveries = 1
	case c.queue.MaxRedeliveryCount > 0:
		s.habits.deliveries = 1 + c.queue.MaxRedeliveryCount
	}
	s.screen = func(e Event) (Outcome, string) {
		m := publish(e)
		if !slices.ContainsFunc(c.topics, func(filter string) bool { return matches(m.topic, filter, "+", "*") }) {
			return Unsubscribed, "no topic filter of the queue matches " + m.topic
		}
		return tooLarge(m.body)
	}
	s.request = func(ctx context.Context, e Event) (*http.Request, error) {
		m := publish(e)
		r, err := post(ctx, push.Endpoint, or(m.contentType, or(push.DefaultContentType, "application/json")), m.body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("X-Address", "topic:"+m.topic)
		return r, identity.present(r)
	}
	if !push.ExemptHandshake {
		s.begin = (&handshake{client: o.Client, endpoint: push.Endpoint, origin: or(o.Unverified.Origin, "eventmesh.standin.example"), identity: identity}).ensure
	}
	return s, nil
}

// growing are pauses that multiply from first to last.
func growing(first, last time.Duration, factor int) func(int) time.Duration {
	return func(failures int) time.Duration {
		pause := first
		for range failures - 1 {
			if pause = min(pause*time.Duration(factor), last); pause == last {
				break
			}
		}
		return pause
	}
}

// or is the first value unless it is zero.
func or[T comparable](first, other T) T {
	var zero T
	if first == zero {
		return other
	}
	return first
}

// handshake asks a webhook, once it has agreed never again, whether it wants events.
type handshake struct {
	client           *http.Client
	endpoint, origin string
	identity         credentials
	mu               sync.Mutex // guards agreed; held while asking, so that one asks
	agreed           bool
}

// HandshakeError says that a webhook did not agree to get events, so that Event Mesh sends none.
type HandshakeError struct {
	// Origin is what was asked for, Status and Allowed what was answered; Err is set if nothing was.
	Origin  string
	Status  int
	Allowed string
	Err     error
}

func (e *HandshakeError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("webhook handshake for %s: %v", e.Origin, e.Err)
	}
	return fmt.Sprintf("webhook handshake for %s: status %d, allowed origin %q: want 200 and the same origin or *", e.Origin, e.Status, e.Allowed)
}

// Unwrap is why there was no answer.
func (e *HandshakeError) Unwrap() error { return e.Err }

// ensure asks by OPTIONS with the origin and the authorization that the events will have.
// Source: https://github.com/SAP-docs/btp-integration-suite (handshake).
func (h *handshake) ensure(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agreed {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodOptions, h.endpoint, nil)
	if err != nil {
		return &HandshakeError{Origin: h.origin, Err: err}
	}
	r.Header.Set("WebHook-Request-Origin", h.origin)
	if err := h.identity.present(r); err != nil {
		return &HandshakeError{Origin: h.origin, Err: err}
	}
	response, err := h.client.Do(r)
	if err != nil {
		return &HandshakeError{Origin: h.origin, Err: err}
	}
	if err := response.Body.Close(); err != nil {
		return &HandshakeError{Origin: h.origin, Err: err}
	}
	allowed := response.Header.Get("WebHook-Allowed-Origin")
	h.agreed = response.StatusCode == http.StatusOK && (allowed == "*" || strings.EqualFold(allowed, h.origin))
	if !h.agreed {
		return &HandshakeError{Origin: h.origin, Status: response.StatusCode, Allowed: allowed}
	}
	return nil
}
