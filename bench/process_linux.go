package main

import "syscall"

// bound makes a process that does not outlive this one, and that a Ctrl-C in
// the terminal does not reach: we stop it when we are done with it.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
