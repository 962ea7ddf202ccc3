package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandlerOnlyAnswers(t *testing.T) {
	for _, row := range []struct {
		id   string
		want int
	}{{"1", http.StatusNoContent}, {"", http.StatusBadRequest}} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"order":7}`))
		r.Header.Set("Ce-Id", row.id)
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, r)
		if w.Code != row.want || w.Body.Len() > 0 && row.want == http.StatusNoContent {
			t.Errorf("an event with the id %q is answered %d, want %d", row.id, w.Code, row.want)
		}
	}
}
