package x509auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// tagKeyMax and tagValueMax are in characters.
	// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
	tagKeyMax   = 128
	tagValueMax = 256

	// sourceIdentityMax is the longest common name, in characters, that is written as CN=….
	sourceIdentityMax = 61
)

// SessionName is a session's name where the client asks for none: the serial in lower-case hexadecimal, not padded.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func SessionName(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// SourceIdentity is CN=<common name> up to 61 characters of it, the bare common name above, and ID=<serial> in hexadecimal
// of even length without a common name.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func SourceIdentity(c *x509.Certificate) string {
	cn := c.Subject.CommonName
	switch {
	case cn == "":
		return "ID=" + evenHex(c.SerialNumber)
	case utf8.RuneCountInString(cn) > sourceIdentityMax:
		return cn
	}
	return "CN=" + cn
}

func evenHex(n *big.Int) string {
	if text := n.Text(16); len(text)%2 == 0 {
		return text
	}
	return "0" + n.Text(16)
}

// Tags are the principal tags a session gets from a certificate under a profile's default attribute mapping.
type Tags struct {
	// Values are by key, for example x509Subject/CN. Several values of one type are joined by a slash.
	Values map[string]string
	// Issuer, Subject and SAN name the attributes whose values no session tag can hold; these have no tag.
	Issuer, Subject, SAN []string
}

// Dropped tells whether any attribute has no tag for its value's sake.
func (t Tags) Dropped() bool { return len(t.Issuer)+len(t.Subject)+len(t.SAN) > 0 }

// Subject reads the tags of a certificate: x509Subject/…, x509Issuer/…, x509SAN/DNS, x509SAN/URI and x509SAN/Name/…, the
// latter three from the first name of their kind. Attribute types without a short name are left out.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func Subject(c *x509.Certificate) (Tags, error) {
	t := Tags{Values: make(map[string]string)}
	subject, err := attributes(c.RawSubject)
	if err != nil {
		return Tags{}, fmt.Errorf("read subject: %w", err)
	}
	issuer, err := attributes(c.RawIssuer)
	if err != nil {
		return Tags{}, fmt.Errorf("read issuer: %w", err)
	}
	san, err := alternativeNames(c)
	if err != nil {
		return Tags{}, fmt.Errorf("read subject alternative name: %w", err)
	}
	t.Subject = t.add("x509Subject/", subject)
	t.Issuer = t.add("x509Issuer/", issuer)
	t.SAN = t.add("x509SAN/", san)
	return t, nil
}

// add adds what a tag can hold and names the rest.
func (t Tags) add(prefix string, values map[string]string) (dropped []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if key := prefix + name; tagCanHold(key, tagKeyMax) && tagCanHold(values[name], tagValueMax) {
			t.Values[key] = values[name]
		} else {
			dropped = append(dropped, name)
		}
	}
	return dropped
}

func tagCanHold(s string, most int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// attributes are a name's values by the short name of their type, in the certificate's order.
func attributes(der []byte) (map[string]string, error) {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("it is not a distinguished name")
	}
	values := make(map[string]string)
	for _, rdn := range name {
		for _, a := range rdn {
			short := shortName(a.Type)
			text, ok := a.Value.(string)
			if short == "" || !ok {
				continue
			}
			if before, there := values[short]; there {
				text = before + "/" + text
			}
			values[short] = text
		}
	}
	return values, nil
}

// shortName is an attribute type's short name, "" if it has none here.
// Source: https://www.rfc-editor.org/rfc/rfc4519
func shortName(id asn1.ObjectIdentifier) string {
	switch id.String() {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.4":
		return "SN"
	case "2.5.4.5":
		return "SERIALNUMBER"
	case "2.5.4.6":
		return "C"
	case "2.5.4.7":
		return "L"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.9":
		return "STREET"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "2.5.4.12":
		return "T"
	case "2.5.4.42":
		return "GN"
	case "0.9.2342.19200300.100.1.1":
		return "UID"
	case "0.9.2342.19200300.100.1.25":
		return "DC"
	case "1.2.840.113549.1.9.1":
		return "E"
	}
	return ""
}

// The kinds of general names that become tags.
// Source: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6
const (
	nameDNS       = 2
	nameDirectory = 4
	nameURI       = 6
)

// alternativeNames are the first DNS name, URI and directory name; crypto/x509 does not read the last.
func alternativeNames(c *x509.Certificate) (map[string]string, error) {
	values := make(map[string]string)
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("it is not a list of general names")
		}
		seen := make(map[int]bool)
		for _, n := range names {
			if n.Class != asn1.ClassContextSpecific || seen[n.Tag] {
				continue
			}
			seen[n.Tag] = true
			switch n.Tag {
			case nameDNS:
				values["DNS"] = string(n.Bytes)
			case nameURI:
				values["URI"] = string(n.Bytes)
			case nameDirectory:
				directory, err := attributes(n.Bytes)
				if err != nil {
					return nil, err
				}
				for short, text := range directory {
					values["Name/"+short] = text
				}
			}
		}
	}
	return values, nil
}
