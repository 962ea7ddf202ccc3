package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// asked sends a JSON body that was signed for DynamoDB, and reads the error.
func asked(t *testing.T, s *Server, c sdkaws.Credentials, action, body string) (w *httptest.ResponseRecorder, kind, text string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentJSON10)
	r.Header.Set("X-Amz-Target", dynamoTarget+action)
	if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hexSum([]byte(body)), "dynamodb", "eu-central-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if want := fmt.Sprint(crc32.ChecksumIEEE(w.Body.Bytes())); w.Header().Get("X-Amz-Crc32") != want {
		t.Errorf("%s: X-Amz-Crc32 = %q, want %s", action, w.Header().Get("X-Amz-Crc32"), want)
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("%s: answer is not JSON: %s", action, w.Body)
	}
	return w, e.Type, e.Message
}

func TestDynamoDBRefusals(t *testing.T) {
	s := newServer(t, Config{})
	must(s.CreateTable("events", Key{Name: "pk", Type: "S"}))(t)
	const (
		validate = "com.amazon.coral.validate#ValidationException"
		serial   = "com.amazon.coral.service#SerializationException"
		missing  = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
		null     = "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null"
	)
	item := `"TableName":"events","Item":{"pk":{"S":"a"}}`
	entry := `{"PutRequest":{"Item":{"pk":{"S":"a"}}}}`
	table := `"TableName":"t01","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]`
	for _, tt := range []struct{ action, body, kind, text string }{
		{"TransactWriteItems", `{}`, "com.amazon.coral.service#UnknownOperationException", "stand-in: the X-Amz-Target is not that of an action that is here"},
		{"putItem", `{}`, "com.amazon.coral.service#UnknownOperationException", "stand-in: …"},
		{"PutItem", `{` + item + `,"Expected":{}}`, serial, "stand-in: member Expected of the request is not here"},
		{"PutItem", `{` + item + `,"TableName":"events"}`, serial, `stand-in: member "TableName" is there twice`},
		{"PutItem", `{"TableName":"events","Item":{"pk":{"S":"a"},"pk":{"S":"b"}}}`, serial, `stand-in: member "pk" is there twice`},
		{"PutItem", `[]`, serial, "stand-in: the body must be a JSON object"},
		{"PutItem", `{} {}`, serial, "stand-in: something follows the JSON value"},
		{"PutItem", "{\"TableName\":\"\xff\"}", serial, "stand-in: it is not UTF-8"},
		{"PutItem", `{"Item":{"pk":{"S":"a"}}}`, validate, fmt.Sprintf(null, "tableName")},
		{"PutItem", `{"TableName":"events"}`, validate, fmt.Sprintf(null, "item")},
		{"GetItem", `{"TableName":"events"}`, validate, fmt.Sprintf(null, "key")},
		{"PutItem", `{"TableName":7,"Item":{}}`, serial, "stand-in: member TableName must be a string"},
		{"PutItem", `{"TableName":"arn:aws:dynamodb:us-east-1:111122223333:table/events","Item":{}}`, validate, "stand-in: the table's ARN is not of this account and region"},
		{"PutItem", `{"TableName":"other","Item":{"pk":{"S":"a"}}}`, missing, "Requested resource not found"},
		{"DescribeTable", `{"TableName":"other"}`, missing, "Requested resource not found: Table: other not found"},
		{"PutItem", `{"TableName":"events","Item":{"k":{"S":"a"}}}`, validate, "One or more parameter values were invalid: Missing the key pk in the item"},
		{"PutItem", `{"TableName":"events","Item":{"pk":{"N":"1"}}}`, validate, "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"},
		{"PutItem", `{"TableName":"events","Item":{"pk":{"S":""}}}`, validate, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"PutItem", `{"TableName":"events","Item":{"pk":{"S":"a"},"n":{"N":"1e126"}}}`, validate, "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"PutItem", `{"TableName":"events","Item":{"pk":{"S":"a"},"v":{"S":"` + strings.Repeat("x", 409_600) + `"}}}`, validate, "Item size has exceeded the maximum allowed size"},
		{"GetItem", `{"TableName":"events","Key":{"k":{"S":"a"}}}`, validate, "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"events","Key":{"pk":{"S":"a"}},"ConsistentRead":"yes"}`, serial, "stand-in: member ConsistentRead must be true or false"},
		{"GetItem", `{"TableName":"events","Key":{"pk":{"S":"a"}},"ProjectionExpression":"#a"}`, serial, "stand-in: member ProjectionExpression of the request is not here"},
		{"PutItem", `{` + item + `,"ReturnValues":"ALL_NEW"}`, validate, "stand-in: ReturnValues must be one of NONE, ALL_OLD here"},
		{"PutItem", `{` + item + `,"ReturnConsumedCapacity":"INDEXES"}`, validate, "stand-in: ReturnConsumedCapacity must be one of NONE, TOTAL here"},
		{"PutItem", `{` + item + `,"ConditionExpression":"attribute_exists(pk)"}`, validate, "Invalid ConditionExpression: stand-in: attribute name pk must be written as #name, for it may be a reserved word"},
		{"PutItem", `{` + item + `,"ConditionExpression":"#a = :a","ExpressionAttributeNames":{"#a":"a"}}`, validate,
			"Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :a"},
		{"PutItem", `{` + item + `,"ExpressionAttributeNames":{"#a":"a"}}`, validate, "ExpressionAttributeNames can only be specified when using expressions"},
		{"PutItem", `{` + item + `,"ConditionExpression":"attribute_exists(#a)","ExpressionAttributeNames":{"#a":"a","#b":"b"}}`, validate,
			"Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"},
		{"PutItem", `{` + item + `,"ConditionExpression":"#a = :a","ExpressionAttributeNames":{"#a":"a"},"ExpressionAttributeValues":{":a":{"SS":[]}}}`, validate,
			"ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An string set  may not be empty for key :a"},
		{"PutItem", `{` + item + `,"ConditionExpression":"#a = :a","ExpressionAttributeNames":{"#a":1}}`, serial, "stand-in: member ExpressionAttributeNames must be an object of strings"},
		{"UpdateItem", `{"TableName":"events","Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD #a :a","ExpressionAttributeNames":{"#a":"a"},"ExpressionAttributeValues":{":a":{"N":"1"}}}`, validate,
			"Invalid UpdateExpression: stand-in: ADD is not here; only SET and REMOVE are"},
		{"UpdateItem", `{"TableName":"events","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET #a = :a","ExpressionAttributeNames":{"#a":"pk"},"ExpressionAttributeValues":{":a":{"S":"1"}}}`, validate,
			"One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
		{"BatchWriteItem", `{"RequestItems":{}}`, validate, "stand-in: RequestItems must name a table"},
		{"BatchWriteItem", `{"RequestItems":{"events":[]}}`, validate, "stand-in: RequestItems must hold lists of at least one request"},
		{"BatchWriteItem", `{"RequestItems":{"events":[{}]}}`, validate, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of PutRequest or DeleteRequest"},
		{"BatchWriteItem", `{"RequestItems":{"events":[{"PutRequest":{"Item":{"pk":{"S":"a"}},"ConditionExpression":"x"}}]}}`, serial, "stand-in: member ConditionExpression of PutRequest is not here"},
		{"BatchWriteItem", `{"RequestItems":{"events":[{"DeleteRequest":{}}]}}`, validate, fmt.Sprintf(null, "key")},
		{"BatchWriteItem", `{"RequestItems":{"events":[` + entry + `,` + entry + `]}}`, validate, "Provided list of item keys contains duplicates"},
		{"BatchWriteItem", `{"RequestItems":{"events":[` + entry + `],"other":[` + entry + `]}}`, missing, "Requested resource not found"},
		{"BatchWriteItem", `{"RequestItems":{"events":[` + strings.Repeat(entry+",", 25) + entry + `]}}`, validate, "Too many items requested for the BatchWriteItem call"},
		{"BatchWriteItem", `{"RequestItems":{"events":[` + entry + `],"arn:aws:dynamodb:eu-central-1:111122223333:table/events":[` + entry + `]}}`, validate,
			"stand-in: RequestItems names a table twice, by name and by ARN"},
		{"BatchWriteItem", `{"RequestItems":{"events":[` + entry + `]}` + strings.Repeat(" ", batchBytesMax) + `}`, validate, "stand-in: the batch has more than 16 MB"},
		{"BatchGetItem", `{"RequestItems":{"events":{"Keys":[]}}}`, validate, "stand-in: RequestItems must hold Keys of at least one item"},
		{"BatchGetItem", `{"RequestItems":{"events":{"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"a"}}]}}}`, validate, "Provided list of item keys contains duplicates"},
		{"Query", `{"TableName":"events"}`, validate, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{"Query", `{"TableName":"events","IndexName":"i"}`, serial, "stand-in: member IndexName of the request is not here"},
		{"Scan", `{"TableName":"events","Limit":0}`, validate, "stand-in: Limit must be from 1 to 2147483647"},
		{"Scan", `{"TableName":"events","Limit":"1"}`, serial, "stand-in: member Limit must be a number"},
		{"Scan", `{"TableName":"events","ExclusiveStartKey":{"k":{"S":"a"}}}`, validate, "The provided starting key is invalid"},
		{"CreateTable", `{` + table + `,"GlobalSecondaryIndexes":[]}`, serial, "stand-in: member GlobalSecondaryIndexes of the request is not here"},
		{"CreateTable", `{` + table + `}`, validate, "stand-in: ProvisionedThroughput must be there with PROVISIONED, which is the default, and only then"},
		{"CreateTable", `{"BillingMode":"PAY_PER_REQUEST",` + strings.Replace(table, "t01", "t", 1) + `}`, validate, "stand-in: TableName must have 3 to 255 of a-z, A-Z, 0-9, _, - and ."},
		{"CreateTable", `{"BillingMode":"PAY_PER_REQUEST",` + strings.Replace(table, `"S"`, `"M"`, 1) + `}`, validate, "stand-in: a key attribute has a name of 1 to 255 bytes and the type S, N or B"},
		{"CreateTable", `{"BillingMode":"PAY_PER_REQUEST",` + strings.Replace(table, `"HASH"`, `"RANGE"`, 1) + `}`, validate, "stand-in: KeySchema must be a HASH key, and perhaps a RANGE key after it"},
		{"CreateTable", `{"BillingMode":"PAY_PER_REQUEST",` + strings.Replace(table, `"k","AttributeType":"S"}`, `"k","AttributeType":"S"},{"AttributeName":"x","AttributeType":"S"}`, 1) + `}`, validate,
			"One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{"CreateTable", `{"TableName":"t01","KeySchema":[],"AttributeDefinitions":{}}`, serial, "stand-in: member AttributeDefinitions must be a list"},
		{"UpdateTimeToLive", `{"TableName":"events","TimeToLiveSpecification":{"AttributeName":"a","Enabled":1}}`, serial, "stand-in: member Enabled must be true or false"},
	} {
		w, kind, text := asked(t, s, s.Seed(), tt.action, tt.body)
		prefix, open := strings.CutSuffix(tt.text, "…")
		if same := text == tt.text || open && strings.HasPrefix(text, prefix); w.Code != 400 || kind != tt.kind || !same {
			t.Errorf("%s %.80s = %d %s %q, want 400 %s %q", tt.action, tt.body, w.Code, kind, text, tt.kind, tt.text)
		}
	}
	if n := s.ItemCount("events"); n != 0 || len(s.Changes("events")) != 0 {
		t.Errorf("%d items after refusals, want none", n)
	}
}

func TestDynamoDBSignatures(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.events(t)
		session := l.credentials(t, l.ask())
		other := l.Seed()
		other.SecretAccessKey = "other"
		unknown := l.Seed()
		unknown.AccessKeyID = "AKIAUNKNOWNUNKNOWN00"
		const body = `{"TableName":"events","Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}`
		check := func(name string, c sdkaws.Credentials, kind, text string) {
			t.Helper()
			if w, gotKind, gotText := asked(t, l.Server, c, "PutItem", body); w.Code != 400 || gotKind != "com.amazon.coral.service#"+kind || !strings.HasPrefix(gotText, text) {
				t.Errorf("%s = %d %s %q, want 400 %s %q", name, w.Code, gotKind, gotText, kind, text)
			}
		}
		check("other secret", other, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
		check("unknown key", unknown, "UnrecognizedClientException", "The security token included in the request is invalid.")
		check("no permission", session, "AccessDeniedException", "User: arn:aws:sts::111122223333:assumed-role/Bridge/")
		l.SetClockOffset(6 * time.Minute)
		check("late", l.Seed(), "InvalidSignatureException", "Signature expired: ")
		l.SetClockOffset(0)
		l.ExpireSessions()
		check("session over", session, "ExpiredTokenException", "The security token included in the request is expired")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", dynamoTarget+"PutItem")
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		want := `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}`
		if w.Code != 400 || w.Body.String() != want {
			t.Errorf("nothing signed = %d %s, want %s", w.Code, w.Body, want)
		}
		if n := l.ItemCount("events"); n != 0 {
			t.Errorf("%d items after refusals, want none", n)
		}
		asked(t, l.Server, l.Seed(), "PutItem", body)
		records := l.Requests()
		if last := records[len(records)-1]; last.Service != "dynamodb" || last.Action != "PutItem" || last.Resource != "events" || last.Effect != "wrote 1" {
			t.Errorf("record = %+v", last)
		}
	})
}

// TestDynamoDBPermissions: each action needs the permission of its own name on the table, and no other serves.
func TestDynamoDBPermissions(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.events(t)
		const arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/"
		session := l.credentials(t, l.ask())
		allow := func(action, resource, condition string) {
			t.Helper()
			text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + action + `"],"Resource":"` + resource + `","Condition":{` + condition + `}}}`
			if err := l.PutRolePolicy(l.roleARN, "d", text); err != nil {
				t.Fatal(err)
			}
		}
		key := `"TableName":"events","Key":{"pk":{"S":"a1"},"sk":{"N":"1"}}`
		item := `"Item":{"pk":{"S":"a1"},"sk":{"N":"1"}}`
		calls := map[string]string{
			"PutItem": `{"TableName":"events",` + item + `}`, "GetItem": `{` + key + `}`, "DeleteItem": `{` + key + `}`, "UpdateItem": `{` + key + `}`, "Scan": `{"TableName":"events"}`,
			"Query":          `{"TableName":"events","KeyConditionExpression":"#k = :k","ExpressionAttributeNames":{"#k":"pk"},"ExpressionAttributeValues":{":k":{"S":"a1"}}}`,
			"BatchWriteItem": `{"RequestItems":{"events":[{"PutRequest":{` + item + `}}]}}`, "BatchGetItem": `{"RequestItems":{"events":{"Keys":[{"pk":{"S":"a1"},"sk":{"N":"1"}}]}}}`,
			"DescribeTable": `{"TableName":"events"}`, "DescribeTimeToLive": `{"TableName":"events"}`, "ListTables": `{}`, "DeleteTable": `{"TableName":"other"}`,
			"UpdateTimeToLive": `{"TableName":"events","TimeToLiveSpecification":{"AttributeName":"ends","Enabled":true}}`,
			"CreateTable":      `{"TableName":"fresh","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}`,
		}
		must(l.CreateTable("other", Key{Name: "k", Type: "S"}))(t)
		denied := func(action, resource string) string {
			return "User: arn:aws:sts::111122223333:assumed-role/Bridge/" + l.leaf.Cert.SerialNumber.Text(16) + " is not authorized to perform: dynamodb:" + action +
				" on resource: " + arn + resource + " because no identity-based policy allows the dynamodb:" + action + " action"
		}
		tables := map[string]string{"ListTables": "*", "DeleteTable": "other", "CreateTable": "fresh"}
		for action, body := range calls {
			table := tables[action]
			if table == "" {
				table = "events"
			}
			for _, not := range []string{"dynamodb:X" + action, `dynamodb:*","dynamodb:Nothing`} {
				resource := "*"
				if strings.Contains(not, "*") {
					resource = arn + "another"
				}
				allow(not, resource, "")
				if w, kind, text := asked(t, l.Server, session, action, body); w.Code != 400 || kind != "com.amazon.coral.service#AccessDeniedException" || text != denied(action, table) {
					t.Errorf("%s with only %s on %s = %d %s %q, want %q", action, not, resource, w.Code, kind, text, denied(action, table))
				}
			}
			allow("dynamodb:"+action, arn+"*", "")
			if w, kind, text := asked(t, l.Server, session, action, body); w.Code != 200 {
				t.Errorf("%s with its permission = %d %s %s", action, w.Code, kind, text)
			}
		}
		// The partition keys that a call names.
		allow("dynamodb:*", arn+"events", `"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"a*"},"Null":{"dynamodb:LeadingKeys":"false"}`)
		for _, action := range []string{"PutItem", "GetItem", "DeleteItem", "UpdateItem", "Query", "BatchWriteItem", "BatchGetItem"} {
			if w, kind, text := asked(t, l.Server, session, action, calls[action]); w.Code != 200 {
				t.Errorf("%s of an allowed key = %d %s %s", action, w.Code, kind, text)
			}
			if w, _, _ := asked(t, l.Server, session, action, strings.ReplaceAll(calls[action], "a1", "b1")); w.Code != 400 {
				t.Errorf("%s of another key = %d, want it denied", action, w.Code)
			}
		}
		if w, _, _ := asked(t, l.Server, session, "Scan", calls["Scan"]); w.Code != 400 {
			t.Errorf("Scan where keys must be named = %d, want it denied", w.Code)
		}
		// What a session policy or a deny takes away.
		allow("dynamodb:PutItem", "*", "")
		if _, err := l.dynamo(session).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			"events": {{PutRequest: &types.PutRequest{Item: row("a", "1")}}},
		}}); err == nil {
			t.Error("BatchWriteItem with only PutItem = nil, want it denied")
		}
	})
}

