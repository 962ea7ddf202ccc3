package btp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

const certificatesPath = "/v1/instanceCertificates"

// generateBody is a request to generate a certificate with automatic renewal; more is further attributes, with a comma first.
func generateBody(name, unit string, value int, more string) string {
	return fmt.Sprintf(`{"Name":%q,"Attributes":{"CN":"mine","AutomaticRenew":true,"Validity":{"TimeUnit":%q,"Value":%d}%s}}`, name, unit, value, more)
}

func (s *stand) generate(name string) {
	s.t.Helper()
	if status, _, body := s.call(http.MethodPost, certificatesPath, generateBody(name, "DAYS", 30, "")); status != 201 || body != "" {
		s.t.Fatalf("generate %s = %d %q, want 201 and nothing", name, status, body)
	}
}

func TestGenerate(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		s.generate("g.pem")
		status, header, body := s.get(certificatesPath + "/g.pem")
		var got certificateBody
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.Name != "g.pem" || got.Type != "CERTIFICATE" {
			t.Fatalf("get = %d %s, want the certificate", status, body)
		}
		if status, _, body := s.get(certificatesPath+"/g.pem", "If-None-Match", header.Get("Etag")); status != 304 || body != "" {
			t.Errorf("get of what has not changed = %d %q, want an empty 304", status, body)
		}
		content, err := base64.StdEncoding.DecodeString(got.Content)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := pem.Decode(content); b == nil || b.Type != "PRIVATE KEY" {
			t.Error("the content does not begin with its private key")
		}
		chain, err := s.Certificate(Instance, "g.pem")
		if err != nil || len(chain) != 4 || chain[0].Subject.CommonName != "mine" || !chain[0].NotAfter.Equal(virtual.Start.AddDate(0, 0, 30)) {
			t.Errorf("Certificate = %v (%v), want a chain of four whose leaf lives for 30 days", chain, err)
		}
		if status, _, _ := s.get("/v1/subaccountCertificates/g.pem"); status != 404 {
			t.Errorf("get at the other level = %d, want 404", status)
		}
		if status, _, body := s.call(http.MethodPost, certificatesPath, generateBody("g.pem", "DAYS", 1, "")); status != 409 || body != "Duplicate key" {
			t.Errorf("generate again = %d %q, want 409 Duplicate key", status, body)
		}
	})
}

func TestGenerateRefusals(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		for _, body := range []string{
			``, `{`, `null`, `{"Attributes":{"CN":"x"}}`, `{"Name":"x.pem"}`, `{"Name":"x.pem","Content":"aa","Attributes":{}}`,
			`{"Name":"x.pem","Attributes":{"Validity":{"TimeUnit":"DAYS","Value":1}}}`,
			`{"Name":"x.pem","Attributes":{"CN":"` + strings.Repeat("c", 65) + `","Validity":{"TimeUnit":"DAYS","Value":1}}}`,
			`{"Name":"x.pem","Attributes":{"CN":"mine"}}`,
			generateBody("x.pem", "DAYS", 0, ""), generateBody("x.pem", "DAYS", 367, ""), generateBody("x.pem", "MONTHS", 13, ""),
			generateBody("x.pem", "YEARS", 2, ""), generateBody("x.pem", "WEEKS", 1, ""), generateBody("x.cer", "DAYS", 1, ""),
			generateBody("x", "DAYS", 1, ""), generateBody("x.pem", "DAYS", 1, `,"CSR":"***"`), generateBody("x.pem", "DAYS", 1, `,"CSR":"eA=="`),
			generateBody("x.p12", "DAYS", 1, `,"CSR":"eA=="`),
			`{"Name":"x.pem","Content":"***"}`, `{"Name":"x.pem","Content":"eA=="}`, `{"Name":"x.txt","Content":"eA=="}`,
		} {
			status, _, answer := s.call(http.MethodPost, certificatesPath, body)
			var said struct{ ErrorMessage string }
			if err := json.Unmarshal([]byte(answer), &said); err != nil || status != 400 || said.ErrorMessage == "" {
				t.Errorf("POST %s = %d %s, want 400 with an ErrorMessage", body, status, answer)
			}
		}
		if _, _, list := s.get(certificatesPath); list != "[]" {
			t.Errorf("list = %s, want nothing: all were refused", list)
		}
		for path, method := range map[string]string{"": http.MethodPatch, "/x.pem": http.MethodPost, "/x.pem/publicKeys": http.MethodDelete} {
			if status, _, _ := s.call(method, certificatesPath+path, ""); status != 405 {
				t.Errorf("%s %s = %d, want 405", method, path, status)
			}
		}
		for _, path := range []string{"/x.pem", "/x.pem/publicKeys", "/x.pem/other"} {
			if status, _, _ := s.get(certificatesPath + path); status != 404 {
				t.Errorf("GET %s = %d, want 404", path, status)
			}
		}
		if status, _, _ := s.do(http.MethodPost, "/destination-configuration"+certificatesPath, nil, generateBody("x.pem", "DAYS", 1, "")); status != 401 {
			t.Errorf("generate without a token = %d, want 401", status)
		}
	})
}

