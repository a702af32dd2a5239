//go:build !linux

package testkit

import "syscall"

// bound leaves the process in our group, so that what ends us from a terminal
// ends it too: without Linux nothing ties its life to ours more closely.
func bound() *syscall.SysProcAttr { return nil }
