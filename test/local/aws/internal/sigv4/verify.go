package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// Algorithm is the only one taken.
	Algorithm = "AWS4-HMAC-SHA256"
	// DateFormat is that of X-Amz-Date, always UTC.
	DateFormat = "20060102T150405Z"

	dayFormat = "20060102"
	// window is how far a request's date may be from now. AWS is reported to allow 5 or 15 minutes; 5 is the stricter.
	window = 5 * time.Minute
)

// Kind says which group of rules a refused request broke. The zero Kind is not a valid one.
type Kind int

const (
	// NothingSigned means that there is no signature at all.
	NothingSigned Kind = iota + 1
	// Incomplete means that the signature's form is not that of SigV4 in headers.
	Incomplete
	// UnknownKey means that the key is not known, or the token is not the key's.
	UnknownKey
	// Expired means that the key is a session's that has ended.
	Expired
	// Clock means that the request's date is too far from now.
	Clock
	// Mismatch means that the signature is not that of this request.
	Mismatch
)

// Refusal is why a request was refused, with the text that AWS is reported to give.
type Refusal struct {
	// Kind decides the error code.
	Kind Kind
	// Text is for the answer.
	Text string
	// Rule says what was broken, for the log of the stand-in.
	Rule string
}

// Error is the rule that was broken.
func (r *Refusal) Error() string { return "verify signature: " + r.Rule }

// The texts that do not depend on the request, as users report them.
const (
	textNothing  = "Request is missing Authentication Token"
	textToken    = "The security token included in the request is invalid."
	textExpired  = "The security token included in the request is expired"
	textMismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

// Key is a secret that requests may be signed with.
type Key struct {
	// ID is the access key id.
	ID string
	// Secret is the secret access key.
	Secret string
	// Token is the session token; "" for a key of its own right, whose requests must carry none.
	Token string
	// Expires is when the key ends; zero means never.
	Expires time.Time
}

// Verifier verifies requests of one region. It is safe for concurrent use if Lookup is.
type Verifier struct {
	// Region is the only one taken.
	Region string
	// Global are the regions of services that have one of their own; nil means none. Clients that are sent to another endpoint
	// than AWS's sign for Region all the same: both are taken.
	Global map[string]string // :: service → region
	// Lookup finds a key by its id.
	Lookup func(id string) (Key, bool)
}

// Verify verifies a request whose body was received as body. The request is not changed. The result's key, region and
// service are proved. Errors are [*Refusal].
func (v Verifier) Verify(r *http.Request, body []byte, now time.Time) (Authorization, error) {
	a, date, err := parse(r)
	if err != nil {
		return Authorization{}, err
	}
	key, known := v.Lookup(a.Key)
	token := r.Header.Get("X-Amz-Security-Token")
	if !known {
		return Authorization{}, &Refusal{Kind: UnknownKey, Text: textToken, Rule: "the key is not known"}
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(key.Token)) != 1 {
		return Authorization{}, &Refusal{Kind: UnknownKey, Text: textToken, Rule: "the token is not the key's"}
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return Authorization{}, &Refusal{Kind: Expired, Text: textExpired, Rule: "the session has ended"}
	}
	if err := checkClock(date, now); err != nil {
		return Authorization{}, err
	}
	return a, v.compare(r, body, a, key, date)
}

// parse checks what can be checked without the key: rules 1 to 4.
func parse(r *http.Request) (Authorization, time.Time, error) {
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"} {
		if len(r.Header.Values(name)) > 1 {
			return Authorization{}, time.Time{}, incomplete(fmt.Sprintf("the header %s is there more than once", name))
		}
	}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(strings.ToLower(part), "=")
		if strings.HasPrefix(name, "x-amz-") {
			return Authorization{}, time.Time{}, incomplete("presigned queries are not taken; sign in the Authorization header")
		}
	}
	value := r.Header.Get("Authorization")
	if value == "" {
		return Authorization{}, time.Time{}, &Refusal{Kind: NothingSigned, Text: textNothing, Rule: "there is no Authorization header"}
	}
	a, err := ParseAuthorization(value)
	if err != nil {
		return Authorization{}, time.Time{}, incomplete(err.Error())
	}
	if a.Algorithm != Algorithm {
		return Authorization{}, time.Time{}, incomplete("the algorithm must be " + Algorithm)
	}
	date, err := time.Parse(DateFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return Authorization{}, time.Time{}, incomplete("X-Amz-Date must be YYYYMMDDTHHMMSSZ")
	}
	if a.Date != date.Format(dayFormat) {
		return Authorization{}, time.Time{}, incomplete("the scope's date must be the day of X-Amz-Date")
	}
	if a.Terminator != Terminator {
		return Authorization{}, time.Time{}, incomplete("the scope must end in " + Terminator)
	}
	required := []string{"host", "x-amz-date"}
	for name := range r.Header {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	if err := a.CheckSignedHeaders(required...); err != nil {
		return Authorization{}, time.Time{}, incomplete(err.Error())
	}
	return a, date, nil
}

func incomplete(rule string) *Refusal { return &Refusal{Kind: Incomplete, Text: rule, Rule: rule} }

func mismatch(rule string) *Refusal { return &Refusal{Kind: Mismatch, Text: textMismatch, Rule: rule} }

func checkClock(date, now time.Time) error {
	now = now.UTC()
	if early := now.Add(-window); date.Before(early) {
		return &Refusal{Kind: Clock, Rule: "the date is too old", Text: fmt.Sprintf(
			"Signature expired: %s is now earlier than %s (%s - 5 min.)",
			date.Format(DateFormat), early.Format(DateFormat), now.Format(DateFormat))}
	}
	if late := now.Add(window); date.After(late) {
		return &Refusal{Kind: Clock, Rule: "the date is in the future", Text: fmt.Sprintf(
			"Signature not yet current: %s is still later than %s (%s + 5 min.)",
			date.Format(DateFormat), late.Format(DateFormat), now.Format(DateFormat))}
	}
	return nil
}

// compare signs a copy of what was signed and compares the whole header: rules 7 and 8.
func (v Verifier) compare(r *http.Request, body []byte, a Authorization, key Key, date time.Time) error {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if claimed, there := r.Header["X-Amz-Content-Sha256"]; there && claimed[0] != hash {
		return mismatch("X-Amz-Content-Sha256 is not the body's hash")
	}
	if a.Region != v.Region && a.Region != v.Global[a.Service] {
		return mismatch("the scope's region is not " + v.Region)
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		// The signer drops what it cannot read, so such a part would be invisible to the comparison.
		return mismatch("the query is malformed")
	}
	if r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
		return mismatch("the content length is not the body's")
	}
	again := &http.Request{
		Method: r.Method,
		URL:    &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
		Host:   r.Host,
		Header: make(http.Header, len(a.SignedHeaders)),
	}
	for _, name := range a.SignedHeaders {
		canonical := http.CanonicalHeaderKey(name)
		if values, there := r.Header[canonical]; there {
			// A copy: the signer writes into the slices it is given.
			again.Header[canonical] = slices.Clone(values)
		}
		if name == "content-length" {
			again.ContentLength = r.ContentLength
		}
	}
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hash, a.Service, a.Region, date); err != nil {
		return mismatch("the request cannot be signed again")
	}
	got := strings.ReplaceAll(r.Header.Get("Authorization"), " ", "")
	want := strings.ReplaceAll(again.Header.Get("Authorization"), " ", "")
	if subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return mismatch("the signature is not that of this request")
	}
	return nil
}
