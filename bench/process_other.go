//go:build !linux

package main

import "syscall"

// bound makes a process that a Ctrl-C in the terminal does not reach.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
