package awscall

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go/middleware"
)

// TestBodyIsSentWhole, at each try: by the SDK's own retries and by RetryExpired.
func TestBodyIsSentWhole(t *testing.T) {
	const body = "Action=Publish&Message=ours"
	for name, first := range map[string]answer{
		"at once": {status: 200}, "after a failure": {status: 503, code: "InternalFailure"}, "after no answer": {err: errors.New("gone")},
		"after a session": {status: 403, code: "ExpiredToken"},
	} {
		t.Run(name, func(t *testing.T) {
			target, k := &answers{list: []answer{first, {status: 200}}}, &keys{}
			session := NewSession(k, k.reject)
			client := sns.New(sns.Options{
				Region: "eu-central-1", HTTPClient: WriteAtOnce(target), Credentials: session.Credentials(), BaseEndpoint: aws.String("https://sns.example"),
				RetryMaxAttempts: 2,
			}, sns.WithAPIOptions(session.RetryExpired))
			in := &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:t"), Message: aws.String("theirs")}
			if _, err := client.Publish(t.Context(), in, sns.WithAPIOptions(Body([]byte(body)))); err != nil {
				t.Fatal(err)
			}
			want := 2
			if first.status == 200 {
				want = 1
			}
			if len(target.requests) != want {
				t.Errorf("%d requests, want %d", len(target.requests), want)
			}
			for i, request := range target.requests {
				if _, sent, _ := strings.Cut(request, " "); sent != body {
					t.Errorf("request %d has the body %q, want %q", i, sent, body)
				}
			}
		})
	}
}

// TestBodyNeedsAnHTTPRequest: another stack is an error, not a call with the wrong body.
func TestBodyNeedsAnHTTPRequest(t *testing.T) {
	stack := middleware.NewStack("test", func() any { return "no request" })
	if err := Body(nil)(stack); err == nil {
		t.Error("Body() took a stack in which nothing serializes, want an error")
	}
	serializer := middleware.SerializeMiddlewareFunc("OperationSerializer", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (
		middleware.SerializeOutput, middleware.Metadata, error,
	) {
		return next.HandleSerialize(ctx, in)
	})
	if err := errors.Join(stack.Serialize.Add(serializer, middleware.After), Body(nil)(stack)); err != nil {
		t.Fatal(err)
	}
	called := false
	_, _, err := stack.HandleMiddleware(t.Context(), nil, middleware.HandlerFunc(func(context.Context, any) (any, middleware.Metadata, error) {
		called = true
		return nil, middleware.Metadata{}, nil
	}))
	if err == nil || !strings.Contains(err.Error(), "string") || called {
		t.Errorf("a call without an HTTP request = %v, made: %t; want an error naming its type, and no call", err, called)
	}
}

// fullBatch is the size of a full BatchWriteItem of events of 1 KB, the longest of the usual requests.
const fullBatch = 25 * 2300

// counting is a connection that counts what is written to it, and how often.
type counting struct {
	net.Conn
	writes, bytes *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.writes.Add(1)
	c.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// TestABatchIsOneWrite: headers and body of a full batch leave in one system call.
func TestABatchIsOneWrite(t *testing.T) {
	var writes, size atomic.Int64
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	client := NewHTTPClient(1, time.Minute).WithTransportOptions(func(transport *http.Transport) {
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			t.Cleanup(func() { _ = far.Close() })
			serving.Go(func() {
				for r := bufio.NewReader(far); ; {
					request, err := http.ReadRequest(r)
					if err != nil {
						return // the test has ended
					}
					_, _ = io.Copy(io.Discard, request.Body)
					const answer = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`
					_, _ = fmt.Fprintf(far, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
				}
			})
			return counting{near, &writes, &size}, nil
		}
	})
	k := &keys{}
	session := NewSession(k, k.reject)
	service := sns.New(sns.Options{
		Region: "eu-central-1", HTTPClient: WriteAtOnce(client), Credentials: session.Credentials(), BaseEndpoint: aws.String("http://sns.example"),
	})
	in := &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:t"), Message: aws.String("m")}
	for range 2 { // once over a new connection, once over that again
		writes.Store(0)
		size.Store(0)
		body := bytes.Repeat([]byte("x"), fullBatch)
		if _, err := service.Publish(t.Context(), in, sns.WithAPIOptions(Body(body))); err != nil {
			t.Fatal(err)
		}
		if n := writes.Load(); n != 1 || size.Load() < fullBatch {
			t.Errorf("%d bytes in %d writes, want a request with a body of %d in one", size.Load(), n, fullBatch)
		}
	}
}
