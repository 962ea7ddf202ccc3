package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ResponseBytesMax is the largest response; one more is an error, though the function ran.
// Recorded: AWS, 2025-11-24.
const ResponseBytesMax = 6_291_556

// ErrClosed means that the function was closed before the invocation had an outcome.
var ErrClosed = errors.New("the function is closed")

// Invocation is one run of a function.
type Invocation struct {
	// RequestID names it; a retry has the same.
	RequestID string
	// ARN is the function's as it was invoked, with the alias or version if there was one.
	ARN string
	// Payload is JSON.
	Payload []byte
	// TraceID is the X-Ray header, "" if none.
	TraceID string
	// ClientContext is JSON, nil if none.
	ClientContext []byte
	// WithLog makes the outcome have its log, for which Invoke waits until the environment is free or gone.
	WithLog bool
}

// Outcome is what came of an invocation.
type Outcome struct {
	// Payload is the function's answer, or the document of its error.
	Payload []byte
	// ErrorType is "" of a success, else the error's, for example errorString or Sandbox.Timedout.
	ErrorType string
	// Log is START, what the program wrote, END and REPORT, if it was asked for.
	Log []byte
	// Duration is how long the function took.
	Duration time.Duration
}

// Failed tells whether the function failed, as opposed to answered.
func (o Outcome) Failed() bool { return o.ErrorType != "" }

// Error types of Lambda itself.
const (
	errorTimeout  = "Sandbox.Timedout"
	errorExit     = "Runtime.ExitError"
	errorTooLarge = "Function.ResponseSizeTooLarge"
	errorEntry    = "Runtime.InvalidEntrypoint"
)

// failure is an outcome whose error is Lambda's own.
func failure(errorType, format string, args ...any) Outcome {
	document, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{errorType, fmt.Sprintf(format, args...)})
	if err != nil {
		panic(fmt.Sprintf("write error document: %v", err)) // strings
	}
	return Outcome{ErrorType: errorType, Payload: document}
}

func timedOut(requestID string, after time.Duration) Outcome {
	return failure(errorTimeout, "RequestId: %s Error: Task timed out after %.2f seconds", requestID, after.Seconds())
}

// exited is the outcome of a program that ended before it answered; status is "" if it ended well.
func exited(requestID, status string) Outcome {
	if status == "" {
		return failure(errorExit, "RequestId: %s Error: Runtime exited without providing a reason", requestID)
	}
	return failure(errorExit, "RequestId: %s Error: Runtime exited with error: %s", requestID, status)
}

func tooLarge() Outcome {
	return failure(errorTooLarge, "Response payload size exceeded maximum allowed payload size (%d bytes).", ResponseBytesMax)
}

// reported is the outcome of an error that the runtime reported: its document, as it is.
func reported(document []byte) Outcome {
	var e struct {
		ErrorType string `json:"errorType"`
	}
	if err := json.Unmarshal(document, &e); err != nil || e.ErrorType == "" {
		e.ErrorType = "Runtime.Unknown"
	}
	return Outcome{ErrorType: e.ErrorType, Payload: document}
}

// report frames what the program wrote as Lambda's log does.
func report(in Invocation, c Config, output []byte, took time.Duration) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "START RequestId: %s Version: %s\n", in.RequestID, c.Version)
	b.Write(output)
	if len(output) > 0 && output[len(output)-1] != '\n' {
		b.WriteByte('\n')
	}
	milliseconds := float64(took) / float64(time.Millisecond)
	fmt.Fprintf(&b, "END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\t\n",
		in.RequestID, in.RequestID, milliseconds, (took+time.Millisecond-1)/time.Millisecond, c.MemoryMB)
	return b.Bytes()
}
