package main

import (
	"runtime/debug"
	"testing"
)

// TestGOGCWins: what an operator set stays.
func TestGOGCWins(t *testing.T) {
	before := debug.SetGCPercent(gcPercentOfGo)
	defer debug.SetGCPercent(before)
	for set, want := range map[int]int{gcPercentOfGo: gcPercent, 50: 50, 400: 400, -1: -1} {
		debug.SetGCPercent(set)
		collectLess()
		if got := debug.SetGCPercent(set); got != want {
			t.Errorf("with GOGC=%d, the collector is set to %d, want %d", set, got, want)
		}
	}
}
