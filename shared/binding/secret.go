package binding

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands where the secret would.
const redacted = "[redacted]"

// Secret is a text that is not shown: package fmt, log/slog and JSON print "[redacted]". The zero value is no secret.
type Secret struct{ value string }

// NewSecret keeps value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal is the text itself, for the one request that needs it.
func (s Secret) Reveal() string { return s.value }

// IsZero is true if there is no secret.
func (s Secret) IsZero() bool { return s.value == "" }

// Format prints the same for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is what a log shows.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is what an encoder writes.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
