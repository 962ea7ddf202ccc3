package aws

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func (l *lab) dynamo(c sdkaws.Credentials) *dynamodb.Client {
	return dynamodb.NewFromConfig(l.config(c))
}

// events is a table with both keys, by its name.
func (l *lab) events(t *testing.T) string {
	t.Helper()
	arn := must(l.CreateTable("events", Key{Name: "pk", Type: "S"}, Key{Name: "sk", Type: "N"}))(t)
	if want := "arn:aws:dynamodb:eu-central-1:111122223333:table/events"; arn != want {
		t.Errorf("CreateTable = %s, want %s", arn, want)
	}
	return "events"
}

func str(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }
func num(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

type values = map[string]types.AttributeValue

// event is an item of that table.
func row(pk, sk string) values { return values{"pk": str(pk), "sk": num(sk)} }

// equal compares the SDK's values.
var equal = cmp.Options{
	cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberBOOL{},
		types.AttributeValueMemberNULL{}, types.AttributeValueMemberL{}, types.AttributeValueMemberM{}, types.AttributeValueMemberSS{},
		types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{}, types.PutRequest{}, types.DeleteRequest{}, types.WriteRequest{}),
}

func TestItemsThroughTheSDK(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table, client, ctx := l.events(t), l.dynamo(l.Seed()), t.Context()
		item := row("ü<&", "1.50")
		item["b"] = &types.AttributeValueMemberB{Value: []byte{0, 255}}
		item["flag"] = &types.AttributeValueMemberBOOL{Value: true}
		item["nothing"] = &types.AttributeValueMemberNULL{Value: true}
		item["list"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{num("1e2"), str("")}}
		item["map"] = &types.AttributeValueMemberM{Value: values{"n": num("-0.10")}}
		item["strings"] = &types.AttributeValueMemberSS{Value: []string{"b", "a"}}
		item["numbers"] = &types.AttributeValueMemberNS{Value: []string{"10", "9.0"}}
		item["binaries"] = &types.AttributeValueMemberBS{Value: [][]byte{{1}, {0}}}
		put, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item, ReturnConsumedCapacity: "TOTAL", ReturnValues: "ALL_OLD"})
		if err != nil || put.Attributes != nil || *put.ConsumedCapacity.CapacityUnits != 1 || *put.ConsumedCapacity.TableName != table {
			t.Fatalf("PutItem = %+v, %v", put, err)
		}
		item["sk"] = num("1.5")
		item["list"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{num("100"), str("")}}
		item["map"] = &types.AttributeValueMemberM{Value: values{"n": num("-0.1")}}
		item["strings"] = &types.AttributeValueMemberSS{Value: []string{"a", "b"}}
		item["numbers"] = &types.AttributeValueMemberNS{Value: []string{"9", "10"}}
		item["binaries"] = &types.AttributeValueMemberBS{Value: [][]byte{{0}, {1}}}
		got, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: row("ü<&", "0.15E1"), ConsistentRead: new(true), ReturnConsumedCapacity: "TOTAL"})
		if err != nil || *got.ConsumedCapacity.CapacityUnits != 1 {
			t.Fatalf("GetItem = %v", err)
		}
		if diff := cmp.Diff(item, got.Item, equal); diff != "" {
			t.Errorf("item (-want +got):\n%s", diff)
		}
		none, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: new("arn:aws:dynamodb:eu-central-1:111122223333:table/events"), Key: row("ü<&", "2"), ReturnConsumedCapacity: "TOTAL"})
		if err != nil || none.Item != nil || *none.ConsumedCapacity.CapacityUnits != 0.5 {
			t.Errorf("GetItem of nothing = %+v, %v", none, err)
		}
		large := row("ü<&", "1.5")
		large["text"] = str(strings.Repeat("x", 2000))
		again, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: large, ReturnValues: "ALL_OLD", ReturnConsumedCapacity: "TOTAL"})
		if err != nil || *again.ConsumedCapacity.CapacityUnits != 2 {
			t.Errorf("PutItem = %v", err)
		}
		if diff := cmp.Diff(item, again.Attributes, equal); diff != "" {
			t.Errorf("old item (-want +got):\n%s", diff)
		}
		deleted, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &table, Key: row("ü<&", "1.5"), ReturnValues: "ALL_OLD"})
		if err != nil || len(deleted.Attributes) != 3 {
			t.Errorf("DeleteItem = %+v, %v", deleted, err)
		}
		if kinds := l.changeKinds(table); kinds != "INSERT MODIFY REMOVE" || l.ItemCount(table) != 0 {
			t.Errorf("changes = %s, %d items", kinds, l.ItemCount(table))
		}
	})
}

// changeKinds are the kinds of a table's changes.
func (l *lab) changeKinds(table string) string {
	var kinds []string
	for _, c := range l.Changes(table) {
		kinds = append(kinds, string(c.Kind))
	}
	return strings.Join(kinds, " ")
}

