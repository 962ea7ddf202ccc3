package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

func values(texts map[string]string) map[string]types.AttributeValue {
	out := map[string]types.AttributeValue{}
	for name, text := range texts {
		out[name] = &types.AttributeValueMemberS{Value: text}
	}
	return out
}

func unprocessed(keys ...string) map[string][]types.WriteRequest {
	out := map[string][]types.WriteRequest{}
	for _, k := range keys {
		out["orders"] = append(out["orders"], types.WriteRequest{PutRequest: &types.PutRequest{Item: values(map[string]string{"pk": k, "id": "x"})}})
	}
	return out
}

// kinds is the verdict on each item, in words.
func kinds(errs []error) []string {
	out := make([]string, len(errs))
	for i, err := range errs {
		out[i] = "accepted"
		if err != nil {
			out[i] = forward.KindOf(err).String()
		}
	}
	return out
}

// TestReplies: a batch is accepted but for what the reply lists, and it must list something, if only nothing.
func TestReplies(t *testing.T) {
	none := map[string][]types.WriteRequest{}
	no := []string{"unavailable", "unavailable", "unavailable"}
	for name, tc := range map[string]struct {
		reply map[string][]types.WriteRequest
		want  []string
	}{
		"all":              {none, []string{"accepted", "accepted", "accepted"}},
		"nothing said":     {nil, no},
		"one is not":       {unprocessed("b"), []string{"accepted", "throttled", "accepted"}},
		"two are not":      {unprocessed("c", "a"), []string{"throttled", "accepted", "throttled"}},
		"one, twice":       {unprocessed("c", "c"), []string{"accepted", "accepted", "throttled"}},
		"a stranger":       {unprocessed("b", "x"), no},
		"without a key":    {unprocessed(""), no},
		"a deletion":       {map[string][]types.WriteRequest{"orders": {{DeleteRequest: &types.DeleteRequest{Key: values(map[string]string{"pk": "a"})}}}}, no},
		"an empty request": {map[string][]types.WriteRequest{"orders": {{}}}, no},
		"by ARN":           {map[string][]types.WriteRequest{tableARN: unprocessed("a")["orders"]}, []string{"throttled", "accepted", "accepted"}},
		"an empty list":    {map[string][]types.WriteRequest{"orders": {}}, []string{"accepted", "accepted", "accepted"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := []*row{{hash: "a"}, {hash: "b"}, {hash: "c"}}
			got := kinds(mapper(t, nil).readBatch(&dynamodb.BatchWriteItemOutput{UnprocessedItems: tc.reply}, rows, make([]error, 3)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("readBatch() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeysOfRepliesAreWhole: of two keys with the same characters each is its own.
func TestKeysOfRepliesAreWhole(t *testing.T) {
	s := mapper(t, func(s *settings) { s.DynamoDB.Key, s.DynamoDB.SortKey = "pk={source}", "sk={event}" })
	rows := []*row{{hash: "a", sort: "bc"}, {hash: "ab", sort: "c"}}
	reply := map[string][]types.WriteRequest{"orders": {{PutRequest: &types.PutRequest{Item: values(map[string]string{"pk": "a", "sk": "bc"})}}}}
	got := kinds(s.readBatch(&dynamodb.BatchWriteItemOutput{UnprocessedItems: reply}, rows, make([]error, 2)))
	if diff := cmp.Diff([]string{"throttled", "accepted"}, got); diff != "" {
		t.Errorf("readBatch() (-want +got):\n%s", diff)
	}
}

// answered is an error as the SDK makes it of an answer of DynamoDB.
func answered(code, text string) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}},
		Err:      &smithy.GenericAPIError{Code: code, Message: text},
	}
}

// TestRefusals: what AWS says of a whole call, for an item that was alone in it and for one of two.
func TestRefusals(t *testing.T) {
	const parameters = "One or more parameter values were invalid: "
	for _, tc := range []struct {
		code, text string
		alone, two forward.Kind
		says       string // part of the error or of what a sender reads
	}{
		{"ValidationException", "Item size has exceeded the maximum allowed size", forward.Invalid, forward.BatchRefused, "over a size limit"},
		{"ValidationException", parameters + "Size of hashkey has exceeded the maximum size limit of2048 bytes", forward.Invalid, forward.BatchRefused, "does not take this event's content"},
		{"ValidationException", parameters + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", "Number overflow. Attempting to store a number with magnitude larger than supported range", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", "Attempting to store more than 38 significant digits in a Number", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", "The parameter cannot be converted to a numeric value: x", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit", forward.Invalid, forward.BatchRefused, "content"},
		{"ValidationException", parameters + "Missing the key id in the item", forward.Denied, forward.Denied, "DYNAMODB_KEY and DYNAMODB_SORT_KEY"},
		{"ValidationException", parameters + "Type mismatch for key pk expected: N actual: S", forward.Denied, forward.Denied, "DYNAMODB_KEY and DYNAMODB_SORT_KEY"},
		{"ValidationException", "The provided key element does not match the schema", forward.Denied, forward.Denied, "DYNAMODB_KEY"},
		{"ValidationException", "Provided list of item keys contains duplicates", forward.Denied, forward.BatchRefused, ""},
		{"ValidationException", parameters + "Type mismatch for Index Key total Expected: N Actual: S IndexName: i", forward.Denied, forward.BatchRefused, ""},
		{"ValidationException", "something new", forward.Denied, forward.BatchRefused, ""},
		{"ResourceNotFoundException", "Requested resource not found", forward.Denied, forward.Denied, "DYNAMODB_TABLE"},
		{"ItemCollectionSizeLimitExceededException", "x", forward.Denied, forward.Denied, "DYNAMODB_KEY"},
		{"TransactionConflictException", "x", forward.Unavailable, forward.Unavailable, "under way"},
		{"ReplicatedWriteConflictException", "x", forward.Unavailable, forward.Unavailable, ""},
	} {
		s, err := mapper(t, nil), answered(tc.code, tc.text)
		alone, two := s.refusal(err, 1), s.refusal(err, 2)
		if got := forward.KindOf(alone); got != tc.alone {
			t.Errorf("%s, %s: alone = %v, want %v", tc.code, tc.text, got, tc.alone)
		}
		if got := forward.KindOf(two); got != tc.two {
			t.Errorf("%s, %s: of two = %v, want %v", tc.code, tc.text, got, tc.two)
		}
		if !strings.Contains(forward.Detail(alone), tc.says) {
			t.Errorf("%s, %s: Detail() = %q, want it to say %q", tc.code, tc.text, forward.Detail(alone), tc.says)
		}
		if strings.Contains(tc.text, "Item size") && !errors.Is(alone, forward.ErrTooLarge) {
			t.Errorf("%v is not ErrTooLarge", alone)
		}
	}
}

// TestAnotherKeyThanTheTables: what the service itself says.
func TestAnotherKeyThanTheTables(t *testing.T) {
	for name, keys := range map[string][]aws.Key{
		"another name": {{Name: "id2", Type: "S"}}, "a number": {{Name: "pk", Type: "N"}}, "a sort key": {{Name: "pk", Type: "S"}, {Name: "sk", Type: "S"}},
	} {
		for mode, change := range map[string]func(*settings){"batch": nil, "first": with("log", "WRITE", "first")} {
			t.Run(name+", "+mode, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, change)
					if err := g.Stand.AWS.DeleteTable("orders"); err != nil {
						t.Fatal(err)
					}
					if _, err := g.Stand.AWS.CreateTable("orders", keys...); err != nil {
						t.Fatal(err)
					}
					for _, err := range g.send(g.Event("a"), g.Event("b")) {
						if err == nil || forward.KindOf(err) != forward.Denied || !strings.Contains(err.Error(), "DYNAMODB_KEY and DYNAMODB_SORT_KEY") {
							t.Errorf("Send() = %v, want denied that names the settings", err)
						}
					}
				})
			})
		}
	}
}
