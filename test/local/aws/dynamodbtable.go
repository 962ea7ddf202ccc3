package aws

import (
	"fmt"
	"sort"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// listTablesMax is how many tables an answer names.
const listTablesMax = 100

// tableDescription is what DynamoDB says of a table.
type tableDescription struct {
	TableName            string
	TableArn             string
	TableStatus          string
	CreationDateTime     float64 // seconds since 1970
	ItemCount            int
	TableSizeBytes       int
	KeySchema            []map[string]string
	AttributeDefinitions []map[string]string
	BillingModeSummary   map[string]string
}

func (s *Server) tableDescription(d dynamodb.Description, status string) tableDescription {
	out := tableDescription{
		TableName: d.Name, TableArn: s.tableARN(d.Name), TableStatus: status,
		CreationDateTime: float64(d.Created.UnixMilli()) / 1000, ItemCount: d.Items, TableSizeBytes: d.Bytes,
		BillingModeSummary: map[string]string{"BillingMode": "PAY_PER_REQUEST"},
	}
	keys := []dynamodb.Key{d.Schema.Hash, d.Schema.Range}
	for i, kind := range []string{"HASH", "RANGE"} {
		if keys[i].Name != "" {
			out.KeySchema = append(out.KeySchema, map[string]string{"AttributeName": keys[i].Name, "KeyType": kind})
			out.AttributeDefinitions = append(out.AttributeDefinitions,
				map[string]string{"AttributeName": keys[i].Name, "AttributeType": string(keys[i].Type)})
		}
	}
	return out
}

// pairs reads a list of objects that each have exactly two strings.
func (in *dynamoInput) pairs(list, first, second string) [][2]string {
	elements, ok := in.o[list].([]any)
	if !ok {
		in.fail(dynamoUnreadable("member " + list + " must be a list"))
	}
	var out [][2]string
	for _, element := range elements {
		o, _ := element.(strictjson.Object)
		a, aOK := o[first].(string)
		b, bOK := o[second].(string)
		if len(o) != 2 || !aOK || !bOK {
			in.fail(dynamoUnreadable(fmt.Sprintf("member %s must hold objects of %s and %s", list, first, second)))
		}
		out = append(out, [2]string{a, b})
	}
	return out
}

// schema reads the key schema, whose attributes must be exactly those that are defined.
func (in *dynamoInput) schema() dynamodb.Schema {
	types := make(map[string]dynamodb.Type)
	definitions := in.pairs("AttributeDefinitions", "AttributeName", "AttributeType")
	for _, d := range definitions {
		types[d[0]] = dynamodb.Type(d[1])
	}
	var schema dynamodb.Schema
	keys := in.pairs("KeySchema", "AttributeName", "KeyType")
	for i, k := range keys {
		key := dynamodb.Key{Name: k[0], Type: types[k[0]]}
		switch {
		case i == 0 && k[1] == "HASH":
			schema.Hash = key
		case i == 1 && k[1] == "RANGE":
			schema.Range = key
		default:
			in.fail(dynamoInvalid("stand-in: KeySchema must be a HASH key, and perhaps a RANGE key after it"))
		}
	}
	if len(keys) == 0 {
		in.fail(dynamoInvalid("stand-in: KeySchema must have a HASH key"))
	}
	if len(definitions) != len(keys) || len(types) != len(keys) {
		in.fail(dynamoInvalid("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"))
	}
	return schema
}

func (s *Server) createTable(c *call, in *dynamoInput) (any, *refusal) {
	table, schema := s.table(in), in.schema()
	mode := in.choice("BillingMode", "PROVISIONED", "PAY_PER_REQUEST")
	if provisioned := in.object("ProvisionedThroughput"); (mode == "PROVISIONED") != (len(provisioned) > 0) {
		in.fail(dynamoInvalid("stand-in: ProvisionedThroughput must be there with PROVISIONED, which is the default, and only then"))
	}
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "CreateTable", table); r != nil {
		return nil, r
	}
	d, err := s.tables.Create(table, schema, s.now(), false)
	if err != nil {
		return nil, dynamoRefusal(err)
	}
	c.effect = "table created"
	return map[string]any{"TableDescription": s.tableDescription(d, "CREATING")}, nil
}

