// Command plain-nothing reads each event and answers 204, and that is all: the ceiling of what the load can measure.
package main

import (
	"cmp"
	"io"
	"net/http"
	"os"
)

func main() {
	panic(http.ListenAndServe(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), handler())) //nolint:gosec // plain, as it says
}

func handler() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.Header.Get("Ce-Id") == "" {
			http.Error(w, "no event", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
