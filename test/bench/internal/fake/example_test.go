package fake_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/bench/internal/fake"
)

func ExampleStart() {
	s, err := fake.Start(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	client := sns.NewFromConfig(aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(s.URL()), Credentials: aws.AnonymousCredentials{}})
	if _, err := client.Publish(context.Background(), &sns.PublishInput{TopicArn: aws.String("arn:…"), Message: aws.String("hello")}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Count().Events, "event arrived")
	// Output: 1 event arrived
}
