package auth

import (
	"encoding/base64"
	"strings"
)

// Why a header holds no user and password: the causes that the log names.
const (
	causeMissing   = "the request has no Authorization header"
	causeSeveral   = "the request has several Authorization headers"
	causeScheme    = "the Authorization header is not of the scheme Basic"
	causeMalformed = "the Authorization header is not Basic and base64 of user:password"
)

// credentials are what a sender says of itself.
type credentials struct{ name, password string }

// parseAuthorization reads the values of a request's Authorization header. cause says why there are no credentials in it,
// "" if there are. Beyond net/http's BasicAuth, the base64 must be the one way to write it, and control characters are not
// taken, so that every credentials have one header.
// Source: https://www.rfc-editor.org/rfc/rfc7617#section-2
func parseAuthorization(values []string) (c credentials, cause string) {
	switch {
	case len(values) == 0:
		return c, causeMissing
	case len(values) > 1:
		return c, causeSeveral
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !equalFoldASCII(scheme, "basic") {
		return c, causeScheme
	}
	token = strings.TrimLeft(token, " ")
	if strings.ContainsAny(token, "\r\n") { // which the decoder would skip
		return c, causeMalformed
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return c, causeMalformed
	}
	for _, b := range decoded {
		if b < ' ' || b == 0x7f {
			return c, causeMalformed
		}
	}
	name, password, found := strings.Cut(string(decoded), ":")
	if !found {
		return c, causeMalformed
	}
	return credentials{name, password}, ""
}

// equalFoldASCII compares s with a word in small ASCII letters. Unicode would fold more: the long s too.
func equalFoldASCII(s, small string) bool {
	if len(s) != len(small) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != small[i] {
			return false
		}
	}
	return true
}
