package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// claimData makes the data directory this process's own: two `vigie up` on one
// directory would tear its log apart.
func (in *installation) claimData() (release func(), err error) {
	if in.opts.ephemeral {
		dir, err := os.MkdirTemp("", "vigie-ephemeral-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		in.cfg.Data = dir
		return func() { _ = os.RemoveAll(dir) }, nil
	}
	for _, dir := range []string{in.cfg.Data, in.path("logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w; choose another with --data", err)
		}
	}
	path := in.path("lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be written: %w; choose another with --data", in.cfg.Data, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another vigie (pid %s) runs on %s: stop it, or choose another directory with --data", strings.TrimSpace(string(holder)), in.cfg.Data)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := lock.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(lock, os.Getpid())
	}
	return func() { lock.Close() }, nil
}
