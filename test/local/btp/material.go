package btp

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/btp/internal/keyfile"
)

// PEM is the material as SAP writes it: the private key first, in PKCS#8 with lines of 64 characters that end in LF; then
// leaf, intermediates and root, with lines of 76 characters and CRLF inside the block.
func (m *Material) PEM() ([]byte, error) { return m.pem(m.Chain) }

// PEMWithoutIntermediates is the same with the leaf and the root alone, as a careless upload may be.
func (m *Material) PEMWithoutIntermediates() ([]byte, error) {
	return m.pem([]*x509.Certificate{m.Chain[0], m.Chain[len(m.Chain)-1]})
}

func (m *Material) pem(chain []*x509.Certificate) ([]byte, error) {
	if m.Key == nil {
		return chainPEM(chain), nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(m.Key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), chainPEM(chain)...), nil
}

func chainPEM(chain []*x509.Certificate) []byte {
	var out []byte
	for _, c := range chain {
		out = append(out, block(c.Raw)...)
	}
	return out
}

// encode is the material in the format that the ending of a name asks for, under a password that may be empty.
func (m *Material) encode(name, password string, made time.Time) ([]byte, error) {
	alias := m.Chain[0].Subject.CommonName
	switch ending(name) {
	case ".p12", ".pfx":
		return keyfile.PKCS12(m.Key, m.Chain, alias, password, false)
	case ".jks":
		return keyfile.JKS(m.Key, m.Chain, alias, password, made)
	}
	if password == "" || m.Key == nil {
		return m.PEM()
	}
	der, err := keyfile.EncryptedPKCS8(m.Key, password)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), chainPEM(m.Chain)...), nil
}

// PKCS12 is the material in a PKCS#12 key store, under a password that may be empty. legacy means 3DES and SHA-1, as older
// tools write it; the service itself writes AES-256 and SHA-256.
func (m *Material) PKCS12(password string, legacy bool) ([]byte, error) {
	return keyfile.PKCS12(m.Key, m.Chain, m.Chain[0].Subject.CommonName, password, legacy)
}

// ending is the part of a name that says the format, in lower case.
func ending(name string) string { return strings.ToLower(path.Ext(name)) }

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
