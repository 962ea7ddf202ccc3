package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/configdoc"
)

const tableARN = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"

// newSettings are settings as the runtime would fill them.
func newSettings(change func(*settings)) *settings {
	var s settings
	s.DynamoDB.Table, s.DynamoDB.Mode, s.DynamoDB.Write = "orders", "log", "batch"
	if change != nil {
		change(&s)
	}
	return &s
}

// with are settings of a mode and one more variable.
func with(mode, variable, value string) func(*settings) {
	return func(s *settings) {
		d := &s.DynamoDB
		d.Mode = mode
		*map[string]*string{"TABLE": &d.Table, "KEY": &d.Key, "SORT_KEY": &d.SortKey, "WRITE": &d.Write, "ORDER": &d.Order, "TTL": &d.TTL}[variable] = value
	}
}

func TestCheck(t *testing.T) {
	const l, n = "log", "latest"
	for name, tc := range map[string]struct {
		mode, variable, value string
		want                  string // what the one problem says; "" for none
	}{
		"a name":             {l, "TABLE", "orders", ""},
		"an ARN":             {l, "TABLE", tableARN, ""},
		"other partition":    {l, "TABLE", "arn:aws-cn:dynamodb:cn-north-1:111122223333:table/orders", ""},
		"short name":         {l, "TABLE", "or", `DYNAMODB_TABLE is "or"`},
		"longest name":       {l, "TABLE", strings.Repeat("x", 255), ""},
		"longer name":        {l, "TABLE", strings.Repeat("x", 256), "DYNAMODB_TABLE is"},
		"odd name":           {l, "TABLE", "orders/1", "DYNAMODB_TABLE is"},
		"an index":           {l, "TABLE", tableARN + "/index/i", "DYNAMODB_TABLE is"},
		"a topic":            {l, "TABLE", "arn:aws:sns:eu-central-1:111122223333:orders", "DYNAMODB_TABLE is"},
		"no region":          {l, "TABLE", "arn:aws:dynamodb::111122223333:table/orders", "DYNAMODB_TABLE is"},
		"no account":         {l, "TABLE", "arn:aws:dynamodb:eu-central-1::table/orders", "DYNAMODB_TABLE is"},
		"half an ARN":        {l, "TABLE", "arn:aws", "DYNAMODB_TABLE is"},
		"key":                {l, "KEY", "pk={source}/{data/order/id}", ""},
		"key of its own":     {l, "KEY", "id={id}", ""},
		"key, odd name":      {l, "KEY", "order no.={data/no}", ""},
		"key, no name":       {l, "KEY", "={id}", "DYNAMODB_KEY is"},
		"key, no template":   {l, "KEY", "pk", `DYNAMODB_KEY is "pk"; attribute=value is needed`},
		"key, wrong":         {l, "KEY", "pk={id", "DYNAMODB_KEY has a wrong template"},
		"key, data":          {l, "KEY", "data={id}", `DYNAMODB_KEY fills the attribute "data"`},
		"key, occupied":      {l, "KEY", "id={subject}", `DYNAMODB_KEY fills the attribute "id", which is the event's own; write id={id}`},
		"key, half its own":  {l, "KEY", "id=x{id}", "DYNAMODB_KEY fills the attribute"},
		"key, delivery":      {l, "KEY", "pk={kafkaoffset}", "DYNAMODB_KEY has {kafkaoffset}, which belongs to a delivery"},
		"key, delivery name": {l, "KEY", "traceparent={id}", `DYNAMODB_KEY fills the attribute "traceparent"`},
		"key, long name":     {l, "KEY", strings.Repeat("x", 256) + "={id}", "DYNAMODB_KEY names an attribute that DynamoDB cannot have"},
		"key, no UTF-8":      {l, "KEY", "\xff={id}", "DYNAMODB_KEY names an attribute that DynamoDB cannot have"},
		"key, constant":      {l, "KEY", "pk=all", "DYNAMODB_KEY is \"pk=all\", the same key for every event"},
		"one item":           {n, "KEY", "pk=newest", ""},
		"sort key":           {l, "SORT_KEY", "sk={time}", ""},
		"sort key, twice":    {l, "SORT_KEY", "pk={time}", `DYNAMODB_KEY and DYNAMODB_SORT_KEY contradict each other: both are to fill the attribute "pk"`},
		"sort key, delivery": {n, "SORT_KEY", "sk={tracestate}", "DYNAMODB_SORT_KEY has {tracestate}"},
		"first":              {l, "WRITE", "first", ""},
		"first in latest":    {n, "WRITE", "first", "DYNAMODB_WRITE and DYNAMODB_MODE contradict each other"},
		"order":              {n, "ORDER", "seq={data/seq}", ""},
		"order of arrival":   {n, "ORDER", "arrival", ""},
		"order by Kafka":     {n, "ORDER", "offset={kafkaoffset}", ""},
		"order of its own":   {n, "ORDER", "sequence={sequence}", ""},
		"order of all data":  {n, "ORDER", "seq={data}", ""},
		"order in a log":     {l, "ORDER", "seq={data/seq}", "DYNAMODB_ORDER and DYNAMODB_MODE contradict each other"},
		"order, two places":  {n, "ORDER", "seq={data/a}{data/b}", "DYNAMODB_ORDER has \"{data/a}{data/b}\"; exactly one place"},
		"order, text":        {n, "ORDER", "seq=x{data/a}", "exactly one place"},
		"order, a brace":     {n, "ORDER", "seq={{x}", "exactly one place"},
		"order, the event":   {n, "ORDER", "seq={event}", "exactly one place"},
		"order, no value":    {n, "ORDER", "time", "DYNAMODB_ORDER is \"time\""},
		"order, occupied":    {n, "ORDER", "time={data/t}", "DYNAMODB_ORDER fills the attribute \"time\""},
		"order, wrong":       {n, "ORDER", "seq={data/~2}", "DYNAMODB_ORDER has a wrong template"},
		"order, the key":     {n, "ORDER", "pk={data/t}", "DYNAMODB_KEY and DYNAMODB_ORDER contradict each other"},
		"life in days":       {l, "TTL", "expires=30d", ""},
		"life in hours":      {n, "TTL", "expires=36h", ""},
		"life by data":       {l, "TTL", "expires={data/until}", ""},
		"life of no time":    {l, "TTL", "expires=0d", "DYNAMODB_TTL has the duration"},
		"life in ms":         {l, "TTL", "expires=10ms", "DYNAMODB_TTL has the duration"},
		"life, backwards":    {l, "TTL", "expires=-1h", "DYNAMODB_TTL has the duration"},
		"life, words":        {l, "TTL", "expires=a month", "DYNAMODB_TTL has the duration"},
		"life, too long":     {l, "TTL", "expires=106752d", "DYNAMODB_TTL has the duration"},
		"life, two places":   {l, "TTL", "expires={data/a}{data/b}", "DYNAMODB_TTL has \"{data/a}{data/b}\"; exactly one place"},
		"life, occupied":     {l, "TTL", "time={time}", "DYNAMODB_TTL fills the attribute \"time\""},
		"life, delivery":     {l, "TTL", "expires={knativeerrordest}", "DYNAMODB_TTL has {knativeerrordest}"},
		"life, wrong":        {l, "TTL", "expires={", "DYNAMODB_TTL has a wrong template"},
		"life, the key":      {l, "TTL", "pk=1d", "DYNAMODB_KEY and DYNAMODB_TTL contradict each other"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := newSettings(with(tc.mode, tc.variable, tc.value)).Check()
			switch {
			case tc.want == "" && len(problems) != 0:
				t.Errorf("Check() = %v, want no problem", problems)
			case tc.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.want)):
				t.Errorf("Check() = %v, want one that says %q", problems, tc.want)
			}
		})
	}
}

