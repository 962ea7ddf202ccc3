package btp

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// get asks the service with a good token.
func (s *stand) get(path string, header ...string) (int, http.Header, string) {
	s.t.Helper()
	return s.call(http.MethodGet, path, "", header...)
}

// call asks the service with a good token; header are names and values.
func (s *stand) call(method, path, body string, header ...string) (int, http.Header, string) {
	s.t.Helper()
	_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])
	all := map[string]string{"Authorization": "Bearer " + token}
	for i := 0; i < len(header); i += 2 {
		all[header[i]] = header[i+1]
	}
	return s.do(method, "/destination-configuration"+path, all, body)
}

func TestFindVersion2(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		s.PutDestination(Instance, "a b@c", map[string]string{"where": "instance"})
		s.PutDestination(Subaccount, "sub", map[string]string{"where": "subaccount"})
		for path, want := range map[string]int{
			"/v2/destinations/a%20b%40c@instance":           200,
			"/v2/destinations/a%20b%40c@provider_instance":  200,
			"/v2/destinations/a%20b%40c@subaccount":         404, // no fall back
			"/v2/destinations/sub@instance":                 404,
			"/v2/destinations/sub@subaccount":               200,
			"/v2/destinations/sub@provider_subaccount":      200,
			"/v2/destinations/sub":                          400,
			"/v2/destinations/sub@tenant":                   400,
			"/v2/destinations/":                             404,
			"/v3/destinations/sub":                          404,
			"/v1/other/sub":                                 404,
			"/v1/destinations/" + strings.Repeat("a", 4000): 414,
		} {
			if status, _, body := s.get(path); status != want {
				t.Errorf("GET %s = %d %s, want %d", path, status, body, want)
			}
		}
		if status, _, _ := s.call(http.MethodPost, "/v2/destinations/sub@subaccount", ""); status != 405 {
			t.Errorf("POST of a find = %d, want 405", status)
		}
		if status, _, _ := s.do(http.MethodGet, "/destination-configuration/v2/destinations/sub@subaccount", nil, ""); status != 401 {
			t.Errorf("find without a token = %d, want 401", status)
		}
	})
}

func TestOwnerIsWhereTheVersionHasIt(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		s.PutDestination(Instance, "d", nil)
		owner := map[string]any{"SubaccountId": s.config.Subaccount, "InstanceId": instanceID}
		for path, want := range map[string]struct{ top, metadata any }{
			"/v1/destinations/d":                                 {owner, nil},
			"/v2/destinations/d@instance":                        {nil, nil},
			"/v2/destinations/d@instance?$includeMetadata=owner": {nil, map[string]any{"owner": owner}},
		} {
			_, _, body := s.get(path)
			var found map[string]any
			if err := json.Unmarshal([]byte(body), &found); err != nil {
				t.Fatal(err)
			}
			configuration := found["destinationConfiguration"].(map[string]any)
			if diff := cmp.Diff([]any{want.top, want.metadata}, []any{found["owner"], configuration["$metadata"]}); diff != "" {
				t.Errorf("%s: owner (-want +got):\n%s", path, diff)
			}
		}
	})
}

