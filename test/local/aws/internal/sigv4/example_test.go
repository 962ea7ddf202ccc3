package sigv4_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

func ExampleVerifier_Verify() {
	v := sigv4.Verifier{
		Region: "eu-central-1",
		Lookup: func(string) (sigv4.Key, bool) { return sigv4.Key{}, false },
	}
	r, err := http.NewRequest(http.MethodPost, "https://sns.eu-central-1.amazonaws.com/", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = v.Verify(r, nil, time.Now())
	fmt.Println(err)
	// Output: verify signature: there is no Authorization header
}
