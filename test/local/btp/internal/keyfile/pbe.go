// Package keyfile writes key stores as SAP's Destination service hands them out: PKCS#12 of two kinds, JKS, and encrypted
// PKCS#8. It writes only; our own readers of the same forms live elsewhere and share nothing with it.
//
// [PKCS12] and [JKS] take a key with its chain, leaf first; [EncryptedPKCS8] takes a key alone.
package keyfile

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what SAP's key stores are written with
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // as above
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"hash"
	"unicode/utf16"
)

// rounds is what OpenSSL and the JDK use for the older kinds.
const rounds = 2048

//nolint:gochecknoglobals // constants that the language cannot express as such
var (
	oidPBESHA1And3DES = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
	oidPBES2          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256     = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

// EncryptedPKCS8 is the content of a PEM block ENCRYPTED PRIVATE KEY: PBE-SHA1-3DES with 2,048 rounds.
func EncryptedPKCS8(key crypto.Signer, password string) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return shroud(plain, password, true)
}

// shroud is an EncryptedPrivateKeyInfo.
func shroud(plain []byte, password string, legacy bool) ([]byte, error) {
	algorithm, data, err := encrypt(plain, password, legacy)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(encryptedPrivateKeyInfo{algorithm, data})
}

// encrypt pads and encrypts.
func encrypt(plain []byte, password string, legacy bool) (pkix.AlgorithmIdentifier, []byte, error) {
	if !legacy {
		return encryptPBES2(plain, password)
	}
	salt := random(8)
	pw := bmp(password)
	block, err := des.NewTripleDESCipher(derive(sha1.New, 1, pw, salt, rounds, 24)) //nolint:gosec // as above
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	parameters, err := asn1.Marshal(struct {
		Salt   []byte
		Rounds int
	}{salt, rounds})
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	out := pad(plain, block.BlockSize())
	cipher.NewCBCEncrypter(block, derive(sha1.New, 2, pw, salt, rounds, 8)).CryptBlocks(out, out)
	return pkix.AlgorithmIdentifier{Algorithm: oidPBESHA1And3DES, Parameters: asn1.RawValue{FullBytes: parameters}}, out, nil
}

func pad(plain []byte, size int) []byte {
	n := size - len(plain)%size
	return append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...) //nolint:gosec // at most 16
}

// derive makes n bytes of key material.
// Source: https://www.rfc-editor.org/rfc/rfc7292#appendix-B.2
func derive(newHash func() hash.Hash, id byte, password, salt []byte, rounds, n int) []byte {
	h := newHash()
	v := h.BlockSize()
	stretched := append(stretch(salt, v), stretch(password, v)...)
	var out []byte
	for len(out) < n {
		h.Reset()
		h.Write(bytes.Repeat([]byte{id}, v))
		h.Write(stretched)
		a := h.Sum(nil)
		for range rounds - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		out = append(out, a...)
		b := stretch(a, v)[:v]
		for at := 0; at < len(stretched); at += v {
			carry := 1
			for i := v - 1; i >= 0; i-- {
				sum := int(stretched[at+i]) + int(b[i]) + carry
				stretched[at+i], carry = byte(sum), sum>>8 //nolint:gosec // the low byte is meant
			}
		}
	}
	return out[:n]
}

// stretch repeats b up to the next multiple of v.
func stretch(b []byte, v int) []byte {
	if len(b) == 0 {
		return nil
	}
	n := (len(b) + v - 1) / v * v
	return bytes.Repeat(b, n/len(b)+1)[:n]
}

// bmp is a password in UTF-16, big endian, with two zero bytes at its end.
func bmp(password string) []byte { return append(utf16be(password), 0, 0) }

func utf16be(s string) []byte {
	var out []byte
	for _, c := range utf16.Encode([]rune(s)) {
		out = append(out, byte(c>>8), byte(c)) //nolint:gosec // the low byte is meant
	}
	return out
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return b
}
