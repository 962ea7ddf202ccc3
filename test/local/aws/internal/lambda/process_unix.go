//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// group puts a program's process and all that it starts into a group that can be killed as one.
func group(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// kill ends the whole group, also when its first process is gone already.
func kill(c *exec.Cmd) error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
