// Command store-dynamodb stores CloudEvents in an Amazon DynamoDB table. It is configured by environment variables only:
// store-dynamodb -help lists them.
package main

import (
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func main() {
	var s settings
	bridge.Main(bridge.Function{
		Name:     "store-dynamodb",
		Settings: &s,
		NewSink:  func(t bridge.Target) forward.Sink { return newSink(&s, t) },
	})
}
