package dynamodb_test

import (
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
)

// A put that may be repeated: the second finds the first and has no effect.
func ExampleStore_Put() {
	var s dynamodb.Store
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	key := dynamodb.Key{Name: "pk", Type: dynamodb.String}
	if _, err := s.Create("orders", dynamodb.Schema{Hash: key}, now, true); err != nil {
		fmt.Println(err)
	}
	item := dynamodb.Item{"pk": {Type: dynamodb.String, Text: "7"}}
	for range 2 {
		subs, err := dynamodb.NewSubstitutions(map[string]string{"#pk": "pk"}, nil)
		if err != nil {
			fmt.Println(err)
		}
		first, err := dynamodb.ParseCondition("ConditionExpression", "attribute_not_exists(#pk)", subs)
		if err != nil {
			fmt.Println(err)
		}
		_, err = s.Put("orders", item, first, now)
		fmt.Println(err)
	}
	changes, err := s.Changes("orders", now)
	fmt.Println(len(changes), err)
	// Output:
	// <nil>
	// ConditionalCheckFailedException: The conditional request failed
	// 1 <nil>
}
