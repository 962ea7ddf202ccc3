package bridge

import (
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/ingress/auth"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// The kinds of AUTH.
const (
	authNone  = "none"
	authBasic = "basic"
)

// authKinds are the kinds that AUTH lists.
func (c *Config) authKinds() []string { return commaList(c.Auth.Auth) }

// commaList is what stands between commas, without the blanks around it; nothing if s is empty.
func commaList(s string) []string {
	if s == "" {
		return nil
	}
	out := strings.Split(s, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// checkAuth is everything that is wrong with who may send.
func (c *Config) checkAuth() []Problem {
	var problems []Problem
	against := func(broken bool, reason string, names ...string) {
		if broken {
			problems = append(problems, Problem{Names: names, Reason: reason})
		}
	}
	kinds := c.authKinds()
	var later, unknown []string
	for _, kind := range kinds {
		switch kind {
		case authNone, authBasic:
		case "jwt", "mtls":
			later = append(later, kind)
		default:
			unknown = append(unknown, quote(kind))
		}
	}
	const possible = "possible are none, alone, and basic"
	against(len(later) > 0, "is "+quote(c.Auth.Auth)+"; this version does not have "+strings.Join(later, " and ")+" yet; "+possible, "AUTH")
	against(len(later) == 0 && len(unknown) > 0, "is "+quote(c.Auth.Auth)+"; there is no "+strings.Join(unknown, " and no ")+"; "+possible, "AUTH")
	against(len(later)+len(unknown) == 0 && len(kinds) > 1 && slices.Contains(kinds, authNone),
		"is "+quote(c.Auth.Auth)+"; none lets in everyone, so it stands alone", "AUTH")
	basic, path := slices.Contains(kinds, authBasic), c.Auth.BasicUsersPath
	switch {
	case basic && path == "":
		problems = append(problems, Problem{
			Names: []string{"AUTH_BASIC_USERS_PATH"}, Reason: "is not set, but AUTH has basic",
			Purpose: "the file of users who may send", Example: "/var/openfaas/secrets/senders",
		})
	case basic:
		_, err := auth.NewBasic(auth.BasicConfig{UsersPath: path})
		against(err != nil, "cannot be used: "+errorText(err), "AUTH_BASIC_USERS_PATH")
	default:
		against(path != "" && c.Auth.Auth != "", "contradict each other: without basic in AUTH nobody is asked for a password", "AUTH_BASIC_USERS_PATH", "AUTH")
	}
	for _, origin := range c.webhookOrigins() {
		if reason := originProblem(origin); reason != "" {
			against(true, "has "+quote(origin)+": "+reason, "WEBHOOK_ORIGINS")
		}
	}
	return problems
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (c *Config) webhookOrigins() []string { return commaList(c.Auth.WebhookOrigins) }

// originProblem says why no handshake could have that origin, "" if one could. A star would agree to be sent events by
// anyone, which is what the handshake protects against, and reads like a pattern where origins are compared as they are.
func originProblem(origin string) string {
	switch {
	case origin == "":
		return "an origin is not empty"
	case strings.Contains(origin, "*"):
		return "origins are compared as they are, so name each one; the log names those that were refused"
	case strings.IndexFunc(origin, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		return "an origin has no blanks and only ASCII"
	}
	return ""
}

// buildAuth makes what decides who may send, nil if everyone may.
func (c *Config) buildAuth(log *slog.Logger, counters *telemetry.Counters) (ingress.Authenticator, error) {
	if !slices.Contains(c.authKinds(), authBasic) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	basic, err := auth.NewBasic(auth.BasicConfig{UsersPath: c.Auth.BasicUsersPath, Logger: log, Counters: counters})
	if err != nil {
		return nil, Problem{Names: []string{"AUTH_BASIC_USERS_PATH"}, Reason: "cannot be used: " + err.Error()}
	}
	return basic, nil
}

// sayWhoMaySend logs what an operator should have decided about senders and not just left so.
func (c *Config) sayWhoMaySend(address net.Addr, log *slog.Logger) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return
	}
	if slices.Contains(c.authKinds(), authNone) {
		log.Warn("AUTH=none and the listener is not loopback: everyone who reaches it can send events; let a gateway, a mesh or the platform decide who may",
			"address", address.String())
	}
	if slices.Contains(c.authKinds(), authBasic) {
		log.Info("AUTH=basic and the listener is plain HTTP: whoever sees the traffic sees passwords; let a gateway, a mesh or the platform end TLS next to it",
			"address", address.String())
	}
}
