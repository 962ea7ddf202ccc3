package aws

import (
	"fmt"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// batchBytesMax is the largest batch, of requests to write and of items that were read.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
const batchBytesMax = 16 << 20

// writeRequest is an entry of BatchWriteItem as it is sent back.
type writeRequest struct {
	PutRequest    *putRequest    `json:",omitempty"`
	DeleteRequest *deleteRequest `json:",omitempty"`
}

type (
	putRequest    struct{ Item Item }
	deleteRequest struct{ Key Item }
)

func requestOf(o dynamodb.Operation) writeRequest {
	if o.Item != nil {
		return writeRequest{PutRequest: &putRequest{o.Item}}
	}
	return writeRequest{DeleteRequest: &deleteRequest{o.Key}}
}

// readBatch reads the lists of RequestItems, table by table; one reads what a table has.
func (s *Server) readBatch(in *dynamoInput, one func(table string, entries any)) {
	requests := in.object("RequestItems")
	if len(requests) == 0 {
		in.fail(dynamoInvalid("stand-in: RequestItems must name a table"))
	}
	tables := make(map[string]bool)
	for _, text := range sortedNames(requests) {
		table := s.tableName(in, text)
		if tables[table] {
			in.fail(dynamoInvalid("stand-in: RequestItems names a table twice, by name and by ARN"))
		}
		tables[table] = true
		one(table, requests[text])
	}
	in.choice("ReturnConsumedCapacity", "NONE", "TOTAL")
}

// readWrites are the entries of a BatchWriteItem.
func (s *Server) readWrites(in *dynamoInput) []dynamodb.Operation {
	var list []dynamodb.Operation
	s.readBatch(in, func(table string, entries any) {
		elements, ok := entries.([]any)
		if !ok || len(elements) == 0 {
			in.fail(dynamoInvalid("stand-in: RequestItems must hold lists of at least one request"))
		}
		for _, element := range elements {
			request, _ := element.(strictjson.Object)
			put, isPut := request["PutRequest"].(strictjson.Object)
			remove, isDelete := request["DeleteRequest"].(strictjson.Object)
			o := dynamodb.Operation{Table: table}
			switch {
			case len(request) != 1 || isPut == isDelete:
				in.fail(dynamoInvalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of PutRequest or DeleteRequest"))
			case isPut:
				in.only("PutRequest", put, "Item")
				entry := dynamoInput{o: put}
				o.Item = entry.needed("Item")
				in.also(entry.problem)
			default:
				in.only("DeleteRequest", remove, "Key")
				entry := dynamoInput{o: remove}
				o.Key = entry.needed("Key")
				in.also(entry.problem)
			}
			list = append(list, o)
		}
	})
	return list
}

// also keeps the problem of a part.
func (in *dynamoInput) also(r *refusal) {
	if r != nil {
		in.fail(r)
	}
}

// authorizeBatch decides for each table of a batch.
func (s *Server) authorizeBatch(c *call, action string, list []dynamodb.Operation) *refusal {
	for table, items := range byTable(list, subject) {
		if r := s.authorizeTable(c, action, table, items...); r != nil {
			return r
		}
	}
	return nil
}

func subject(o dynamodb.Operation) Item {
	if o.Item != nil {
		return o.Item
	}
	return o.Key
}

// byTable groups what becomes of operations by their tables, in their order.
func byTable[T any](list []dynamodb.Operation, of func(dynamodb.Operation) T) map[string][]T {
	out := make(map[string][]T)
	for _, o := range list {
		out[o.Table] = append(out[o.Table], of(o))
	}
	return out
}

func (s *Server) batchWriteItem(c *call, in *dynamoInput) (any, *refusal) {
	list := s.readWrites(in)
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeBatch(c, "BatchWriteItem", list); r != nil {
		return nil, r
	}
	if len(c.body) > batchBytesMax {
		return nil, dynamoInvalid("stand-in: the batch has more than 16 MB")
	}
	if err := s.tables.CheckWrites(list, s.now()); err != nil {
		return nil, dynamoRefusal(err)
	}
	entries := make([]Entry, len(list))
	for i, o := range list {
		entries[i] = s.writeEntry(o)
	}
	var applied, unprocessed []dynamodb.Operation
	for i, f := range s.fates(c, entries) {
		if f.delivered() {
			applied = append(applied, list[i])
		}
		if f.kind == PartialFailure {
			unprocessed = append(unprocessed, list[i])
		}
		if f.kind == UnknownIDs {
			unprocessed = append(unprocessed, s.stranger(list[i]))
		}
	}
	did, err := s.tables.Apply(applied, s.now())
	if err != nil {
		return nil, dynamoRefusal(err)
	}
	if len(did) > 0 {
		c.effect = fmt.Sprintf("wrote %d", len(did))
	}
	units := make(map[string]float64)
	for i, w := range did {
		units[applied[i].Table] += writeUnits(w.Bytes())
	}
	return struct {
		UnprocessedItems map[string][]writeRequest
		ConsumedCapacity []capacity `json:",omitempty"`
	}{byTable(unprocessed, requestOf), in.consumedBy(list, units)}, nil
}

// consumedBy is what a batch cost, table by table in the order in which they were named.
func (in *dynamoInput) consumedBy(list []dynamodb.Operation, units map[string]float64) []capacity {
	if in.choice("ReturnConsumedCapacity", "NONE", "TOTAL") == "NONE" {
		return nil
	}
	var out []capacity
	for i, o := range list {
		if i == 0 || list[i-1].Table != o.Table {
			out = append(out, capacity{TableName: o.Table, CapacityUnits: units[o.Table]})
		}
	}
	return out
}

// writeEntry is an entry of a batch as faults see it.
func (s *Server) writeEntry(o dynamodb.Operation) Entry {
	item := subject(o)
	e := Entry{Item: item, Attributes: make(map[string]string)}
	for name, v := range item {
		if v.Type == dynamodb.String {
			e.Attributes[name] = v.Text
		}
	}
	if keys := s.tables.LeadingKeys(o.Table, []Item{item}); len(keys) == 1 {
		e.ID = keys[0]
	}
	return e
}

// stranger is an operation under a key that nobody sent.
func (s *Server) stranger(o dynamodb.Operation) dynamodb.Operation {
	item := Item{}
	d, err := s.tables.Describe(o.Table, s.now())
	for name, v := range subject(o) {
		if err == nil && name == d.Schema.Hash.Name {
			switch v.Type {
			case dynamodb.Number:
				v.Text = "424242424242"
			case dynamodb.String, dynamodb.Binary, dynamodb.Boolean, dynamodb.Null, dynamodb.List, dynamodb.Map,
				dynamodb.StringSet, dynamodb.NumberSet, dynamodb.BinarySet:
				v.Text += " that nobody sent"
			}
		}
		item[name] = v
	}
	if o.Item != nil {
		return dynamodb.Operation{Table: o.Table, Item: item}
	}
	return dynamodb.Operation{Table: o.Table, Key: item}
}

func (s *Server) batchGetItem(c *call, in *dynamoInput) (any, *refusal) {
	var list []dynamodb.Operation
	consistent := make(map[string]bool)
	s.readBatch(in, func(table string, entries any) {
		o, ok := entries.(strictjson.Object)
		keys, _ := o["Keys"].([]any)
		if !ok || len(keys) == 0 {
			in.fail(dynamoInvalid("stand-in: RequestItems must hold Keys of at least one item"))
		}
		in.only("KeysAndAttributes", o, "Keys", "ConsistentRead")
		part := dynamoInput{o: o}
		consistent[table] = part.flag("ConsistentRead")
		in.also(part.problem)
		for _, tree := range keys {
			key, err := dynamodb.ReadItem(tree)
			in.also(dynamoRefusal(err))
			list = append(list, dynamodb.Operation{Table: table, Key: key})
		}
	})
	if in.problem != nil {
		return nil, in.problem
	}
	if r := s.authorizeBatch(c, "BatchGetItem", list); r != nil {
		return nil, r
	}
	if err := s.tables.CheckReads(list, s.now()); err != nil {
		return nil, dynamoRefusal(err)
	}
	responses, units, left, bytes := make(map[string][]Item), make(map[string]float64), []dynamodb.Operation(nil), 0
	for i, o := range list {
		item, err := s.tables.Find(o.Table, o.Key, s.now())
		if err != nil {
			return nil, dynamoRefusal(err)
		}
		if bytes += item.Size(); bytes > batchBytesMax {
			left = list[i:]
			break
		}
		if responses[o.Table] == nil {
			responses[o.Table] = []Item{}
		}
		units[o.Table] += readUnits(item.Size(), consistent[o.Table])
		if item != nil {
			responses[o.Table] = append(responses[o.Table], item)
		}
	}
	type keys struct {
		Keys           []Item
		ConsistentRead bool
	}
	unprocessed := make(map[string]keys)
	for table, items := range byTable(left, subject) {
		unprocessed[table] = keys{items, consistent[table]}
	}
	return struct {
		Responses        map[string][]Item
		UnprocessedKeys  map[string]keys
		ConsumedCapacity []capacity `json:",omitempty"`
	}{responses, unprocessed, in.consumedBy(list, units)}, nil
}
