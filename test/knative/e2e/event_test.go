package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/knative/cluster"
)

func TestDeadLettersKeepWhatKnativeSays(t *testing.T) {
	d := newDeadLetters()
	for id, reason := range map[string]string{"a": base64.StdEncoding.EncodeToString([]byte(`{"status":413}`)), "b": "no base64"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("data"))
		for name, value := range map[string]string{"Id": id, "Knativeerrorcode": "413", "Knativeerrordest": "http://f", "Knativeerrordata": reason} {
			r.Header.Set("Ce-"+name, value)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			t.Errorf("%s: answer = %d, want 202", id, w.Code)
		}
	}
	want := []letter{{Code: "413", Destination: "http://f", Reason: `{"status":413}`, Bytes: 4}}
	if diff := cmp.Diff(want, d.of("a")); diff != "" {
		t.Errorf("letters of a, -want +got:\n%s", diff)
	}
	if b := d.of("b"); len(b) != 1 || !strings.Contains(b[0].Reason, "illegal base64") {
		t.Errorf("letters of b = %v, want that its reason is no base64", b)
	}
	if diff := cmp.Diff([]string{"a", "b"}, d.ids()); diff != "" || d.of("c") != nil {
		t.Errorf("ids, -want +got:\n%s", diff)
	}
}

func TestReportCountsAndShows(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out)
	r.command("kubectl get ksvc")
	if !r.prove("it holds", true, "seen") || r.prove("it does not", false) {
		t.Error("prove() does not return whether it holds")
	}
	if proved, failed := r.counts(); proved != 1 || failed != 1 {
		t.Errorf("counts() = %d, %d, want one of each", proved, failed)
	}
	want := "          $ kubectl get ksvc\n    ok    it holds\n            seen\n    FAIL  it does not\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the report, -want +got:\n%s", diff)
	}
}

func TestTries(t *testing.T) {
	got := tries([]cluster.Call{{Status: 429, Took: 12 * time.Millisecond}, {Status: 204, Took: time.Second}})
	if want := "429 after 12 ms, 204 after 1000 ms"; got != want {
		t.Errorf("tries() = %q, want %q", got, want)
	}
}

func TestPriceAnswersAnEventOfTheOrder(t *testing.T) {
	out, err := price(t.Context(), []byte(`{"id":"7","data":{}}`))
	want := `{"data":{"total":7.1},"id":"priced-7","source":"/pricing","specversion":"1.0","type":"example.order.priced.v1"}`
	if err != nil || string(out) != want {
		t.Errorf("price() = %s, %v, want %s", out, err, want)
	}
	if _, err := price(t.Context(), []byte("no JSON")); err == nil {
		t.Error("price() of no JSON = nil, want an error")
	}
}
