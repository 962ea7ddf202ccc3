package keystore

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	vectorDir = "../../test/testdata/rolesanywhere/"
	sapDir    = "../../test/testdata/sap-destination/"
)

func read(tb testing.TB, path ...string) []byte {
	tb.Helper()
	var all []byte
	for _, p := range path {
		b, err := os.ReadFile(filepath.FromSlash(p))
		if err != nil {
			tb.Fatal(err)
		}
		if strings.HasSuffix(p, ".b64") {
			if b, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(b), "\n", "")); err != nil {
				tb.Fatal(err)
			}
		}
		all = append(all, b...)
	}
	return all
}

func certificate(tb testing.TB, path string) *x509.Certificate {
	tb.Helper()
	block, _ := pem.Decode(read(tb, path))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func checkIdentity(t *testing.T, got *Identity, err error, leaf string, chain ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Leaf.Equal(certificate(t, leaf)) {
		t.Errorf("the leaf is %s, want that of %s", Subject(got.Leaf), leaf)
	}
	if len(got.Chain) != len(chain) {
		t.Fatalf("the chain has %d certificates, want %v", len(got.Chain), chain)
	}
	for i, c := range chain {
		if !got.Chain[i].Equal(certificate(t, c)) {
			t.Errorf("the chain's certificate %d is %s, want that of %s", i, Subject(got.Chain[i]), c)
		}
	}
	if !samePublic(got.Signer.Public(), got.Leaf.PublicKey) {
		t.Errorf("the signer's key is not the leaf's")
	}
}

func TestParseGood(t *testing.T) {
	sap := func(name string) string { return sapDir + "pki/" + name + ".pem" }
	vec := func(name string) string { return vectorDir + "pki/" + name + ".pem" }
	store := func(name string) string { return vectorDir + "keystores/" + name }
	for _, row := range []struct {
		name  string
		files []string
		leaf  string
		chain []string
	}{
		{"as SAP writes it", []string{sapDir + "keystores/orders.pem"}, sap("orders"), []string{sap("issuing-ca"), sap("client-ca")}},
		{"renewed under another issuing CA", []string{sapDir + "keystores/orders-renewed.pem"}, sap("orders-renewed"), []string{sap("issuing-ca-2"), sap("client-ca")}},
		{"both issuing CAs of one name", []string{sap("issuing-ca-2"), sapDir + "keystores/orders.pem"}, sap("orders"), []string{sap("issuing-ca"), sap("client-ca")}},
		{"expired, which is not judged here", []string{sapDir + "keystores/expired.pem"}, sap("expired"), []string{sap("issuing-ca"), sap("client-ca")}},
		{"own CA", []string{sap("own-root"), sap("own-issuing"), sap("own-leaf.key"), sap("own-leaf")}, sap("own-leaf"), []string{sap("own-issuing")}},
		{"CA first", []string{store("rsa3072-inter.bundle-ca-first.pem"), vec("rsa3072-inter.key")}, vec("rsa3072-inter.cert"), []string{vec("inter-rsa.cert")}},
		{"leaf first", []string{vec("rsa3072-inter.key"), store("rsa3072-inter.bundle-leaf-first.pem")}, vec("rsa3072-inter.cert"), []string{vec("inter-rsa.cert")}},
		{"with key", []string{store("rsa3072-inter.bundle-with-key.pem")}, vec("rsa3072-inter.cert"), []string{vec("inter-rsa.cert")}},
		{"key in the middle, root included", []string{vec("anchor-ec.cert"), vec("ecp256-inter.key"), vec("inter-ec.cert"), vec("ecp256-inter.cert")}, vec("ecp256-inter.cert"), []string{vec("inter-ec.cert")}},
		{"PKCS#1", []string{store("rsa2048.pkcs1.key.pem"), vec("rsa2048.cert")}, vec("rsa2048.cert"), nil},
		{"SEC 1", []string{vec("ecp256.cert"), store("ecp256.sec1.key.pem")}, vec("ecp256.cert"), nil},
		{"P-384", []string{vec("ecp384.cert"), vec("ecp384.key")}, vec("ecp384.cert"), nil},
		{"no issuer", []string{vec("ecp256-inter.cert"), vec("ecp256-inter.key")}, vec("ecp256-inter.cert"), nil},
		{"unrelated certificates", []string{vec("ecp384.cert"), vec("inter-rsa.cert"), vec("ecp256.cert"), vec("ecp256.key"), sap("client-ca")}, vec("ecp256.cert"), nil},
		{"duplicates", []string{vec("ecp256-inter.cert"), vec("inter-ec.cert"), vec("ecp256-inter.cert"), vec("inter-ec.cert"), vec("ecp256-inter.key"), vec("ecp256-inter.key")}, vec("ecp256-inter.cert"), []string{vec("inter-ec.cert")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			material := read(t, row.files...)
			got, err := Parse(material, Options{})
			checkIdentity(t, got, err, row.leaf, row.chain...)
			for name, changed := range map[string][]byte{
				"line feeds alone": bytes.ReplaceAll(material, []byte("\r\n"), []byte("\n")),
				"CRLF":             bytes.ReplaceAll(bytes.ReplaceAll(material, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")),
				"byte order mark":  append([]byte("\xef\xbb\xbf"), material...),
				"text between":     bytes.ReplaceAll(material, []byte("-----BEGIN"), []byte("Bag Attributes\n-----BEGIN")),
			} {
				other, err := Parse(changed, Options{})
				if err != nil || other.Version != got.Version {
					t.Errorf("%s: Parse = %v, want the same version", name, err)
				}
			}
		})
	}
}

func TestFact04OrderOfBlocksDoesNotMatter(t *testing.T) {
	var all []*pem.Block
	for rest := read(t, sapDir+"keystores/orders.pem", sapDir+"pki/issuing-ca-2.pem"); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		all = append(all, b)
	}
	for range 30 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var material []byte
		for _, b := range all {
			material = append(material, pem.EncodeToMemory(b)...)
		}
		got, err := Parse(material, Options{})
		checkIdentity(t, got, err, sapDir+"pki/orders.pem", sapDir+"pki/issuing-ca.pem", sapDir+"pki/client-ca.pem")
	}
}

func TestParseBad(t *testing.T) {
	vec := func(name string) string { return vectorDir + "pki/" + name + ".pem" }
	orders := read(t, sapDir+"keystores/orders.pem")
	for _, row := range []struct {
		name     string
		material []byte
		password string
		kind     Kind
		says     string
	}{
		{"certificates only", read(t, sapDir+"keystores/csr.pem"), "", NoPrivateKey, "signing request"},
		{"key only", read(t, vec("ecp256.key")), "", NoCertificate, "no certificate"},
		{"foreign key", read(t, sapDir+"keystores/mismatch.pem"), "", KeyMismatch, "CN=trustbridge-orders"},
		{"two keys", read(t, vec("ecp256.key"), vec("ecp256.cert"), vec("ecp384.key")), "", SeveralKeys, "2 private keys"},
		{"encrypted", read(t, sapDir+"keystores/orders-password.pem"), "", PasswordMissing, "KeyStorePassword"},
		{"encrypted, with the password", read(t, sapDir+"keystores/orders-password.pem"), "Wald-7-Hafen", EncryptedKey, "without a password"},
		{"encrypted, with another password", read(t, sapDir+"keystores/orders-password.pem"), "not-this-one", EncryptedKey, "without a password"},
		{"PBES2", read(t, vectorDir+"keystores/rsa2048.enc-aes256-sha256.key.pem", vec("rsa2048.cert")), "", PasswordMissing, "encrypted"},
		{"scrypt", read(t, vectorDir+"keystores/ecp384.enc-scrypt.key.pem", vec("ecp384.cert")), "x", EncryptedKey, "encrypted"},
		{"encrypted as OpenSSL once did", []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), "", PasswordMissing, "encrypted"},
		{"PKCS#12", read(t, sapDir+"keystores/orders-modern.p12"), "Wald-7-Hafen", NotAKeyStore, "PKCS#12"},
		{"old PKCS#12", read(t, vectorDir+"keystores/rsa3072-inter.legacy-nopass.p12.b64"), "", NotAKeyStore, "PKCS#12"},
		{"JKS", read(t, sapDir+"keystores/orders.jks"), "Wald-7-Hafen", NotAKeyStore, "Java"},
		{"JCEKS", []byte("\xce\xce\xce\xce\x00\x00\x00\x02"), "", NotAKeyStore, "JCEKS"},
		{"DER", certificate(t, vec("ecp256.cert")).Raw, "", NotAKeyStore, "DER"},
		{"text", []byte("This is no key store."), "", NotAKeyStore, ".pem"},
		{"nothing", nil, "", NotAKeyStore, "nothing"},
		{"blanks", []byte(" \n"), "", NotAKeyStore, "nothing"},
		{"other PEM", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "", NotAKeyStore, "without a private key"},
		{"cut off", orders[:len(orders)-200], "", Malformed, "cut off"},
		{"bad certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "", Malformed, "no certificate"},
		{"bad key", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "", Malformed, "no private key"},
		{"Ed25519", ed25519PEM(t), "", UnsupportedKey, "RSA or ECDSA"},
		{"too large", bytes.Repeat([]byte("\n"), materialMaxBytes+1), "", NotAKeyStore, "at most"},
	} {
		id, err := Parse(row.material, Options{Password: row.password})
		e, isTyped := errors.AsType[*Error](err)
		if id != nil || !isTyped || e.Kind != row.kind || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: Parse = %v, want %v that says %q", row.name, err, row.kind, row.says)
			continue
		}
		if row.password != "" && row.password != "x" && strings.Contains(err.Error()+e.Detail(), row.password) {
			t.Errorf("%s: the error %q shows the password", row.name, err)
		}
		if e.Outage() || e.RetryableError() || e.Detail() == "" || strings.Contains(e.Detail(), "CN=") {
			t.Errorf("%s: outage %v, retryable %v, detail %q; want false, false, and a sentence without a subject", row.name, e.Outage(), e.RetryableError(), e.Detail())
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	for k := NoPrivateKey; k <= ChainTooLong; k++ {
		if _, detail := k.texts(); strings.HasPrefix(k.String(), "keystore.Kind") || detail == "" {
			t.Errorf("kind %d has the name %q and the detail %q", int(k), k, detail)
		}
	}
	if got := Kind(0).String(); got != "keystore.Kind(0)" {
		t.Errorf("Kind(0) = %q", got)
	}
}

func TestNowChoosesTheLeaf(t *testing.T) {
	p := newPKI(t)
	old := p.issue(t, "leaf", p.key, p.root, p.rootKey, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	renewed := p.issue(t, "leaf", p.key, p.root, p.rootKey, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC))
	material := append(append(encode(old, renewed), encodeKey(t, p.key)...), encode(p.root)...)
	for _, row := range []struct {
		now  time.Time
		want *x509.Certificate
	}{
		{time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), old},
		{time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC), renewed},
		{time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC), renewed},
		{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), renewed},
	} {
		got, err := Parse(material, Options{Now: row.now})
		if err != nil || !got.Leaf.Equal(row.want) {
			t.Errorf("at %v: Parse = %v, want the leaf valid from %v", row.now, err, row.want.NotBefore)
		}
	}
}

func ExampleParse() {
	material, err := os.ReadFile("../../test/testdata/sap-destination/keystores/orders.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := Parse(material, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range id.Chain {
		fmt.Println(c.Subject.CommonName)
	}
	fmt.Println(id.Leaf.Subject.CommonName)
	// Output:
	// Test PKI Certificate Service Client CA
	// Test BTP Client CA
	// trustbridge-orders
}