// FuzzDynamoDB: a call signed by the seed key is answered in JSON with the right checksum, whatever its body, and only one that
// is answered 200 changes anything.
func FuzzDynamoDB(f *testing.F) {
	f.Add("PutItem", `{"TableName":"events","Item":{"pk":{"S":"a"},"n":{"N":"1.50"}},"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":{"#k":"pk"}}`)
	f.Add("UpdateItem", `{"TableName":"events","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET #a = :a","ExpressionAttributeNames":{"#a":"a"},"ExpressionAttributeValues":{":a":{"L":[]}}}`)
	f.Add("BatchWriteItem", `{"RequestItems":{"events":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"b"}}}}]}}`)
	f.Add("BatchGetItem", `{"RequestItems":{"events":{"Keys":[{"pk":{"S":"a"}}],"ConsistentRead":true}},"ReturnConsumedCapacity":"TOTAL"}`)
	f.Add("Query", `{"TableName":"events","KeyConditionExpression":"#k = :k","ExpressionAttributeNames":{"#k":"pk"},"ExpressionAttributeValues":{":k":{"S":"a"}},"Limit":1}`)
	f.Add("CreateTable", `{"TableName":"t01","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}`)
	f.Add("ListTables", `{"ExclusiveStartTableName":"e","Limit":7}`)
	f.Add("UpdateTimeToLive", `{"TableName":"events","TimeToLiveSpecification":{"AttributeName":"a","Enabled":true}}`)
	f.Fuzz(func(t *testing.T, action, body string) {
		if strings.ContainsFunc(action, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return // no header's value
		}
		s := newServer(t, Config{})
		must(s.CreateTable("events", Key{Name: "pk", Type: "S"}))(t)
		w, kind, _ := asked(t, s, s.Seed(), action, body)
		record := s.Requests()[0]
		if (w.Code == http.StatusOK) != (kind == "") || w.Code != record.Status {
			t.Errorf("%s %q = %d %s, record %+v", action, body, w.Code, w.Body, record)
		}
		if w.Code != http.StatusOK && (record.Effect != "" || len(s.Changes("events")) > 0) {
			t.Errorf("%s %q was refused, but %s", action, body, record.Effect)
		}
	})
}
