package plan

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

// Pins are what a trust policy holds on to, beside the anchor, as values of session tags. SAP's certificate authority serves
// every customer, so that a role without them would let all of them in.
type Pins struct {
	// Locality is L of the subject: the subaccount, which the Destination service writes and an outsider cannot choose.
	Locality string `json:"locality"`
	// CommonName is CN of the subject.
	CommonName string `json:"common_name"`
	// Issuers are the common names of the authorities that may issue the certificate.
	Issuers []string `json:"issuers"`
}

// sapIssuers are the authorities under SAP's root that issue the certificates of the Destination service: that of 2024 and
// that of 2022, which is still in use. A renewal may change from one to the other.
func sapIssuers() []string {
	return []string{"SAP PKI Certificate Service Client CA", "SAP Cloud Platform Client CA"}
}

// NewPins reads the pins of a certificate. Under SAP's root both of its issuing authorities are taken if leaf is of one of
// them; else the certificate's own alone. It fails for a certificate that lacks an attribute, or whose value AWS drops from a
// session's tags: a condition on it would admit nobody.
func NewPins(leaf *x509.Certificate, sapRoot bool) (Pins, error) {
	tags := rolesanywhere.SessionTags(leaf)
	p := Pins{Issuers: make([]string, 1)}
	for key, value := range map[string]*string{"x509Subject/L": &p.Locality, "x509Subject/CN": &p.CommonName, "x509Issuer/CN": &p.Issuers[0]} {
		i := slices.IndexFunc(tags, func(t rolesanywhere.SessionTag) bool { return t.Key == key })
		switch {
		case i < 0 || tags[i].Value == "":
			return Pins{}, fmt.Errorf("make trust policies: the certificate has no %s, and without a condition on it the roles would admit others too; "+
				"have it issued by the Destination service, or by your own CA with C, O, L and CN", key)
		case tags[i].Dropped:
			return Pins{}, fmt.Errorf("make trust policies: AWS drops %s=%q from the tags of a session, so that a condition on it admits nobody; "+
				"a value may have 256 letters, digits, spaces and _.:/=+-@", key, tags[i].Value)
		}
		*value = tags[i].Value
	}
	if sapRoot && slices.Contains(sapIssuers(), p.Issuers[0]) {
		p.Issuers = sapIssuers()
	}
	return p, nil
}

// check refuses pins that leave a condition out.
func (p Pins) check() error {
	if p.Locality == "" || p.CommonName == "" || len(p.Issuers) == 0 || slices.Contains(p.Issuers, "") {
		return errors.New("make trust policies: a condition has no value; no policy is made without all of them")
	}
	return nil
}

// anchorHole stands where the anchor's ARN goes.
const anchorHole = "@TrustAnchorArn@"

// policy is the trust policy of a role that admits the common name, as deploy/aws/template.yaml has it.
func (p Pins) policy(commonName string) []byte {
	type statement struct {
		Effect    string
		Principal map[string]string
		Action    []string
		Condition map[string]map[string]any
	}
	document := struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{
		Effect:    "Allow",
		Principal: map[string]string{"Service": "rolesanywhere.amazonaws.com"},
		// Roles Anywhere does all three for each session.
		Action: []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"},
		Condition: map[string]map[string]any{
			"ArnEquals": {"aws:SourceArn": anchorHole},
			"StringEquals": {
				"aws:PrincipalTag/x509Subject/L":  p.Locality,
				"aws:PrincipalTag/x509Subject/CN": commonName,
				"aws:PrincipalTag/x509Issuer/CN":  p.Issuers,
			},
		},
	}}}
	return indented(document)
}

// indented is v as JSON for people. v holds strings, lists and maps only.
func indented(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err) // nothing in it can fail
	}
	return b.Bytes()
}
