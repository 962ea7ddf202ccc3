//go:build !unix

package lambda

import "os/exec"

// group does nothing: there are no process groups here.
func group(*exec.Cmd) {}

// kill ends the program's process; what it started stays.
func kill(c *exec.Cmd) error { return c.Process.Kill() }
