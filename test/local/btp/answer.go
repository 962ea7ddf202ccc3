package btp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

// answer is what a request is answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
	// drip is the time between pieces of the body; broken means that the connection ends before the length that was promised.
	drip   time.Duration
	broken bool
	length string
}

// pieces is how many a dripping body comes in.
const pieces = 16

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), a.header)
	if a.length != "" {
		w.Header().Set("Content-Length", a.length)
	}
	w.WriteHeader(a.status)
	if a.drip == 0 {
		_, _ = w.Write(a.body)
	} else {
		a.dripOut(w, r)
	}
	if a.broken {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// dripOut writes the body in pieces, until the request ends.
func (a answer) dripOut(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	size := len(a.body)/pieces + 1
	for rest := a.body; len(rest) > 0; {
		n := min(size, len(rest))
		_, _ = w.Write(rest[:n])
		_ = out.Flush()
		if rest = rest[n:]; len(rest) > 0 && !wait(r.Context(), a.drip) {
			return
		}
	}
}

func text(status int, body string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte(body)}
}

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// refused is an error as the service words it.
func refused(status int, message string) answer {
	return jsonAnswer(status, map[string]string{"ErrorMessage": message})
}

// tagOf is the ETag of what is stored: bare hexadecimal digits, without the quotes of HTTP.
func tagOf(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// unlessKnown is the answer with its ETag, or an empty 304 if the request names that one.
func unlessKnown(r *http.Request, tag string, a answer) answer {
	if r.Header.Get("If-None-Match") == tag {
		return answer{status: http.StatusNotModified, header: http.Header{"Etag": {tag}}}
	}
	a.header.Set("Etag", tag)
	return a
}
