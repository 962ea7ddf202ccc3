package main

import (
	"fmt"
	"strings"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// The largest payloads that Lambda takes in bytes: an Event may have 1 MiB, a RequestResponse must be smaller than 6 MiB.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	eventMaxBytes = 1 << 20
	waitMaxBytes  = 6<<20 - 1
)

// settings is what invoke-lambda is configured by besides what all functions are.
type settings struct {
	Lambda struct {
		Function    string      `env:"LAMBDA_FUNCTION" required:"true" doc:"Lambda function to invoke: its name, ARN, or account:function:name, each with :alias or :version if wanted; an ARN's region is where it is called" example:"arn:aws:lambda:eu-central-1:111122223333:function:orders:live"`
		Invocation  string      `env:"LAMBDA_INVOCATION" default:"event" values:"event,request-response" doc:"event has Lambda queue the event and does not wait; request-response waits for the function and passes its answer back" example:"request-response"`
		Payload     string      `env:"LAMBDA_PAYLOAD" default:"event" values:"event,data" doc:"what the function gets: the whole event as JSON, or its data alone, which must be JSON" example:"data"`
		MaxBytes    bridge.Size `env:"LAMBDA_MAX_BYTES" min:"1 KiB" max:"6291455" doc:"largest payload; a larger one is answered 413. Empty: what Lambda takes, 1 MiB with event and 6291455 with request-response" example:"256KiB"`
		Concurrency int         `env:"LAMBDA_CONCURRENCY" default:"64" min:"1" max:"10000" doc:"most invocations in flight, in the place of BATCH_SLOTS; with request-response keep it below the function's own concurrency" example:"100"`
		WrapReply   string      `env:"LAMBDA_WRAP_REPLY" doc:"with request-response: type of the CloudEvent that an answer is wrapped in which is none itself. Empty: for such an answer a CloudEvent sender gets 204" example:"orders.reply.v1"`
	} `group:"invoke-lambda"`
}

// Check reads the function's name and looks for settings that contradict each other.
func (s *settings) Check() []bridge.Problem {
	var problems []bridge.Problem
	against := func(broken bool, reason string, names ...string) {
		if broken {
			problems = append(problems, bridge.Problem{Names: names, Reason: reason})
		}
	}
	l := s.Lambda
	_, ok := parseFunction(l.Function)
	against(!ok, fmt.Sprintf("is %.200q, which is no Lambda function: name, account:function:name or arn:aws:lambda:region:account:function:name is needed, each with :alias or :version if wanted", l.Function),
		"LAMBDA_FUNCTION")
	against(l.WrapReply != "" && !s.waits(), "contradict each other: an invocation that does not wait has no answer to wrap; set LAMBDA_INVOCATION=request-response",
		"LAMBDA_WRAP_REPLY", "LAMBDA_INVOCATION")
	against(!cloudevent.ValidText(l.WrapReply) || l.WrapReply != "" && strings.TrimSpace(l.WrapReply) == "", "is no type of a CloudEvent: it must be text, not blank and without control characters",
		"LAMBDA_WRAP_REPLY")
	against(l.MaxBytes > eventMaxBytes && !s.waits(), "contradict each other: Lambda queues at most 1 MiB; only request-response takes more",
		"LAMBDA_MAX_BYTES", "LAMBDA_INVOCATION")
	return problems
}

// Region is that of the function's ARN, "" if there is only a name or a partial ARN.
func (s *settings) Region() string {
	f, _ := parseFunction(s.Lambda.Function)
	return f.region
}

// waits tells whether an invocation waits for the function.
func (s *settings) waits() bool { return s.Lambda.Invocation == "request-response" }

// maxBytes is the largest payload.
func (s *settings) maxBytes() int {
	switch {
	case s.Lambda.MaxBytes > 0:
		return int(s.Lambda.MaxBytes)
	case s.waits():
		return waitMaxBytes
	}
	return eventMaxBytes
}
