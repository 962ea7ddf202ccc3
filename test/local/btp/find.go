package btp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	tokenPath = "/oauth/token" //nolint:gosec // a path, no token
	findPath  = "/destination-configuration/v1/destinations/"
)

// ServeHTTP answers one request. The paths may have anything in front, so that several stand-ins can share a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.mu.Lock()
	record := Record{Time: s.now()}
	date := record.Time.UTC().Format(http.TimeFormat)
	s.mu.Unlock()
	w.Header().Set("Date", date)
	w.Header().Set("X-Vcap-Request-Id", random())

	path := r.URL.EscapedPath()
	var act func() answer
	switch {
	case strings.HasSuffix(path, tokenPath):
		record.Call, act = "token", func() answer { return s.token(r) }
	case strings.Contains(path, findPath):
		_, name, _ := strings.Cut(path, findPath)
		record.Call = "find"
		record.Name, _ = url.PathUnescape(name)
		act = func() answer { return s.find(r, record.Name) }
	default:
		act = func() answer { return answer{status: http.StatusNotFound} }
	}
	a, dropped := s.withFaults(record.Call, r, act)
	record.Status, record.Duration = a.status, time.Since(start)
	if dropped {
		record.Status = 0
	}
	s.record(record)
	if dropped {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// find is GET /destination-configuration/v1/destinations/{name}: instance level first, then subaccount level.
func (s *Server) find(r *http.Request, name string) answer {
	if !s.authorized(r) {
		return text(http.StatusUnauthorized, "Unauthorized")
	}
	if r.Method != http.MethodGet {
		return text(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, level := range []Level{Instance, Subaccount} {
		properties, found := s.destinations[entry{level, name}]
		if !found {
			continue
		}
		body := s.found(level, properties, r.URL.Query().Get("$skipCredentials") == "true")
		digest := sha256.Sum256(body)
		tag := hex.EncodeToString(digest[:])
		if r.Header.Get("If-None-Match") == tag {
			return answer{status: http.StatusNotModified, header: http.Header{"Etag": {tag}}}
		}
		return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}, "Etag": {tag}}, body: body}
	}
	return jsonAnswer(http.StatusNotFound, map[string]string{"ErrorMessage": "Configuration with the specified name was not found"})
}

// found is the body for a destination. Certificates come with client certificate authentication only. s.mu is held.
func (s *Server) found(level Level, properties []byte, skipCredentials bool) []byte {
	var configuration map[string]string
	if err := json.Unmarshal(properties, &configuration); err != nil {
		panic(err) // made by PutDestination
	}
	owner := map[string]any{"SubaccountId": s.config.Subaccount, "InstanceId": nil}
	if level == Instance {
		owner["InstanceId"] = "7a3e1f00-0000-4000-8000-7a3e1f000000"
	}
	out := map[string]any{"owner": owner, "destinationConfiguration": configuration}
	location := configuration["KeyStoreLocation"]
	if configuration["Authentication"] == "ClientCertificateAuthentication" && configuration["KeyStore.Source"] != "ClientProvided" {
		certificates := []map[string]string{}
		if content, found := s.certificates[entry{level, location}]; found {
			certificates = append(certificates, map[string]string{
				"Name": location, "Type": "CERTIFICATE", "Content": base64.StdEncoding.EncodeToString(content),
			})
		}
		out["certificates"] = certificates
	}
	if skipCredentials {
		delete(configuration, "KeyStorePassword")
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err) // strings only
	}
	return body
}

func text(status int, body string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte(body)}
}
