package ingress

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

const fixtures = "../../test/testdata/sap-events"

// fixture is one request of index.json with the outcomes that the ingress owes it; its README explains the fields.
type fixture struct {
	Name       string
	Method     string
	Path       string
	Headers    map[string]string
	Body       string
	BodySHA256 string `json:"body_sha256"`
	Expect     []expectation
}

type expectation struct {
	Settings struct {
		Strict        bool
		DefaultSource string `json:"default_source"`
	}
	Result   string
	Repairs  []string
	Events   []expectedEvent
	Reason   string
	StatusIn []int `json:"status_in"`
}

type expectedEvent struct {
	Attributes map[string]string
	Extensions map[string]json.RawMessage
	Data       string
	DataJSON   json.RawMessage `json:"data_json"`
	DataBase64 *string         `json:"data_base64"`
}

func readFixtures(t testing.TB) []fixture {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(fixtures, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Format int
		Events []fixture
	}
	if err := json.Unmarshal(index, &all); err != nil || all.Format != 1 || len(all.Events) != 14 {
		t.Fatalf("index.json: format %d, %d events, %v", all.Format, len(all.Events), err)
	}
	return all.Events
}

func (f *fixture) body(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(fixtures, f.Body))
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(body)); sum != f.BodySHA256 {
		t.Fatalf("%s has digest %s, want %s", f.Body, sum, f.BodySHA256)
	}
	return body
}

// TestFixtures sends each fixture through the real handler, once for each of its expectations.
func TestFixtures(t *testing.T) {
	outcomes := 0
	for _, f := range readFixtures(t) {
		for _, want := range f.Expect {
			name := fmt.Sprintf("%s/strict=%v,default=%q", f.Name, want.Settings.Strict, want.Settings.DefaultSource)
			t.Run(name, func(t *testing.T) { runFixture(t, &f, &want) })
			outcomes++
		}
	}
	if outcomes != 29 {
		t.Errorf("%d outcomes were tested, want 29", outcomes)
	}
}

func runFixture(t *testing.T, f *fixture, want *expectation) {
	body := f.body(t)
	var got recorder
	h := newHarness(Config{Forwarder: &got, Strict: want.Settings.Strict, DefaultSource: want.Settings.DefaultSource})
	r := httptest.NewRequestWithContext(t.Context(), f.Method, f.Path, bytes.NewReader(body))
	for name, value := range f.Headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)

	switch want.Result {
	case "rejected":
		if !slices.Contains(want.StatusIn, w.Code) || len(got.events) != 0 {
			t.Errorf("status = %d with %d events forwarded, want one of %v and none", w.Code, len(got.events), want.StatusIn)
		}
		var problem struct{ Reason string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Reason != want.Reason {
			t.Errorf("reason = %q, %v, want %q", problem.Reason, err, want.Reason)
		}
		return
	case "accepted":
	default:
		t.Fatalf("result = %q, which is not known", want.Result)
	}
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 || len(got.events) != len(want.Events) {
		t.Fatalf("answer = %d %s with %d events forwarded, want 204 and %d", w.Code, w.Body, len(got.events), len(want.Events))
	}
	for i := range want.Events {
		compareEvent(t, &got.events[i], &want.Events[i], body)
	}
	repairs := []string{}
	for _, l := range leniencies() {
		if n := h.counters.Value(l.counter); n == 1 {
			repairs = append(repairs, l.name)
		} else if n != 0 {
			t.Errorf("counter %s = %d, want 0 or 1", l.counter, n)
		}
		if logged := strings.Contains(h.log.String(), "repair="+l.name+" "); logged != slices.Contains(want.Repairs, l.name) {
			t.Errorf("repair %s in the log: %v", l.name, logged)
		}
	}
	if diff := cmp.Diff(want.Repairs, repairs); diff != "" {
		t.Errorf("repairs (-want +got): %s", diff)
	}
}

func compareEvent(t *testing.T, got *event.Event, want *expectedEvent, body []byte) {
	t.Helper()
	attributes := map[string]string{"specversion": got.SpecVersion(), "id": got.ID(), "source": got.Source(), "type": got.Type()}
	for name, value := range map[string]string{"subject": got.Subject(), "datacontenttype": got.DataContentType(), "dataschema": got.DataSchema()} {
		if value != "" {
			attributes[name] = value
		}
	}
	if !got.Time().IsZero() {
		instant, err := time.Parse(time.RFC3339Nano, want.Attributes["time"])
		if err != nil || !got.Time().Equal(instant) {
			t.Errorf("time = %v, want %v, %v", got.Time(), instant, err)
		}
		attributes["time"] = want.Attributes["time"]
	}
	if diff := cmp.Diff(want.Attributes, attributes); diff != "" {
		t.Errorf("attributes (-want +got): %s", diff)
	}
	extensions := map[string]string{}
	for name, value := range got.Extensions() {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		extensions[name] = string(encoded)
	}
	wanted := map[string]string{}
	for name, value := range want.Extensions {
		wanted[name] = string(value)
	}
	if diff := cmp.Diff(wanted, extensions); diff != "" {
		t.Errorf("extensions (-want +got): %s", diff)
	}
	compareData(t, got.Data(), want, body)
}

func compareData(t *testing.T, got []byte, want *expectedEvent, body []byte) {
	t.Helper()
	switch {
	case want.Data == "body":
		if !bytes.Equal(got, body) {
			t.Errorf("data = %q, want the body %q", got, body)
		}
	case want.Data == "none":
		if got != nil {
			t.Errorf("data = %q, want none", got)
		}
	case want.DataBase64 != nil:
		bytesWant, err := base64.StdEncoding.DecodeString(*want.DataBase64)
		if err != nil || !bytes.Equal(got, bytesWant) {
			t.Errorf("data = %q, want %q, %v", got, bytesWant, err)
		}
	default:
		if diff := cmp.Diff(decodeNumbers(t, want.DataJSON), decodeNumbers(t, got)); diff != "" {
			t.Errorf("data (-want +got): %s", diff)
		}
	}
}

// decodeNumbers is the JSON value with each number as a fraction in lowest terms, which holds all digits.
func decodeNumbers(t *testing.T, document []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", document, err)
	}
	return fractions(value)
}

func fractions(value any) any {
	switch v := value.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(string(v)); ok {
			return r.String()
		}
	case []any:
		for i := range v {
			v[i] = fractions(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = fractions(v[name])
		}
	}
	return value
}
