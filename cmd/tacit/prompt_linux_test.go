package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/term"
)

// Ctrl-C and SIGTERM end a prompt at once, and the terminal shows again what
// is typed.
func TestASignalEndsAPrompt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newCluster(t, dir, "a")
	file := write(t, filepath.Join(dir, "db.yaml"), emptySealed)
	set := []string{"seal", "set", file, "password", "--cert", filepath.Join(dir, "a.pem")}
	for name, c := range map[string]struct {
		prompt string
		args   []string
		end    func(p *process, keyboard *os.File)
	}{
		"Ctrl-C":       {"Value of password: ", set, func(_ *process, keyboard *os.File) { _, _ = keyboard.WriteString("\x03") }},
		"SIGTERM":      {"Value of password: ", set, func(p *process, _ *os.File) { p.signal(t, syscall.SIGTERM) }},
		"a passphrase": {"Passphrase for the backup: ", []string{"keys", "backup", "-o", "keys.age"}, func(_ *process, keyboard *os.File) { _, _ = keyboard.WriteString("\x03") }},
		"a manifest":   {"end it with Ctrl-D\r\n", []string{"seal"}, func(_ *process, keyboard *os.File) { _, _ = keyboard.WriteString("\x03") }},
	} {
		keyboard, screen := terminals(t)
		before, err := term.GetState(int(screen.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		p := prepare(t, c.args...)
		p.Dir, p.Stdin, p.Stderr = dir, screen, screen
		p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		p.run(t)
		shown := readUntil(t, keyboard, c.prompt)
		c.end(p, keyboard)
		if got := p.end(t); got != "exit status 130" {
			t.Errorf("%s: %s\n%s", name, got, shown)
		}
		after, err := term.GetState(int(screen.Fd()))
		if err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%s: the terminal is left in another state: %v", name, err)
		}
		readUntil(t, keyboard, "tacit: interrupted\r\n")
	}
	if read(t, file) != emptySealed {
		t.Error("the file changed")
	}
}

// terminals are the two ends of one: what is written to the keyboard is typed,
// and what is read from it is what the screen shows.
func terminals(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var number, unlocked int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlocked} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
			t.Fatal(errno)
		}
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}

// readUntil reads what is shown up to a text.
func readUntil(t *testing.T, from *os.File, text string) string {
	t.Helper()
	shown := make(chan string, 1)
	go func() {
		var got strings.Builder
		for one := make([]byte, 1); !strings.HasSuffix(got.String(), text); {
			if _, err := from.Read(one); err != nil {
				break
			}
			got.Write(one)
		}
		shown <- got.String()
	}()
	select {
	case got := <-shown:
		return got
	case <-time.After(patience):
		t.Fatalf("%q is not shown", text)
		return ""
	}
}
