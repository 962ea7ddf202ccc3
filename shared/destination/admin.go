package destination

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Admin reads and makes what an identity needs in the Destination Service: destinations and certificates. Make one with
// [NewAdmin]. Safe for concurrent use; calls are made one after another. It reads no private key.
type Admin struct {
	mu      sync.Mutex // guards service: its token and connections are of one call at a time
	service *service
}

// NewAdmin checks c, of which names, levels, key and OnChange have no meaning. No call is made.
func NewAdmin(c Config) (*Admin, error) {
	c, problems := c.complete()
	if len(problems) > 0 {
		return nil, fmt.Errorf("configure destination administrator: %w", errors.Join(problems...))
	}
	c.Name, c.CertificateName = "", ""
	return &Admin{service: newService(c)}, nil
}

// Close ends the connections that are kept.
func (a *Admin) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.service.close()
}

// Found is a destination.
type Found struct {
	// Name is the destination's, KeyStore that of its key store, "" if it names none.
	Name, KeyStore string
	// Level is where it was found.
	Level Level
	// Properties are all that are texts, without those whose names speak of passwords, secrets or tokens.
	Properties map[string]string
}

// LogValue names the properties and shows none of their values: administrators put anything there.
func (f *Found) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", f.Name), slog.String("key_store", f.KeyStore), slog.String("at_level", string(f.Level)),
		slog.Any("properties", slices.Sorted(maps.Keys(f.Properties))))
}

// Destination looks for a destination at the binding's instance, then in its subaccount. Errors are [*Error], of kind NotFound
// if there is none.
func (a *Admin) Destination(ctx context.Context, name string) (*Found, error) {
	var found *Found
	e := a.call(ctx, about{op: "find destination", kind: "destination", name: name}, http.MethodGet, findPath+escapeName(name), nil, func(r *reply) *Error {
		if r.status != http.StatusOK {
			return r.refused(NotFound)
		}
		var f foundDestination
		if e := r.decode(&f, false); e != nil {
			return e
		}
		if f.Configuration == nil {
			return r.fail(&Error{Kind: BadAnswer, Reason: "destinationConfiguration is missing"})
		}
		found = &Found{Name: name, KeyStore: f.property("KeyStoreLocation"), Level: Subaccount, Properties: f.properties(shown)}
		if id := f.Owner.InstanceID; id != nil && *id != "" {
			found.Level = Instance
		}
		return nil
	})
	return found, orNil(e)
}

// shown is false for the names of properties that may hold what nobody should see.
func shown(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "secret", "token"} {
		if strings.Contains(name, part) && !strings.HasSuffix(name, "url") {
			return false
		}
	}
	return true
}

// CertificateRequest is a certificate to be made by the service.
type CertificateRequest struct {
	// Name is the certificate's, with an ending that says its format, for example ".pem"; CN is its subject's common name.
	Name, CN string
	// ValidityUnit is DAYS, MONTHS or YEARS, ValidityValue how many.
	ValidityUnit  string
	ValidityValue int
	// AutomaticRenew has the service renew it; false is the service's own default.
	AutomaticRenew bool
	// CSR is a signing request in PEM, whose key stays where it is; nil lets the service make the key.
	CSR []byte
}

// CreateCertificate has the service make a certificate. Errors are [*Error], of kind Exists if there is one of this name.
func (a *Admin) CreateCertificate(ctx context.Context, level Level, r CertificateRequest) error {
	attributes := map[string]any{
		"CN": r.CN, "AutomaticRenew": r.AutomaticRenew,
		"Validity": map[string]any{"TimeUnit": r.ValidityUnit, "Value": r.ValidityValue},
	}
	if len(r.CSR) > 0 {
		attributes["CSR"] = base64.StdEncoding.EncodeToString(r.CSR)
	}
	return a.create(ctx, "certificate", r.Name, level, "Certificates", map[string]any{"Name": r.Name, "Attributes": attributes})
}

// CreateDestination makes a destination of its properties, Name among them. Errors are [*Error], of kind Exists if there is one
// of this name.
func (a *Admin) CreateDestination(ctx context.Context, level Level, properties map[string]string) error {
	return a.create(ctx, "destination", properties["Name"], level, "Destinations", properties)
}

// create posts one thing. Where an attempt got no answer the next one may meet what it made, which the error then says.
func (a *Admin) create(ctx context.Context, kind, name string, level Level, what string, v any) error {
	op := "create " + kind
	if !level.holds() || name == "" {
		return &Error{Kind: Refused, Op: op, Name: name, Reason: fmt.Sprintf("a name and the level %s or %s are needed, not %q", Instance, Subaccount, level)}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return &Error{Kind: Refused, Op: op, Name: name, Err: err}
	}
	e := a.call(ctx, about{op: op, kind: kind, name: name}, http.MethodPost, apiV1+string(level)+what, body, func(r *reply) *Error {
		if r.status == http.StatusCreated || r.status == http.StatusOK {
			return nil
		}
		return r.refused(Refused)
	})
	if e != nil && e.Kind == Exists && e.Attempts > 1 {
		e.Reason = "an attempt of this very call may have made it, for it got no answer"
	}
	return orNil(e)
}

// call makes one call with a token.
func (a *Admin) call(ctx context.Context, of about, method, path string, body []byte, read func(*reply) *Error) *Error {
	if len(path) > pathMaxLength {
		return &Error{Kind: Refused, Op: of.op, Name: bounded(of.name), Reason: "the name is longer than the service takes"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.service
	s.about = of
	return s.authorized(ctx, func(bool) *Error {
		asked := s.get(of.op, of.name, path, "", read)
		plain := asked.build
		asked.build = func(ctx context.Context) (*http.Request, error) {
			r, err := plain(ctx)
			if err != nil || body == nil {
				return r, err
			}
			posted, err := http.NewRequestWithContext(ctx, method, r.URL.String(), bytes.NewReader(body))
			if err != nil {
				return nil, err
			}
			posted.Header = r.Header
			posted.Header.Set("Content-Type", "application/json")
			return posted, nil
		}
		return s.call(ctx, asked)
	})
}

// orNil keeps a nil *Error from becoming an error that is not nil.
func orNil(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}
