package btp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Paging of lists. Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination ($page, $pageSize).
const (
	pageSizeDefault = 10
	pageSizeMax     = 1000
)

// certificateBody is a certificate as the API shows it, with its private key.
type certificateBody struct {
	Name    string
	Type    string `json:",omitempty"`
	Content string `json:",omitempty"`
}

func (k *keyStore) body(name string) certificateBody {
	return certificateBody{name, "CERTIFICATE", base64.StdEncoding.EncodeToString(k.content)}
}

// getCertificate is GET /v1/LCertificates/{name}.
func (s *Server) getCertificate(r *http.Request, at entry) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keyStores[at]
	if k == nil {
		return text(http.StatusNotFound, "Not Found")
	}
	return unlessKnown(r, tagOf(k.content), jsonAnswer(http.StatusOK, k.body(at.name)))
}

// listCertificates is GET /v1/LCertificates, with $select=Name, $page and $pageSize.
func (s *Server) listCertificates(r *http.Request, at entry) answer {
	query := r.URL.Query()
	namesOnly := query.Get("$select") == "Name"
	if query.Has("$select") && !namesOnly {
		return refused(http.StatusBadRequest, "$select can be Name")
	}
	page, size, ok := paging(query)
	if !ok {
		return refused(http.StatusBadRequest, fmt.Sprintf("$page is from 1, $pageSize from 1 to %d", pageSizeMax))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []certificateBody{}
	for place, k := range s.keyStores {
		switch {
		case place.tenant != at.tenant || place.level != at.level:
		case namesOnly:
			out = append(out, certificateBody{Name: place.name})
		default:
			out = append(out, k.body(place.name))
		}
	}
	slices.SortFunc(out, func(a, b certificateBody) int { return strings.Compare(a.Name, b.Name) })
	if page == 0 {
		return jsonAnswer(http.StatusOK, out)
	}
	count, pages := len(out), (len(out)+size-1)/size
	first := min((page-1)*size, count)
	a := jsonAnswer(http.StatusOK, out[first:min(first+size, count)])
	a.header.Set("Page-Count", strconv.Itoa(pages))
	a.header.Set("Entity-Count", strconv.Itoa(count))
	if page < pages {
		next := *r.URL
		query.Set("$page", strconv.Itoa(page+1))
		next.RawQuery = query.Encode()
		a.header.Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
	}
	return a
}

// paging is the page and its size; page 0 means all at once, which is what no parameter asks for.
func paging(query url.Values) (page, size int, ok bool) {
	if !query.Has("$page") && !query.Has("$pageSize") {
		return 0, 0, true
	}
	page, size = 1, pageSizeDefault
	for name, into := range map[string]*int{"$page": &page, "$pageSize": &size} {
		if !query.Has(name) {
			continue
		}
		var err error
		if *into, err = strconv.Atoi(query.Get(name)); err != nil || *into < 1 {
			return 0, 0, false
		}
	}
	return page, size, size <= pageSizeMax && page <= 1<<20
}

// publicKey is one certificate of a chain.
type publicKey struct {
	Alias     string `json:",omitempty"`
	Content   string
	SubjectDN string
}

// publicKeys is GET /v1/LCertificates/{name}/publicKeys: the chain without its key, leaf first, root last.
func (s *Server) publicKeys(r *http.Request, at entry) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keyStores[at]
	if k == nil {
		return text(http.StatusNotFound, "Not Found")
	}
	var chain []*x509.Certificate
	if k.generated != nil {
		chain = k.generated.material.Chain
	} else if chain = uploaded(k.content); chain == nil {
		return refused(http.StatusBadRequest, "The keystore is password-protected and public keys cannot be retrieved")
	}
	out := []publicKey{}
	for _, c := range chain {
		one := publicKey{Content: string(block(c.Raw)), SubjectDN: distinguishedName(c)}
		if slices.Contains([]string{".p12", ".pfx", ".jks"}, ending(at.name)) {
			one.Alias = chain[0].Subject.CommonName
		}
		out = append(out, one)
	}
	return unlessKnown(r, tagOf(k.content), jsonAnswer(http.StatusOK, out))
}

// uploaded are the certificates of an upload in PEM, or the one in DER, in their order; nil if it is a key store.
func uploaded(content []byte) []*x509.Certificate {
	var chain []*x509.Certificate
	for rest := content; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil {
			chain = append(chain, c)
		}
	}
	if c, err := x509.ParseCertificate(content); err == nil {
		chain = append(chain, c)
	}
	return chain
}

// distinguishedName is a subject with the last part first, each in its own place.
func distinguishedName(c *x509.Certificate) string {
	short := map[string]string{"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.10": "O", "2.5.4.11": "OU"}
	var parts []string
	for _, n := range c.Subject.Names {
		name, known := short[n.Type.String()]
		if !known {
			name = n.Type.String()
		}
		parts = append(parts, fmt.Sprintf("%s=%v", name, n.Value))
	}
	slices.Reverse(parts)
	return strings.Join(parts, ",")
}

// putCertificate is PUT /v1/LCertificates: an upload or a generation in place of what is there. That there is nothing is refused as by
// get; SAP's status for it is not documented.
func (s *Server) putCertificate(r *http.Request, at entry) answer {
	bodies, _, a := certificateRequests(r)
	if bodies == nil {
		return a
	}
	if len(bodies) != 1 {
		return refused(http.StatusBadRequest, "One certificate is needed")
	}
	at.name = bodies[0].Name
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.keyStores[at]
	if old == nil {
		return text(http.StatusNotFound, "Not Found")
	}
	if changed(r, tagOf(old.content)) {
		return answer{status: http.StatusPreconditionFailed}
	}
	next, err := s.keep(at, bodies[0])
	if err != nil {
		return refused(http.StatusBadRequest, err.Error())
	}
	s.keyStores[at] = next
	return jsonAnswer(http.StatusOK, map[string]int{"Count": 1})
}

// deleteCertificate is DELETE /v1/LCertificates/{name}. The status for a missing one is not documented.
func (s *Server) deleteCertificate(r *http.Request, at entry) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keyStores[at]
	if k == nil {
		return text(http.StatusNotFound, "Not Found")
	}
	if changed(r, tagOf(k.content)) {
		return answer{status: http.StatusPreconditionFailed}
	}
	delete(s.keyStores, at)
	return jsonAnswer(http.StatusOK, map[string]int{"Count": 1})
}

// changed tells whether a request was meant for another state than the present one.
func changed(r *http.Request, tag string) bool {
	want := r.Header.Get("If-Match")
	return want != "" && want != tag
}

// isKeyStore tells whether content is a PKCS#12 or Java key store: DER that is no certificate, or the JDK's magic number.
func isKeyStore(content []byte) bool {
	if bytes.HasPrefix(content, []byte{0xFE, 0xED, 0xFE, 0xED}) {
		return true
	}
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(content, &whole)
	return err == nil && len(rest) == 0 && whole.Tag == asn1.TagSequence
}
