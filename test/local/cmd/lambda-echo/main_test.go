package main

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// TestHandlers calls the handlers as the runtime does; the stand-in's tests run the program.
func TestHandlers(t *testing.T) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "1"})
	for _, tt := range []struct{ name, payload, want, err string }{
		{"echo", `{"order":7.10}`, `{"order":7.10}`, ""},
		{"unknown", `[1]`, `[1]`, ""},
		{"fail", `{}`, "", "the order is not known"},
		{"slow", `1`, `1`, ""},
		{"big", `5`, `"xxx"`, ""},
		{"talk", `1`, `"said"`, ""},
		{"broken", `1`, "", "the answer broke off"},
		{"describe", `1`, "", "there is no Lambda context"}, // no deadline here
		{"cloudevent", `{"order":7}`, `{"data":{"order":7},"datacontenttype":"application/json","id":"1","source":"/lambda-echo","specversion":"1.0","type":"trustbridge.echoed"}`, ""},
	} {
		got, err := lambda.NewHandler(handler(tt.name)).Invoke(ctx, []byte(tt.payload))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != tt.err || tt.err == "" && string(got) != tt.want {
			t.Errorf("%s(%s) = %s, %q, want %s, %q", tt.name, tt.payload, got, text, tt.want, tt.err)
		}
		if tt.err == "" && !json.Valid(got) {
			t.Errorf("%s(%s) = %s, want JSON", tt.name, tt.payload, got)
		}
	}
}
