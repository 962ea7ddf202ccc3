package destination_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/destination"
)

func ExampleClient_Identity() {
	found, err := os.ReadFile("../../test/testdata/sap-destination/find/09-v1-renewed.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	// Both halves of SAP BTP: the token endpoint and the Destination Service.
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"bearer","expires_in":3600}`)
	})
	mux.HandleFunc("GET /destination-configuration/v1/destinations/aws-orders", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(found)
	})
	sap := httptest.NewServer(mux)
	defer sap.Close()

	client, err := destination.New(destination.Config{
		Name: "aws-orders",
		Binding: func() (*binding.Binding, error) { // binding.Find, outside of examples
			return &binding.Binding{ClientID: "c", ClientSecret: binding.NewSecret("s"), URL: sap.URL, URI: sap.URL}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	id, err := client.Identity(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Leaf.Subject.CommonName, "with", len(id.Chain), "issuers")
	// Output: trustbridge-orders with 2 issuers
}
