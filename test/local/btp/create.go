package btp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

const (
	// bodyMax bounds what is read of a request.
	bodyMax = 8 << 20
	// entitiesMax is how many of a kind there can be in a subaccount; the status for one more is not documented.
	// Source: https://github.com/SAP-docs/btp-connectivity (Destination service: 1,000 entities).
	entitiesMax = 1000
	duplicate   = "Duplicate key"
)

// certificateRequest is the body of an upload, or of a request to generate.
type certificateRequest struct {
	Name, Type, Content string
	Attributes          *attributes
}

// outcome is what became of one element of an array.
type outcome struct {
	Name   string `json:"name"`
	Status int    `json:"status"`
	ETag   string `json:"etag,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// certificateRequests are the elements of a body, and whether it was an array; nil with a refusal.
func certificateRequests(r *http.Request) (all []certificateRequest, array bool, a answer) {
	raw, array, err := elements(r)
	if err != nil {
		return nil, false, refused(http.StatusBadRequest, err.Error())
	}
	all = make([]certificateRequest, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &all[i]); err != nil || all[i].Name == "" {
			return nil, false, refused(http.StatusBadRequest, "A certificate needs a Name")
		}
	}
	return all, array, answer{}
}

// elements are the objects of a body: one, or those of an array.
func elements(r *http.Request) (all []json.RawMessage, array bool, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyMax))
	if err != nil || !json.Valid(body) {
		return nil, false, errors.New("The body is not JSON") //nolint:staticcheck // a text of the service
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return all, true, json.Unmarshal(body, &all)
	}
	return []json.RawMessage{body}, false, nil
}

// createCertificates is POST /v1/LCertificates: one object, 201 and nothing more; or an array, each with its own outcome.
func (s *Server) createCertificates(r *http.Request, at entry) answer {
	bodies, array, a := certificateRequests(r)
	if bodies == nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []outcome
	for _, body := range bodies {
		at.name = body.Name
		all = append(all, s.createCertificate(at, body))
	}
	return created(all, array)
}

// createCertificate makes one. s.mu is held.
func (s *Server) createCertificate(at entry, body certificateRequest) outcome {
	if s.keyStores[at] != nil {
		return outcome{Name: at.name, Status: http.StatusConflict, Cause: duplicate}
	}
	if len(s.keyStores) >= entitiesMax {
		return outcome{Name: at.name, Status: http.StatusForbidden, Cause: fmt.Sprintf("There are %d certificates", entitiesMax)}
	}
	k, err := s.keep(at, body)
	if err != nil {
		return outcome{Name: at.name, Status: http.StatusBadRequest, Cause: err.Error()}
	}
	s.keyStores[at] = k
	return outcome{Name: at.name, Status: http.StatusCreated, ETag: tagOf(k.content)}
}

// keep makes what a request asks for. s.mu is held.
func (s *Server) keep(at entry, body certificateRequest) (*keyStore, error) {
	if (body.Attributes == nil) == (body.Content == "") {
		return nil, errors.New("either Content or Attributes is needed")
	}
	if body.Attributes != nil {
		return s.generate(at, *body.Attributes, s.now())
	}
	if !slices.Contains([]string{".pem", ".p12", ".pfx", ".jks", ".cer", ".crt"}, ending(at.name)) {
		return nil, fmt.Errorf("the format of %q is not known", at.name)
	}
	content, err := base64.StdEncoding.DecodeString(body.Content)
	if err != nil {
		return nil, errors.New("the Content is not base64")
	}
	if uploaded(content) == nil && !isKeyStore(content) {
		return nil, errors.New("the Content is neither a certificate nor a key store")
	}
	return &keyStore{content: content}, nil
}

// createDestinations is POST /v1/LDestinations: the properties of one, or an array.
func (s *Server) createDestinations(r *http.Request, tenant string, level Level) answer {
	raw, array, err := elements(r)
	if err != nil {
		return refused(http.StatusBadRequest, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []outcome
	for _, one := range raw {
		all = append(all, s.createOneDestination(tenant, level, one))
	}
	return created(all, array)
}

// createOneDestination makes one. s.mu is held.
func (s *Server) createOneDestination(tenant string, level Level, raw json.RawMessage) outcome {
	var properties map[string]string
	if err := json.Unmarshal(raw, &properties); err != nil || properties["Name"] == "" || properties["Type"] == "" {
		return outcome{Name: properties["Name"], Status: http.StatusBadRequest, Cause: "A destination needs Name and Type, and strings as values"}
	}
	at := entry{tenant, level, properties["Name"]}
	if s.destinations[at] != nil {
		return outcome{Name: at.name, Status: http.StatusConflict, Cause: duplicate}
	}
	if len(s.destinations) >= entitiesMax {
		return outcome{Name: at.name, Status: http.StatusForbidden, Cause: fmt.Sprintf("There are %d destinations", entitiesMax)}
	}
	s.destinations[at] = marshal(properties)
	return outcome{Name: at.name, Status: http.StatusCreated, ETag: tagOf(s.destinations[at])}
}

// created answers for what was asked: nothing for one that was made, the refusal for one that was not; for an array 201 if all
// were made, else 207.
func created(all []outcome, array bool) answer {
	if array {
		status := http.StatusCreated
		if slices.ContainsFunc(all, func(o outcome) bool { return o.Status != http.StatusCreated }) {
			status = http.StatusMultiStatus
		}
		if all == nil {
			all = []outcome{}
		}
		return jsonAnswer(status, all)
	}
	switch o := all[0]; o.Status {
	case http.StatusCreated:
		return answer{status: http.StatusCreated}
	case http.StatusConflict:
		return answer{status: o.Status, header: http.Header{"Content-Type": {"application/json"}}, body: []byte(o.Cause)}
	default:
		return refused(o.Status, o.Cause)
	}
}
