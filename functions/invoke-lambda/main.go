// Command invoke-lambda invokes an AWS Lambda function with each CloudEvent. It is configured by environment variables only:
// invoke-lambda -help lists them.
package main

import (
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func main() {
	var s settings
	bridge.Main(bridge.Function{
		Name:     "invoke-lambda",
		Settings: &s,
		NewSink:  func(t bridge.Target) forward.Sink { return newSink(&s, t) },
	})
}
