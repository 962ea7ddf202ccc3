package btp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

func TestCreateDestinations(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		one := `{"Name":"aws","Type":"HTTP","URL":"https://x","aws.roleArn":"arn"}`
		for _, path := range []string{"/v1/instanceDestinations", "/v1/subaccountDestinations"} {
			if status, _, body := s.call(http.MethodPost, path, one); status != 201 || body != "" {
				t.Errorf("POST %s = %d %q, want 201 and nothing", path, status, body)
			}
			if status, _, body := s.call(http.MethodPost, path, one); status != 409 || body != "Duplicate key" {
				t.Errorf("POST %s again = %d %q, want 409 Duplicate key", path, status, body)
			}
			for _, bad := range []string{``, `{`, `{}`, `{"Name":"x"}`, `{"Type":"HTTP"}`, `{"Name":"x","Type":"HTTP","n":1}`, `"x"`} {
				if status, _, _ := s.call(http.MethodPost, path, bad); status != 400 {
					t.Errorf("POST %s %s = %d, want 400", path, bad, status)
				}
			}
			if status, _, _ := s.get(path); status != 405 {
				t.Errorf("GET %s = %d, want 405", path, status)
			}
		}
		if _, _, body := s.get("/v2/destinations/aws@instance"); !strings.Contains(body, `"aws.roleArn":"arn"`) {
			t.Errorf("find = %s, want the properties that were sent", body)
		}
		status, _, body := s.call(http.MethodPost, "/v1/instanceDestinations", `[{"Name":"b","Type":"HTTP"},{"Name":"aws","Type":"HTTP"},{"Name":"c"}]`)
		var got []outcome
		if err := json.Unmarshal([]byte(body), &got); err != nil || len(got) != 3 {
			t.Fatalf("an array = %d %s", status, body)
		}
		var statuses []int
		for _, o := range got {
			statuses = append(statuses, o.Status)
		}
		if diff := cmp.Diff([]int{201, 409, 400}, statuses); diff != "" || status != 207 {
			t.Errorf("an array = %d, want 207 (-want +got):\n%s", status, diff)
		}
	})
}

func TestAThousandEntities(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		for i := range entitiesMax {
			s.PutDestination(Instance, fmt.Sprint(i), nil)
			s.PutCertificate(Instance, fmt.Sprint(i), nil)
		}
		if status, _, _ := s.call(http.MethodPost, "/v1/instanceDestinations", `{"Name":"one more","Type":"HTTP"}`); status != 403 {
			t.Errorf("destination 1,001 = %d, want 403", status)
		}
		if status, _, _ := s.call(http.MethodPost, certificatesPath, generateBody("more.pem", "DAYS", 1, "")); status != 403 {
			t.Errorf("certificate 1,001 = %d, want 403", status)
		}
	})
}

// TestFaultsOfEachCall hits every call before and after its effect.
func TestFaultsOfEachCall(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])
		do := func(method, path, body string) func() int {
			return func() int {
				status, _, _ := s.do(method, "/destination-configuration"+path, map[string]string{"Authorization": "Bearer " + token}, body)
				return status
			}
		}
		requests := map[string]func() int{
			"token":             func() int { status, _ := s.askToken(s.key["clientid"], s.key["clientsecret"]); return status },
			"tokenKeys":         func() int { status, _, _ := s.do(http.MethodGet, "/token_keys", nil, ""); return status },
			"find":              do(http.MethodGet, "/v1/destinations/d", ""),
			"listCertificates":  do(http.MethodGet, certificatesPath, ""),
			"getCertificate":    do(http.MethodGet, certificatesPath+"/c.pem", ""),
			"publicKeys":        do(http.MethodGet, certificatesPath+"/c.pem/publicKeys", ""),
			"createCertificate": do(http.MethodPost, certificatesPath, generateBody("c.pem", "DAYS", 1, "")),
			"putCertificate":    do(http.MethodPut, certificatesPath, generateBody("c.pem", "DAYS", 1, "")),
			"deleteCertificate": do(http.MethodDelete, certificatesPath+"/c.pem", ""),
			"createDestination": do(http.MethodPost, "/v1/instanceDestinations", `{"Name":"d","Type":"HTTP"}`),
		}
		if len(requests) != len(calls()) {
			t.Fatalf("%d calls are tested, there are %d", len(requests), len(calls()))
		}
		for call, request := range requests {
			for _, phase := range []Phase{Before, After} {
				i, err := s.Inject(Fault{Call: call, Phase: phase, Status: 503, Count: 1})
				if err != nil {
					t.Fatal(err)
				}
				if status := request(); status != 503 || i.Hits() != 1 {
					t.Errorf("%s, phase %d: %d after %d hits, want 503 after one", call, phase, status, i.Hits())
				}
				i.Remove()
			}
		}
		for name, want := range map[string]int{"d": 200} { // made after the fault had hidden it
			if status, _, _ := s.get("/v1/destinations/" + name); status != want {
				t.Errorf("the destination whose creation was answered 503 after the effect: %d, want %d", status, want)
			}
		}
	})
}