func TestArraysHaveAnOutcomeEach(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		both := "[" + generateBody("a.pem", "DAYS", 1, "") + "," + generateBody("b.pem", "DAYS", 1, "") + "]"
		for i, want := range []struct {
			status int
			each   []outcome
		}{
			{201, []outcome{{"a.pem", 201, "", ""}, {"b.pem", 201, "", ""}}},
			{207, []outcome{{"a.pem", 409, "", "Duplicate key"}, {"b.pem", 201, "", ""}}},
		} {
			status, _, body := s.call(http.MethodPost, certificatesPath, both)
			var got []outcome
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			for n := range got {
				if got[n].Status == 201 && len(got[n].ETag) != 64 {
					t.Errorf("etag of %s = %q, want a SHA-256", got[n].Name, got[n].ETag)
				}
				got[n].ETag = ""
			}
			if diff := cmp.Diff(want.each, got); diff != "" || status != want.status {
				t.Errorf("round %d: %d, want %d (-want +got):\n%s", i, status, want.status, diff)
			}
			if status, _, body := s.call(http.MethodDelete, certificatesPath+"/b.pem", ""); status != 200 || body != `{"Count":1}` {
				t.Errorf("delete = %d %s, want 200 and a count", status, body)
			}
		}
		if status, _, body := s.call(http.MethodPost, certificatesPath, "[]"); status != 201 || body != "[]" {
			t.Errorf("nothing to generate = %d %s, want 201 and no outcome", status, body)
		}
	})
}

func TestLists(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		for i := range 23 {
			s.PutCertificate(Instance, fmt.Sprintf("c%02d.pem", i), []byte{byte(i)})
		}
		s.PutCertificate(Subaccount, "elsewhere.pem", nil)
		for query, want := range map[string]struct {
			count              int
			first, pages, next string
		}{
			"":                          {23, "c00.pem", "", ""},
			"?$select=Name":             {23, "c00.pem", "", ""},
			"?$page=1":                  {10, "c00.pem", "3", "%24page=2"},
			"?$page=3&$select=Name":     {3, "c20.pem", "3", ""},
			"?$page=9":                  {0, "", "3", ""},
			"?$page=2&$pageSize=1000":   {0, "", "1", ""},
			"?$pageSize=22":             {22, "c00.pem", "2", "%24page=2"},
			"?$page=1&$pageSize=23":     {23, "c00.pem", "1", ""},
			"?%24page=2&%24pageSize=20": {3, "c20.pem", "2", ""},
		} {
			status, header, body := s.get(certificatesPath + query)
			var got []certificateBody
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
				t.Fatalf("%s: %d %s", query, status, body)
			}
			first := ""
			if len(got) > 0 {
				first = got[0].Name
				if hasContent := got[0].Content != ""; hasContent == strings.Contains(query, "select") {
					t.Errorf("%s: content is there: %v", query, hasContent)
				}
			}
			if len(got) != want.count || first != want.first || header.Get("Page-Count") != want.pages ||
				(header.Get("Entity-Count") == "23") != (want.pages != "") || !strings.Contains(header.Get("Link"), want.next) || (header.Get("Link") == "") != (want.next == "") {
				t.Errorf("%s: %d from %q, pages %q of %q, link %q; want %+v", query, len(got), first, header.Get("Page-Count"), header.Get("Entity-Count"), header.Get("Link"), want)
			}
		}
		for _, query := range []string{"?$page=0", "?$page=x", "?$pageSize=1001", "?$pageSize=0", "?$select=Content"} {
			if status, _, _ := s.get(certificatesPath + query); status != 400 {
				t.Errorf("%s: %d, want 400", query, status)
			}
		}
	})
}

