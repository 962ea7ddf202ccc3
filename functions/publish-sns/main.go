// Command publish-sns publishes CloudEvents to an Amazon SNS topic. It is configured by environment variables only:
// publish-sns -help lists them.
package main

import (
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func main() {
	var s settings
	bridge.Main(bridge.Function{
		Name:     "publish-sns",
		Settings: &s,
		NewSink:  func(t bridge.Target) forward.Sink { return newSink(&s, t) },
	})
}
