package keyfile

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // the format's
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"time"
)

//nolint:gochecknoglobals // a constant that the language cannot express as one
var oidJKSProtector = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1}

// JKS is the JDK's own kind of key store with one entry, its key under the same password as the store.
// Source: https://github.com/openjdk/jdk/blob/jdk-21%2B35/src/java.base/share/classes/sun/security/provider/JavaKeyStore.java
func JKS(key crypto.Signer, chain []*x509.Certificate, alias, password string, made time.Time) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	protected, err := asn1.Marshal(encryptedPrivateKeyInfo{
		pkix.AlgorithmIdentifier{Algorithm: oidJKSProtector, Parameters: asn1.NullRawValue}, protect(plain, utf16be(password)),
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	number := func(n int) { b.Write(binary.BigEndian.AppendUint32(nil, uint32(n))) }                         //nolint:gosec // lengths
	text := func(s string) { b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s)))); b.WriteString(s) } //nolint:gosec // names
	moment := func(t time.Time) { b.Write(binary.BigEndian.AppendUint64(nil, uint64(max(t.UnixMilli(), 0)))) }
	number(0xFEEDFEED)
	number(2) // version
	number(1) // entries
	number(1) // a key
	text(alias)
	moment(made)
	number(len(protected))
	b.Write(protected)
	number(len(chain))
	for _, c := range chain {
		text("X.509")
		number(len(c.Raw))
		b.Write(c.Raw)
	}
	digest := sha1.Sum(append(append(utf16be(password), "Mighty Aphrodite"...), b.Bytes()...)) //nolint:gosec // the format's
	return append(b.Bytes(), digest[:]...), nil
}

// protect is the JDK's key protector: salt, the key under a stream of digests, a digest of both.
func protect(plain, password []byte) []byte {
	salt := random(sha1.Size)
	out := append([]byte(nil), salt...)
	stream := salt
	for at := 0; at < len(plain); at += sha1.Size {
		digest := sha1.Sum(append(bytes.Clone(password), stream...)) //nolint:gosec // the format's
		stream = digest[:]
		for i := range min(sha1.Size, len(plain)-at) {
			out = append(out, plain[at+i]^stream[i])
		}
	}
	check := sha1.Sum(append(bytes.Clone(password), plain...)) //nolint:gosec // the format's
	return append(out, check[:]...)
}
