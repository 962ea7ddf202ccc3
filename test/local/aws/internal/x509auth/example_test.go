package x509auth_test

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/x509auth"
)

func ExampleFindPath() {
	root := testpki.Root("root")
	issuing := root.Intermediate("issuing")
	leaf := issuing.Leaf("bridge").Cert
	anchors := []*x509.Certificate{root.Cert}

	path, err := x509auth.FindPath(leaf, []*x509.Certificate{issuing.Cert}, anchors, time.Now())
	fmt.Println(len(path), err)
	_, err = x509auth.FindPath(leaf, nil, anchors, time.Now())
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// find path: none leads from "CN=bridge,O=Example Org,C=DE", issued by "CN=issuing,O=Example Org,C=DE", to the trust anchor
}
