// Package fake is the far side of the benchmarks: SAP's Destination service, IAM Roles Anywhere, SNS, DynamoDB and Lambda on one
// address, which answer at once and check nothing. What is right and what is refused is the business of test/local; here the far
// side must cost as little as net/http allows, so that what is measured is the program before it.
//
// [Start] starts one, and [Server.Count] tells what it took.
package fake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a far side. Safe for concurrent use.
type Server struct {
	destinations map[string][]byte // :: name → answer to find
	session      []byte

	calls, events, connections atomic.Int64

	buffers sync.Pool // of *bytes.Buffer
	server  *http.Server
	serving sync.WaitGroup
	url     string
}

// Count is what a server took since its start.
type Count struct {
	// Calls are those to SNS, DynamoDB and Lambda.
	Calls int64
	// Events are the entries in them.
	Events int64
	// Connections are those that were opened to it, for whatever call.
	Connections int64
}

// Minus is what was taken since an earlier count.
func (c Count) Minus(earlier Count) Count {
	return Count{c.Calls - earlier.Calls, c.Events - earlier.Events, c.Connections - earlier.Connections}
}

// New returns a server that does not listen, for tests that reach it as a handler. Destinations are answered by their names as
// [Destination] made them. Its credentials are valid for an hour.
func New(destinations map[string][]byte) *Server {
	return &Server{
		destinations: destinations, session: session(time.Now().Add(time.Hour)),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// Start starts a server at a free port of 127.0.0.1, without TLS. It serves until Close.
func Start(ctx context.Context, destinations map[string][]byte) (*Server, error) {
	s := New(destinations)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}}
	s.serving.Go(func() { _ = s.server.Serve(listener) }) // ends by Close alone; else every run after it fails and says so
	return s, nil
}

// URL is where a started server is reached.
func (s *Server) URL() string { return s.url }

// Count is what was taken so far.
func (s *Server) Count() Count {
	return Count{Calls: s.calls.Load(), Events: s.events.Load(), Connections: s.connections.Load()}
}

// Close ends a started server and its connections.
func (s *Server) Close() error {
	err := s.server.Close()
	s.serving.Wait()
	return err
}

// bodyMax bounds what is read of a request: a BatchWriteItem has at most 16 MB.
const bodyMax = 17 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := s.buffers.Get().(*bytes.Buffer)
	defer s.buffers.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(io.LimitReader(r.Body, bodyMax)); err != nil {
		return // the caller went away
	}
	path := r.URL.Path
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		s.dynamoDB(w, r.Header.Get("X-Amz-Target"), body.Bytes())
	case strings.HasSuffix(path, "/invocations"):
		s.lambda(w, r.Header.Get("X-Amz-Invocation-Type"))
	case path == "/":
		s.sns(w, body.Bytes())
	case path == "/sessions":
		answer(w, http.StatusCreated, jsonType, s.session)
	case path == "/oauth/token":
		answer(w, http.StatusOK, jsonType, []byte(`{"access_token":"bench","token_type":"bearer","expires_in":43199}`))
	case strings.HasPrefix(path, findPath):
		s.find(w, r.URL)
	default:
		http.NotFound(w, r)
	}
}

// took counts a call.
func (s *Server) took(events int) {
	s.calls.Add(1)
	s.events.Add(int64(events))
}

// find answers with a destination, as the Destination service does.
func (s *Server) find(w http.ResponseWriter, u *url.URL) {
	found, known := s.destinations[strings.TrimPrefix(u.Path, findPath)]
	if !known {
		answer(w, http.StatusNotFound, jsonType, []byte(`{"ErrorMessage":"Configuration with the specified name was not found"}`))
		return
	}
	answer(w, http.StatusOK, jsonType, found)
}

const jsonType = "application/json"

func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	if contentType != "" {
		w.Header()["Content-Type"] = []string{contentType}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// errNoKey is a destination without a key store.
var errNoKey = errors.New("a destination needs the content of a key store")
