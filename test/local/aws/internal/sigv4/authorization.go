package sigv4

import (
	"fmt"
	"slices"
	"strings"
)

// Terminator is the last part of every credential scope.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const Terminator = "aws4_request"

// Authorization is what an Authorization header says: claims, until the signature is verified.
type Authorization struct {
	// Algorithm is the first word, for example AWS4-HMAC-SHA256.
	Algorithm string
	// Key is the access key id, or the certificate's serial in decimal.
	Key string
	// Date is the scope's day, YYYYMMDD.
	Date string
	// Region and Service are the scope's.
	Region, Service string
	// Terminator is the scope's last part.
	Terminator string
	// SignedHeaders are the names in the order given.
	SignedHeaders []string
	// Signature is the text given, hexadecimal by convention.
	Signature string
}

// Scope is the credential scope: date, region, service and terminator.
func (a Authorization) Scope() string {
	return strings.Join([]string{a.Date, a.Region, a.Service, a.Terminator}, "/")
}

// String is the header's value, fields separated by a comma and one space.
func (a Authorization) String() string {
	return fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		a.Algorithm, a.Key, a.Scope(), strings.Join(a.SignedHeaders, ";"), a.Signature)
}

// ParseAuthorization reads an Authorization header: an algorithm, a space, then Credential, SignedHeaders and Signature
// exactly once each, in any order, separated by commas with or without spaces. A credential has five parts. No part is
// empty. Errors name what is wrong and repeat nothing of the header.
func ParseAuthorization(value string) (Authorization, error) {
	algorithm, rest, found := strings.Cut(value, " ")
	if !found || algorithm == "" {
		return Authorization{}, fmt.Errorf("read Authorization: it must be an algorithm, a space and fields")
	}
	a := Authorization{Algorithm: algorithm}
	seen := make(map[string]bool, 3)
	for field := range strings.SplitSeq(rest, ",") {
		name, v, found := strings.Cut(strings.Trim(field, " "), "=")
		if !found || v == "" {
			return Authorization{}, fmt.Errorf("read Authorization: a field must be a name, an equals sign and a value")
		}
		if strings.Contains(v, " ") {
			return Authorization{}, fmt.Errorf("read Authorization: a field's value must not hold spaces")
		}
		if seen[name] {
			return Authorization{}, fmt.Errorf("read Authorization: a field is there twice")
		}
		seen[name] = true
		switch name {
		case "Credential":
			parts := strings.Split(v, "/")
			if len(parts) != 5 || slices.Contains(parts, "") {
				return Authorization{}, fmt.Errorf("read Authorization: Credential must have five parts, key/date/region/service/%s", Terminator)
			}
			a.Key, a.Date, a.Region, a.Service, a.Terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
		case "SignedHeaders":
			a.SignedHeaders = strings.Split(v, ";")
		case "Signature":
			a.Signature = v
		default:
			return Authorization{}, fmt.Errorf("read Authorization: only Credential, SignedHeaders and Signature may be there")
		}
	}
	if len(seen) != 3 {
		return Authorization{}, fmt.Errorf("read Authorization: Credential, SignedHeaders and Signature must all be there")
	}
	return a, nil
}

// CheckSignedHeaders says what is wrong with the list of signed headers: it must be lower case, sorted and distinct and
// hold each of required.
func (a Authorization) CheckSignedHeaders(required ...string) error {
	for i, name := range a.SignedHeaders {
		switch {
		case name == "":
			return fmt.Errorf("check SignedHeaders: a name is empty")
		case name != strings.ToLower(name):
			return fmt.Errorf("check SignedHeaders: names must be lower case")
		case i > 0 && a.SignedHeaders[i-1] >= name:
			return fmt.Errorf("check SignedHeaders: names must be sorted and distinct")
		}
	}
	for _, name := range required {
		if !slices.Contains(a.SignedHeaders, name) {
			return fmt.Errorf("check SignedHeaders: %s must be signed", name)
		}
	}
	return nil
}
