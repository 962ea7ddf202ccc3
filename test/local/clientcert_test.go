package local

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/local/btp"
)

// TestClientCertificatesReachBTP: the stand-in's listener asks for client certificates and hands them to BTP's token endpoint.
func TestClientCertificatesReachBTP(t *testing.T) {
	stand, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	}()
	binding, err := stand.BTP.Bind(btp.BindingOptions{X509: true})
	if err != nil {
		t.Fatal(err)
	}
	var key map[string]string
	if err := json.Unmarshal(binding.ServiceKey(stand.BTPURL()), &key); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(key["certificate"]), []byte(key["key"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		want         int
	}{
		"with its certificate": {[]tls.Certificate{pair}, http.StatusOK},
		"without":              {nil, http.StatusUnauthorized},
	} {
		client := stand.Client()
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = tc.certificates
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {key["clientid"]}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, key["certurl"]+"/oauth/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != tc.want {
			t.Errorf("token %s = %d, want %d", name, response.StatusCode, tc.want)
		}
	}
}
