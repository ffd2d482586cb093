package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	// startPatience and stopPatience bound how long an own installation may take.
	startPatience = 3 * time.Minute
	stopPatience  = 2 * time.Minute
	// keepOutput of what vigie printed, for the error when it ends.
	keepOutput = 8 << 10
)

// Own is a `vigie up` that the load lab started for one run.
type Own struct {
	Endpoints
	data   string
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{}
	err    error
}

// Start runs `binary up` on a new directory below dir and free ports, with more
// arguments if given, and returns once it has said where everything is. The
// working directory of vigie stays the caller's.
func Start(ctx context.Context, binary, dir string, args ...string) (*Own, error) {
	data, err := os.MkdirTemp(dir, "vigie-load-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the installation: %w", err)
	}
	o := &Own{data: data, output: &tail{}, ended: make(chan struct{})}
	all := []string{"up", "--data", data}
	for _, port := range []string{"--kafka-port", "--clickhouse-port", "--http-port", "--dc09-port", "--metrics-port"} {
		all = append(all, port, "0")
	}
	o.cmd = exec.Command(binary, append(all, args...)...)
	// An ephemeral one chooses a directory for itself, below TMPDIR.
	o.cmd.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+data)
	o.cmd.Stdout, o.cmd.Stderr = o.output, o.output
	// Ctrl-C is for the load lab, which then stops vigie in order.
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := o.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", binary, err), os.RemoveAll(data))
	}
	go func() {
		o.err = o.cmd.Wait()
		close(o.ended)
	}()
	if err := o.await(ctx); err != nil {
		return nil, errors.Join(err, o.Stop())
	}
	return o, nil
}

func (o *Own) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if o.find() {
			return nil
		}
		select {
		case <-o.ended:
			return fmt.Errorf("vigie up ended: %w\n%s", o.err, o.output)
		default:
		}
		if pause(ctx, again) != nil {
			return fmt.Errorf("vigie up was not ready within %s\n%s", startPatience, o.output)
		}
	}
}

// find reads where the installation is, once it has said so.
func (o *Own) find() bool {
	below, err := filepath.Glob(filepath.Join(o.data, "*", file))
	if err != nil {
		panic("target: the pattern is constant but for a directory's name: " + err.Error())
	}
	for _, path := range append(below, filepath.Join(o.data, file)) {
		if e, err := ReadFile(path); err == nil && e.PID == o.cmd.Process.Pid {
			o.Endpoints = e
			return true
		}
	}
	return false
}

// Data is the directory of the installation.
func (o *Own) Data() string { return o.data }

// Stop ends the installation as Ctrl-C does and removes its directory.
func (o *Own) Stop() error {
	var err error
	select {
	case <-o.ended:
		err = o.err
	default:
		_ = o.cmd.Process.Signal(os.Interrupt) // it may have ended just now
		select {
		case <-o.ended:
			err = o.err
		case <-time.After(stopPatience):
			_ = o.cmd.Process.Kill()
			<-o.ended
			err = fmt.Errorf("vigie up did not stop within %s and was killed", stopPatience)
		}
	}
	if err != nil {
		err = fmt.Errorf("stop the installation: %w\n%s", err, o.output)
	}
	return errors.Join(err, os.RemoveAll(o.data))
}

// tail keeps the last of what was written.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if over := t.b.Len() - keepOutput; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
