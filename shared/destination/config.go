package destination

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

const (
	defaultConnect  = 2 * time.Second
	defaultCall     = 30 * time.Second
	defaultInterval = 5 * time.Minute
)

// Level is where destinations and certificates live. The zero value is none.
type Level string

// The levels. Certificates, and what an [Admin] makes, are at the first two; a subscriber reads the provider's by the others.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
const (
	Instance           Level = "instance"
	Subaccount         Level = "subaccount"
	ProviderInstance   Level = "provider_instance"
	ProviderSubaccount Level = "provider_subaccount"
)

// holds is true for the levels that have calls of their own.
func (l Level) holds() bool { return l == Instance || l == Subaccount }

// Doer sends requests, as *http.Client does. Redirects must not be followed: of an *http.Client the transport alone is used, and
// none is followed. Only one whose transport is an *http.Transport can present the certificate of an x509 binding.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// Config is what a [Client] or an [Admin] needs. It holds no secret.
type Config struct {
	// Binding gives the service binding; required. It is asked at each look and after a 401, so that a rotated binding is used
	// without a restart. *binding.Error is passed on with its own sentence.
	Binding func() (*binding.Binding, error)
	// Name is the destination's name. A Client needs it or CertificateName; an Admin needs neither.
	Name string
	// Level is where the destination is, and nowhere else, by version 2 of the API; "" means the instance, then the subaccount,
	// by version 1.
	Level Level
	// CertificateName is the name of a certificate to be read without a destination, and CertificateLevel where it is, Instance or
	// Subaccount; "" means that Name is used.
	CertificateName  string
	CertificateLevel Level
	// Subdomain is the subscriber's for whom tokens are fetched: it takes the place of the first label in the host of the token
	// endpoint, which must be in the binding's uaadomain; "" means the binding's own.
	Subdomain string
	// KeyPath is a file with the private key in PEM, for certificates that were made from a signing request: the service has
	// only the chain then. It is read at each look. "" means that the key store holds the key.
	KeyPath string
	// HTTPClient sends the requests; nil means one of our own, with the proxy of the environment and the system's roots.
	HTTPClient Doer
	// ConnectTimeout is for a connection of our own HTTPClient; 0 means 2 s.
	ConnectTimeout time.Duration
	// CallTimeout is for one request and its answer; 0 means 30 s.
	CallTimeout time.Duration
	// Interval lies between two looks while the identity is usable, give or take a tenth; 0 means 5 min. SAP asks to keep answers
	// for 3 to 5 min.
	Interval time.Duration
	// Logger takes changes and warnings; nil logs nothing.
	Logger *slog.Logger
	// Counters counts looks, failures and changes; nil counts nothing.
	Counters *telemetry.Counters
	// OnChange is told the version of an identity that takes the place of an earlier one, or whose properties changed, after it
	// has; nil tells nobody. It is called from the look's goroutine and must not wait for Identity.
	OnChange func(version string)
}

// LogValue is the configuration.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(c.attr(), slog.String("at_level", string(c.Level+c.CertificateLevel)), slog.String("subdomain", c.Subdomain),
		slog.String("key_path", c.KeyPath), slog.Duration("interval", c.Interval))
}

// named is the name of what is asked for, called with what it is, attr the same in a log, and op the asking.
func (c Config) named() string {
	if c.CertificateName != "" {
		return c.CertificateName
	}
	return c.Name
}

func (c Config) called() string {
	return c.kind() + " " + strconv.Quote(c.named())
}

// kind is what is asked for, in one word.
func (c Config) kind() string {
	if c.CertificateName != "" {
		return "certificate"
	}
	return "destination"
}

func (c Config) attr() slog.Attr {
	if c.CertificateName != "" {
		return slog.String("certificate_name", c.CertificateName)
	}
	return slog.String("destination", c.Name)
}

func (c Config) op() string {
	if c.CertificateName != "" {
		return "fetch certificate"
	}
	return "find destination"
}

// complete checks what every use needs, and sets what was left to us.
func (c Config) complete() (Config, []error) {
	var problems []error
	if c.Binding == nil {
		problems = append(problems, errors.New("the field Binding is missing"))
	}
	if c.ConnectTimeout < 0 || c.CallTimeout < 0 || c.Interval < 0 {
		problems = append(problems, errors.New("the fields ConnectTimeout, CallTimeout and Interval must not be negative"))
	}
	if !isSubdomain(c.Subdomain) {
		problems = append(problems, fmt.Errorf("the field Subdomain is %q; letters a-z, digits and - are possible", c.Subdomain))
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.ConnectTimeout, defaultConnect)
	set(&c.CallTimeout, defaultCall)
	set(&c.Interval, defaultInterval)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, problems
}

// checkSource checks what only a Client needs.
func (c Config) checkSource() []error {
	var problems []error
	add := func(broken bool, format string, args ...any) {
		if broken {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	add(c.Name == "" && c.CertificateName == "", "the field Name, the destination's name, and the field CertificateName are missing: one is needed")
	add(c.Name != "" && c.CertificateName != "", "the fields Name and CertificateName are both set: one is needed")
	if c.Name != "" || c.CertificateName != "" {
		add(len(c.path()) > pathMaxLength, "the name has %d characters, which is more than the service takes", len(c.named()))
	}
	switch c.Level {
	case "", Instance, Subaccount, ProviderInstance, ProviderSubaccount:
		add(c.Level != "" && c.CertificateName != "", "the field Level is of a destination; a certificate has CertificateLevel")
	default:
		add(true, "the field Level is %q; %s, %s, %s and %s are possible", c.Level, Instance, Subaccount, ProviderInstance, ProviderSubaccount)
	}
	add(c.CertificateName != "" && !c.CertificateLevel.holds(), "the field CertificateLevel is %q; %s and %s are possible", c.CertificateLevel, Instance, Subaccount)
	add(c.CertificateName == "" && c.CertificateLevel != "", "the field CertificateLevel is set without CertificateName")
	return problems
}

// isSubdomain is true for what may be the first label of a host, and for none.
func isSubdomain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
