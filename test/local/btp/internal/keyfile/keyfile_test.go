package keyfile

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"hash"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// These readers are written for the test. They are held to key stores that OpenSSL and keytool made, then read ours.

var errPassword = errors.New("wrong password")

func open(algorithm pkix.AlgorithmIdentifier, data []byte, password string) ([]byte, error) {
	var block cipher.Block
	var iv []byte
	if algorithm.Algorithm.Equal(oidPBESHA1And3DES) {
		var p struct {
			Salt   []byte
			Rounds int
		}
		if _, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		block, _ = des.NewTripleDESCipher(derive(sha1.New, 1, bmp(password), p.Salt, p.Rounds, 24))
		iv = derive(sha1.New, 2, bmp(password), p.Salt, p.Rounds, 8)
	} else {
		var p struct{ KDF, Cipher pkix.AlgorithmIdentifier }
		var kdf struct {
			Salt   []byte
			Rounds int
			PRF    pkix.AlgorithmIdentifier
		}
		_, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &p)
		if err == nil {
			_, err = asn1.Unmarshal(p.KDF.Parameters.FullBytes, &kdf)
		}
		if err == nil {
			_, err = asn1.Unmarshal(p.Cipher.Parameters.FullBytes, &iv)
		}
		if err != nil {
			return nil, err
		}
		key, err := pbkdf2.Key(sha256.New, password, kdf.Salt, kdf.Rounds, 32)
		if err != nil {
			return nil, err
		}
		block, _ = aes.NewCipher(key)
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	if n == 0 || n > block.BlockSize() || !bytes.Equal(out[len(out)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPassword
	}
	return out[:len(out)-n], nil
}

func readPKCS12(content []byte, password string) (key any, chain []*x509.Certificate, err error) {
	var pfx struct {
		Version int
		Safe    contentInfo
		MAC     macData
	}
	if _, err := asn1.Unmarshal(content, &pfx); err != nil {
		return nil, nil, err
	}
	var safe []byte
	if _, err := asn1.Unmarshal(pfx.Safe.Content.Bytes, &safe); err != nil {
		return nil, nil, err
	}
	newHash := sha256.New
	if pfx.MAC.MAC.Algorithm.Algorithm.Equal(oidSHA1) {
		newHash = func() hash.Hash { return sha1.New() }
	}
	m := hmac.New(newHash, derive(newHash, 3, bmp(password), pfx.MAC.Salt, pfx.MAC.Rounds, newHash().Size()))
	m.Write(safe)
	if !hmac.Equal(m.Sum(nil), pfx.MAC.MAC.Digest) {
		return nil, nil, errPassword
	}
	var infos []contentInfo
	if _, err := asn1.Unmarshal(safe, &infos); err != nil {
		return nil, nil, err
	}
	for _, info := range infos {
		var plain []byte
		if info.Type.Equal(oidEncryptedData) {
			var e struct {
				Version int
				Info    struct {
					Type      asn1.ObjectIdentifier
					Algorithm pkix.AlgorithmIdentifier
					Content   asn1.RawValue `asn1:"tag:0"`
				}
			}
			if _, err := asn1.Unmarshal(info.Content.Bytes, &e); err != nil {
				return nil, nil, err
			}
			if plain, err = open(e.Info.Algorithm, e.Info.Content.Bytes, password); err != nil {
				return nil, nil, err
			}
		} else if _, err := asn1.Unmarshal(info.Content.Bytes, &plain); err != nil {
			return nil, nil, err
		}
		var bags []safeBag
		if _, err := asn1.Unmarshal(plain, &bags); err != nil {
			return nil, nil, err
		}
		for _, bag := range bags {
			if bag.ID.Equal(oidShroudedKey) {
				if key, err = readKey(bag.Value.Bytes, password); err != nil {
					return nil, nil, err
				}
				continue
			}
			var cert struct {
				ID    asn1.ObjectIdentifier
				Value asn1.RawValue `asn1:"tag:0,explicit"`
			}
			var der []byte
			_, err := asn1.Unmarshal(bag.Value.Bytes, &cert)
			if err == nil {
				_, err = asn1.Unmarshal(cert.Value.Bytes, &der)
			}
			if err != nil {
				return nil, nil, err
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, nil, err
			}
			chain = append(chain, c)
		}
	}
	return key, chain, nil
}

func readKey(der []byte, password string) (any, error) {
	var info encryptedPrivateKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	plain, err := open(info.Algorithm, info.Data, password)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS8PrivateKey(plain)
}

func readJKS(content []byte, password string) (key any, chain []*x509.Certificate, err error) {
	body, digest := content[:len(content)-sha1.Size], content[len(content)-sha1.Size:]
	want := sha1.Sum(append(append(utf16be(password), "Mighty Aphrodite"...), body...))
	if !bytes.Equal(want[:], digest) {
		return nil, nil, errPassword
	}
	r := bytes.NewBuffer(body)
	number := func() int { return int(binary.BigEndian.Uint32(r.Next(4))) }
	text := func() string { return string(r.Next(int(binary.BigEndian.Uint16(r.Next(2))))) }
	if number() != 0xFEEDFEED || number() != 2 || number() != 1 || number() != 1 {
		return nil, nil, errors.New("not a JKS with one key")
	}
	_ = text()
	r.Next(8)
	var info encryptedPrivateKeyInfo
	if _, err := asn1.Unmarshal(r.Next(number()), &info); err != nil {
		return nil, nil, err
	}
	salt, sealed := info.Data[:20], info.Data[20:len(info.Data)-20]
	plain, stream := make([]byte, len(sealed)), salt
	for i := range sealed {
		if i%20 == 0 {
			sum := sha1.Sum(append(utf16be(password), stream...))
			stream = sum[:]
		}
		plain[i] = sealed[i] ^ stream[i%20]
	}
	for range number() {
		_ = text()
		c, err := x509.ParseCertificate(r.Next(number()))
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, c)
	}
	if r.Len() != 0 {
		return nil, nil, errors.New("something follows the chain")
	}
	key, err = x509.ParsePKCS8PrivateKey(plain)
	return key, chain, err
}

