package bridge

import (
	"net/http"
	"sync/atomic"
)

// health answers the probes of both platforms and passes everything else on. It is ready from the start, since it exists
// only with a valid configuration and a listener, and until the drain begins; AWS and BTP have no part in it.
type health struct {
	draining atomic.Bool
	next     http.Handler
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ready := false
	switch r.URL.Path {
	case "/healthz", "/_/health":
	case "/readyz", "/_/ready":
		ready = true
	default:
		if h.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this path answers probes only; events are posted to any other path", http.StatusMethodNotAllowed)
	case ready && h.draining.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("draining\n"))
	default:
		_, _ = w.Write([]byte("ok\n"))
	}
}
