// Command plain-sns is what one writes in an afternoon to bring events to SNS: one call of the AWS SDK for each. It stands beside
// publish-sns in the benchmarks.
package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func main() {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	panic(http.ListenAndServe(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), handler(sns.NewFromConfig(c), os.Getenv("TOPIC")))) //nolint:gosec // plain, as it says
}

// handler publishes the data of each event.
func handler(client *sns.Client, topic string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Ce-Id") == "" {
			http.Error(w, "no event", http.StatusBadRequest)
			return
		}
		if _, err := client.Publish(r.Context(), &sns.PublishInput{TopicArn: aws.String(topic), Message: aws.String(string(body))}); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