func TestPublicKeys(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		m, err := s.Issue(Leaf{})
		if err != nil {
			t.Fatal(err)
		}
		content, err := m.PEM()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := m.PKCS12("secret", true)
		if err != nil {
			t.Fatal(err)
		}
		s.PutCertificate(Instance, "up.pem", content)
		s.PutCertificate(Instance, "up.cer", m.Chain[3].Raw)
		s.PutCertificate(Instance, "sealed.p12", sealed)
		s.generate("g.pem")
		if status, _, body := s.call(http.MethodPost, certificatesPath, generateBody("g.p12", "DAYS", 30, `,"Password":"secret"`)); status != 201 {
			t.Fatalf("generate = %d %s", status, body)
		}
		for name, want := range map[string]struct {
			count int
			alias string
			root  *x509.Certificate
		}{
			"g.pem": {4, "", pkiRoot(t)}, "g.p12": {4, "mine", pkiRoot(t)}, "up.pem": {4, "", pkiRoot(t)}, "up.cer": {1, "", m.Chain[3]},
		} {
			status, header, body := s.get(certificatesPath + "/" + name + "/publicKeys")
			var keys []publicKey
			if err := json.Unmarshal([]byte(body), &keys); err != nil || status != 200 || len(keys) != want.count {
				t.Fatalf("%s: %d %s, want %d certificates", name, status, body, want.count)
			}
			last := keys[len(keys)-1]
			b, _ := pem.Decode([]byte(last.Content))
			if b == nil || string(b.Bytes) != string(want.root.Raw) || !strings.Contains(last.Content, "\r\n") || strings.Contains(body, "PRIVATE") {
				t.Errorf("%s: the last certificate is not the root as PEM with CRLF, or a key is there", name)
			}
			if keys[0].Alias != want.alias {
				t.Errorf("%s: alias %q, want %q", name, keys[0].Alias, want.alias)
			}
			if status, _, _ := s.get(certificatesPath+"/"+name+"/publicKeys", "If-None-Match", header.Get("Etag")); status != 304 {
				t.Errorf("%s: %d for what has not changed, want 304", name, status)
			}
			if name == "g.pem" {
				if want := "CN=mine,L=" + s.L() + ",OU=5f1ad5f8-0000-4000-8000-5f1ad5f80000,OU=Canary,OU=Stand-in Cloud Platform Clients,O=Stand-in SE,C=DE"; keys[0].SubjectDN != want {
					t.Errorf("SubjectDN = %s, want %s", keys[0].SubjectDN, want)
				}
			}
		}
		status, _, body := s.get(certificatesPath + "/sealed.p12/publicKeys")
		if want := `{"ErrorMessage":"The keystore is password-protected and public keys cannot be retrieved"}`; status != 400 || body != want {
			t.Errorf("publicKeys of a protected upload = %d %s, want 400 %s", status, body, want)
		}
	})
}

func pkiRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	p, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	return p.Root()
}

