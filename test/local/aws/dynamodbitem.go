package aws

import (
	"errors"
	"math"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
)

// itemResult is the answer to a call about one item. Members without a value are absent.
type itemResult struct {
	Attributes       Item      `json:",omitempty"`
	Item             Item      `json:",omitempty"`
	ConsumedCapacity *capacity `json:",omitempty"`
}

type capacity struct {
	TableName     string
	CapacityUnits float64
}

// Capacity units count started KiB of writes, and started 4 KiB of reads, half as much if they are eventually consistent.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	writeUnitBytes = 1024
	readUnitBytes  = 4096
)

func writeUnits(bytes int) float64 { return math.Max(1, math.Ceil(float64(bytes)/writeUnitBytes)) }

func readUnits(bytes int, consistent bool) float64 {
	units := math.Max(1, math.Ceil(float64(bytes)/readUnitBytes))
	if !consistent {
		units /= 2
	}
	return units
}

// consumed is what a call cost, nil if the caller does not ask. Indexes, of which there are none, are not told apart.
func (in *dynamoInput) consumed(table string, units float64) *capacity {
	if in.choice("ReturnConsumedCapacity", "NONE", "TOTAL") == "NONE" {
		return nil
	}
	return &capacity{TableName: table, CapacityUnits: units}
}

// itemWrite is what the calls that write one item have in common.
type itemWrite struct {
	table     string
	condition *dynamodb.Condition
	update    *dynamodb.Update
	returns   string
	showOld   bool // when the condition fails
}

// readWrite reads and checks the common members, of which returns are the ReturnValues that the action has.
func (s *Server) readWrite(in *dynamoInput, returns ...string) itemWrite {
	w := itemWrite{table: s.table(in)}
	subs := in.substitutions()
	w.condition = in.condition("ConditionExpression", subs)
	if in.has("UpdateExpression") && subs != nil {
		u, err := dynamodb.ParseUpdate(in.text("UpdateExpression"), subs)
		if err != nil {
			in.fail(dynamoRefusal(err))
		}
		w.update = u
	}
	in.used(subs, "ConditionExpression", "UpdateExpression")
	w.returns = in.choice("ReturnValues", returns...)
	w.showOld = in.choice("ReturnValuesOnConditionCheckFailure", "NONE", "ALL_OLD") == "ALL_OLD"
	in.choice("ReturnConsumedCapacity", "NONE", "TOTAL")
	return w
}

// written is the answer to a write.
func (s *Server) written(c *call, in *dynamoInput, w itemWrite, did dynamodb.Write, err error) (any, *refusal) {
	if err != nil {
		r := dynamoRefusal(err)
		if failed := conditionItem(err); w.showOld && failed != nil {
			r.members = map[string]any{"Item": failed}
		}
		return nil, r
	}
	result := itemResult{ConsumedCapacity: in.consumed(w.table, writeUnits(did.Bytes()))}
	switch w.returns {
	case "ALL_OLD":
		result.Attributes = did.Old
	case "ALL_NEW":
		result.Attributes = did.New
	}
	switch {
	case did.Old == nil && did.New == nil, did.Old != nil && did.Old.Equal(did.New):
		c.effect = "wrote what was there"
	case did.New == nil:
		c.effect = "deleted 1"
	default:
		c.effect = "wrote 1"
	}
	return result, nil
}

// conditionItem is the item that failed a condition.
func conditionItem(err error) Item {
	if e, ok := errors.AsType[*dynamodb.Error](err); ok {
		return e.Item
	}
	return nil
}

func (s *Server) putItem(c *call, in *dynamoInput) (any, *refusal) {
	w, item := s.readWrite(in, "NONE", "ALL_OLD"), in.needed("Item")
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "PutItem", w.table, item); r != nil {
		return nil, r
	}
	did, err := s.tables.Put(w.table, item, w.condition, s.now())
	return s.written(c, in, w, did, err)
}

func (s *Server) deleteItem(c *call, in *dynamoInput) (any, *refusal) {
	w, key := s.readWrite(in, "NONE", "ALL_OLD"), in.needed("Key")
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "DeleteItem", w.table, key); r != nil {
		return nil, r
	}
	did, err := s.tables.Remove(w.table, key, w.condition, s.now())
	return s.written(c, in, w, did, err)
}

func (s *Server) updateItem(c *call, in *dynamoInput) (any, *refusal) {
	w, key := s.readWrite(in, "NONE", "ALL_OLD", "ALL_NEW"), in.needed("Key")
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "UpdateItem", w.table, key); r != nil {
		return nil, r
	}
	did, err := s.tables.Update(w.table, key, w.update, w.condition, s.now())
	return s.written(c, in, w, did, err)
}

func (s *Server) getItem(c *call, in *dynamoInput) (any, *refusal) {
	table, key, consistent := s.table(in), in.needed("Key"), in.flag("ConsistentRead")
	in.choice("ReturnConsumedCapacity", "NONE", "TOTAL")
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeTable(c, "GetItem", table, key); r != nil {
		return nil, r
	}
	item, err := s.tables.Find(table, key, s.now())
	if err != nil {
		return nil, dynamoRefusal(err)
	}
	return itemResult{Item: item, ConsumedCapacity: in.consumed(table, readUnits(item.Size(), consistent))}, nil
}
