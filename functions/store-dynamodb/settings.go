package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/trustbridge/trustbridge/shared/bridge"
)

// settings is what store-dynamodb is configured by besides what all functions are.
type settings struct {
	DynamoDB struct {
		Table   string `env:"DYNAMODB_TABLE" required:"true" doc:"table that events are stored in, by its name or ARN; an ARN's region is where they go" example:"arn:aws:dynamodb:eu-central-1:111122223333:table/orders"`
		Mode    string `env:"DYNAMODB_MODE" default:"log" values:"log,latest" doc:"log keeps every event, each once; latest keeps the newest event of each key" example:"latest"`
		Key     string `env:"DYNAMODB_KEY" doc:"the table's partition key, a string, and what fills it: attribute=template. Empty: pk={event} in log, pk={subject} in latest" example:"pk={source}/{data/order/id}"`
		SortKey string `env:"DYNAMODB_SORT_KEY" doc:"the table's sort key, a string, and what fills it: attribute=template. Empty: the table has none" example:"sk={time}"`
		Write   string `env:"DYNAMODB_WRITE" default:"batch" values:"batch,first" doc:"in log: batch writes up to 25 events a call, without what a delivery adds to them; first writes each by itself and keeps all of the first delivery" example:"first"`
		Order   string `env:"DYNAMODB_ORDER" doc:"in latest: what makes an event newer: arrival, or attribute={place} for a number or a string of the event. Empty: its time" example:"sequence={data/sequence}"`
		TTL     string `env:"DYNAMODB_TTL" doc:"the table's time to live: attribute=duration, from the event's time or else its arrival, or attribute={place} for epoch seconds or an RFC 3339 time" example:"expires=30d"`
	} `group:"store-dynamodb"`
}

// Check reads the table, the templates and what belongs to them.
func (s *settings) Check() []bridge.Problem {
	_, problems := newPlan(s)
	return problems
}

// Region is that of the table's ARN, "" if only its name is given.
func (s *settings) Region() string {
	table, err := arn.Parse(s.DynamoDB.Table)
	if err != nil {
		return ""
	}
	return table.Region
}

// isTable tells whether text is the name or the ARN of a table.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#API_PutItem_RequestSyntax
func isTable(text string) bool {
	if !strings.HasPrefix(text, "arn:") {
		return isTableName(text)
	}
	a, err := arn.Parse(text)
	if err != nil {
		return false
	}
	name, isTable := strings.CutPrefix(a.Resource, "table/")
	return isTable && isTableName(name) && a.Service == "dynamodb" && consistsOf(a.Partition, "-") && consistsOf(a.Region, "-") &&
		len(a.AccountID) == 12 && strings.Trim(a.AccountID, "0123456789") == ""
}

// isTableName tells whether DynamoDB takes that name for a table.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
func isTableName(name string) bool {
	return len(name) >= 3 && len(name) <= 255 && consistsOf(name, "_-.")
}

// consistsOf tells whether s is one or more letters and digits of ASCII, and characters of also.
func consistsOf(s, also string) bool {
	for i := range len(s) {
		c := s[i]
		if known := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(also, c) >= 0; !known {
			return false
		}
	}
	return s != ""
}

// problems gathers what is wrong with the settings.
type problems []bridge.Problem

func (p *problems) add(name, format string, args ...any) {
	*p = append(*p, bridge.Problem{Names: []string{name}, Reason: fmt.Sprintf(format, args...)})
}

func (p *problems) contradict(a, b, format string, args ...any) {
	*p = append(*p, bridge.Problem{Names: []string{a, b}, Reason: "contradict each other: " + fmt.Sprintf(format, args...)})
}
