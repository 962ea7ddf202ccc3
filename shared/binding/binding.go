package binding

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Binding is one usable binding with a client secret.
type Binding struct {
	// Name is the service instance's name; "" for a service key, which has none.
	Name string
	// Place says where it was found, for example "VCAP_SERVICES".
	Place string
	// ClientID and ClientSecret identify the client at the token endpoint. Both may hold any character.
	ClientID     string
	ClientSecret Secret
	// URL is where tokens come from, without /oauth/token; URI is where destinations come from, without
	// /destination-configuration. Both are absolute URLs with no slash at the end.
	URL string
	URI string
	// TenantID is the subaccount's tenant and InstanceID the service instance; "" if the binding does not say.
	TenantID   string
	InstanceID string
}

// Same is true if both bindings are of one client with the same secret, so that a token of the one is a token of the other.
func (b *Binding) Same(other *Binding) bool {
	return other != nil && b.fingerprint() == other.fingerprint()
}

func (b *Binding) fingerprint() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q", b.URL, b.URI, b.TenantID, b.InstanceID, b.ClientID, b.ClientSecret.Reveal()))
}

// LogValue shows what may be shown.
func (b *Binding) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", b.Name), slog.String("place", b.Place), slog.String("clientid", b.ClientID),
		slog.String("url", b.URL), slog.String("uri", b.URI))
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
	if f.isX509() {
		if end, known := f.certificateEnd(); known && now.After(end) {
			return nil, &Error{Kind: ExpiredBinding, Reason: fmt.Sprintf("the certificate of %s expired at %s; create the binding again, with the "+
				"parameter credential-type binding-secret, since this version reads no x509 bindings", named, end.UTC().Format(time.RFC3339))}
		}
		return nil, &Error{Kind: UnsupportedBinding, Reason: named + " is an x509 binding, which this version does not read; create one with the " +
			"parameter credential-type binding-secret"}
	}
	required := []string{"clientid", "clientsecret", "uri", "url"}
	missing := slices.DeleteFunc(required, func(field string) bool { return f.text(field) != "" })
	if len(missing) > 0 {
		return nil, &Error{Kind: IncompleteBinding, Reason: fmt.Sprintf("%s lacks %s; create it again, or compare it with what SAP printed", named, strings.Join(missing, ", "))}
	}
	b := &Binding{
		Name: name, Place: place, ClientID: f.text("clientid"), ClientSecret: NewSecret(f.text("clientsecret")),
		TenantID: f.text("tenantid"), InstanceID: f.text("instanceid"),
	}
	for field, target := range map[string]*string{"url": &b.URL, "uri": &b.URI} {
		u, err := url.Parse(f.text(field))
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, &Error{Kind: IncompleteBinding, Reason: fmt.Sprintf("%s of %s is no URL like https://host; create the binding again", field, named)}
		}
		*target = strings.TrimRight(u.String(), "/")
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

// certificateEnd is NotAfter of the first certificate of an x509 binding; false if there is none that can be read.
func (f fields) certificateEnd() (time.Time, bool) {
	block, _ := pem.Decode([]byte(f.text("certificate")))
	if block == nil {
		return time.Time{}, false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return c.NotAfter, true
}

// parseServiceKey reads a service key: the credentials object alone, or inside "credentials" as the Cloud Foundry command line
// prints it.
func parseServiceKey(content []byte, place string, now time.Time) (*Binding, error) {
	var f fields
	if err := json.Unmarshal(content, &f); err != nil || f == nil {
		// The cause is left out: it may quote the content.
		return nil, &Error{Kind: Unreadable, Reason: place + " is not one JSON object; it must hold the service key exactly as SAP prints it, without " +
			"other lines"}
	}
	if inner, nested := f["credentials"].(map[string]any); nested && f.text("clientid") == "" {
		f = inner
	}
	return f.binding("", place, now)
}
