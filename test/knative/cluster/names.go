package cluster

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// domain ends the names of Services.
const domain = ".svc.cluster.local"

// Call is one time that an event was sent to a Service.
type Call struct {
	// Service is NAME.NAMESPACE.
	Service string
	// Status is what was answered; 0 while nothing is.
	Status int
	// At is when it came, Took how long the answer took.
	At   time.Time
	Took time.Duration
}

// names stands in for cluster DNS, kube-proxy and the cluster-local gateway: an HTTP proxy that knows where each name is served
// on loopback. Whatever runs with HTTP_PROXY pointing here reaches the names; Go's client asks no proxy for loopback addresses.
// The Host header stays as it is, since the in-memory channel routes by it.
type names struct {
	mu     sync.Mutex // guards what follows
	routes []route
	calls  map[string][]*Call // :: event id → in order of arrival
}

// route is where the names of a pattern, without the cluster's domain, are served; "" is nowhere.
type route struct {
	pattern string
	address string
}

func newNames() *names { return &names{calls: make(map[string][]*Call)} }

// set makes a route. The newest wins.
func (n *names) set(pattern, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.routes = slices.DeleteFunc(n.routes, func(r route) bool { return r.pattern == pattern })
	n.routes = slices.Insert(n.routes, 0, route{pattern, address})
}

func (n *names) lookup(service string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.routes {
		if ok, err := path.Match(r.pattern, service); ok && err == nil {
			return r.address
		}
	}
	return ""
}

// begin remembers a call; nil if the request has no event in binary mode.
func (n *names) begin(service string, r *http.Request) *Call {
	id := r.Header.Get("Ce-Id")
	if id == "" {
		return nil
	}
	c := &Call{Service: service, At: time.Now()}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls[id] = append(n.calls[id], c)
	return c
}

func (n *names) end(c *Call, status int) {
	if c == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c.Status, c.Took = status, time.Since(c.At)
}

// ServeHTTP passes a request on.
func (n *names) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := serviceOf(r.Host)
	address := n.lookup(service)
	call := n.begin(service, r)
	seen := &statusWriter{ResponseWriter: w}
	defer func() { n.end(call, seen.status) }()
	if address == "" || r.Method == http.MethodConnect {
		http.Error(seen, "nothing serves "+r.Host, http.StatusServiceUnavailable)
		return
	}
	p := httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", address, r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	p.ServeHTTP(seen, r)
}

func serviceOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(host, domain)
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Serve makes h the program behind a Service, NAME.NAMESPACE, until Stop.
func (c *Cluster) Serve(ctx context.Context, service string, h http.Handler) error {
	address, err := c.serve(ctx, h)
	if err == nil {
		c.names.set(service, address)
	}
	return err
}

// Address is where a Service, NAME.NAMESPACE, is served now; "" if nowhere.
func (c *Cluster) Address(service string) string { return c.names.lookup(service) }

// Calls are all times that an event was sent to a Service, in order. id is the event's.
func (c *Cluster) Calls(id string) []Call {
	c.names.mu.Lock()
	defer c.names.mu.Unlock()
	var out []Call
	for _, call := range c.names.calls[id] {
		out = append(out, *call)
	}
	return out
}

// Client reaches Services by their names.
func (c *Cluster) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: c.proxy})}}
}
