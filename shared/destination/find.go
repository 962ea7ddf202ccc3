package destination

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/keystore"
)

// pathMaxLength is of path and query in characters.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
const pathMaxLength = 4000

const findPath = "/destination-configuration/v1/destinations/"

// found is a destination as far as an identity needs it. Member names are compared without regard to case.
type found struct {
	Configuration *struct {
		Authentication   string `json:"Authentication"`
		KeyStoreLocation string `json:"KeyStoreLocation"`
		KeyStorePassword string `json:"KeyStorePassword"`
		KeyStoreSource   string `json:"KeyStore.Source"`
	} `json:"destinationConfiguration"`
	Certificates []struct {
		Name    string `json:"Name"`
		Content string `json:"Content"`
	} `json:"certificates"`
}

// answer is what a find gave: an identity, or the news that nothing changed since the etag.
type answer struct {
	identity  *keystore.Identity
	keyStore  string
	etag      string
	requestID string
	unchanged bool
}

// escapeName is the name as one segment of a path. The service takes an "@" for its own syntax.
func escapeName(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "@", "%40")
}

// find asks for the destination; with an etag only whether it changed.
func (c *Client) find(ctx context.Context, b *binding.Binding, t token, etag string) (answer, *Error) {
	var got answer
	e := c.call(ctx, "find destination", func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URI+findPath+escapeName(c.config.Name), nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+t.value.Reveal())
		r.Header.Set("Accept", "application/json")
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		return r, nil
	}, func(r *reply) (e *Error) {
		switch r.status {
		case http.StatusOK:
			got, e = readFound(r, time.Now())
			return e
		case http.StatusNotModified:
			if etag == "" {
				return r.fail(&Error{Kind: NotTheService, Reason: "nothing was asked that could be unchanged"})
			}
			got = answer{unchanged: true, etag: etag, requestID: bounded(r.header.Get("X-Vcap-Request-Id"))}
			return nil
		case http.StatusUnauthorized:
			return r.fail(&Error{Kind: ClientRefused})
		case http.StatusNotFound:
			return r.fail(&Error{Kind: NotFound})
		}
		return r.fail(&Error{Kind: Refused})
	})
	return got, e
}

// readFound reads the answer of a find and the key store in it.
func readFound(r *reply, now time.Time) (answer, *Error) {
	var f found
	if e := r.decode(&f); e != nil {
		return answer{}, e
	}
	if f.Configuration == nil {
		return answer{}, r.fail(&Error{Kind: BadAnswer, Reason: "destinationConfiguration is missing"})
	}
	name := f.Configuration.KeyStoreLocation
	content, e := f.content()
	if e != nil {
		e.KeyStore = name
		return answer{}, r.fail(e)
	}
	material, err := base64.StdEncoding.DecodeString(content)
	if err != nil {
		// The cause is left out: it is about the bytes of a key store.
		err = &keystore.Error{Kind: keystore.NotAKeyStore, Reason: "its content is not base64"}
	}
	var id *keystore.Identity
	if err == nil {
		id, err = keystore.Parse(material, keystore.Options{Password: f.Configuration.KeyStorePassword, Now: now})
	}
	if err != nil {
		return answer{}, r.fail(&Error{Kind: KeyStore, KeyStore: name, Err: err})
	}
	return answer{identity: id, keyStore: name, etag: r.header.Get("Etag"), requestID: bounded(r.header.Get("X-Vcap-Request-Id"))}, nil
}

// content is the key store that the destination names, in base64. A trust store may stand beside it.
func (f *found) content() (string, *Error) {
	c := f.Configuration
	var names []string
	for _, e := range f.Certificates {
		if e.Name == c.KeyStoreLocation && c.KeyStoreLocation != "" {
			return e.Content, nil
		}
		names = append(names, fmt.Sprintf("%q", e.Name))
	}
	slices.Sort(names)
	listed := strings.Join(names, ", ")
	if listed == "" {
		listed = "none"
	}
	switch {
	case strings.EqualFold(c.KeyStoreSource, "ClientProvided"):
		return "", &Error{Kind: ClientProvided}
	case c.Authentication != "ClientCertificateAuthentication":
		return "", &Error{Kind: AuthenticationType, Reason: fmt.Sprintf("the destination has Authentication=%q", bounded(c.Authentication))}
	case c.KeyStoreLocation == "":
		return "", &Error{Kind: KeyStoreNotListed, Reason: "the destination has no KeyStoreLocation; key stores in the answer: " + bounded(listed)}
	}
	return "", &Error{Kind: KeyStoreNotListed, Reason: fmt.Sprintf("the destination names %q; key stores in the answer: %s", bounded(c.KeyStoreLocation), bounded(listed))}
}
