package btp_test

import (
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/btp"
)

func Example() {
	pki, err := btp.NewPKI(time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := btp.New(btp.Config{PKI: pki})
	if err != nil {
		fmt.Println(err)
		return
	}
	material, err := server.Issue(btp.Leaf{CN: "trustbridge-orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range material.Chain {
		fmt.Println(c.Subject.CommonName)
	}
	// Output:
	// trustbridge-orders
	// Stand-in PKI Certificate Service Client CA
	// Stand-in BTP Client CA
	// Stand-in Cloud Root CA
}
