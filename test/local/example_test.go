package local_test

import (
	"context"
	"fmt"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

func Example() {
	stand, err := local.Start(context.Background(), local.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = stand.Close() }()
	scenario, err := stand.SetUp(btp.Leaf{}, local.Lambda{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range scenario.Steps {
		fmt.Println(step.What)
	}
	fmt.Println(scenario.TopicARN)
	// Output:
	// certificate
	// trust anchor
	// targets
	// IAM roles
	// profile
	// arn:aws:sns:eu-central-1:111122223333:orders
}
