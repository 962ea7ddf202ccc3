package telemetry

import (
	"io"
	"log/slog"
	"strings"
)

// redacted stands where a secret would.
const redacted = "[redacted]"

// NewLogger returns a logger that writes JSON lines to w, one an outcome. Attributes whose names say that they hold a
// secret (password, secret, token, authorization, private key, credentials) show "[redacted]" instead of their value, in
// groups too. Integers are shown: they count (token_requests), and no secret of ours is one.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			kind := a.Value.Kind()
			if kind != slog.KindGroup && kind != slog.KindInt64 && secretName(a.Key) {
				a.Value = slog.StringValue(redacted)
			}
			return a
		},
	}))
}

// secretName tells whether an attribute of this name is one that nobody may read.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"secret", "password", "token", "authorization", "private_key", "privatekey", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