func TestUploadPutAndDelete(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		m, err := s.Issue(Leaf{EC: true})
		if err != nil {
			t.Fatal(err)
		}
		content, err := m.PEM()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := m.PKCS12("secret", false)
		if err != nil {
			t.Fatal(err)
		}
		upload := func(name string, content []byte) string {
			return fmt.Sprintf(`{"Name":%q,"Type":"CERTIFICATE","Content":%q}`, name, base64.StdEncoding.EncodeToString(content))
		}
		for name, content := range map[string][]byte{"u.pem": content, "u.crt": m.Chain[0].Raw, "u.pfx": sealed} {
			if status, _, body := s.call(http.MethodPost, certificatesPath, upload(name, content)); status != 201 || body != "" {
				t.Errorf("upload %s = %d %s, want 201 and nothing", name, status, body)
			}
		}
		_, header, _ := s.get(certificatesPath + "/u.pem")
		tag := header.Get("Etag")
		if status, _, body := s.call(http.MethodPut, certificatesPath, upload("u.pem", content), "If-Match", strings.Repeat("0", 64)); status != 412 || body != "" {
			t.Errorf("put on another state = %d %q, want an empty 412", status, body)
		}
		if status, _, body := s.call(http.MethodPut, certificatesPath, upload("u.pem", []byte(string(content)+"\n")), "If-Match", tag); status != 200 || body != `{"Count":1}` {
			t.Errorf("put = %d %s, want 200 and a count", status, body)
		}
		for body, want := range map[string]int{
			upload("missing.pem", content): 404, upload("u.pem", []byte("x")): 400, "[]": 400, "{": 400, "[" + upload("u.pem", content) + "," + upload("u.crt", content) + "]": 400,
			generateBody("u.pem", "DAYS", 1, ""): 200,
		} {
			if status, _, answer := s.call(http.MethodPut, certificatesPath, body); status != want {
				t.Errorf("put %s = %d %s, want %d", body, status, answer, want)
			}
		}
		if status, _, _ := s.call(http.MethodDelete, certificatesPath+"/u.pem", "", "If-Match", tag); status != 412 {
			t.Errorf("delete of another state = %d, want 412", status)
		}
		for _, want := range []int{200, 404} {
			if status, _, _ := s.call(http.MethodDelete, certificatesPath+"/u.pem", ""); status != want {
				t.Errorf("delete = %d, want %d", status, want)
			}
		}
	})
}

func TestRequestsKeepTheirKey(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ignored"}}, key)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
		for _, tc := range []struct {
			more string
			want int
		}{{`,"Password":"p","CSR":"` + text + `"`, 400}, {`,"CSR":"` + text + `"`, 201}} {
			if status, _, body := s.call(http.MethodPost, certificatesPath, generateBody("csr.pem", "DAYS", 30, tc.more)); status != tc.want {
				t.Errorf("generate from a request = %d %s, want %d", status, body, tc.want)
			}
		}
		if status, _, _ := s.call(http.MethodPost, certificatesPath, generateBody("csr.p12", "DAYS", 30, `,"CSR":"`+text+`"`)); status != 400 {
			t.Errorf("a request for a key store = %d, want 400", status)
		}
		for range 2 {
			chain, err := s.Certificate(Instance, "csr.pem")
			if err != nil || len(chain) != 4 || !key.PublicKey.Equal(chain[0].PublicKey) || chain[0].Subject.CommonName != "mine" {
				t.Fatalf("the chain has another key, or the request's subject (%v)", err)
			}
			if err := s.Renew(Instance, "csr.pem"); err != nil {
				t.Fatal(err)
			}
		}
		_, _, body := s.get(certificatesPath + "/csr.pem")
		var got certificateBody
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if content, err := base64.StdEncoding.DecodeString(got.Content); err != nil || strings.Contains(string(content), "PRIVATE") || strings.Count(string(content), "BEGIN CERTIFICATE") != 4 {
			t.Errorf("the content is not a chain of four without a key (%v)", err)
		}
	})
}