func TestConditionsThroughTheSDK(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table, client, ctx := l.events(t), l.dynamo(l.Seed()), t.Context()
		in := &dynamodb.PutItemInput{
			TableName: &table, Item: row("a", "1"), ConditionExpression: new("attribute_not_exists(#pk)"), ExpressionAttributeNames: map[string]string{"#pk": "pk"},
			ReturnValuesOnConditionCheckFailure: "ALL_OLD",
		}
		for i := range 2 {
			_, err := client.PutItem(ctx, in)
			if i == 0 {
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			var failed *types.ConditionalCheckFailedException
			if !errors.As(err, &failed) || failed.ErrorMessage() != "The conditional request failed" {
				t.Fatalf("PutItem again = %v", err)
			}
			if diff := cmp.Diff(row("a", "1"), failed.Item, equal); diff != "" {
				t.Errorf("item of the failure (-want +got):\n%s", diff)
			}
		}
		in.ReturnValuesOnConditionCheckFailure = ""
		_, err := client.PutItem(ctx, in)
		if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || failed.Item != nil {
			t.Errorf("PutItem = %v, want the failure without the item", err)
		}
		up, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &table, Key: row("a", "1"), UpdateExpression: new("SET #v = :v"), ConditionExpression: new("attribute_exists(#pk) AND NOT #v >= :v"), ReturnValues: "ALL_NEW",
			ExpressionAttributeNames: map[string]string{"#pk": "pk", "#v": "v"}, ExpressionAttributeValues: values{":v": num("7")},
		})
		if err != nil || len(up.Attributes) != 3 {
			t.Errorf("UpdateItem = %+v, %v", up, err)
		}
		if kinds := l.changeKinds(table); kinds != "INSERT MODIFY" {
			t.Errorf("changes = %s, want an insert and a modification", kinds)
		}
	})
}

func TestTablesThroughTheSDK(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.dynamo(l.Seed()), t.Context()
		create := &dynamodb.CreateTableInput{
			TableName: new("orders"), BillingMode: "PAY_PER_REQUEST", KeySchema: []types.KeySchemaElement{{AttributeName: new("id"), KeyType: "HASH"}},
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("id"), AttributeType: "S"}},
		}
		made, err := client.CreateTable(ctx, create)
		if err != nil || made.TableDescription.TableStatus != "CREATING" || !made.TableDescription.CreationDateTime.Equal(time.Now()) {
			t.Fatalf("CreateTable = %+v, %v", made, err)
		}
		_, err = client.CreateTable(ctx, create)
		refused(t, err, "ResourceInUseException", "Table already exists: orders")
		_, err = client.PutItem(ctx, &dynamodb.PutItemInput{TableName: new("orders"), Item: values{"id": str("x")}})
		refused(t, err, "ResourceNotFoundException", "Requested resource not found")
		if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: new("orders")}, time.Minute); err != nil {
			t.Errorf("wait for the table: %v", err)
		}
		d, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: made.TableDescription.TableArn})
		if err != nil || d.Table.TableStatus != "ACTIVE" || *d.Table.KeySchema[0].AttributeName != "id" || d.Table.AttributeDefinitions[0].AttributeType != "S" {
			t.Errorf("DescribeTable = %+v, %v", d, err)
		}
		l.events(t)
		must(l.CreateTable("zzz", Key{Name: "k", Type: "B"}))(t)
		var names []string
		pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{Limit: new(int32(2))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, page.TableNames...)
		}
		if diff := cmp.Diff([]string{"events", "orders", "zzz"}, names); diff != "" {
			t.Errorf("tables (-want +got):\n%s", diff)
		}
		ttl := &dynamodb.UpdateTimeToLiveInput{TableName: new("orders"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: new("ends"), Enabled: new(true)}}
		if out, err := client.UpdateTimeToLive(ctx, ttl); err != nil || *out.TimeToLiveSpecification.AttributeName != "ends" {
			t.Errorf("UpdateTimeToLive = %v, %v", out, err)
		}
		_, err = client.UpdateTimeToLive(ctx, ttl)
		refused(t, err, "ValidationException", "TimeToLive is already enabled")
		if out, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: new("orders")}); err != nil || out.TimeToLiveDescription.TimeToLiveStatus != "ENABLED" {
			t.Errorf("DescribeTimeToLive = %v, %v", out, err)
		}
		if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: new("orders"), Item: values{"id": str("x"), "ends": num(fmt.Sprint(time.Now().Unix() + 5))}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if swept, err := l.SweepExpired("orders"); swept != 1 || err != nil || l.changeKinds("orders") != "INSERT REMOVE" {
			t.Errorf("SweepExpired = %d, %v, changes %s", swept, err, l.changeKinds("orders"))
		}
		gone, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: new("orders")})
		if err != nil || gone.TableDescription.TableStatus != "DELETING" {
			t.Errorf("DeleteTable = %+v, %v", gone, err)
		}
		if err := dynamodb.NewTableNotExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: new("orders")}, time.Minute); err != nil {
			t.Errorf("wait until the table is gone: %v", err)
		}
	})
}

