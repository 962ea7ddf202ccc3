package btp

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// formMax bounds what is read of a form.
const formMax = 64 << 10

// issued is what a token is good for.
type issued struct {
	ends   time.Time
	tenant string // "" is the provider's own
}

// token is POST /oauth/token with the grant client_credentials: a client with a secret, in the form or as Basic; or, where
// TLS client certificates are asked for, a client with its certificate.
func (s *Server) token(r *http.Request) answer {
	if r.Method != http.MethodPost {
		return oauthError(http.StatusMethodNotAllowed, "invalid_request", "method not allowed")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, formMax))
	if err != nil {
		return oauthError(http.StatusBadRequest, "invalid_request", "the body cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return oauthError(http.StatusBadRequest, "invalid_request", "a form is needed")
	}
	if form.Get("grant_type") != "client_credentials" {
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "client_credentials is needed")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		// Each part is form-encoded first. Source: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := false
	if mutual(r) {
		known = s.certified(r, id)
	} else {
		known = s.confided(id, secret)
	}
	if !known {
		return oauthError(http.StatusUnauthorized, "unauthorized", "Bad credentials")
	}
	tenant, found := s.tenant(r)
	if !found {
		return oauthError(http.StatusUnauthorized, "unauthorized", "No such identity zone")
	}
	now := s.now()
	ends := now.Add(s.config.TokenLifetime)
	token, err := s.config.PKI.token(r.Host, id, s.subaccount(tenant), now, ends)
	if err != nil {
		return oauthError(http.StatusInternalServerError, "server_error", "the token cannot be signed")
	}
	s.tokens[token] = issued{ends, tenant}
	return jsonAnswer(http.StatusOK, map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": int(s.config.TokenLifetime / time.Second),
		"scope": "uaa.resource", "jti": random(),
	})
}

// mutual tells whether a request came to a certurl: the host that has .authentication.cert., or the path /cert where a stand-in
// has one host only. Nowhere else is a client certificate looked at.
func mutual(r *http.Request) bool {
	return strings.Contains(r.Host, ".authentication.cert.") || strings.HasSuffix(r.URL.EscapedPath(), certPath+tokenPath)
}

// confided tells whether a secret is that of a living binding. s.mu is held.
func (s *Server) confided(id, secret string) bool {
	known := 0
	for _, c := range s.credentials() {
		known |= subtle.ConstantTimeCompare([]byte(id), []byte(c.clientID)) & subtle.ConstantTimeCompare([]byte(secret), []byte(c.secret)) & flag(c.secret != "")
	}
	return known == 1
}

// certified tells whether a request's client certificate is that of a living binding, is valid now, and came with its chain.
// s.mu is held.
func (s *Server) certified(r *http.Request, id string) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	leaf := r.TLS.PeerCertificates[0]
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.config.PKI.root.certificate)
	for _, c := range r.TLS.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: s.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return false
	}
	print := sha256.Sum256(leaf.Raw)
	for _, c := range s.credentials() {
		if c.material != nil && c.clientID == id && sha256.Sum256(c.material.Chain[0].Raw) == print {
			return true
		}
	}
	return false
}

// tenant is whose token is asked for: by X-zid, else by the first label of the host, else the provider's. How an unknown one is refused
// is not documented. s.mu is held.
func (s *Server) tenant(r *http.Request) (id string, found bool) {
	if zone := r.Header.Get("X-Zid"); zone != "" {
		if zone == s.config.Subaccount {
			return "", true
		}
		for _, tenant := range s.subscribers {
			if tenant == zone {
				return tenant, true
			}
		}
		return "", false
	}
	subdomain, rest, _ := strings.Cut(r.Host, ".")
	if !strings.HasPrefix(rest, "authentication.") || subdomain == identityZone {
		return "", true
	}
	id, found = s.subscribers[subdomain]
	return id, found
}

// authorized is the tenant of a request's token, if this server gave the token out and it has not ended.
func (s *Server) authorized(r *http.Request) (tenant string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := s.tokens[token]
	return t.tenant, known && s.now().Before(t.ends)
}

func oauthError(status int, code, text string) answer {
	return jsonAnswer(status, map[string]any{"error": code, "error_description": text})
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
