package keyfile

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the older kind's
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"hash"
)

//nolint:gochecknoglobals // constants that the language cannot express as such
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidShroudedKey   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
	oidSHA1          = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit"`
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []attribute   `asn1:"set,optional"`
}

type attribute struct {
	ID    asn1.ObjectIdentifier
	Value []asn1.RawValue `asn1:"set"`
}

// PKCS12 is a key with its chain, leaf first, under a password, which may be empty. legacy means 3DES with a MAC of SHA-1, as
// older tools write it; else AES-256 with a MAC of SHA-256, as OpenSSL 3 does.
func PKCS12(key crypto.Signer, chain []*x509.Certificate, alias, password string, legacy bool) ([]byte, error) {
	b := &builder{}
	plain := b.take(x509.MarshalPKCS8PrivateKey(key))
	shrouded := b.take(shroud(plain, password, legacy))
	id := sha1.Sum(chain[0].Raw) //nolint:gosec // a name, not a protection
	marks := []attribute{
		{oidFriendlyName, []asn1.RawValue{{Tag: asn1.TagBMPString, Bytes: utf16be(alias)}}},
		{oidLocalKeyID, []asn1.RawValue{{Tag: asn1.TagOctetString, Bytes: id[:]}}},
	}
	keys := b.marshal([]safeBag{{ID: oidShroudedKey, Value: b.explicit(shrouded), Attributes: marks}})
	var bags []safeBag
	for i, c := range chain {
		bag := safeBag{ID: oidCertBag, Value: b.explicit(b.marshal(struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue `asn1:"tag:0,explicit"`
		}{oidX509, b.explicit(b.marshal(c.Raw))}))}
		if i == 0 {
			bag.Attributes = marks
		}
		bags = append(bags, bag)
	}
	algorithm, data, err := encrypt(b.marshal(bags), password, legacy)
	if err != nil {
		return nil, err
	}
	encrypted := b.marshal(struct {
		Version int
		Info    struct {
			Type      asn1.ObjectIdentifier
			Algorithm pkix.AlgorithmIdentifier
			Content   asn1.RawValue
		}
	}{0, struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Content   asn1.RawValue
	}{oidData, algorithm, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: data}}})
	safe := b.marshal([]contentInfo{
		{oidEncryptedData, b.explicit(encrypted)}, {oidData, b.explicit(b.marshal(keys))},
	})
	out := b.marshal(struct {
		Version int
		Safe    contentInfo
		MAC     any
	}{3, contentInfo{oidData, b.explicit(b.marshal(safe))}, b.mac(safe, password, legacy)})
	return out, b.err
}

type digestInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

type macData struct {
	MAC    digestInfo
	Salt   []byte
	Rounds int
}

// mac is what tells a wrong password.
func (b *builder) mac(safe []byte, password string, legacy bool) macData {
	newHash, id := sha256.New, oidSHA256
	if legacy {
		newHash, id = func() hash.Hash { return sha1.New() }, oidSHA1 //nolint:gosec // the older kind's
	}
	salt := random(8)
	m := hmac.New(newHash, derive(newHash, 3, bmp(password), salt, rounds, newHash().Size()))
	m.Write(safe)
	return macData{digestInfo{pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.NullRawValue}, m.Sum(nil)}, salt, rounds}
}

func encryptPBES2(plain []byte, password string) (pkix.AlgorithmIdentifier, []byte, error) {
	b := &builder{}
	salt, iv := random(16), random(aes.BlockSize)
	key, err := pbkdf2.Key(sha256.New, password, salt, rounds, 32)
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return pkix.AlgorithmIdentifier{}, nil, err
	}
	out := pad(plain, aes.BlockSize)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	kdf := b.marshal(struct {
		Salt   []byte
		Rounds int
		PRF    pkix.AlgorithmIdentifier
	}{salt, rounds, pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue}})
	parameters := b.marshal(struct{ KDF, Cipher pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: kdf}},
		pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: b.marshal(iv)}},
	})
	return pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: parameters}}, out, b.err
}

// builder keeps the first error, so that what it builds reads as one expression.
type builder struct{ err error }

func (b *builder) take(out []byte, err error) []byte {
	if b.err == nil {
		b.err = err
	}
	return out
}

func (b *builder) marshal(v any) []byte { return b.take(asn1.Marshal(v)) }

// explicit is content inside the tag [0].
func (b *builder) explicit(content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: content}
}
