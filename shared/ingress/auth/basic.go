package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// BasicConfig is what a [Basic] needs. Only UsersPath is required.
type BasicConfig struct {
	// UsersPath is a file of htpasswd lines, bcrypt only. It is read at once, and again when it changes.
	UsersPath string
	// Logger gets one line for each user and cause of a refusal, until the file changes, and one for each change of the
	// file. nil means no log.
	Logger *slog.Logger
	// Counters counts checks of passwords. nil counts nothing.
	Counters *telemetry.Counters
}

// Basic lets in who sends a user and password of a file by HTTP's Basic authentication. Safe for concurrent use.
// Source: https://www.rfc-editor.org/rfc/rfc7617
type Basic struct {
	file     *usersFile
	verifier *verifier
	logger   *slog.Logger
	counters *telemetry.Counters
}

// The counters: how often bcrypt worked, how often it did not get to, and how often the file had new content.
const (
	countChecked   = "auth_basic_checked"
	countBusy      = "auth_basic_busy"
	countUsersRead = "auth_basic_users_reread"
)

// challenge asks for a user and password. No other realm can be told apart.
const challenge = `Basic realm="trustbridge", charset="UTF-8"`

// retryBusy is when a check that got no turn may get one: the flood behind it is somebody else's, so it is an answer 503 of
// ours, not a 429 that says that this sender is too fast.
const retryBusy = 5 * time.Second

// NewBasic makes a Basic. The error names the file, the line where one is wrong, and nothing of what is in it.
func NewBasic(c BasicConfig) (*Basic, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	file, err := openUsers(c.UsersPath, c.Logger, c.Counters)
	if err != nil {
		return nil, err
	}
	return &Basic{file: file, verifier: newVerifier(c.Counters), logger: c.Logger, counters: c.Counters}, nil
}

// Authenticate is that of [ingress.Authenticator]: nil, or an [ingress.AuthError] with status 401, or 503 if too many
// passwords are to be checked at once. It is 401 for an unknown user as for a wrong password.
func (b *Basic) Authenticate(r *http.Request) error {
	ctx := r.Context()
	s := b.file.glance(ctx)
	c, cause := parseAuthorization(r.Header["Authorization"])
	if cause != "" {
		return b.refuse(r, s, "", cause)
	}
	if hash, exists := s.users.hashes[c.name]; exists && b.verifier.remembered(b.verifier.pair(c, hash)) {
		return nil
	}
	// A look costs less than the check that follows, and a verdict by a file of a second ago could be wrong.
	now, err := b.file.look(ctx)
	if err != nil {
		return b.busy(ctx, s)
	}
	s = now
	switch err := b.verifier.verify(ctx, s.users, c); {
	case err == nil:
		return nil
	case errors.Is(err, errBusy):
		return b.busy(ctx, s)
	}
	if _, exists := s.users.hashes[c.name]; exists {
		return b.refuse(r, s, c.name, "the password is wrong")
	}
	// Not by name: senders put tokens there, and passwords by mistake.
	return b.refuse(r, s, "", "the user is not in the users file")
}

// refuse is the 401 to a request, which is logged once for each user and cause. user is "" if it is none of the file's.
func (b *Basic) refuse(r *http.Request, s *state, user, cause string) error {
	if s.told.First(user + "\n" + cause) {
		attrs := []slog.Attr{slog.String("cause", cause), slog.String("address", r.RemoteAddr)}
		if user != "" {
			attrs = append(attrs, slog.String("user", user))
		}
		b.logger.LogAttrs(r.Context(), slog.LevelWarn, "a sender was not let in, which is told once for each user and cause", attrs...)
	}
	e := &ingress.AuthError{Status: http.StatusUnauthorized, Challenge: challenge, Reason: "wrong-credentials",
		Detail: "the user or the password is wrong; an operator of the bridge knows them by AUTH_BASIC_USERS_PATH"}
	switch cause {
	case causeMissing:
		e.Reason, e.Detail = "no-credentials", "the request does not say who sends it; send user and password by the Authorization header, scheme Basic"
	case causeSeveral, causeScheme, causeMalformed:
		e.Reason, e.Detail = "bad-credentials", "this Authorization header is not taken; send it once, as Basic and the base64 of user:password"
	}
	return e
}

// busy is the 503 to a request whose password could not be checked in time.
func (b *Basic) busy(ctx context.Context, s *state) error {
	b.counters.Add(countBusy, 1)
	if s.told.First(errBusy.Error()) {
		b.logger.LogAttrs(ctx, slog.LevelWarn, "more passwords arrive than can be checked, which is told once: senders who were let in before still are, others are asked to come again")
	}
	return &ingress.AuthError{Status: http.StatusServiceUnavailable, RetryAfter: retryBusy, Reason: "busy",
		Detail: "more passwords arrive than can be checked; send it again"}
}
