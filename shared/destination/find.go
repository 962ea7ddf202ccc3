package destination

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// pathMaxLength is of path and query in characters.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
const pathMaxLength = 4000

const (
	apiV1    = "/destination-configuration/v1/"
	findPath = apiV1 + "destinations/"
	findV2   = "/destination-configuration/v2/destinations/"
)

// propertyPrefix begins the names of the properties that a [Client] gives out.
const propertyPrefix = "aws."

// foundDestination is a destination as far as an identity needs it. Names of members and properties are compared without
// regard to case; more of them are allowed.
type foundDestination struct {
	Owner struct {
		InstanceID *string `json:"InstanceId"`
	} `json:"owner"`
	Configuration map[string]any `json:"destinationConfiguration"`
	Certificates  []certificate  `json:"certificates"`
}

// certificate is a key store or trust store.
type certificate struct {
	Name    string `json:"Name"`
	Content string `json:"Content"` // base64
}

// property is a value of the configuration, "" if it is absent or no text.
func (f *foundDestination) property(name string) string {
	if s, is := f.Configuration[name].(string); is {
		return s
	}
	for _, other := range slices.Sorted(maps.Keys(f.Configuration)) {
		if s, is := f.Configuration[other].(string); is && strings.EqualFold(other, name) {
			return s
		}
	}
	return ""
}

// properties are those values of the configuration that are texts and whose names want takes.
func (f *foundDestination) properties(want func(name string) bool) map[string]string {
	out := make(map[string]string)
	for name, value := range f.Configuration {
		if s, is := value.(string); is && want(name) {
			out[name] = s
		}
	}
	return out
}

// answer is what a find gave: an identity, or the news that nothing changed since the etag.
type answer struct {
	found     *snapshot
	keyStore  string
	key       *localKey
	etag      string
	requestID string
	unchanged bool
}

// escapeName is the name as one segment of a path. The service takes an "@" for its own syntax.
func escapeName(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "@", "%40")
}

// path is what a Client asks for.
func (c Config) path() string {
	switch {
	case c.CertificateName != "":
		return certificatesPath(c.CertificateLevel) + "/" + escapeName(c.CertificateName)
	case c.Level != "":
		return findV2 + escapeName(c.Name) + "@" + string(c.Level)
	}
	return findPath + escapeName(c.Name)
}

// certificatesPath is where the certificates of a level are.
func certificatesPath(l Level) string { return apiV1 + string(l) + "Certificates" }

// find asks for the destination or the certificate; with an etag only whether it changed.
func (c *Client) find(ctx context.Context, key *localKey, etag string) (answer, *Error) {
	var got answer
	read := readFound
	if c.config.CertificateName != "" {
		read = readCertificate
	}
	s := c.memory.service
	e := s.call(ctx, s.get(c.config.op(), c.config.named(), c.config.path(), etag, func(r *reply) (e *Error) {
		switch r.status {
		case http.StatusOK:
			got, e = read(r, key, time.Now())
			return e
		case http.StatusNotModified:
			if etag == "" {
				return r.fail(&Error{Kind: NotTheService, Reason: "nothing was asked that could be unchanged"})
			}
			got = answer{unchanged: true, etag: etag, requestID: bounded(r.header.Get("X-Vcap-Request-Id"))}
			return nil
		}
		return r.refused(c.config.missing())
	}))
	return got, e
}

// get is a request with the present token.
func (s *service) get(op, name, path, etag string, read func(*reply) *Error) request {
	return request{op: op, name: name, by: s.http, read: read, build: func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.binding.URI+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+s.token.value.Reveal())
		r.Header.Set("Accept", "application/json")
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		return r, nil
	}}
}

// missing is the kind of an answer that there is no such thing.
func (c Config) missing() Kind {
	if c.CertificateName != "" {
		return NoCertificate
	}
	return NotFound
}

// refused is the error of an answer that is no success.
func (r *reply) refused(missing Kind) *Error {
	switch r.status {
	case http.StatusUnauthorized:
		return r.fail(&Error{Kind: ClientRefused})
	case http.StatusNotFound:
		return r.fail(&Error{Kind: missing})
	case http.StatusConflict:
		return r.fail(&Error{Kind: Exists})
	}
	return r.fail(&Error{Kind: Refused})
}

