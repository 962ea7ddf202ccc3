package rolesanywhere

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	answerMaxBytes = 1 << 20 // of a whole answer; a real one has about 2 KB
	textMaxBytes   = 1 << 10 // of AWS's words in an error
	accessKeyMax   = 128     // of an access key id
)

// granted is one set of credentials as AWS sent it, expiry by AWS's clock.
type granted struct {
	credentials aws.Credentials // without Expires
	expiration  time.Time
}

// parseGrant reads a CreateSession answer. It wants exactly one set with all its members, and an expiration after now. Its
// errors name the member and show no value.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func parseGrant(body []byte, now time.Time) (granted, error) {
	var answer struct {
		CredentialSet []struct {
			AssumedRoleUser struct {
				ARN string `json:"arn"`
			} `json:"assumedRoleUser"`
			Credentials *struct {
				AccessKeyID     string `json:"accessKeyId"`
				SecretAccessKey string `json:"secretAccessKey"`
				SessionToken    string `json:"sessionToken"`
				Expiration      string `json:"expiration"`
			} `json:"credentials"`
		} `json:"credentialSet"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		// The text of the JSON error is left out: it may quote a value.
		return granted{}, errors.New("the answer is not the JSON object that was expected")
	}
	if n := len(answer.CredentialSet); n != 1 {
		return granted{}, fmt.Errorf("credentialSet has %d elements, 1 was expected", n)
	}
	set := answer.CredentialSet[0]
	c := set.Credentials
	switch {
	case c == nil:
		return granted{}, errors.New("credentials is missing")
	case c.AccessKeyID == "" || len(c.AccessKeyID) > accessKeyMax:
		return granted{}, errors.New("accessKeyId is missing or too long")
	case c.SecretAccessKey == "":
		return granted{}, errors.New("secretAccessKey is missing")
	case c.SessionToken == "":
		return granted{}, errors.New("sessionToken is missing")
	case c.Expiration == "":
		return granted{}, errors.New("expiration is missing")
	}
	expiration, err := time.Parse(time.RFC3339, c.Expiration)
	if err != nil {
		return granted{}, errors.New("expiration is not a time of RFC 3339")
	}
	if !expiration.After(now) {
		return granted{}, fmt.Errorf("expiration %s is past", expiration.UTC().Format(time.RFC3339))
	}
	g := granted{expiration: expiration, credentials: aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, CanExpire: true,
	}}
	if a, err := ParseARN(set.AssumedRoleUser.ARN); err == nil {
		g.credentials.AccountID = a.Account
	}
	return g, nil
}

// refusal makes an error of an answer that grants nothing. measured is how far the clock that signed the request was
// from AWS's.
func refusal(status int, h http.Header, body []byte, measured time.Duration) *Error {
	e := &Error{
		Status:     status,
		Type:       h.Get("X-Amzn-Errortype"),
		RequestID:  bounded(h.Get("X-Amzn-Requestid")),
		RetryAfter: retryAfter(h),
	}
	var members struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"` // "Message" too: names are compared without regard to case
	}
	isJSON := json.Unmarshal(body, &members) == nil
	if isJSON {
		e.Text = bounded(members.Message)
		if e.Type == "" {
			e.Type = members.Type
		}
		if e.Type == "" {
			e.Type = members.Code
		}
	}
	e.Type, _, _ = strings.Cut(e.Type, ":")
	e.Type = bounded(e.Type[strings.LastIndexByte(e.Type, '#')+1:])
	switch {
	case status == http.StatusTooManyRequests, strings.Contains(e.Type, "Throttl"), strings.Contains(e.Type, "TooManyRequests"):
		e.Kind, e.retry = Throttled, true
	case status >= 500:
		e.Kind, e.retry = ServiceFault, true
	case !isJSON || status < 400:
		e.Kind = NotAWS
	default:
		e.Kind = kindOf(e.Text, status, measured)
	}
	if !isJSON {
		e.ContentType = bounded(h.Get("Content-Type"))
	}
	return e
}

// kindOf recognises the short texts that AWS refuses with, without regard to case and a final full stop.
//
// Source: observed at the live service, see the design record of Roles Anywhere; for example
// https://github.com/aws/rolesanywhere-credential-helper/issues/108 and /128
func kindOf(text string, status int, measured time.Duration) Kind {
	t := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), ".")
	switch t {
	case "invalid signature":
		if measured.Abs() > skewSuspect {
			return ClockSkew
		}
		return BadSignature
	case "untrusted certificate. insufficient certificate":
		return Certificate
	case "untrusted signing certificate":
		return Chain
	case "not authorized to set rolesessionname":
		return SessionName
	case "requested role isn't one of those listed in the profile":
		return RoleNotInProfile
	case "invalid or empty profile provided":
		return Profile
	case "specified trust anchor wasn't found", "specified trust anchor is disabled":
		return Anchor
	}
	if strings.HasPrefix(t, "unable to assume role") {
		switch {
		case strings.Contains(t, "durationseconds exceeds the maxsessionduration"):
			return Duration
		case strings.Contains(t, "attributes failed to be mapped into session tags"):
			return Attributes
		}
		return RoleTrust
	}
	if status == http.StatusBadRequest && strings.Contains(t, "validation error") {
		return Validation
	}
	return Refused
}

// retryAfter is the wait that an answer asks for, 0 if it asks for none.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(v); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	// Against the answer's own Date, since our clock may be wrong.
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil || !at.After(now) {
		return 0
	}
	return min(at.Sub(now), time.Hour)
}

func isJSONType(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == contentType || strings.HasSuffix(t, "+json") || strings.HasPrefix(t, "application/x-amz-json"))
}

// bounded cuts what others wrote to what a log line can take.
func bounded(s string) string {
	if len(s) <= textMaxBytes {
		return s
	}
	cut := textMaxBytes
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