const fixturePassword = "Wald-7-Hafen"

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "sap-destination", "keystores", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func fits(t *testing.T, what string, key any, chain []*x509.Certificate, n int, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	signer, ok := key.(crypto.Signer)
	if !ok || len(chain) != n {
		t.Errorf("%s: a %T and %d certificates, want a key and %d", what, key, len(chain), n)
		return
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(chain[0].PublicKey) {
		t.Errorf("%s: the key is not that of the first certificate", what)
	}
}

func TestReadersReadWhatOthersMade(t *testing.T) {
	key, chain, err := readPKCS12(fixture(t, "orders-modern.p12"), fixturePassword)
	fits(t, "OpenSSL's PKCS#12", key, chain, 4, err)
	key, chain, err = readJKS(fixture(t, "orders.jks"), fixturePassword)
	fits(t, "keytool's JKS", key, chain, 4, err)
	b, _ := pem.Decode(fixture(t, "orders-password.pem"))
	if _, err := readKey(b.Bytes, fixturePassword); err != nil {
		t.Errorf("OpenSSL's key under PBE-SHA1-3DES: %v", err)
	}
}

func TestWrittenKeyStoresAreRead(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mine"}, NotAfter: time.Now().Add(time.Hour)}
	var chain []*x509.Certificate
	for range 3 {
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	for _, password := range []string{"", "x", "Wald-7-Hafen", "Grüße"} {
		der, err := EncryptedPKCS8(key, password)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readKey(der, password); err != nil || !key.Equal(got.(crypto.PrivateKey)) {
			t.Errorf("EncryptedPKCS8 under %q: %v", password, err)
		}
		for _, legacy := range []bool{false, true} {
			content, err := PKCS12(key, chain, "trustbridge-orders", password, legacy)
			if err != nil {
				t.Fatal(err)
			}
			k, c, err := readPKCS12(content, password)
			fits(t, "PKCS12 under "+password, k, c, 3, err)
			if _, _, err := readPKCS12(content, password+"?"); !errors.Is(err, errPassword) {
				t.Errorf("PKCS12 with another password: %v, want %v", err, errPassword)
			}
		}
		content, err := JKS(key, chain, "trustbridge-orders", password, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		k, c, err := readJKS(content, password)
		fits(t, "JKS under "+password, k, c, 3, err)
		if _, _, err := readJKS(content, password+"?"); !errors.Is(err, errPassword) {
			t.Errorf("JKS with another password: %v, want %v", err, errPassword)
		}
	}
}