// readFound reads the answer of a find and the key store in it.
func readFound(r *reply, key *localKey, now time.Time) (answer, *Error) {
	var f foundDestination
	if e := r.decode(&f, false); e != nil {
		return answer{}, e
	}
	if f.Configuration == nil {
		return answer{}, r.fail(&Error{Kind: BadAnswer, Reason: "destinationConfiguration is missing"})
	}
	name := f.property("KeyStoreLocation")
	content, e := f.content(name)
	if e != nil {
		e.KeyStore = name
		return answer{}, r.fail(e)
	}
	got, e := r.identity(name, content, f.property("KeyStorePassword"), key, now)
	if e != nil {
		return answer{}, e
	}
	got.found.properties = f.properties(func(name string) bool {
		return len(name) > len(propertyPrefix) && strings.EqualFold(name[:len(propertyPrefix)], propertyPrefix)
	})
	return got, nil
}

// readCertificate reads the answer of a certificate by its name.
func readCertificate(r *reply, key *localKey, now time.Time) (answer, *Error) {
	var c certificate
	if e := r.decode(&c, false); e != nil {
		return answer{}, e
	}
	if c.Content == "" {
		return answer{}, r.fail(&Error{Kind: BadAnswer, Reason: "Content is missing"})
	}
	return r.identity(c.Name, c.Content, "", key, now)
}

// identity makes an identity of a key store in base64, with the key from a file if there is one.
func (r *reply) identity(name, content, password string, key *localKey, now time.Time) (answer, *Error) {
	material, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		// The cause is left out: it is about the bytes of a key store.
		err = &keystore.Error{Kind: keystore.NotAKeyStore, Reason: "its content is not base64"}
	}
	var id *keystore.Identity
	if err == nil {
		id, err = keystore.Parse(key.beside(material), keystore.Options{Password: password, Now: now})
	}
	if err != nil {
		return answer{}, r.fail(&Error{Kind: KeyStore, KeyStore: name, Reason: key.advice(err), Err: err})
	}
	return answer{found: &snapshot{identity: id}, keyStore: name, etag: r.header.Get("Etag"), requestID: bounded(r.header.Get("X-Vcap-Request-Id"))}, nil
}

// content is the key store that the destination names, in base64. A trust store may stand beside it. Version 2 may put the
// level behind a name, which is not documented.
func (f *foundDestination) content(location string) (string, *Error) {
	var names []string
	for _, same := range []func(string) string{func(s string) string { return s }, withoutLevel} {
		for _, c := range f.Certificates {
			if location != "" && same(c.Name) == same(location) {
				return c.Content, nil
			}
		}
	}
	for _, c := range f.Certificates {
		names = append(names, fmt.Sprintf("%q", c.Name))
	}
	slices.Sort(names)
	listed := strings.Join(names, ", ")
	if listed == "" {
		listed = "none"
	}
	authentication := f.property("Authentication")
	switch {
	case strings.EqualFold(f.property("KeyStore.Source"), "ClientProvided"):
		return "", &Error{Kind: ClientProvided}
	case authentication != "ClientCertificateAuthentication":
		return "", &Error{Kind: AuthenticationType, Reason: fmt.Sprintf("the destination has Authentication=%q", bounded(authentication))}
	case location == "":
		return "", &Error{Kind: KeyStoreNotListed, Reason: "the destination has no KeyStoreLocation; key stores in the answer: " + bounded(listed)}
	}
	return "", &Error{Kind: KeyStoreNotListed, Reason: fmt.Sprintf("the destination names %q; key stores in the answer: %s", bounded(location), bounded(listed))}
}

func withoutLevel(name string) string {
	for _, l := range []Level{Instance, Subaccount, ProviderInstance, ProviderSubaccount} {
		if bare, found := strings.CutSuffix(name, "@"+string(l)); found {
			return bare
		}
	}
	return name
}
