package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/bench/internal/fake"
)

func post(h http.Handler, id string) int {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"order":7}`))
	r.Header.Set("Ce-Id", id)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestHandlerMakesOneCallForEachEvent(t *testing.T) {
	far, err := fake.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(far.URL()), Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1}
	h := handler(sns.NewFromConfig(c), "bench")
	for _, row := range []struct {
		id   string
		want int
	}{{"1", http.StatusNoContent}, {"2", http.StatusNoContent}, {"", http.StatusBadRequest}} {
		if got := post(h, row.id); got != row.want {
			t.Errorf("an event with the id %q is answered %d, want %d", row.id, got, row.want)
		}
	}
	if got := far.Count(); got.Calls != 2 || got.Events != 2 {
		t.Errorf("the far side took %+v, want 2 calls with 2 events", got)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if got := post(h, "3"); got != http.StatusServiceUnavailable {
		t.Errorf("without a far side an event is answered %d, want 503", got)
	}
}
