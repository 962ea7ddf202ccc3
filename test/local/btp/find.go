package btp

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

const notFoundText = "Configuration with the specified name was not found"

// find is GET /v1/destinations/{name}: instance level first, then subaccount level.
func (s *Server) find(r *http.Request, tenant, name string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, level := range []Level{Instance, Subaccount} {
		if at := (entry{tenant, level, name}); s.destinations[at] != nil {
			return s.foundAnswer(r, at, func(out, _ map[string]any) { out["owner"] = s.owner(at) })
		}
	}
	return refused(http.StatusNotFound, notFoundText)
}

// findAt is GET /v2/destinations/{name}@{level}: that level alone. The owner comes only if asked for, in $metadata. How a missing or
// unknown level is refused is not documented.
func (s *Server) findAt(r *http.Request, tenant, escaped string) answer {
	cut := strings.LastIndexByte(escaped, '@')
	if cut < 0 {
		return refused(http.StatusBadRequest, "The level is missing")
	}
	at := entry{tenant: tenant}
	switch level := escaped[cut+1:]; level {
	case "instance", "subaccount":
		at.level = Level(level)
	case "provider_instance", "provider_subaccount":
		at.tenant, at.level = "", Level(strings.TrimPrefix(level, "provider_"))
	default:
		return refused(http.StatusBadRequest, "The level is unknown")
	}
	at.name = findName(escaped)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destinations[at] == nil {
		return refused(http.StatusNotFound, notFoundText)
	}
	return s.foundAnswer(r, at, func(_, configuration map[string]any) {
		if r.URL.Query().Get("$includeMetadata") == "owner" {
			configuration["$metadata"] = map[string]any{"owner": s.owner(at)}
		}
	})
}

// findName is the name in what follows the path of version 2.
func findName(escaped string) string {
	if cut := strings.LastIndexByte(escaped, '@'); cut >= 0 {
		escaped = escaped[:cut]
	}
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return ""
	}
	return name
}

// owner says whose a destination is. s.mu is held.
func (s *Server) owner(at entry) map[string]any {
	owner := map[string]any{"SubaccountId": s.subaccount(at.tenant), "InstanceId": nil}
	if at.level == Instance {
		owner["InstanceId"] = instanceID
	}
	return owner
}

// subaccount is the id of a tenant's subaccount.
func (s *Server) subaccount(tenant string) string {
	if tenant == "" {
		return s.config.Subaccount
	}
	return tenant
}

// foundAnswer is the answer with a destination; finish adds what is the version's own. s.mu is held.
func (s *Server) foundAnswer(r *http.Request, at entry, finish func(out, configuration map[string]any)) answer {
	var properties map[string]string
	if err := json.Unmarshal(s.destinations[at], &properties); err != nil {
		panic(err) // made by PutDestination
	}
	query := r.URL.Query()
	skipCredentials := query.Get("$skipCredentials") == "true"
	configuration := make(map[string]any)
	for name, value := range properties {
		if !skipCredentials || name != "KeyStorePassword" {
			configuration[name] = value
		}
	}
	out := map[string]any{"destinationConfiguration": configuration}
	if names, come := keyStoreNames(properties, query.Get("$skipTokenRetrieval") == "true"); come {
		out["certificates"] = s.listed(at, names)
	}
	finish(out, configuration)
	a := jsonAnswer(http.StatusOK, out)
	tag := tagOf(a.body)
	if s.findETagOfProperties {
		tag = tagOf(s.destinations[at])
	}
	return unlessKnown(r, tag, a)
}

// keyStoreNames are the key stores that come with a destination, and whether any do: with client certificates, SAML bearer
// assertions, and mTLS to a token service whose token was not asked for.
func keyStoreNames(properties map[string]string, skipTokenRetrieval bool) (names []string, come bool) {
	if properties["KeyStore.Source"] == "ClientProvided" {
		return nil, false
	}
	switch {
	case properties["Authentication"] == "ClientCertificateAuthentication", properties["Authentication"] == "OAuth2SAMLBearerAssertion":
		names = []string{properties["KeyStoreLocation"], properties["TrustStoreLocation"]}
	case skipTokenRetrieval && properties["tokenService.KeyStoreLocation"] != "":
		names = []string{properties["tokenService.KeyStoreLocation"]}
	default:
		return nil, false
	}
	return names, true
}

// listed are the entries for names that there are at the same level. s.mu is held.
func (s *Server) listed(at entry, names []string) []certificateBody {
	out := []certificateBody{}
	for _, name := range names {
		if k := s.keyStores[entry{at.tenant, at.level, name}]; k != nil {
			out = append(out, certificateBody{Name: name, Type: "CERTIFICATE", Content: base64.StdEncoding.EncodeToString(k.content)})
		}
	}
	return out
}
