package testpki_test

import (
	"fmt"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

func ExampleRoot() {
	leaf := testpki.Root("root").Intermediate("issuing").Leaf("bridge")
	fmt.Println(leaf.Cert.Subject)
	fmt.Println(leaf.Cert.Issuer)
	// Output:
	// CN=bridge,O=Example Org,C=DE
	// CN=issuing,O=Example Org,C=DE
}
