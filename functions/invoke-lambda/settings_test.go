package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/configdoc"
)

const functionARN = "arn:aws:lambda:eu-central-1:111122223333:function:orders"

// newSettings are settings as the runtime would fill them.
func newSettings(change func(*settings)) *settings {
	var s settings
	s.Lambda.Function, s.Lambda.Invocation, s.Lambda.Payload, s.Lambda.Concurrency = functionARN, "event", "event", 64
	if change != nil {
		change(&s)
	}
	return &s
}

func TestCheck(t *testing.T) {
	named := func(name string) func(*settings) { return func(s *settings) { s.Lambda.Function = name } }
	for name, tc := range map[string]struct {
		change func(*settings)
		want   string // what the one problem says; "" for none
	}{
		"good":               {nil, ""},
		"nothing":            {named(""), `LAMBDA_FUNCTION is ""`},
		"a queue":            {named("arn:aws:sqs:eu-central-1:111122223333:orders"), "LAMBDA_FUNCTION is"},
		"waits":              {waiting, ""},
		"wraps":              {func(s *settings) { waiting(s); s.Lambda.WrapReply = "orders.reply.v1" }, ""},
		"wraps nothing":      {func(s *settings) { s.Lambda.WrapReply = "orders.reply.v1" }, "LAMBDA_WRAP_REPLY and LAMBDA_INVOCATION contradict each other"},
		"blank type":         {func(s *settings) { waiting(s); s.Lambda.WrapReply = "  " }, "LAMBDA_WRAP_REPLY is no type"},
		"type in two lines":  {func(s *settings) { waiting(s); s.Lambda.WrapReply = "a\nb" }, "LAMBDA_WRAP_REPLY is no type"},
		"largest event":      {func(s *settings) { s.Lambda.MaxBytes = 1 << 20 }, ""},
		"larger event":       {func(s *settings) { s.Lambda.MaxBytes = 1<<20 + 1 }, "LAMBDA_MAX_BYTES and LAMBDA_INVOCATION contradict each other"},
		"largest, and waits": {func(s *settings) { waiting(s); s.Lambda.MaxBytes = 6<<20 - 1 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := newSettings(tc.change).Check()
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
		s.Lambda.Function, s.Lambda.MaxBytes, s.Lambda.WrapReply = "or ders", 2<<20, "reply"
	}).Check()
	if len(problems) != 3 {
		t.Errorf("Check() = %v, want a problem of the function, the size and the reply", problems)
	}
}

func TestParseFunction(t *testing.T) {
	const account = "111122223333"
	long, longAlias := strings.Repeat("x", 64), strings.Repeat("a", 128)
	for text, want := range map[string]function{
		"orders":                          {address: "orders", name: "orders"},
		"orders:live":                     {address: "orders", name: "orders", qualifier: "live"},
		"orders:7":                        {address: "orders", name: "orders", qualifier: "7"},
		"orders:$LATEST":                  {address: "orders", name: "orders", qualifier: "$LATEST"},
		"orders:orders":                   {address: "orders", name: "orders", qualifier: "orders"},
		"function:orders":                 {address: "function", name: "function", qualifier: "orders"},
		account + ":function:orders":      {address: account + ":function:orders", name: "orders"},
		account + ":function:orders:live": {address: account + ":function:orders", name: "orders", qualifier: "live"},
		functionARN:                       {"eu-central-1", functionARN, "orders", ""},
		functionARN + ":live":             {"eu-central-1", functionARN, "orders", "live"},
		long + ":" + longAlias:            {address: long, name: long, qualifier: longAlias},
		"arn:aws-cn:lambda:cn-north-1:" + account + ":function:o-_9": {"cn-north-1", "arn:aws-cn:lambda:cn-north-1:" + account + ":function:o-_9", "o-_9", ""},
	} {
		if got, ok := parseFunction(text); !ok || got != want {
			t.Errorf("parseFunction(%q) = %+v, %t, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "orders ", "orders\n", "\norders", "orders:", ":live", "or.ders", "orders:li.ve", "orders:$latest", "orders:live:1", long + "x", "o:" + longAlias + "a",
		"ordérs", "orders/x", "orders?x", "arn:aws:lambda:eu-central-1:orders", "arn:aws:lambda:eu-central-1:" + account + ":orders",
		"arn:aws:lambda::" + account + ":function:orders", "arn:aws:lambda:eu-central-1::function:orders", "arn:aws:lambda:eu-central-1:11112222333:function:orders",
		"arn:aws:lambda:eu-central-1:" + account + ":layer:orders:1", "arn:aws:sns:eu-central-1:" + account + ":function:orders", "arn::lambda:eu-central-1:" + account + ":function:orders",
		functionARN + ":", functionARN + ":*", functionARN + ":live ", "arn:aws:lambda:eu-central-1:" + account + ":function:", "eu-central-1:" + account + ":function:orders",
	} {
		if got, ok := parseFunction(text); ok || got != (function{}) {
			t.Errorf("parseFunction(%q) = %+v, %t, want none", text, got, ok)
		}
	}
}

func TestRegionIsTheFunctions(t *testing.T) {
	for name, want := range map[string]string{
		"arn:aws:lambda:us-east-1:111122223333:function:orders:live": "us-east-1", "orders": "", "111122223333:function:orders": "", "no function": "",
	} {
		if got := newSettings(func(s *settings) { s.Lambda.Function = name }).Region(); got != want {
			t.Errorf("Region() of %q = %q, want %q", name, got, want)
		}
	}
}

func TestMaxBytes(t *testing.T) {
	for want, change := range map[int]func(*settings){
		1_048_576: nil, 6_291_455: waiting, 4096: func(s *settings) { s.Lambda.MaxBytes = 4096 }, 8192: func(s *settings) { waiting(s); s.Lambda.MaxBytes = 8192 },
	} {
		if got := newSettings(change).maxBytes(); got != want {
			t.Errorf("maxBytes() = %d, want %d", got, want)
		}
	}
}

// TestConfigurationDocument keeps our part of docs/configuration.md true to the struct.
func TestConfigurationDocument(t *testing.T) {
	configdoc.Check(t, "../../docs/configuration.md", "invoke-lambda", &settings{})
}

// A setting that cannot work is found at start, with what is wrong with it.
func Example() {
	var s settings
	s.Lambda.Function, s.Lambda.Invocation, s.Lambda.WrapReply = "orders:live", "event", "orders.reply.v1"
	for _, p := range s.Check() {
		fmt.Println(p.Error())
	}
	// Output: LAMBDA_WRAP_REPLY and LAMBDA_INVOCATION contradict each other: an invocation that does not wait has no answer to wrap; set LAMBDA_INVOCATION=request-response
}
