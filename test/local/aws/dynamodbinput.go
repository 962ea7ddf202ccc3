package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// dynamoInput reads the members of a request. The first problem stays; after it, members read as absent.
type dynamoInput struct {
	o       strictjson.Object
	problem *refusal
}

func (in *dynamoInput) fail(r *refusal) {
	if in.problem == nil {
		in.problem = r
	}
}

func (in *dynamoInput) wrong(name, kind string) {
	in.fail(dynamoUnreadable(fmt.Sprintf("member %s must be %s", name, kind)))
}

// only refuses members that are not here.
func (in *dynamoInput) only(what string, o strictjson.Object, names ...string) {
	for _, name := range sortedNames(o) {
		if !slices.Contains(names, name) {
			in.fail(dynamoUnreadable(fmt.Sprintf("member %s of %s is not here", name, what)))
		}
	}
}

func sortedNames(o strictjson.Object) []string { return slices.Sorted(maps.Keys(o)) }

// has tells whether a member is there; null is as good as absent.
func (in *dynamoInput) has(name string) bool { return in.o[name] != nil && in.problem == nil }

func (in *dynamoInput) text(name string) string {
	s, ok := in.o[name].(string)
	if !ok && in.has(name) {
		in.wrong(name, "a string")
	}
	return s
}

// choice is a member that is one of a few words, the first if it is absent.
func (in *dynamoInput) choice(name string, words ...string) string {
	s := in.text(name)
	if s == "" && !in.has(name) {
		return words[0]
	}
	if !slices.Contains(words, s) {
		in.fail(dynamoInvalid(fmt.Sprintf("stand-in: %s must be one of %s here", name, strings.Join(words, ", "))))
	}
	return s
}

func (in *dynamoInput) flag(name string) bool {
	b, ok := in.o[name].(bool)
	if !ok && in.has(name) {
		in.wrong(name, "true or false")
	}
	return b
}

// count is a number from 1 to most, 0 if it is absent.
func (in *dynamoInput) count(name string, most int64) int {
	if !in.has(name) {
		return 0
	}
	number, ok := in.o[name].(json.Number)
	if !ok {
		in.wrong(name, "a number")
		return 0
	}
	n, err := number.Int64()
	if err != nil || n < 1 || n > most {
		in.fail(dynamoInvalid(fmt.Sprintf("stand-in: %s must be from 1 to %d", name, most)))
	}
	return int(n)
}

func (in *dynamoInput) object(name string) strictjson.Object {
	o, ok := in.o[name].(strictjson.Object)
	if !ok && in.has(name) {
		in.wrong(name, "an object")
	}
	return o
}

// item is a map of attribute values, nil if it is absent.
func (in *dynamoInput) item(name string) dynamodb.Item {
	if !in.has(name) {
		return nil
	}
	item, err := dynamodb.ReadItem(in.o[name])
	if err != nil {
		in.fail(dynamoRefusal(err))
	}
	return item
}

// needed is an item that must be there.
func (in *dynamoInput) needed(name string) dynamodb.Item {
	item := in.item(name)
	if item == nil {
		in.fail(missing(name))
	}
	return item
}

func missing(name string) *refusal {
	lower := strings.ToLower(name[:1]) + name[1:]
	return dynamoInvalid(fmt.Sprintf("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lower))
}

// table is the name of the table, which may be given as an ARN of ours.
func (s *Server) table(in *dynamoInput) string {
	if !in.has("TableName") {
		in.fail(missing("TableName"))
		return ""
	}
	return s.tableName(in, in.text("TableName"))
}

func (s *Server) tableName(in *dynamoInput, text string) string {
	name, given := strings.CutPrefix(text, s.tableARN(""))
	if !given && strings.HasPrefix(text, "arn:") {
		in.fail(dynamoInvalid("stand-in: the table's ARN is not of this account and region"))
	}
	return name
}

// substitutions are the names and values for expressions.
func (in *dynamoInput) substitutions() *dynamodb.Substitutions {
	var names map[string]string
	if o := in.object("ExpressionAttributeNames"); o != nil {
		names = make(map[string]string, len(o))
		for key, value := range o {
			text, ok := value.(string)
			if !ok {
				in.wrong("ExpressionAttributeNames", "an object of strings")
			}
			names[key] = text
		}
	}
	var values map[string]dynamodb.Value
	if o := in.object("ExpressionAttributeValues"); o != nil {
		values = make(map[string]dynamodb.Value, len(o))
		for _, key := range sortedNames(o) {
			v, err := dynamodb.ReadValue(o[key])
			if err != nil {
				r := dynamoRefusal(err)
				if r.code == dynamodb.CodeValidation {
					r.text = fmt.Sprintf("ExpressionAttributeValues contains invalid value: %s for key %s", r.text, key)
				}
				in.fail(r)
			}
			values[key] = v
		}
	}
	subs, err := dynamodb.NewSubstitutions(names, values)
	if err != nil {
		in.fail(dynamoRefusal(err))
	}
	return subs
}

// condition is an expression, nil if it is absent.
func (in *dynamoInput) condition(name string, subs *dynamodb.Substitutions) *dynamodb.Condition {
	if !in.has(name) || subs == nil {
		return nil
	}
	c, err := dynamodb.ParseCondition(name, in.text(name), subs)
	if err != nil {
		in.fail(dynamoRefusal(err))
	}
	return c
}

// used refuses substitutions that no expression has; names are those of the expressions.
func (in *dynamoInput) used(subs *dynamodb.Substitutions, names ...string) {
	if in.problem != nil {
		return
	}
	if err := subs.CheckUsed(slices.ContainsFunc(names, in.has)); err != nil {
		in.fail(dynamoRefusal(err))
	}
}
