package virtual

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRunStartsInTheFixturesYear(t *testing.T) {
	Run(t, func(t *testing.T) {
		if now := time.Now(); !now.Equal(Start) {
			t.Errorf("the bubble starts at %v, want %v", now, Start)
		}
	})
}

func TestServeAndRefuse(t *testing.T) {
	Run(t, func(t *testing.T) {
		n := &Network{}
		n.Serve(t, "here.example:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			_, _ = io.Copy(w, r.Body)
		}))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://here.example/", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := n.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || string(body) != "hello" {
			t.Errorf("the answer is %q (%v), want the echo after a virtual hour", body, err)
		}
		r.URL.Host = "nobody.example"
		if response, err := n.Client().Do(r); !errors.Is(err, ErrRefused) {
			_ = response.Body.Close()
			t.Errorf("a call to nobody = %v, want %v", err, ErrRefused)
		}
		n.Serve(t, "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		r.Body, r.ContentLength = http.NoBody, 0
		response, err = n.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusTeapot {
			t.Errorf("a call to what the listener for all takes = %d (%v), want its answer", response.StatusCode, err)
		}
	})
}

func TestLog(t *testing.T) {
	var l Log
	for _, text := range []string{"a b ", "a"} {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if l.String() != "a b a" || l.Count("a") != 2 {
		t.Errorf("the log is %q with %d a, want all that was written", l.String(), l.Count("a"))
	}
}
