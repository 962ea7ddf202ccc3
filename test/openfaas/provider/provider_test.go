package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/openfaas/image"
)

// TestRefusals: what cannot be deployed, or is not there, is refused as faas-netes does, and no pod is started.
func TestRefusals(t *testing.T) {
	p := &Provider{Folder: t.TempDir(), Image: func(name string) *image.Image {
		if name == "there" {
			return &image.Image{}
		}
		return nil
	}}
	for name, tc := range map[string]struct {
		do       http.HandlerFunc
		body     string
		status   int
		contains string
	}{
		"deploy: no JSON":           {p.deploy, `{`, http.StatusBadRequest, "EOF"},
		"deploy: unknown image":     {p.deploy, `{"service":"f","image":"nowhere"}`, http.StatusBadRequest, "no image nowhere"},
		"deploy: secret not made":   {p.deploy, `{"service":"f","image":"there","secrets":["users"]}`, http.StatusBadRequest, "no secret users"},
		"remove: no JSON":           {p.remove, `{`, http.StatusBadRequest, "EOF"},
		"remove: what is not there": {p.remove, `{"functionName":"f"}`, http.StatusNotFound, "f is not deployed"},
	} {
		w := httptest.NewRecorder()
		tc.do(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/system/functions", strings.NewReader(tc.body)))
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.contains) {
			t.Errorf("%s: %d %s, want %d with %q", name, w.Code, w.Body, tc.status, tc.contains)
		}
	}
	if len(p.pods) != 0 {
		t.Errorf("%d pods run, want none", len(p.pods))
	}
}