// TestEveryProblemIsReported: all at once, not one a restart.
func TestEveryProblemIsReported(t *testing.T) {
	problems := newSettings(func(s *settings) {
		d := &s.DynamoDB
		d.Table, d.Key, d.SortKey, d.Order, d.TTL = "-", "pk", "sk", "x", "y"
	}).Check()
	var got []string
	for _, p := range problems {
		got = append(got, strings.Join(p.Names, " "))
	}
	want := []string{"DYNAMODB_TABLE", "DYNAMODB_KEY", "DYNAMODB_SORT_KEY", "DYNAMODB_ORDER DYNAMODB_MODE", "DYNAMODB_TTL"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Check() (-want +got):\n%s", diff)
	}
}

// TestPlans: what is put by itself under a condition, and what goes in batches.
func TestPlans(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*settings)
		always bool
		limit  int
	}{
		"log":                   {nil, false, batchMax},
		"first":                 {with("log", "WRITE", "first"), true, putsAlone},
		"latest":                {with("latest", "KEY", ""), true, putsAlone},
		"a key of their own":    {with("log", "KEY", "pk={data/id}"), true, putsAlone},
		"the event and more":    {with("log", "KEY", "pk={source}{event}"), true, putsAlone},
		"the event, prefixed":   {with("log", "KEY", "pk=event {event}"), false, batchMax},
		"the event as sort key": {func(s *settings) { s.DynamoDB.Key, s.DynamoDB.SortKey = "pk={source}", "sk={event}" }, false, batchMax},
	} {
		s := mapper(t, tc.change)
		if got := s.Limits().Items; s.plan.always != tc.always || got != tc.limit {
			t.Errorf("%s: always = %t, items = %d, want %t, %d", name, s.plan.always, got, tc.always, tc.limit)
		}
	}
}

func TestRegionIsTheTables(t *testing.T) {
	for table, want := range map[string]string{"orders": "", "arn:aws:dynamodb:us-east-1:111122223333:table/orders": "us-east-1"} {
		if got := newSettings(with("log", "TABLE", table)).Region(); got != want {
			t.Errorf("Region() of %s = %q, want %q", table, got, want)
		}
	}
}

// TestConfigurationDocument keeps our part of docs/configuration.md true to the struct.
func TestConfigurationDocument(t *testing.T) {
	configdoc.Check(t, "../../docs/configuration.md", "store-dynamodb", &settings{})
}
