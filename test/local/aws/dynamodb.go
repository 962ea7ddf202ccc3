package aws

import (
	"errors"
	"hash/crc32"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// dynamoTarget begins the X-Amz-Target of every call of DynamoDB.
const dynamoTarget = "DynamoDB_20120810."

// dynamoDepth is how deep a request's JSON may be nested: a value of DynamoDB has two levels of JSON for each of its own.
const dynamoDepth = 200

const namespaceDynamoDB = "com.amazonaws.dynamodb.v20120810"

// dynamoAction is an action of DynamoDB: the members that it takes, and how it runs. It authorizes the caller itself, for
// each table that it touches.
type dynamoAction struct {
	members []string
	run     func(*call, *dynamoInput) (any, *refusal)
}

func (s *Server) dynamoAction(name string) (dynamoAction, bool) {
	condition := []string{"ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
		"ReturnValues", "ReturnValuesOnConditionCheckFailure", "ReturnConsumedCapacity"}
	page := []string{"TableName", "FilterExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
		"ExclusiveStartKey", "Limit", "ConsistentRead", "Select", "ReturnConsumedCapacity"}
	var a dynamoAction
	switch name {
	case "CreateTable":
		a.members, a.run = []string{"TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput"}, s.createTable
	case "DescribeTable":
		a.members, a.run = []string{"TableName"}, s.describeTable
	case "DeleteTable":
		a.members, a.run = []string{"TableName"}, s.deleteTable
	case "ListTables":
		a.members, a.run = []string{"ExclusiveStartTableName", "Limit"}, s.listTables
	case "UpdateTimeToLive":
		a.members, a.run = []string{"TableName", "TimeToLiveSpecification"}, s.updateTimeToLive
	case "DescribeTimeToLive":
		a.members, a.run = []string{"TableName"}, s.describeTimeToLive
	case "UpdateContinuousBackups":
		a.members, a.run = []string{"TableName", "PointInTimeRecoverySpecification"}, s.updateRecovery
	case "PutItem":
		a.members, a.run = append(condition, "TableName", "Item"), s.putItem
	case "DeleteItem":
		a.members, a.run = append(condition, "TableName", "Key"), s.deleteItem
	case "UpdateItem":
		a.members, a.run = append(condition, "TableName", "Key", "UpdateExpression"), s.updateItem
	case "GetItem":
		a.members, a.run = []string{"TableName", "Key", "ConsistentRead", "ReturnConsumedCapacity"}, s.getItem
	case "Query":
		a.members, a.run = append(page, "KeyConditionExpression", "ScanIndexForward"), s.queryTable
	case "Scan":
		a.members, a.run = page, s.scanTable
	case "BatchWriteItem":
		a.members, a.run = []string{"RequestItems", "ReturnConsumedCapacity"}, s.batchWriteItem
	case "BatchGetItem":
		a.members, a.run = []string{"RequestItems", "ReturnConsumedCapacity"}, s.batchGetItem
	default:
		return a, false
	}
	return a, true
}

// dynamoDB answers a request that was signed for DynamoDB.
func (s *Server) dynamoDB(c *call) *answer {
	action, in, r := s.readDynamoDB(c)
	if r != nil {
		return s.refuse(c, r)
	}
	result, r := action.run(c, in)
	if r != nil {
		return s.refuse(c, r)
	}
	return withChecksum(&answer{status: http.StatusOK, contentType: contentJSON10, header: make(http.Header), body: marshalJSON(result)})
}

// withChecksum adds the checksum that DynamoDB sends with every answer, and that the SDK checks.
func withChecksum(a *answer) *answer {
	a.header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(a.body)), 10))
	return a
}

// readDynamoDB reads the action and its members. A member that the action does not have is refused: it would be ignored.
func (s *Server) readDynamoDB(c *call) (dynamoAction, *dynamoInput, *refusal) {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	target := c.Header.Get("X-Amz-Target")
	action, known := s.dynamoAction(strings.TrimPrefix(target, dynamoTarget))
	switch {
	case !strings.HasPrefix(target, dynamoTarget) || !known || len(c.Header.Values("X-Amz-Target")) != 1:
		return action, nil, &refusal{status: http.StatusBadRequest, code: "UnknownOperationException", namespace: namespaceCoral,
			text: "stand-in: the X-Amz-Target is not that of an action that is here"}
	case c.Method != http.MethodPost || c.URL.RawQuery != "" || c.URL.Path != "/":
		return action, nil, dynamoUnreadable("a call is a POST of / without a query")
	case err != nil || media != contentJSON10:
		return action, nil, dynamoUnreadable("the content type must be " + contentJSON10)
	}
	tree, err := c.tree, c.treeErr
	if err != nil {
		return action, nil, dynamoUnreadable(err.Error())
	}
	o, ok := tree.(strictjson.Object)
	if !ok {
		return action, nil, dynamoUnreadable("the body must be a JSON object")
	}
	in := &dynamoInput{o: o}
	in.only("the request", o, action.members...)
	return action, in, in.problem
}

func dynamoUnreadable(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: dynamodb.CodeSerialization, namespace: namespaceCoral, text: "stand-in: " + text}
}

func dynamoInvalid(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: dynamodb.CodeValidation, namespace: namespaceValidate, text: text}
}

// dynamoRefusal is an error of the store as the service answers it; nil of nil.
func dynamoRefusal(err error) *refusal {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*dynamodb.Error](err)
	if !ok {
		panic("dynamodb: " + err.Error()) // the store promises it
	}
	r := &refusal{status: http.StatusBadRequest, code: e.Code, text: e.Text, namespace: namespaceDynamoDB}
	switch e.Code {
	case dynamodb.CodeValidation:
		r.namespace = namespaceValidate
	case dynamodb.CodeSerialization:
		r.namespace = namespaceCoral
	}
	return r
}

// authorizeTable decides whether the caller may do an action on a table; items are those, or the keys, that it names.
func (s *Server) authorizeTable(c *call, action, table string, items ...Item) *refusal {
	keys := map[string][]string{}
	if leading := s.tables.LeadingKeys(table, items); len(leading) > 0 {
		keys["dynamodb:LeadingKeys"] = leading
	}
	return s.authorizeWith(c, "dynamodb:"+action, s.tableARN(table), keys)
}

func (s *Server) tableARN(name string) string { return s.arn(serviceDynamoDB, "table/"+name) }

// dynamoTables are the tables that a request claims to be about, joined by commas.
func dynamoTables(tree any) string {
	o, ok := tree.(strictjson.Object)
	if !ok {
		return ""
	}
	if name, ok := o["TableName"].(string); ok {
		return name
	}
	requests, ok := o["RequestItems"].(strictjson.Object)
	if !ok {
		return ""
	}
	return strings.Join(sortedNames(requests), ",")
}

// ofDynamoDB gives a fault's refusal the code and text of DynamoDB, unless the fault has its own.
func (f Fault) ofDynamoDB(r *refusal) {
	switch {
	case f.Kind == Throttle && (f.Code == "" || f.Code == "ProvisionedThroughputExceededException"):
		r.code, r.namespace = "ProvisionedThroughputExceededException", namespaceDynamoDB
		r.text = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."
	case f.Kind == ServerError && f.status() == http.StatusInternalServerError:
		r.code, r.namespace = "InternalServerError", namespaceDynamoDB
	}
}
