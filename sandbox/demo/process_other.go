//go:build !linux

package main

import "syscall"

// bound makes a process that a Ctrl-C in the terminal does not reach: we tell
// it to stop, and wait for it.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
