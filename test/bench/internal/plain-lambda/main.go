// Command plain-lambda is what one writes in an afternoon to bring events to a Lambda function: one call of the AWS SDK for each.
// It stands beside invoke-lambda in the benchmarks.
package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func main() {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	panic(http.ListenAndServe(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), handler(lambda.NewFromConfig(c), os.Getenv("FUNCTION")))) //nolint:gosec // plain, as it says
}

// handler invokes the function with the data of each event, asynchronously.
func handler(client *lambda.Client, function string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Ce-Id") == "" {
			http.Error(w, "no event", http.StatusBadRequest)
			return
		}
		in := &lambda.InvokeInput{FunctionName: aws.String(function), InvocationType: types.InvocationTypeEvent, Payload: body}
		if _, err := client.Invoke(r.Context(), in); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
