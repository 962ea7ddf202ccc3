package destination

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
)

// service is the Destination Service as one client of it sees it: the binding, the token and the connections. Of one goroutine
// at a time.
type service struct {
	config  Config
	about   about
	http    Doer
	plain   *http.Transport // of http if that is our own, else nil
	mutual  mutual
	binding *binding.Binding // nil before the first
	token   token
	warned  *binding.Binding // whose certificate was said to be past half of its life
}

// about is for what a token is fetched, for people.
type about struct {
	op         string // what is done: "find destination"
	kind, name string // to what: a destination or a certificate
}

func newService(c Config) *service {
	doer, transport := ownClient(c)
	s := &service{config: c, about: about{op: c.op(), kind: c.kind(), name: c.named()}, http: doer, mutual: mutual{base: transport}}
	if c.HTTPClient == nil {
		s.plain = transport
	}
	return s
}

// close ends the connections that are kept; those of a client that was given stay, for others may use them. No call may be
// under way.
func (s *service) close() {
	s.mutual.close()
	if s.plain != nil {
		s.plain.CloseIdleConnections()
	}
}

// ownClient follows no redirects: a token must not reach another host. The transport is what connections with a client
// certificate are made like; nil if there is none of that kind.
func ownClient(c Config) (Doer, *http.Transport) {
	switch given := c.HTTPClient.(type) {
	case nil:
		t := &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: c.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout: 2 * c.ConnectTimeout,
			ForceAttemptHTTP2:   true,
			IdleConnTimeout:     15 * time.Second, // looks are minutes apart: nothing is gained by holding on
		}
		return &http.Client{CheckRedirect: refuseRedirect, Transport: t}, t
	case *http.Client:
		base := given.Transport
		if base == nil {
			base = http.DefaultTransport
		}
		t, _ := base.(*http.Transport)
		return &http.Client{Transport: given.Transport, Timeout: given.Timeout, CheckRedirect: refuseRedirect}, t
	default:
		return given, nil
	}
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// ready reads the binding and makes sure that there is a token of it. afresh drops the token first: it was refused. changed is
// true if the client is another one than before.
//
// The binding is read each time, since a mounted secret changes under a running process and its content is the one thing that
// tells so for certain. One that cannot be read does not end what the last one is still good for.
func (s *service) ready(ctx context.Context, afresh bool) (changed bool, e *Error) {
	if afresh {
		s.token = token{}
	}
	b, err := s.config.Binding()
	if err == nil && b == nil {
		err = errors.New("no binding was given")
	}
	now := time.Now()
	switch old := s.binding; {
	case err == nil:
		changed = !b.Same(old)
		s.binding = b
		s.sayHalfLife(ctx, now)
	case old == nil || afresh || ended(old, now) && !s.token.usable(old, now):
		return false, &Error{Kind: Binding, Op: s.about.op, Name: s.about.name, Err: err}
	default:
		s.config.Logger.WarnContext(ctx, "binding cannot be read; the last one stays in use", "error", err)
	}
	if s.token.usable(s.binding, now) {
		return changed, nil
	}
	t, e := s.fetchToken(ctx, s.binding)
	if e != nil {
		return changed, e
	}
	s.token = t
	return changed, nil
}

// ended is true for a client whose certificate has expired.
func ended(b *binding.Binding, now time.Time) bool {
	return !b.Certificate.IsZero() && now.After(b.Certificate.NotAfter())
}

// sayHalfLife warns once of a client certificate that should have been rotated.
func (s *service) sayHalfLife(ctx context.Context, now time.Time) {
	c := s.binding.Certificate
	if c.IsZero() || now.Before(c.NotBefore().Add(c.NotAfter().Sub(c.NotBefore())/2)) || s.binding.Same(s.warned) {
		return
	}
	s.warned = s.binding
	s.config.Logger.WarnContext(ctx, "certificate of the binding is past half of its life", "place", s.binding.Place, "binding", s.binding.Name,
		"valid_until", c.NotAfter().UTC(), "hint", "the SAP BTP service operator rotates a mounted binding that has a credentialsRotationPolicy; "+
			"on Cloud Foundry bind again and restart")
}

// authorized makes a call with a token. After a 401 of either side the token is dropped, the binding read again and all tried
// once more: a rotated binding looks just so.
func (s *service) authorized(ctx context.Context, call func(changed bool) *Error) *Error {
	moved := false
	for again := false; ; again = true {
		changed, e := s.ready(ctx, again)
		moved = moved || changed
		if e == nil {
			e = call(moved)
		}
		if e == nil || e.Kind != ClientRefused || again {
			return e
		}
	}
}
