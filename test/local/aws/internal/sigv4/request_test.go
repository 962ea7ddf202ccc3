package sigv4

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

var testKey = Key{ID: "ASIATESTTESTTESTTEST", Secret: "secret/of+the-test", Token: "token/of+the=test", Expires: testTime.Add(time.Hour)}

var testTime = time.Date(2027, 1, 15, 10, 20, 30, 0, time.UTC)

const testRegion = "eu-central-1"

func testVerifier() Verifier {
	return Verifier{Region: testRegion, Lookup: func(id string) (Key, bool) {
		switch id {
		case testKey.ID:
			return testKey, true
		case "AKIASEEDSEEDSEEDSEED":
			return Key{ID: id, Secret: testKey.Secret}, true
		}
		return Key{}, false
	}}
}

// wire is a request as it goes over the wire, open to changes.
type wire struct {
	method, target, host string
	header               http.Header
	body                 []byte
	length               int64
}

// request is what a server reads.
func (w wire) request(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), w.method, w.target, bytes.NewReader(w.body))
	r.Host, r.Header, r.ContentLength = w.host, w.header.Clone(), w.length
	return r
}

func (w wire) verify(t *testing.T, now time.Time) (Authorization, error) {
	t.Helper()
	return testVerifier().Verify(w.request(t), w.body, now)
}

var errCaptured = errors.New("captured")

// capture is a transport that keeps the request and sends nothing.
type capture struct{ wire wire }

func (c *capture) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.wire = wire{method: r.Method, target: r.URL.RequestURI(), host: r.URL.Host, header: r.Header.Clone(), body: body, length: r.ContentLength}
	return nil, errCaptured
}

func sdkConfig(c *capture, key Key) aws.Config {
	return aws.Config{
		Region: testRegion, HTTPClient: c, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}, nil
		}),
	}
}

// fromSDK is a Publish as the Go SDK signs it, now.
func fromSDK(t *testing.T, key Key) wire {
	t.Helper()
	var c capture
	_, err := sns.NewFromConfig(sdkConfig(&c, key)).Publish(t.Context(), &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:orders"), Message: aws.String("hello  world"),
	})
	if !errors.Is(err, errCaptured) {
		t.Fatalf("Publish: %v, want the request captured", err)
	}
	return c.wire
}

// fromSDKQueue is a SendMessage as the Go SDK signs it, now.
func fromSDKQueue(t *testing.T, key Key) wire {
	t.Helper()
	var c capture
	_, err := sqs.NewFromConfig(sdkConfig(&c, key)).SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String("https://sqs.eu-central-1.amazonaws.com/111122223333/orders"), MessageBody: aws.String("hello"),
	})
	if !errors.Is(err, errCaptured) {
		t.Fatalf("SendMessage: %v, want the request captured", err)
	}
	return c.wire
}

// fromSDKTable is a PutItem as the Go SDK signs it, now.
func fromSDKTable(t *testing.T, key Key) wire {
	t.Helper()
	var c capture
	_, err := dynamodb.NewFromConfig(sdkConfig(&c, key)).PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("events"), Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}},
	})
	if !errors.Is(err, errCaptured) {
		t.Fatalf("PutItem: %v, want the request captured", err)
	}
	return c.wire
}

// plain is a request as other SDKs sign it: without content-length and amz-sdk headers, by code of our own.
func plain(target string) wire {
	w := wire{method: http.MethodPost, target: target, host: "sns.eu-central-1.amazonaws.com", body: []byte("Action=Publish&Version=2010-03-31")}
	w.length = int64(len(w.body))
	w.header = http.Header{
		"Content-Type":         {"application/x-www-form-urlencoded; charset=utf-8"},
		"X-Amz-Date":           {testTime.Format(DateFormat)},
		"X-Amz-Security-Token": {testKey.Token},
		"User-Agent":           {"Botocore/1.35"},
		"Accept-Encoding":      {"identity"},
	}
	w.sign(testKey, "sns", "content-type", "host", "x-amz-date", "x-amz-security-token")
	return w
}

// sign signs what the request now holds, for the day and time of its X-Amz-Date.
func (w *wire) sign(key Key, service string, names ...string) {
	date := w.header.Get("X-Amz-Date")
	u, err := url.Parse(w.target)
	if err != nil {
		panic(err)
	}
	query := u.Query()
	var pairs []string
	for name, values := range query {
		for _, v := range values {
			pairs = append(pairs, strings.ReplaceAll(url.QueryEscape(name)+"="+url.QueryEscape(v), "+", "%20"))
		}
	}
	slices.Sort(pairs)
	path := strings.ReplaceAll(strings.ReplaceAll(u.EscapedPath(), "%", "%25"), ":", "%3A")
	canonical := w.method + "\n" + path + "\n" + strings.Join(pairs, "&") + "\n"
	for _, name := range names {
		value := strings.Join(w.header.Values(name), ",")
		switch name {
		case "host":
			value = w.host
		case "content-length":
			value = strconv.Itoa(len(w.body))
		}
		canonical += name + ":" + strings.Join(strings.Fields(value), " ") + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + hexHash(w.body)
	scope := strings.Join([]string{date[:8], testRegion, service, "aws4_request"}, "/")
	text := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hexHash([]byte(canonical))
	k := mac([]byte("AWS4"+key.Secret), date[:8])
	for _, part := range []string{testRegion, service, "aws4_request", text} {
		k = mac(k, part)
	}
	w.header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key.ID+"/"+scope+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+hex.EncodeToString(k))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// editAuthorization replaces text of the header; it must be there.
func (w *wire) editAuthorization(before, after string) {
	value := w.header.Get("Authorization")
	if !strings.Contains(value, before) {
		panic("the Authorization header does not hold " + before)
	}
	w.header.Set("Authorization", strings.Replace(value, before, after, 1))
}