func TestBatchesThroughTheSDK(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table, client, ctx := l.events(t), l.dynamo(l.Seed()), t.Context()
		must(l.CreateTable("other", Key{Name: "k", Type: "S"}))(t)
		var puts []types.WriteRequest
		var keys []values
		for i := range 24 {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: row("p", fmt.Sprint(i))}})
			keys = append(keys, row("p", fmt.Sprint(i)))
		}
		in := &dynamodb.BatchWriteItemInput{ReturnConsumedCapacity: "TOTAL", RequestItems: map[string][]types.WriteRequest{
			table: puts, "other": {{PutRequest: &types.PutRequest{Item: values{"k": str("x")}}}},
		}}
		for range 2 { // a repeated batch changes nothing
			out, err := client.BatchWriteItem(ctx, in)
			if err != nil || len(out.UnprocessedItems) != 0 || len(out.ConsumedCapacity) != 2 || *out.ConsumedCapacity[0].CapacityUnits != 24 {
				t.Fatalf("BatchWriteItem = %+v, %v", out, err)
			}
		}
		if n := len(l.Changes(table)); n != 24 {
			t.Errorf("%d changes, want 24 inserts", n)
		}
		got, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			table: {Keys: append(keys, row("q", "1"))}, "other": {Keys: []values{{"k": str("nothing")}}},
		}})
		if err != nil || len(got.Responses[table]) != 24 || got.Responses["other"] == nil || len(got.Responses["other"]) != 0 || len(got.UnprocessedKeys) != 0 {
			t.Errorf("BatchGetItem = %d items, %d unprocessed, %v", len(got.Responses[table]), len(got.UnprocessedKeys), err)
		}
		_, err = client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: {
			{DeleteRequest: &types.DeleteRequest{Key: keys[0]}}, {PutRequest: &types.PutRequest{Item: row("p", "99")}},
		}}})
		if err != nil || l.ItemCount(table) != 24 || l.Changes(table)[24].Kind != "REMOVE" {
			t.Errorf("BatchWriteItem = %v, %d items", err, l.ItemCount(table))
		}
	})
}

func TestPagesThroughTheSDK(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table, client, ctx := l.events(t), l.dynamo(l.Seed()), t.Context()
		for i := range 30 {
			if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: row(fmt.Sprint("p", i%3), fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		scan := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table, Limit: new(int32(7))})
		for scan.HasMorePages() {
			page, err := scan.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range page.Items {
				seen[i["sk"].(*types.AttributeValueMemberN).Value] = true
			}
		}
		if len(seen) != 30 {
			t.Errorf("Scan found %d items, want 30", len(seen))
		}
		query := &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: new("#pk = :pk AND #sk BETWEEN :low AND :high"), ScanIndexForward: new(false),
			ExpressionAttributeNames: map[string]string{"#pk": "pk", "#sk": "sk"}, ExpressionAttributeValues: values{":pk": str("p1"), ":low": num("4"), ":high": num("10")},
		}
		out, err := client.Query(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]values{row("p1", "10"), row("p1", "7"), row("p1", "4")}, out.Items, equal); diff != "" {
			t.Errorf("Query (-want +got):\n%s", diff)
		}
		query.Select = "COUNT"
		if out, err := client.Query(ctx, query); err != nil || out.Count != 3 || out.Items != nil {
			t.Errorf("Query for the count = %d, %v, %v", out.Count, out.Items, err)
		}
	})
}

// TestOneConditionalPutWins: of 20 parallel ones, in each of 200 rounds, through the whole stand-in.
func TestOneConditionalPutWins(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		table, client := l.events(t), l.dynamo(l.Seed())
		for round := range 200 {
			var all sync.WaitGroup
			results := make([]error, 20)
			for i := range results {
				all.Go(func() {
					item := row(fmt.Sprint(round), "1")
					item["by"] = num(fmt.Sprint(i))
					_, results[i] = client.PutItem(t.Context(), &dynamodb.PutItemInput{
						TableName: &table, Item: item, ConditionExpression: new("attribute_not_exists(#pk)"), ExpressionAttributeNames: map[string]string{"#pk": "pk"},
					})
				})
			}
			all.Wait()
			won := 0
			for _, err := range results {
				if err == nil {
					won++
				} else {
					refused(t, err, "ConditionalCheckFailedException", "The conditional request failed")
				}
			}
			if won != 1 {
				t.Fatalf("round %d: %d puts won, want 1", round, won)
			}
		}
		if n := len(l.Changes(table)); n != 200 || l.ItemCount(table) != 200 {
			t.Errorf("%d changes, want 200 inserts", n)
		}
	})
}