func TestCertificatesComeInThreeCases(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		s.PutCertificate(Subaccount, "k.pem", []byte("k"))
		s.PutCertificate(Subaccount, "t.pem", []byte("t"))
		for name, tc := range map[string]struct {
			properties map[string]string
			query      string
			want       []string // nil: no member at all
		}{
			"client certificate": {ClientCertificate("k.pem"), "", []string{"k.pem"}},
			"trust store beside": {map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": "k.pem", "TrustStoreLocation": "t.pem"}, "", []string{"k.pem", "t.pem"}},
			"not listed":         {map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": "gone.pem", "TrustStoreLocation": "t.pem"}, "", []string{"t.pem"}},
			"empty":              {ClientCertificate("gone.pem"), "", []string{}},
			"client provided":    {map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStore.Source": "ClientProvided", "KeyStoreLocation": "k.pem"}, "", nil},
			"saml":               {map[string]string{"Authentication": "OAuth2SAMLBearerAssertion", "KeyStoreLocation": "k.pem"}, "", []string{"k.pem"}},
			"token service":      {map[string]string{"Authentication": "OAuth2ClientCredentials", "tokenService.KeyStoreLocation": "k.pem"}, "?$skipTokenRetrieval=true", []string{"k.pem"}},
			"token retrieved":    {map[string]string{"Authentication": "OAuth2ClientCredentials", "tokenService.KeyStoreLocation": "k.pem"}, "", nil},
			"none":               {map[string]string{"Authentication": "NoAuthentication", "KeyStoreLocation": "k.pem"}, "", nil},
		} {
			s.PutDestination(Subaccount, "d", tc.properties)
			_, _, body := s.get("/v2/destinations/d@subaccount" + tc.query)
			var found struct{ Certificates *[]certificateBody }
			if err := json.Unmarshal([]byte(body), &found); err != nil {
				t.Fatal(err)
			}
			var got []string
			if found.Certificates != nil {
				got = []string{}
				for _, c := range *found.Certificates {
					got = append(got, c.Name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: certificates (-want +got):\n%s", name, diff)
			}
		}
		s.PutDestination(Subaccount, "d", map[string]string{"KeyStorePassword": "p"})
		if _, _, body := s.get("/v1/destinations/d?$skipCredentials=true"); strings.Contains(body, "KeyStorePassword") {
			t.Errorf("find with $skipCredentials = %s, want no password", body)
		}
	})
}

func TestFindETagCanIgnoreARenewal(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		s.PutDestination(Instance, "d", ClientCertificate("g.pem"))
		if status, _, body := s.call(http.MethodPost, "/v1/instanceCertificates", generateBody("g.pem", "DAYS", 30, "")); status != 201 {
			t.Fatalf("generate = %d %s, want 201", status, body)
		}
		for keep, want := range map[bool]int{false: 200, true: 304} {
			s.KeepFindETag(keep)
			_, header, _ := s.get("/v1/destinations/d")
			if err := s.Renew(Instance, "g.pem"); err != nil {
				t.Fatal(err)
			}
			if status, _, _ := s.get("/v1/destinations/d", "If-None-Match", header.Get("Etag")); status != want {
				t.Errorf("KeepFindETag(%v): find after a renewal = %d, want %d", keep, status, want)
			}
		}
		if err := s.Renew(Instance, "other.pem"); err == nil {
			t.Error("Renew of nothing = nil, want an error")
		}
	})
}

func TestFaultsOfTheAnswer(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		s.PutDestination(Instance, "d", map[string]string{"Long": strings.Repeat("x", 1000)})
		inject := func(f Fault) *Injection {
			i, err := s.Inject(f)
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
		i := inject(Fault{Call: "find", Phase: After, CutOff: 10, Drop: true})
		if status, _, text := s.getRaw("/v1/destinations/d"); status != 200 || text != "unexpected EOF" {
			t.Errorf("a dropped answer = %d %s, want 200 and then an unexpected end", status, text)
		}
		i.Remove()
		i = inject(Fault{Call: "find", Phase: After, Drip: time.Second})
		start := time.Now()
		if _, _, body := s.get("/v1/destinations/d"); !json.Valid([]byte(body)) || time.Since(start) != 15*time.Second {
			t.Errorf("a dripping answer took %v, want all of it after 15 s", time.Since(start))
		}
		i.Remove()
		for _, f := range []Fault{{Phase: Before, Drip: 1}, {Phase: After, Call: "other", Drop: true}} {
			if _, err := s.Inject(f); err == nil {
				t.Errorf("Inject(%+v) = nil, want an error", f)
			}
		}
	})
}

func (s *stand) getRaw(path string) (status int, header http.Header, failure string) {
	s.t.Helper()
	_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, base+"/destination-configuration"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	var all json.RawMessage
	err = json.NewDecoder(response.Body).Decode(&all)
	_ = response.Body.Close()
	return response.StatusCode, response.Header, err.Error()
}