func (s *Server) describeTable(c *call, in *dynamoInput) (any, *refusal) {
	d, r := s.describe(c, in, "DescribeTable")
	if r != nil {
		return nil, r
	}
	status := "ACTIVE"
	if !d.Active {
		status = "CREATING"
	}
	return map[string]any{"Table": s.tableDescription(d, status)}, nil
}

// describe is what there is to say of the table that a call names.
func (s *Server) describe(c *call, in *dynamoInput, action string) (dynamodb.Description, *refusal) {
	table := s.table(in)
	if in.problem != nil {
		return dynamodb.Description{}, in.problem
	}
	if r := s.authorizeTable(c, action, table); r != nil {
		return dynamodb.Description{}, r
	}
	d, err := s.tables.Describe(table, s.now())
	return d, dynamoRefusal(err)
}

func (s *Server) deleteTable(c *call, in *dynamoInput) (any, *refusal) {
	table := s.table(in)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "DeleteTable", table); r != nil {
		return nil, r
	}
	d, err := s.tables.Delete(table, s.now())
	if err != nil {
		return nil, dynamoRefusal(err)
	}
	c.effect = "table deleted"
	return map[string]any{"TableDescription": s.tableDescription(d, "DELETING")}, nil
}

func (s *Server) listTables(c *call, in *dynamoInput) (any, *refusal) {
	start, limit := in.text("ExclusiveStartTableName"), in.count("Limit", listTablesMax)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeWith(c, "dynamodb:ListTables", s.tableARN("*"), nil); r != nil {
		return nil, r
	}
	if limit == 0 {
		limit = listTablesMax
	}
	names := s.tables.Names()
	names = names[sort.SearchStrings(names, start+"\x00"):]
	if start == "" {
		names = s.tables.Names()
	}
	result := struct {
		TableNames             []string
		LastEvaluatedTableName string `json:",omitempty"`
	}{TableNames: append([]string{}, names...)}
	if len(names) > limit {
		result.TableNames, result.LastEvaluatedTableName = names[:limit], names[limit-1]
	}
	return result, nil
}

func (s *Server) updateTimeToLive(c *call, in *dynamoInput) (any, *refusal) {
	table := s.table(in)
	specification := dynamoInput{o: in.object("TimeToLiveSpecification")}
	in.only("TimeToLiveSpecification", specification.o, "AttributeName", "Enabled")
	attribute, enabled := specification.text("AttributeName"), specification.flag("Enabled")
	in.also(specification.problem)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "UpdateTimeToLive", table); r != nil {
		return nil, r
	}
	if err := s.tables.SetTTL(table, attribute, enabled, s.now()); err != nil {
		return nil, dynamoRefusal(err)
	}
	c.effect = "time to live changed"
	return map[string]any{"TimeToLiveSpecification": map[string]any{"AttributeName": attribute, "Enabled": enabled}}, nil
}

func (s *Server) describeTimeToLive(c *call, in *dynamoInput) (any, *refusal) {
	d, r := s.describe(c, in, "DescribeTimeToLive")
	if r != nil {
		return nil, r
	}
	result := map[string]string{"TimeToLiveStatus": "DISABLED"}
	if d.TTL != "" {
		result = map[string]string{"TimeToLiveStatus": "ENABLED", "AttributeName": d.TTL}
	}
	return map[string]any{"TimeToLiveDescription": result}, nil
}

func (s *Server) updateRecovery(c *call, in *dynamoInput) (any, *refusal) {
	table := s.table(in)
	specification := dynamoInput{o: in.object("PointInTimeRecoverySpecification")}
	in.only("PointInTimeRecoverySpecification", specification.o, "PointInTimeRecoveryEnabled")
	enabled := specification.flag("PointInTimeRecoveryEnabled")
	in.also(specification.problem)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "UpdateContinuousBackups", table); r != nil {
		return nil, r
	}
	if err := s.tables.SetRecovery(table, enabled, s.now()); err != nil {
		return nil, dynamoRefusal(err)
	}
	c.effect = "point-in-time recovery changed"
	status := "DISABLED"
	if enabled {
		status = "ENABLED"
	}
	return map[string]any{"ContinuousBackupsDescription": map[string]any{
		"ContinuousBackupsStatus":        "ENABLED",
		"PointInTimeRecoveryDescription": map[string]string{"PointInTimeRecoveryStatus": status},
	}}, nil
}

// tableOf is the name of the table that an ARN or a name stands for.
func (s *Server) tableOf(table string) string { return strings.TrimPrefix(table, s.tableARN("")) }
