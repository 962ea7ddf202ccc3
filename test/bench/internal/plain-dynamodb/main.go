// Command plain-dynamodb is what one writes in an afternoon to bring events into a DynamoDB table: one call of the AWS SDK for
// each. It stands beside store-dynamodb in the benchmarks.
package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	panic(http.ListenAndServe(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), handler(dynamodb.NewFromConfig(c), os.Getenv("TABLE")))) //nolint:gosec // plain, as it says
}

// handler puts each event: its id as the key, its type, and its data as text.
func handler(client *dynamodb.Client, table string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Ce-Id") == "" {
			http.Error(w, "no event", http.StatusBadRequest)
			return
		}
		text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
		item := map[string]types.AttributeValue{"pk": text(r.Header.Get("Ce-Source") + " " + r.Header.Get("Ce-Id")), "type": text(r.Header.Get("Ce-Type")), "data": text(string(body))}
		if _, err := client.PutItem(r.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
