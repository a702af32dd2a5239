package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// begin makes dir and runs start, for three minutes at most. What start leaves
// when it fails is for stop to clear away.
func begin(ctx context.Context, what string, dir *workDir, start func(context.Context) error, stop func() error) error {
	var err error
	if *dir, err = newWorkDir(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := start(ctx); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", what, err), stop())
	}
	return nil
}

// firstLine keeps what is written to it until a line is whole: the JSON by
// which a program of the sandbox says where it serves.
type firstLine struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *firstLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// read reads the line into ready; it fails as long as there is none.
func (l *firstLine) read(ready any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, _, ok := bytes.Cut(l.buf.Bytes(), []byte("\n"))
	if !ok {
		return errors.New("it has said nothing yet")
	}
	if err := json.Unmarshal(line, ready); err != nil {
		return fmt.Errorf("its first line: %w", err)
	}
	return nil
}
