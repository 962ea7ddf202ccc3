package keystore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strconv"
	"strings"
)

// Subject is the subject of c for people: its attributes in the certificate's own order, for example
// "C=DE, O=SAP SE, OU=SAP Cloud Platform Clients, L=…, CN=orders". pkix.Name.String merges and reorders repeated attributes, so
// what it prints cannot be compared with a trust policy. An empty subject is "(empty)".
func Subject(c *x509.Certificate) string { return attributes(c.Subject) }

// Issuer is the issuer of c in the form of [Subject].
func Issuer(c *x509.Certificate) string { return attributes(c.Issuer) }

func attributes(n pkix.Name) string {
	if len(n.Names) == 0 {
		return "(empty)"
	}
	var b strings.Builder
	for i, a := range n.Names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(attributeName(a.Type.String()))
		b.WriteByte('=')
		value, isText := a.Value.(string)
		if !isText {
			b.WriteString("(not text)")
			continue
		}
		if quoted := strconv.Quote(value); len(quoted) != len(value)+2 && strings.Contains(quoted, `\`) {
			value = quoted // control characters must not break a log line
		}
		b.WriteString(value)
	}
	return b.String()
}

// attributeName is the short name of the attribute types that occur in subjects, else the OID itself.
//
// Source: https://www.rfc-editor.org/rfc/rfc4519
func attributeName(oid string) string {
	switch oid {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.6":
		return "C"
	case "2.5.4.7":
		return "L"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "0.9.2342.19200300.100.1.25":
		return "DC"
	}
	return oid
}
