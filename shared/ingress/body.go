package ingress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// firstRoom is the room made for a body before any of it has come: what a sender announces is not what it sends, and
// many who announce much must not cost much.
const firstRoom = 64 << 10

// readBody reads the request's body, at most limit bytes and not longer than ctx lives. The error is forward.ErrTooLarge,
// told before anything is read if the request announces its length, or an Unavailable: the body did not come, and the
// same event may come whole the next time. The end of ctx interrupts the read on servers that let a handler set the
// connection's deadline, as net/http's does for HTTP/1 and HTTP/2.
func readBody(ctx context.Context, w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		// Whoever announces too much is likely to send it; the connection is not worth reading that.
		w.Header().Set("Connection", "close")
		return nil, forward.ErrTooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // in the past: whatever waits ends
	})
	body, err := readAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	if !stop() {
		<-interrupted // its deadline must not fall into the connection's next request
	}
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, forward.ErrTooLarge
	}
	detail := "the request's body did not arrive whole; send it again"
	if ctx.Err() != nil {
		detail = "the request's body did not arrive in time; send it again, and faster"
	}
	return nil, &forward.Error{Op: "read body", Kind: forward.Unavailable, Err: forward.WithDetail(err, detail)}
}

// readAll is io.ReadAll with room for the announced length, -1 if it is unknown.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	room := int64(512)
	if announced >= 0 {
		room = min(announced, firstRoom) + 1 // one more, so that the end is seen without growing
	}
	b := make([]byte, 0, room)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
	}
}
