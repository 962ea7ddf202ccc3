package binding

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Binding is one usable binding: of a client with a secret, or of one with a certificate, which is not zero then.
type Binding struct {
	// Name is the service instance's name; "" for a service key, which has none.
	Name string
	// Place says where it was found, for example "VCAP_SERVICES".
	Place string
	// ClientID and ClientSecret identify the client at the token endpoint. Both may hold any character. The secret of a client
	// with a certificate is zero.
	ClientID     string
	ClientSecret Secret
	// Certificate identifies the client in the place of a secret, at CertURL alone: the endpoint of tokens by TLS client
	// certificate, without /oauth/token. Both are zero for a client with a secret.
	Certificate Certificate
	CertURL     string
	// URL is where tokens come from by secret, without /oauth/token; "" if a client with a certificate has none. URI is where
	// destinations come from, without /destination-configuration. All three are absolute URLs with no slash at the end.
	URL string
	URI string
	// UAADomain is what the host of URL ends in behind the subdomain of its subaccount; "" if the binding does not say.
	UAADomain string
	// TenantID is the subaccount's tenant and InstanceID the service instance; "" if the binding does not say.
	TenantID   string
	InstanceID string
}

// Same is true if both bindings are of one client with the same secret or certificate, so that a token of the one is a token of
// the other.
func (b *Binding) Same(other *Binding) bool {
	return other != nil && b.fingerprint() == other.fingerprint()
}

func (b *Binding) fingerprint() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %x", b.URL, b.CertURL, b.URI, b.TenantID, b.InstanceID, b.ClientID,
		b.ClientSecret.Reveal(), b.Certificate.fingerprint()))
}

// LogValue shows what may be shown.
func (b *Binding) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("name", b.Name), slog.String("place", b.Place), slog.String("clientid", b.ClientID),
		slog.String("url", b.URL), slog.String("uri", b.URI)}
	if !b.Certificate.IsZero() {
		attrs = append(attrs, slog.String("certurl", b.CertURL), slog.Any("certificate", b.Certificate))
	}
	return slog.GroupValue(attrs...)
}

// fields is the credentials object of a binding. Values of another type than text count as absent.
type fields map[string]any

func (f fields) text(name string) string {
	s, _ := f[name].(string)
	return s
}

// binding checks the fields and makes a Binding of them. now judges the certificate of an x509 binding.
func (f fields) binding(name, place string, now time.Time) (*Binding, error) {
	named := place
	if name != "" {
		named = fmt.Sprintf("%q in %s", name, place)
	}
	incomplete := func(reason string) error { return &Error{Kind: IncompleteBinding, Reason: reason} }
	required, addresses := []string{"clientid", "clientsecret", "uri", "url"}, []string{"uri", "url"}
	if f.isX509() {
		required, addresses = []string{"certificate", "certurl", "clientid", "key", "uri"}, []string{"certurl", "uri"}
		if f.text("url") != "" {
			addresses = append(addresses, "url")
		}
	}
	missing := slices.DeleteFunc(required, func(field string) bool { return f.text(field) != "" })
	if len(missing) > 0 {
		return nil, incomplete(fmt.Sprintf("%s lacks %s; create it again, or compare it with what SAP printed", named, strings.Join(missing, ", ")))
	}
	b := &Binding{
		Name: name, Place: place, ClientID: f.text("clientid"), UAADomain: f.text("uaadomain"),
		TenantID: f.text("tenantid"), InstanceID: f.text("instanceid"),
	}
	targets := map[string]*string{"url": &b.URL, "uri": &b.URI, "certurl": &b.CertURL}
	for _, field := range addresses {
		u, err := url.Parse(f.text(field))
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, incomplete(fmt.Sprintf("%s of %s is no URL like https://host; create the binding again", field, named))
		}
		*targets[field] = strings.TrimRight(u.String(), "/")
	}
	if !f.isX509() {
		b.ClientSecret = NewSecret(f.text("clientsecret"))
		return b, nil
	}
	var reason string
	if b.Certificate, reason = parseCertificate(f.text("certificate"), f.text("key")); reason != "" {
		return nil, incomplete(fmt.Sprintf("of %s, %s; create the binding again", named, reason))
	}
	if end := b.Certificate.NotAfter(); now.After(end) {
		return nil, &Error{Kind: ExpiredBinding, Reason: fmt.Sprintf("the certificate of %s expired at %s; create the binding again, and let the SAP BTP "+
			"service operator rotate it (credentialsRotationPolicy) or rebind in time", named, end.UTC().Format(time.RFC3339))}
	}
	return b, nil
}

// isX509 goes by the credential type, and without one by what is there.
func (f fields) isX509() bool {
	switch f.text("credential-type") {
	case "x509":
		return true
	case "":
		return f.text("clientsecret") == "" && f.text("certificate") != ""
	}
	return false
}
