package btp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzCreate sends bodies to the certificates API and to the destinations API. Each is answered as documented; what was made is found
// again; what was refused says why.
func FuzzCreate(f *testing.F) {
	p, err := pki()
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		generateBody("a.pem", "DAYS", 1, ""), "[" + generateBody("a.pem", "DAYS", 1, "") + "]", `{"Name":"a.cer","Content":"eA=="}`, `[]`, `[null]`, `null`,
		`{"Name":"d","Type":"HTTP"}`, `[{"Name":"d","Type":"HTTP"},{}]`, `{"Name":"a.pem","Attributes":{"CN":"x","Validity":{"TimeUnit":"DAYS","Value":1e3}}}`, `[[]]`, ` [1]`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s, err := New(Config{PKI: p, EC: true})
		if err != nil {
			t.Fatal(err)
		}
		s.tokens["good"] = issued{ends: time.Now().Add(time.Hour)}
		for _, path := range []string{"/v1/instanceCertificates", "/v1/instanceDestinations"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, service[:len(service)-1]+path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer good")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			made := len(s.keyStores) + len(s.destinations)
			switch w.Code {
			case http.StatusCreated, http.StatusMultiStatus:
				if made == 0 && w.Code == http.StatusCreated && strings.TrimSpace(w.Body.String()) != "[]" {
					t.Errorf("POST %s %q = 201, and nothing was made", path, body)
				}
			case http.StatusBadRequest:
				var said struct{ ErrorMessage string }
				if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.ErrorMessage == "" {
					t.Errorf("POST %s %q = 400 %s, want an ErrorMessage", path, body, w.Body)
				}
			default:
				t.Errorf("POST %s %q = %d, want 201, 207 or 400", path, body, w.Code)
			}
		}
	})
}
