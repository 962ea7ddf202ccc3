package rolesanywhere_test

import (
	"fmt"
	"os"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

func ExampleSign() {
	material, err := os.ReadFile("../../test/testdata/rolesanywhere/keystores/rsa3072-inter.bundle-with-key.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	identity, err := keystore.Parse(material, keystore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	signed, err := rolesanywhere.Sign(identity, rolesanywhere.Request{
		Host:   "rolesanywhere.cn-north-1.amazonaws.com.cn",
		Region: "cn-north-1",
		Body: []byte(`{"durationSeconds":900,` +
			`"profileArn":"arn:aws-cn:rolesanywhere:cn-north-1:111122223333:profile/66666666-7777-8888-9999-000000000000",` +
			`"roleArn":"arn:aws-cn:iam::111122223333:role/TrustbridgeEvents",` +
			`"trustAnchorArn":"arn:aws-cn:rolesanywhere:cn-north-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555"}`),
		Time: time.Date(2027, 1, 15, 10, 20, 30, 0, time.UTC),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(signed.StringToSign)
	// Output:
	// AWS4-X509-RSA-SHA256
	// 20270115T102030Z
	// 20270115/cn-north-1/rolesanywhere/aws4_request
	// e7acdfd88313bea19d3fafedaf4787b2fe8aacbf92d44e9b77e2da35d893beb5
}
