package senders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// credentials is how a sender says who it is. The zero value says nothing.
type credentials struct {
	user, password string
	oauth          *tokens
}

// present adds the header to a request.
func (c credentials) present(r *http.Request) error {
	switch {
	case c.oauth != nil:
		token, err := c.oauth.token(r.Context())
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	case c.user != "":
		r.SetBasicAuth(c.user, c.password)
	}
	return nil
}

// tokens gets tokens with a client's credentials and keeps them until they end.
type tokens struct {
	client          *http.Client
	url, id, secret string
	mu              sync.Mutex // guards the present token; held while one is got, so that there is one request
	present         string
	until           time.Time
}

func (t *tokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.present != "" && time.Now().Before(t.until) {
		return t.present, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.id}, "client_secret": {t.secret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("get a token for the target: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := t.client.Do(r)
	if err != nil {
		return "", fmt.Errorf("get a token for the target: %w", err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, answerMax)).Decode(&answer)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK || answer.Token == "" {
		return "", fmt.Errorf("get a token for the target: status %d without a token", response.StatusCode)
	}
	t.present, t.until = answer.Token, time.Now().Add(time.Duration(answer.Seconds)*time.Second)
	return t.present, nil
}
