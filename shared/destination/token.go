package destination

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
)

const (
	tokenEarly    = 5 * time.Minute  // before its end a token is replaced,
	tokenShort    = 10 * time.Minute // or at half of its life if that is shorter than this
	tokenLifetime = 24 * time.Hour   // the longest that is believed
)

// token is an access token of one client. The zero value is none.
type token struct {
	value  binding.Secret
	client *binding.Binding
	renew  time.Time // from when on another one is fetched
	ends   time.Time
}

// usable is true if the token is the client's and need not be replaced yet.
func (t token) usable(client *binding.Binding, now time.Time) bool {
	return t.client != nil && t.client.Same(client) && now.Before(t.renew) && now.Before(t.ends)
}

// fetchToken gets a token for the binding's client: by its secret at url, or by its certificate at certurl. A secret is never
// sent to the one, the certificate never shown to the other.
//
// Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4, https://www.rfc-editor.org/rfc/rfc8705#section-2
func (s *service) fetchToken(ctx context.Context, b *binding.Binding) (token, *Error) {
	// Client ids hold "!" and "|", secrets anything: only the form encoding carries them unchanged.
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {b.ClientID}}
	asked := request{op: "fetch token for " + s.about.kind, name: s.about.name, by: s.http}
	endpoint, err := s.endpoint(b)
	if b.Certificate.IsZero() {
		form.Set("client_secret", b.ClientSecret.Reveal())
	} else if err == nil {
		asked.mutual = true
		asked.by, err = s.mutual.of(b)
	}
	if err != nil {
		return token{}, &Error{Kind: Binding, Op: asked.op, Name: asked.name, Err: err}
	}
	body := form.Encode()
	var got token
	s.config.Counters.Add("destination_token_requests", 1)
	asked.build = func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "application/json")
		return r, nil
	}
	asked.read = func(r *reply) (e *Error) {
		switch r.status {
		case http.StatusOK:
			got, e = readToken(r, time.Now())
			return e
		case http.StatusUnauthorized:
			return r.fail(&Error{Kind: ClientRefused})
		}
		return r.fail(&Error{Kind: Refused})
	}
	if e := s.call(ctx, asked); e != nil {
		return token{}, e
	}
	got.client = b
	return got, nil
}

// readToken reads an answer of the token endpoint. A token without a stated life serves at once and is not kept.
func readToken(r *reply, now time.Time) (token, *Error) {
	var answer struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if e := r.decode(&answer, false); e != nil {
		return token{}, e
	}
	if answer.AccessToken == "" || strings.ContainsAny(answer.AccessToken, " \r\n\t") {
		return token{}, r.fail(&Error{Kind: BadAnswer, Reason: "access_token is missing"})
	}
	seconds, err := answer.ExpiresIn.Float64()
	if err != nil || !(seconds > 0) {
		seconds = 0
	}
	life := time.Duration(min(seconds, tokenLifetime.Seconds()) * float64(time.Second))
	early := tokenEarly
	if life < tokenShort {
		early = life / 2
	}
	return token{value: binding.NewSecret(answer.AccessToken), ends: now.Add(life), renew: now.Add(life - early)}, nil
}
