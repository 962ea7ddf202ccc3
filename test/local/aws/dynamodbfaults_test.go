package aws

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// TestFaultsOfPutItem has every fault that hits a whole call, before and after its effect, and counts the changes.
func TestFaultsOfPutItem(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  Fault
		status int    // of the SDK's response; 0 is none
		code   string // of the API error; "" is none
		text   string
	}{
		{"throttled", Fault{Kind: Throttle}, 400, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded. …"},
		{"throttled, by its rate", Fault{Kind: Throttle, Code: "ThrottlingException", RetryAfter: time.Second}, 400, "ThrottlingException", "Rate exceeded"},
		{"throttled, by the account's limit", Fault{Kind: Throttle, Code: "RequestLimitExceeded"}, 400, "RequestLimitExceeded", "Rate exceeded"},
		{"internal error", Fault{Kind: ServerError}, 500, "InternalServerError", "stand-in: …"},
		{"unavailable", Fault{Kind: ServerError, Status: 503}, 503, "ServiceUnavailableException", "stand-in: …"},
		{"bad gateway as a page", Fault{Kind: HTMLPage, Status: 502}, 502, "", ""},
		{"connection dropped", Fault{Kind: Drop}, 0, "", ""},
		{"answer cut", Fault{Kind: Truncated}, 200, "", ""},
		{"answer empty", Fault{Kind: Empty}, 200, "", ""},
		{"answer unparsable", Fault{Kind: Unparsable}, 200, "", ""},
		{"session expired", Fault{Kind: SessionExpired}, 400, "ExpiredTokenException", "The security token included in the request is expired"},
		{"session unknown", Fault{Kind: SessionUnknown}, 400, "UnrecognizedClientException", "The security token included in the request is invalid."},
	} {
		for phase, changes := range map[Phase]int{Before: 0, After: 1} {
			fault := tt.fault
			fault.Service, fault.Action, fault.Phase, fault.Count = "dynamodb", "PutItem", phase, 1
			if fault.check() != nil {
				continue // this kind has one phase only
			}
			t.Run(fmt.Sprintf("%s/phase %d", tt.name, phase), func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, l *lab) {
					table := l.events(t)
					injection := must(l.Inject(fault))(t)
					client := l.dynamo(l.Seed())
					in := &dynamodb.PutItemInput{TableName: &table, Item: row("a", "1")}
					_, err := client.PutItem(t.Context(), in)
					if n := len(l.Changes(table)); n != changes {
						t.Errorf("%d changes, want %d", n, changes)
					}
					switch {
					case fault.Kind == Empty:
						if err != nil {
							t.Errorf("PutItem = %v, want the SDK to take an empty answer for a success", err)
						}
					case tt.code != "":
						refused(t, err, tt.code, tt.text)
					case err == nil:
						t.Error("PutItem = nil, want an error")
					}
					var response *smithyhttp.ResponseError
					if errors.As(err, &response) && response.Response != nil && response.HTTPStatusCode() != tt.status {
						t.Errorf("status = %d, want %d", response.HTTPStatusCode(), tt.status)
					}
					if r := l.Requests()[0]; injection.Hits() != 1 || len(r.Faults) != 1 || (r.Effect != "") != (changes == 1) {
						t.Errorf("%d hits, record %+v", injection.Hits(), r)
					}
					if _, err := client.PutItem(t.Context(), in); err != nil {
						t.Errorf("PutItem after the fault = %v", err)
					}
				})
			})
		}
	}
}

// TestLostAnswerFailsTheCondition: the SDK's own second try meets what the first one wrote.
func TestLostAnswerFailsTheCondition(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table := l.events(t)
		must(l.Inject(Fault{Service: "dynamodb", Phase: After, Kind: Drop, Count: 1}))(t)
		config := l.config(l.Seed())
		config.Retryer = nil
		_, err := dynamodb.NewFromConfig(config).PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: row("a", "1"), ConditionExpression: new("attribute_not_exists(#pk)"), ExpressionAttributeNames: map[string]string{"#pk": "pk"},
		})
		refused(t, err, "ConditionalCheckFailedException", "The conditional request failed")
		if kinds := l.changeKinds(table); kinds != "INSERT" || l.RequestCount() != 2 {
			t.Errorf("changes = %s in %d requests, want one insert in two", kinds, l.RequestCount())
		}
	})
}

func TestLatencyOfDynamoDB(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table := l.events(t)
		must(l.Inject(Fault{Service: "dynamodb", Phase: Before, Kind: Latency, Delay: 3 * time.Second}))(t)
		must(l.Inject(Fault{Service: "dynamodb", Phase: After, Kind: Latency, Delay: 4 * time.Second}))(t)
		start := time.Now()
		if _, err := l.dynamo(l.Seed()).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row("a", "1")}); err != nil || time.Since(start) != 7*time.Second {
			t.Errorf("PutItem = %v after %v, want nil after 7s", err, time.Since(start))
		}
	})
}

