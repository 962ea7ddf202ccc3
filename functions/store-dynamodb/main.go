// Command store-dynamodb stores CloudEvents in an Amazon DynamoDB table. It is configured by environment variables only:
// store-dynamodb -help lists them.
package main

import (
	"runtime/debug"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// Go's own setting of its garbage collector, and ours: how much the heap grows between collections, in percent of what is
// alive. Little is, so that half as much again costs 2 MB; docs/performance.md has what it gains.
const (
	gcPercentOfGo = 100
	gcPercent     = 150
)

func main() {
	collectLess()
	var s settings
	bridge.Main(bridge.Function{
		Name:     "store-dynamodb",
		Settings: &s,
		NewSink:  func(t bridge.Target) forward.Sink { return newSink(&s, t) },
	})
}

// collectLess sets the garbage collector, unless the operator did by GOGC.
func collectLess() {
	if before := debug.SetGCPercent(gcPercent); before != gcPercentOfGo {
		debug.SetGCPercent(before)
	}
}
