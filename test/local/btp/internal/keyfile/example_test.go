package keyfile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"fmt"

	"github.com/trustbridge/trustbridge/test/local/btp/internal/keyfile"
)

func ExampleEncryptedPKCS8() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	der, err := keyfile.EncryptedPKCS8(key, "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	var info struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue
		}
		Data []byte
	}
	_, err = asn1.Unmarshal(der, &info)
	fmt.Println(info.Algorithm.OID, err)
	// Output: 1.2.840.113549.1.12.1.3 <nil>
}