// TestUnprocessedItems: an entry that comes back may have had its effect or not.
func TestUnprocessedItems(t *testing.T) {
	odd := func(e Entry) bool { return e.ID == "b" || e.Attributes["type"] == "d" && e.Item["sk"].Text == "1" }
	for _, tt := range []struct {
		name        string
		fault       Fault
		there       string // the partition keys in the table
		unprocessed string // those that come back
	}{
		{"some, not written", Fault{Kind: PartialFailure, Phase: Before, Entries: odd}, "a c", "b d"},
		{"some, written", Fault{Kind: PartialFailure, Phase: After, Entries: odd}, "a b c d", "b d"},
		{"all, not written", Fault{Kind: PartialFailure, Phase: Before}, "", "a b c d"},
		{"all, written", Fault{Kind: PartialFailure, Phase: After}, "a b c d", "a b c d"},
		{"under keys that nobody sent, not written", Fault{Kind: UnknownIDs, Phase: Before, Entries: odd}, "a c", "b that nobody sent d that nobody sent"},
		{"under keys that nobody sent, written", Fault{Kind: UnknownIDs, Phase: After, Entries: odd}, "a b c d", "b that nobody sent d that nobody sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				table := l.events(t)
				tt.fault.Service, tt.fault.Action, tt.fault.Count = "dynamodb", "BatchWriteItem", 1
				injection := must(l.Inject(tt.fault))(t)
				var requests []types.WriteRequest
				for _, id := range []string{"a", "b", "c", "d"} {
					item := row(id, "1")
					item["type"] = str(id)
					requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
				}
				in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: requests}}
				out, err := l.dynamo(l.Seed()).BatchWriteItem(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				var back []string
				for _, r := range out.UnprocessedItems[table] {
					back = append(back, r.PutRequest.Item["pk"].(*types.AttributeValueMemberS).Value)
				}
				if got := strings.Join(back, " "); got != tt.unprocessed || injection.Hits() != 1 {
					t.Errorf("unprocessed = %s, %d hits, want %s", got, injection.Hits(), tt.unprocessed)
				}
				var there []string
				for _, i := range l.Items(table) {
					there = append(there, i["pk"].Text)
				}
				if got := strings.Join(there, " "); got != tt.there {
					t.Errorf("written = %s, want %s", got, tt.there)
				}
				if tt.fault.Kind == PartialFailure {
					again, err := l.dynamo(l.Seed()).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: out.UnprocessedItems})
					if err != nil || len(again.UnprocessedItems) != 0 {
						t.Errorf("BatchWriteItem of what came back = %v, %v", again, err)
					}
					if kinds := l.changeKinds(table); kinds != "INSERT INSERT INSERT INSERT" {
						t.Errorf("changes = %s, want four inserts", kinds)
					}
				}
			})
		})
	}
}

func TestUnprocessedDeletes(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table := l.events(t)
		must(l.Inject(Fault{Service: "dynamodb", Action: "BatchWriteItem", Phase: Before, Kind: PartialFailure, Entries: func(e Entry) bool { return e.ID == "a" }}))(t)
		deletes := []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: row("a", "1")}}, {DeleteRequest: &types.DeleteRequest{Key: row("b", "1")}}}
		out, err := l.dynamo(l.Seed()).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: deletes}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(deletes[:1], out.UnprocessedItems[table], equal); diff != "" {
			t.Errorf("unprocessed (-want +got):\n%s", diff)
		}
	})
}

// TestFaultsPickTables: a fault may look at the table and the body.
func TestFaultsPickTables(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table := l.events(t)
		must(l.CreateTable("other", Key{Name: "k", Type: "S"}))(t)
		must(l.Inject(Fault{Service: "dynamodb", Phase: Before, Kind: Throttle, When: func(c Call) bool {
			return c.Resource == "events,other" || c.Resource == "other" && strings.Contains(string(c.Body), `"bad"`)
		}}))(t)
		client := l.dynamo(l.Seed())
		put := func(k string) error {
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("other"), Item: values{"k": str(k)}})
			return err
		}
		if err := put("good"); err != nil {
			t.Errorf("PutItem = %v", err)
		}
		if api, ok := errors.AsType[smithy.APIError](put("bad")); !ok || api.ErrorFault() != smithy.FaultClient {
			t.Errorf("PutItem = %v, want it throttled", api)
		}
		_, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			table: {{PutRequest: &types.PutRequest{Item: row("a", "1")}}}, "other": {{PutRequest: &types.PutRequest{Item: values{"k": str("x")}}}},
		}})
		if err == nil {
			t.Error("BatchWriteItem = nil, want it throttled")
		}
	})
}

func TestInjectRefusesForDynamoDB(t *testing.T) {
	s := newServer(t, Config{})
	for name, f := range map[string]Fault{
		"partial PutItem":    {Kind: PartialFailure, Phase: Before, Service: "dynamodb", Action: "PutItem"},
		"missing ids":        {Kind: MissingIDs, Phase: Before, Service: "dynamodb", Action: "BatchWriteItem"},
		"entries of PutItem": {Kind: Drop, Phase: Before, Service: "dynamodb", Action: "PutItem", Entries: func(Entry) bool { return true }},
	} {
		if _, err := s.Inject(f); err == nil {
			t.Errorf("Inject(%s) = nil, want an error", name)
		}
	}
}
