package cluster

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// program answers with its name and the Host that it was asked by; its name in a path is the status.
func program(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		fmt.Fprint(w, name, " ", r.Host)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestNamesLeadToTheNewestRoute(t *testing.T) {
	n := newNames()
	proxy := httptest.NewServer(n)
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at)}}
	ask := func(host, path, id string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+domain+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Ce-Id", id)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, strings.TrimSpace(string(text))
	}

	n.set("*-channel.*", program(t, "channel"))
	n.set("orders.shop", program(t, "old"))
	for _, tt := range []struct {
		host, path, want string
		status           int
	}{
		{"x-channel.shop", "/", "channel x-channel.shop" + domain, http.StatusOK}, // by pattern, under its own name
		{"orders.shop", "/", "old orders.shop" + domain, http.StatusOK},
		{"nobody.shop", "/", "nothing serves nobody.shop" + domain, http.StatusServiceUnavailable},
		{"orders.shop", "/busy", "old orders.shop" + domain, http.StatusTooManyRequests},
	} {
		if status, text := ask(tt.host, tt.path, "e"); status != tt.status || text != tt.want {
			t.Errorf("%s%s answers %d %q, want %d %q", tt.host, tt.path, status, text, tt.status, tt.want)
		}
	}
	n.set("orders.shop", program(t, "new"))
	if _, text := ask("orders.shop", "/", "another"); !strings.HasPrefix(text, "new ") {
		t.Errorf("orders.shop answers %q after a newer route, want the new one", text)
	}

	want := []Call{{Service: "x-channel.shop", Status: 200}, {Service: "orders.shop", Status: 200}, {Service: "nobody.shop", Status: 503}, {Service: "orders.shop", Status: 429}}
	got := (&Cluster{names: n}).Calls("e")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Call{}, "At", "Took")); diff != "" {
		t.Errorf("Calls(e), -want +got:\n%s", diff)
	}
	for _, c := range got {
		if c.At.IsZero() || c.Took <= 0 {
			t.Errorf("call %v has no time", c)
		}
	}
	if got := (&Cluster{names: n}).Calls("never"); got != nil {
		t.Errorf("Calls(never) = %v, want none", got)
	}
}

func TestCallThatIsUnderWayHasNoStatus(t *testing.T) {
	n := newNames()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	n.set("slow.shop", slow.Listener.Addr().String())
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://slow.shop"+domain+"/", http.NoBody)
	r.Header.Set("Ce-Id", "e")
	done := make(chan struct{})
	go func() { defer close(done); n.ServeHTTP(httptest.NewRecorder(), r) }()
	c := &Cluster{names: n}
	if err := wait(t.Context(), "the call", readyMost, func() bool { return len(c.Calls("e")) == 1 }); err != nil {
		t.Fatal(err)
	}
	if got := c.Calls("e")[0].Status; got != 0 {
		t.Errorf("status = %d before there is one, want 0", got)
	}
	close(release)
	<-done
	if got := c.Calls("e")[0].Status; got != http.StatusOK {
		t.Errorf("status = %d, want 200", got)
	}
}

func ExampleCluster_Calls() {
	n := newNames()
	c := &Cluster{names: n}
	r := httptest.NewRequest(http.MethodPost, "http://orders.shop.svc.cluster.local/", nil)
	r.Header.Set("Ce-Id", "1")
	n.ServeHTTP(httptest.NewRecorder(), r)
	for _, call := range c.Calls("1") {
		fmt.Println(call.Service, call.Status)
	}
	// Output: orders.shop 503
}
