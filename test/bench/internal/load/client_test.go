package load

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	for _, row := range []struct {
		in     string
		status int
		body   string
		err    error
	}{
		{in: "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", status: 204},
		{in: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", status: 200},
		{in: "HTTP/1.1 503 \r\nContent-Length: 4\r\n\r\nbusy", status: 503, body: "busy"},
		{in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", err: errChunked},
		{in: "HTTP/1.0 200 OK\r\n\r\n", err: errNoAnswer},
		{in: "HTTP/1.1 2x0 OK\r\n\r\n", err: errNoAnswer},
		{in: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", err: errNoAnswer},
		{in: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", err: errNoAnswer},
		{in: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", err: io.EOF},
		{in: "HTTP/1.1 500 \r\nContent-Length: 9\r\n\r\nshort", err: io.ErrUnexpectedEOF},
		{in: "HTTP/1.1 204 No Content\r\n", err: io.EOF},
		{in: "", err: io.EOF},
	} {
		status, body, err := readAnswer(bufio.NewReader(strings.NewReader(row.in)))
		if !errors.Is(err, row.err) || err == nil && (status != row.status || string(body) != row.body) {
			t.Errorf("readAnswer(%q) = %d, %q, %v; want %d, %q, %v", row.in, status, body, err, row.status, row.body, row.err)
		}
	}
}

// FuzzReadAnswer: what net/http writes with a length is read back, and nothing beyond it.
func FuzzReadAnswer(f *testing.F) {
	f.Add(204, "", "x")
	f.Add(503, "busy\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "a: b")
	f.Add(200, strings.Repeat("x", 5000), "Content-Length: 3")
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		if status < 200 || status > 999 || status == http.StatusNoContent || status == http.StatusNotModified || len(body) > bodyMax ||
			strings.ContainsAny(header, "\r\n") || len(header) > 1000 {
			return
		}
		var wire strings.Builder
		for range 2 {
			answer := http.Response{
				StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"X-Fuzz": {header}},
			}
			if body == "" {
				answer.Body = http.NoBody
			}
			if err := answer.Write(&wire); err != nil {
				return
			}
		}
		in := bufio.NewReader(strings.NewReader(wire.String()))
		for range 2 {
			got, text, err := readAnswer(in)
			if err != nil || got != status || status > 299 && string(text) != body {
				t.Fatalf("readAnswer = %d, %q, %v of %q", got, text, err, wire.String())
			}
		}
		if in.Buffered() > 0 {
			t.Fatalf("%d bytes are left of %q", in.Buffered(), wire.String())
		}
	})
}
