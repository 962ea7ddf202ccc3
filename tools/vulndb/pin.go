//go:build pin

package main

// Keeps the module of the vulnerability reports in go.mod: only its data is used, so nothing else would.
import _ "golang.org/x/vulndb/report"
