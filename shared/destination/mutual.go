package destination

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/trustbridge/trustbridge/shared/binding"
)

// mutual is the client that presents the certificate of an x509 binding, for the token endpoint alone. There is a fresh one
// for each certificate: a connection that was opened with another one would go on as the old client.
type mutual struct {
	base   *http.Transport // nil if certificates cannot be presented
	open   *http.Transport // of the present certificate; nil before the first
	client *binding.Binding
}

// of gives the client of a binding and closes the connections of any other.
func (m *mutual) of(b *binding.Binding) (Doer, error) {
	if m.base == nil {
		return nil, errors.New("the HTTP client that was configured cannot present the certificate of an x509 binding")
	}
	if m.open == nil || !b.Same(m.client) {
		m.close()
		m.open, m.client = m.base.Clone(), b
		if m.open.TLSClientConfig == nil {
			m.open.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		pair := b.Certificate.Reveal()
		// Presented whatever authorities the server names: a refusal tells more than a connection without a certificate.
		m.open.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	return &http.Client{Transport: m.open, CheckRedirect: refuseRedirect}, nil
}

func (m *mutual) close() {
	if m.open != nil {
		m.open.CloseIdleConnections()
	}
	m.open, m.client = nil, nil
}

// refusedCertificate is true for an error by which the other side ended the TLS handshake.
func refusedCertificate(err error) bool {
	op, found := errors.AsType[*net.OpError](err)
	return found && op.Op == "remote error"
}

// endpoint is where tokens of a binding come from: by certificate its own host, by secret the other one.
func (s *service) endpoint(b *binding.Binding) (string, error) {
	base, domain := b.URL, b.UAADomain
	if !b.Certificate.IsZero() {
		base, domain = b.CertURL, certDomain(b.UAADomain)
	}
	if s.config.Subdomain != "" {
		u, err := url.Parse(base)
		if err != nil {
			return "", err
		}
		_, rest, _ := strings.Cut(u.Hostname(), ".")
		if domain == "" || rest != domain {
			return "", &binding.Error{Kind: binding.IncompleteBinding, Reason: fmt.Sprintf("the subdomain %q cannot be put before the host %q: it is not one label "+
				"before the binding's uaadomain %q; unset DESTINATION_SUBDOMAIN, or give the bridge the binding as SAP made it", s.config.Subdomain, u.Hostname(), b.UAADomain)}
		}
		u.Host = strings.Replace(u.Host, u.Hostname(), s.config.Subdomain+"."+rest, 1)
		base = u.String()
	}
	return base + "/oauth/token", nil
}

// certDomain is the domain of the hosts that take client certificates: authentication.cert.… for authentication.….
//
// Source: https://github.com/SAP-docs/btp-cloud-platform
func certDomain(domain string) string {
	if rest, found := strings.CutPrefix(domain, "authentication."); found {
		return "authentication.cert." + rest
	}
	return domain
}
