package lambda

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Headers and trailers of the Runtime API.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
const (
	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerARN           = "Lambda-Runtime-Invoked-Function-Arn"
	headerTrace         = "Lambda-Runtime-Trace-Id"
	headerClientContext = "Lambda-Runtime-Client-Context"
	trailerErrorType    = "Lambda-Runtime-Function-Error-Type"
	trailerErrorBody    = "Lambda-Runtime-Function-Error-Body"

	// drainMax is how much more of a response that is too large is read, so that the program gets its answer.
	drainMax = 64 << 20
)

// api is the environment's Runtime API.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	const root = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+root+"invocation/next", e.next)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", e.respond)
	mux.HandleFunc("POST "+root+"invocation/{id}/error", e.fail)
	mux.HandleFunc("POST "+root+"init/error", e.failInit)
	return mux
}

// next waits for an invocation and hands it out. That the program asks means that it is done with the one before.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	if e.current != nil && !e.current.answered {
		e.mu.Unlock()
		complain(w, http.StatusForbidden, "InvalidStateTransition", "the invocation before has no response yet")
		return
	}
	if e.current != nil {
		close(e.current.settled)
		e.current = nil
	}
	e.mu.Unlock()
	var j *job
	select {
	case j = <-e.work:
	case <-e.ended:
		return
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	e.current = j
	e.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(headerRequestID, j.RequestID)
	h.Set(headerDeadline, strconv.FormatInt(time.Now().Add(e.function.config.Timeout).UnixMilli(), 10))
	h.Set(headerARN, j.ARN)
	if j.TraceID != "" {
		h.Set(headerTrace, j.TraceID)
	}
	if j.ClientContext != nil {
		h.Set(headerClientContext, string(j.ClientContext))
	}
	// A program that is gone cannot be told; its end is the outcome.
	_, _ = w.Write(j.Payload)
}

// respond takes a response. Trailers may say that it broke off with an error.
func (e *environment) respond(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, ResponseBytesMax+1))
	if err != nil {
		return // the program is gone; its end is the outcome
	}
	out := Outcome{Payload: body}
	if len(body) > ResponseBytesMax {
		_, _ = io.CopyN(io.Discard, r.Body, drainMax)
		out = tooLarge()
	} else if errorType := r.Trailer.Get(trailerErrorType); errorType != "" {
		document, err := base64.StdEncoding.DecodeString(r.Trailer.Get(trailerErrorBody))
		if err != nil {
			complain(w, http.StatusBadRequest, "InvalidErrorBody", "the trailer with the error is not base64")
			return
		}
		out = Outcome{ErrorType: errorType, Payload: document}
	}
	switch {
	case !e.answer(r.PathValue("id"), out):
		complain(w, http.StatusBadRequest, "InvalidRequestID", "no invocation with this id waits for a response")
	case out.ErrorType == errorTooLarge:
		complain(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", ResponseBytesMax))
	default:
		accept(w)
	}
}

func (e *environment) fail(w http.ResponseWriter, r *http.Request) {
	document, err := io.ReadAll(io.LimitReader(r.Body, ResponseBytesMax))
	if err != nil {
		return // the program is gone; its end is the outcome
	}
	if !e.answer(r.PathValue("id"), reported(document)) {
		complain(w, http.StatusBadRequest, "InvalidRequestID", "no invocation with this id waits for a response")
		return
	}
	accept(w)
}

func (e *environment) failInit(w http.ResponseWriter, r *http.Request) {
	document, err := io.ReadAll(io.LimitReader(r.Body, ResponseBytesMax))
	if err != nil {
		return // the program is gone; its end is the outcome
	}
	e.mu.Lock()
	e.initial = document
	e.mu.Unlock()
	accept(w)
}

// answer gives the current invocation its outcome; false if it is another or has one.
func (e *environment) answer(id string, out Outcome) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.RequestID != id || e.current.answered {
		return false
	}
	e.current.answered = true
	e.current.outcome <- out
	return true
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func complain(w http.ResponseWriter, status int, errorType, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorMessage":%q,"errorType":%q}`, text, errorType)
}
