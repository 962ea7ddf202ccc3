//go:build race

package e2e

// slower is what the race detector costs this process, so that runs of many events are that much shorter under it.
const slower = 10
