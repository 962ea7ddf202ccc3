package aws_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/local/aws"
)

func Example() {
	s := aws.New(aws.Config{})
	defer func() { _ = s.Close() }()
	topic, err := s.CreateTopic("orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	queue, err := s.CreateQueue("orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := s.Subscribe(topic, queue, true); err != nil {
		fmt.Println(err)
		return
	}
	listener := httptest.NewServer(s)
	defer listener.Close()

	seed := s.Seed()
	client := sns.New(sns.Options{
		Region: "eu-central-1", BaseEndpoint: &listener.URL,
		Credentials: credentials.NewStaticCredentialsProvider(seed.AccessKeyID, seed.SecretAccessKey, ""),
	})
	if _, err := client.Publish(context.Background(), &sns.PublishInput{TopicArn: &topic, Message: sdkaws.String("hello")}); err != nil {
		fmt.Println(err)
		return
	}
	messages, err := s.WaitMessages(context.Background(), queue, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(messages[0].Body)
	// Output: hello
}
