package main

import "slices"

// service is a target of AWS, with the two programs that bring events to it.
type service struct {
	name            string
	function, plain string // programs
	settings        []string
	plainSettings   []string
	eventsBudget    float64 // events/s per core in setup A, from the design
}

const (
	topicARN    = "arn:aws:sns:eu-central-1:123456789012:bench"
	table       = "bench"
	functionARN = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
)

func services() []service {
	return []service{
		{
			name: "sns", function: "publish-sns", plain: "plain-sns", eventsBudget: 16_000,
			settings: []string{"SNS_TOPIC_ARN=" + topicARN}, plainSettings: []string{"TOPIC=" + topicARN},
		},
		{
			name: "dynamodb", function: "store-dynamodb", plain: "plain-dynamodb", eventsBudget: 22_000,
			settings: []string{"DYNAMODB_TABLE=" + table}, plainSettings: []string{"TABLE=" + table},
		},
		{
			name: "lambda", function: "invoke-lambda", plain: "plain-lambda", eventsBudget: 7_000,
			settings: []string{"LAMBDA_FUNCTION=" + functionARN}, plainSettings: []string{"FUNCTION=" + functionARN},
		},
	}
}

// selected are the services of that name, all if it is "".
func selected(only string) []service {
	return slices.DeleteFunc(services(), func(s service) bool { return only != "" && s.name != only })
}

func names(all []service) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.name)
	}
	return out
}
