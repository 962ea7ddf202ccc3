package btp

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// PEM is the material as SAP writes it: the private key first, in PKCS#8 with lines of 64 characters that end in LF; then
// leaf, intermediates and root, with lines of 76 characters and CRLF inside the block.
func (m *Material) PEM() ([]byte, error) { return m.pem(m.Chain) }

// PEMWithoutIntermediates is the same with the leaf and the root alone, as a careless upload may be.
func (m *Material) PEMWithoutIntermediates() ([]byte, error) {
	return m.pem([]*x509.Certificate{m.Chain[0], m.Chain[len(m.Chain)-1]})
}

func (m *Material) pem(chain []*x509.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(m.Key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, c := range chain {
		out = append(out, block(c.Raw)...)
	}
	return out, nil
}

func block(der []byte) []byte {
	const columns = 76
	var b bytes.Buffer
	b.WriteString("-----BEGIN CERTIFICATE-----\r\n")
	text := base64.StdEncoding.EncodeToString(der)
	for len(text) > columns {
		b.WriteString(text[:columns] + "\r\n")
		text = text[columns:]
	}
	b.WriteString(text + "\r\n-----END CERTIFICATE-----\n")
	return b.Bytes()
}
