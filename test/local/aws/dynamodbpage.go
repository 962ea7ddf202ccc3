package aws

import (
	"math"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
)

// pageResult is the answer to Query and Scan.
type pageResult struct {
	Items            *[]Item `json:",omitempty"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey Item      `json:",omitempty"`
	ConsumedCapacity *capacity `json:",omitempty"`
}

// readSelection reads what Query and Scan have in common.
func (s *Server) readSelection(in *dynamoInput) (table string, q dynamodb.Selection) {
	table = s.table(in)
	subs := in.substitutions()
	q.Key = in.condition("KeyConditionExpression", subs)
	q.Filter = in.condition("FilterExpression", subs)
	in.used(subs, "KeyConditionExpression", "FilterExpression")
	q.Start = in.item("ExclusiveStartKey")
	q.Limit = in.count("Limit", math.MaxInt32)
	q.Backward = in.has("ScanIndexForward") && !in.flag("ScanIndexForward")
	in.choice("Select", "ALL_ATTRIBUTES", "COUNT")
	in.choice("ReturnConsumedCapacity", "NONE", "TOTAL")
	return table, q
}

// page is the page that a selection finds.
func (s *Server) page(in *dynamoInput, table string, q dynamodb.Selection) (any, *refusal) {
	page, err := s.tables.Select(table, q, s.now())
	if err != nil {
		return nil, dynamoRefusal(err)
	}
	result := pageResult{
		Items: &page.Items, Count: len(page.Items), ScannedCount: page.Looked, LastEvaluatedKey: page.Last,
		ConsumedCapacity: in.consumed(table, readUnits(page.Bytes, in.flag("ConsistentRead"))),
	}
	if in.choice("Select", "ALL_ATTRIBUTES", "COUNT") == "COUNT" {
		result.Items = nil
	}
	return result, nil
}

func (s *Server) queryTable(c *call, in *dynamoInput) (any, *refusal) {
	table, q := s.readSelection(in)
	if q.Key == nil {
		in.fail(dynamoInvalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."))
	}
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "Query", table, q.Key.Partition()); r != nil {
		return nil, r
	}
	return s.page(in, table, q)
}

func (s *Server) scanTable(c *call, in *dynamoInput) (any, *refusal) {
	table, q := s.readSelection(in)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "Scan", table); r != nil {
		return nil, r
	}
	return s.page(in, table, q)
}
