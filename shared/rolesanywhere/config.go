package rolesanywhere

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// The range of a session's duration.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
const (
	durationMin = 900 * time.Second
	durationMax = 43200 * time.Second
)

// Source gives the identity to sign with. Implementations are safe for concurrent use, answer from memory whenever they
// can, and give one immutable snapshot: leaf, chain and key that belong together. The provider asks at each signing.
//
// A source may also have a method Reject(version string): AWS refused the material of that version, or it is not valid at
// AWS's time. The source should look for other material at its next call, not sooner than 10 s after its last look.
//
// A source that gives ARNs too has a method Snapshot(ctx) (*keystore.Identity, map[string]string, error): the identity, and from
// the same look the properties that stand beside it, of which those of the names [PropertyTrustAnchorARN], [PropertyProfileARN]
// and [PropertyRoleARN] count. One signing takes all of it from one snapshot.
type Source interface {
	// Identity returns the present identity. Its errors may implement Outage() bool and Detail() string, as [Error] does.
	Identity(ctx context.Context) (*keystore.Identity, error)
}

// snapshotter is a source that gives properties too.
type snapshotter interface {
	Snapshot(ctx context.Context) (*keystore.Identity, map[string]string, error)
}

// Doer sends requests, as *http.Client does. Redirects must not be followed: of an *http.Client, and of a client with a
// method GetTransport() *http.Transport as the AWS SDK's has, the provider uses the transport alone and follows none.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// Config is what a [Provider] needs. It holds no secret.
type Config struct {
	// TrustAnchorARN, ProfileARN and RoleARN are required: arn:aws:rolesanywhere:region:account:trust-anchor/uuid,
	// arn:aws:rolesanywhere:region:account:profile/uuid, arn:aws:iam::account:role/name. The region of the anchor is the
	// region of every call.
	TrustAnchorARN string
	ProfileARN     string
	RoleARN        string
	// ARNsFromSource takes those of the three that are "" from the source's properties, at each signing; the source must have a
	// method Snapshot then. What is missing in both places, or wrong, is an error of kind Unconfigured of Retrieve.
	ARNsFromSource bool
	// SessionName names the role session, 2 to 64 of A-Z a-z 0-9 _ + = , . @ -; the profile must accept session names. ""
	// lets AWS take the certificate's serial number.
	SessionName string
	// Duration is the life of a session in whole seconds, 900 s to 43200 s; 0 lets the profile decide. Above the role's
	// MaxSessionDuration AWS refuses.
	Duration time.Duration
	// Source is required.
	Source Source
	// HTTPClient sends the requests; nil means one of our own, with the proxy of the environment and TLS 1.2 or later.
	HTTPClient Doer
	// Endpoint is a URL in the place of the standard one, with or without a path; "" means the standard endpoint.
	Endpoint string
	// FIPS and DualStack choose other standard endpoints; false means the plain ones. They contradict Endpoint.
	FIPS      bool
	DualStack bool
	// Logger takes lifecycle and warnings; nil logs nothing.
	Logger *slog.Logger
	// Counters counts calls, failures and clock reports; nil counts nothing.
	Counters *telemetry.Counters
}

// LogValue is the configuration without what cannot be read in a log.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("trust_anchor_arn", c.TrustAnchorARN),
		slog.String("profile_arn", c.ProfileARN),
		slog.String("role_arn", c.RoleARN),
		slog.String("session_name", c.SessionName),
		slog.Duration("duration", c.Duration),
		slog.String("endpoint", withoutUser(c.Endpoint)),
		slog.Bool("fips", c.FIPS),
		slog.Bool("dual_stack", c.DualStack),
	)
}

// Problem is one thing that is wrong in a [Config].
type Problem struct {
	// Field is the name of the field of [Config], so that a caller can name its own setting for it.
	Field string
	// Reason says what is wrong with the field, in words that follow its name, with an example where one helps.
	Reason string
}

// Error is "field: reason".
func (p *Problem) Error() string { return p.Field + ": " + p.Reason }

// Validate returns every problem of c that can be seen without a network, nil if there is none.
func Validate(c Config) []*Problem {
	_, problems := c.resolve()
	return problems
}

// resolve checks c and returns the URL to post to.
func (c Config) resolve() (*url.URL, []*Problem) {
	var problems []*Problem
	add := func(field string, err error) {
		if err != nil {
			problems = append(problems, &Problem{Field: field, Reason: err.Error()})
		}
	}
	addARN := func(field, arn string, err error) {
		if arn != "" || !c.ARNsFromSource {
			add(field, err)
		}
	}
	anchor, errAnchor := checkRolesAnywhereARN(c.TrustAnchorARN, kindAnchor)
	addARN("TrustAnchorARN", c.TrustAnchorARN, errAnchor)
	profile, errProfile := checkRolesAnywhereARN(c.ProfileARN, kindProfile)
	addARN("ProfileARN", c.ProfileARN, errProfile)
	role, errRole := checkRoleARN(c.RoleARN)
	addARN("RoleARN", c.RoleARN, errRole)
	if errAnchor == nil && errProfile == nil {
		switch {
		case profile.Partition != anchor.Partition || profile.Account != anchor.Account:
			add("ProfileARN", fmt.Errorf("%q is not in the account of the trust anchor, %s in %s", c.ProfileARN, anchor.Account, anchor.Partition))
		case profile.Region != anchor.Region:
			add("ProfileARN", fmt.Errorf("%q is in %s and the trust anchor in %s; both must be in one region", c.ProfileARN, profile.Region, anchor.Region))
		}
	}
	if errAnchor == nil && errRole == nil && (role.Partition != anchor.Partition || role.Account != anchor.Account) {
		add("RoleARN", fmt.Errorf("%q is not in the account of the trust anchor, %s in %s", c.RoleARN, anchor.Account, anchor.Partition))
	}
	if n := c.SessionName; n != "" && (len(n) < 2 || len(n) > 64 || !consistsOf(n, nameCharacter)) {
		add("SessionName", fmt.Errorf("%q is not possible; 2 to 64 of A-Z a-z 0-9 _ + = , . @ - are", n))
	}
	if d := c.Duration; d != 0 && (d < durationMin || d > durationMax || d%time.Second != 0) {
		add("Duration", fmt.Errorf("%v is not possible; whole seconds from %v to %v are", d, durationMin, durationMax))
	}
	if c.Source == nil {
		add("Source", errors.New("is missing"))
	} else if _, gives := c.Source.(snapshotter); c.ARNsFromSource && !gives {
		add("Source", errors.New("gives no properties, from which ARNs are to come: it has no method Snapshot"))
	}
	var endpoint *url.URL
	if errAnchor == nil || c.Endpoint != "" {
		var err error
		if endpoint, err = Endpoint(anchor, c.Endpoint, c.FIPS, c.DualStack); err != nil {
			add("Endpoint", err)
		} else {
			endpoint = endpoint.JoinPath(sessionsPath)
		}
	}
	return endpoint, problems
}
