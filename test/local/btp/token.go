package btp

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// bodyMax bounds what is read of a request.
const bodyMax = 64 << 10

// token is POST /oauth/token with the grant client_credentials, the client in the form or as Basic.
func (s *Server) token(r *http.Request) answer {
	if r.Method != http.MethodPost {
		return oauthError(http.StatusMethodNotAllowed, "invalid_request", "method not allowed")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyMax))
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
	if subtle.ConstantTimeCompare([]byte(id), []byte(s.clientID))&subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
		return oauthError(http.StatusUnauthorized, "unauthorized", "Bad credentials")
	}
	token := "standin." + random() + random()
	s.tokens[token] = s.now().Add(s.config.TokenLifetime)
	return jsonAnswer(http.StatusOK, map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": int(s.config.TokenLifetime / time.Second),
		"scope": "uaa.resource", "jti": random(),
	})
}

// authorized tells whether a request carries a token that this server gave out and that has not ended.
func (s *Server) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ends, known := s.tokens[token]
	return known && s.now().Before(ends)
}

func oauthError(status int, code, text string) answer {
	return jsonAnswer(status, map[string]any{"error": code, "error_description": text})
}

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}
