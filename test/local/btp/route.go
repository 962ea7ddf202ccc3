package btp

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Names of the calls.
const (
	callToken             = "token"
	callTokenKeys         = "tokenKeys"
	callFind              = "find"
	callList              = "listCertificates"
	callGet               = "getCertificate"
	callPublicKeys        = "publicKeys"
	callCreate            = "createCertificate"
	callPut               = "putCertificate"
	callDelete            = "deleteCertificate"
	callCreateDestination = "createDestination"
)

const (
	tokenPath = "/oauth/token" //nolint:gosec // a path, no token
	keysPath  = "/token_keys"
	service   = "/destination-configuration/"
	// targetMax is how long path and query may be together.
	// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination (4,000 characters).
	targetMax = 4000
)

// route is what a request asks for.
type route struct {
	call string // "" is nothing that there is
	name string // unescaped
	act  func(tenant string) answer
	// open means that no token is needed.
	open bool
}

// ServeHTTP answers one request. The paths may have anything in front, so that several stand-ins can share a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.mu.Lock()
	record := Record{Time: s.now()}
	date := record.Time.UTC().Format(http.TimeFormat)
	s.mu.Unlock()
	w.Header().Set("Date", date)
	w.Header().Set("X-Vcap-Request-Id", random())

	to := s.route(r)
	record.Call, record.Name = to.call, to.name
	a, dropped := s.withFaults(to.call, r, func() answer {
		if to.open {
			return to.act("")
		}
		tenant, ok := s.authorized(r)
		if !ok {
			return text(http.StatusUnauthorized, "Unauthorized")
		}
		if len(r.URL.RequestURI()) > targetMax { // the limit is documented, the status is not
			return text(http.StatusRequestURITooLong, "URI Too Long")
		}
		if err := s.renewDue(); err != nil {
			return text(http.StatusInternalServerError, "Internal Server Error")
		}
		return to.act(tenant)
	})
	record.Status, record.Duration = a.status, time.Since(start)
	if dropped {
		record.Status = 0
	}
	s.record(record)
	if dropped {
		panic(http.ErrAbortHandler)
	}
	a.write(w, r)
}

// route finds the call that a method and a path name.
func (s *Server) route(r *http.Request) route {
	path := r.URL.EscapedPath()
	if strings.HasSuffix(path, tokenPath) {
		return route{call: callToken, act: func(string) answer { return s.token(r) }, open: true}
	}
	if strings.HasSuffix(path, keysPath) {
		return route{call: callTokenKeys, act: func(string) answer { return s.tokenKeys(r) }, open: true}
	}
	_, path, found := strings.Cut(path, service)
	if !found {
		return nothing(http.StatusNotFound)
	}
	version, path, _ := strings.Cut(path, "/")
	collection, escaped, single := strings.Cut(path, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil || single && escaped == "" {
		return nothing(http.StatusNotFound)
	}
	switch {
	case collection == "destinations" && single && (version == "v1" || version == "v2"):
		to := route{call: callFind, name: name, act: func(tenant string) answer { return s.find(r, tenant, name) }}
		if version == "v2" {
			to.name, to.act = findName(escaped), func(tenant string) answer { return s.findAt(r, tenant, escaped) }
		}
		return only(r, http.MethodGet, to)
	case version != "v1":
		return nothing(http.StatusNotFound)
	}
	for _, level := range []Level{Instance, Subaccount} {
		switch collection {
		case string(level) + "Certificates":
			return s.routeCertificates(r, level, escaped, single)
		case string(level) + "Destinations":
			if !single {
				return only(r, http.MethodPost, route{call: callCreateDestination, act: func(tenant string) answer {
					return s.createDestinations(r, tenant, level)
				}})
			}
		}
	}
	return nothing(http.StatusNotFound)
}

// routeCertificates finds a call of the certificates API.
func (s *Server) routeCertificates(r *http.Request, level Level, escaped string, single bool) route {
	at := func(call, name string, act func(r *http.Request, e entry) answer) route {
		return route{call: call, name: name, act: func(tenant string) answer { return act(r, entry{tenant, level, name}) }}
	}
	if !single {
		switch r.Method {
		case http.MethodGet:
			return at(callList, "", s.listCertificates)
		case http.MethodPost:
			return at(callCreate, "", s.createCertificates)
		case http.MethodPut:
			return at(callPut, "", s.putCertificate)
		}
		return nothing(http.StatusMethodNotAllowed)
	}
	escaped, keys := strings.CutSuffix(escaped, "/publicKeys")
	name, err := url.PathUnescape(escaped)
	if err != nil || strings.Contains(escaped, "/") {
		return nothing(http.StatusNotFound)
	}
	switch {
	case keys:
		return only(r, http.MethodGet, at(callPublicKeys, name, s.publicKeys))
	case r.Method == http.MethodDelete:
		return at(callDelete, name, s.deleteCertificate)
	}
	return only(r, http.MethodGet, at(callGet, name, s.getCertificate))
}

// only is the route if the method is right, else a refusal under the same name.
func only(r *http.Request, method string, to route) route {
	if r.Method != method {
		to.act = func(string) answer { return text(http.StatusMethodNotAllowed, "Method Not Allowed") }
	}
	return to
}

func nothing(status int) route {
	return route{open: true, act: func(string) answer { return answer{status: status} }}
}
