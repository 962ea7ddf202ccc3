package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// putRequest is the body of a PutItem around its item and the values of its condition.
type putRequest struct {
	before, after []byte
	values        bool // the condition has some
	ordered       bool // the event's order is among them
	replaces      bool // the old item tells what was replaced
}

// The conditions. Consumed capacity costs nothing, and proves that DynamoDB answered.
const (
	ifAbsent = `attribute_not_exists(#k)`
	isSame   = `#s = :s AND #i = :i AND #t = :t`
	ifOther  = ifAbsent + ` OR NOT (` + isSame + `)`
	ifNewer  = ifAbsent + ` OR #o < :o OR (#o = :o AND NOT (` + isSame + `))`
)

func newPutRequest(p *plan) putRequest {
	out := putRequest{}
	condition, names := ifAbsent, []string{"#k", p.hash.name}
	if p.mode == latest {
		out.values, out.ordered, out.replaces = true, p.order.name != "", true
		condition = ifOther
		names = append(names, "#s", "source", "#i", "id", "#t", "type")
		if out.ordered {
			condition = ifNewer
			names = append(names, "#o", p.order.name)
		}
	}
	out.before = append(rawjson.AppendString([]byte(`{"TableName":`), p.table), `,"Item":`...)
	b := append(rawjson.AppendString([]byte(`,"ConditionExpression":`), condition), `,"ExpressionAttributeNames":{`...)
	for i := 0; i < len(names); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = rawjson.AppendString(append(rawjson.AppendString(b, names[i]), ':'), names[i+1])
	}
	b = append(b, `},"ReturnConsumedCapacity":"TOTAL","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`...)
	if out.replaces {
		b = append(b, `,"ReturnValues":"ALL_OLD"`...)
	}
	out.after = b
	return out
}

func (p putRequest) body(r *row) []byte {
	b := make([]byte, 0, len(p.before)+len(r.json)+len(p.after)+512)
	b = append(append(append(b, p.before...), r.json...), p.after...)
	if !p.values {
		return append(b, '}')
	}
	values := item{}
	values.text(":s", r.who.source)
	values.text(":i", r.who.id)
	values.text(":t", r.who.typ)
	if p.ordered {
		values.orderValue(":o", r.order)
	}
	b = append(b, `,"ExpressionAttributeValues":`...)
	return append(append(b, values.close()...), '}')
}

// put makes one PutItem under the condition of the mode; nil if the table holds the event, or what it must not replace.
func (s *sink) put(ctx context.Context, r *row) error {
	// The item is in the body; the input is what the SDK's own checks and endpoint rules look at.
	out, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.plan.table), Item: map[string]types.AttributeValue{}},
		dynamodb.WithAPIOptions(awscall.Body(s.puts.body(r))))
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return s.occupied(r, failed.Item)
	}
	switch {
	case err != nil:
		return s.refusal(err, 1)
	case out.ConsumedCapacity == nil:
		return s.wrap(forward.Unavailable, errors.New("the reply does not show that the item was written"))
	}
	if s.puts.ordered && len(out.Attributes) > 0 {
		if c, comparable := r.order.compare(out.Attributes[s.plan.order.name]); comparable && c == 0 { // of another event, by the condition
			s.counters.Add("equal_order", 1)
		}
	}
	return nil
}

// holds tells whether a stored item is of the same event.
func (w identity) holds(stored map[string]types.AttributeValue) bool {
	return w == identity{textOf(stored["source"]), textOf(stored["id"]), textOf(stored["type"])}
}

// occupied is the verdict on an event whose condition failed, by what the table holds. The same event is a repeat, as after an
// answer that was lost.
func (s *sink) occupied(r *row, stored map[string]types.AttributeValue) error {
	switch {
	case len(stored) == 0:
		return s.wrap(forward.Unavailable, errors.New("the condition failed, and the reply does not show the item that made it fail"))
	case r.who.holds(stored):
		s.counters.Add("duplicates", 1)
		return nil
	case s.plan.mode == log:
		return s.wrap(forward.Invalid, forward.WithDetail(
			fmt.Errorf("the key holds another event, type %q id %q, and not type %q id %q; nothing was replaced; DYNAMODB_KEY must give each event a key of its own",
				textOf(stored["type"]), textOf(stored["id"]), r.who.typ, r.who.id),
			"the table holds another event under the key that the setting DYNAMODB_KEY makes for this one; an operator must choose a key that each event has for itself"))
	case !s.puts.ordered:
		return s.wrap(forward.Unavailable, errors.New("the condition failed, and the reply shows no reason for it"))
	}
	c, comparable := r.order.compare(stored[s.plan.order.name])
	switch {
	case !comparable:
		return s.wrap(forward.Denied, forward.WithDetail(
			fmt.Errorf("the stored item has no order in the attribute %s that this event's can be compared with: it is absent or of another type; remove the item, or correct DYNAMODB_ORDER", s.plan.order.name),
			"the stored event and this one have no common order; an operator must remove the stored item or correct the setting DYNAMODB_ORDER"))
	case c > 0:
		s.counters.Add("stale_events", 1)
		return nil
	}
	return s.wrap(forward.Unavailable, errors.New("the condition failed, and the reply shows an item that is not newer"))
}
