package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrHeld is returned by Run when the process of the pid file is alive and so is
// the program that runs it: another Vigie uses this data directory.
var ErrHeld = errors.New("another vigie uses this data directory")

// orphanPoll is the pause between two looks whether an orphan has ended.
const orphanPoll = 20 * time.Millisecond

// identity tells a process from a later one with the same number.
type identity struct {
	Pid int `json:"pid"`
	// Start is the start time of the process in clock ticks since boot.
	Start uint64 `json:"start"`
}

// pidRecord is the pid file.
type pidRecord struct {
	Child identity `json:"child"`
	// Parent is the program that ran it.
	Parent identity `json:"parent"`
	// Boot is the kernel's boot id: start times count from it.
	Boot string `json:"boot"`
	Data string `json:"data"`
}

// remember writes the pid file.
func (c *Child) remember(p *process) error {
	if c.spec.PidFile == "" {
		return nil
	}
	r := pidRecord{
		Child: identify(p.pid), Parent: identify(os.Getpid()),
		Boot: bootID(), Data: c.dataPath(),
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("pid file of %s: %w", c.spec.Name, err)
	}
	next := c.spec.PidFile + ".new"
	if err := os.WriteFile(next, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("pid file of %s: %w", c.spec.Name, err)
	}
	if err := os.Rename(next, c.spec.PidFile); err != nil {
		return fmt.Errorf("pid file of %s: %w", c.spec.Name, err)
	}
	return nil
}

// forget removes the pid file once the process is gone.
func (c *Child) forget(p *process) {
	<-p.done
	if c.spec.PidFile != "" {
		_ = os.Remove(c.spec.PidFile) // a stale one is recognised as such
	}
}

// endOrphan ends the process that a killed Vigie left behind in this data
// directory. A process that merely has its number is left alone.
func (c *Child) endOrphan(ctx context.Context) error {
	if c.spec.PidFile == "" {
		return nil
	}
	b, err := os.ReadFile(c.spec.PidFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(c.spec.PidFile), 0o750); err != nil {
			return fmt.Errorf("pid file of %s: %w", c.spec.Name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("pid file of %s: %w", c.spec.Name, err)
	}
	var r pidRecord
	if err := json.Unmarshal(b, &r); err != nil {
		c.spec.Log.Warn("pid file is not readable and is replaced", "child", c.spec.Name, "file", c.spec.PidFile, "error", err)
		return nil
	}
	if r.Boot != bootID() || r.Data != c.dataPath() || !r.Child.alive() {
		return nil
	}
	if r.Parent.alive() {
		return fmt.Errorf("%s (pid %d) is run by pid %d: %w: stop that one, or give another --data",
			c.spec.Name, r.Child.Pid, r.Parent.Pid, ErrHeld)
	}
	c.spec.Log.Warn("ending what an earlier run left behind", "child", c.spec.Name, "pid", r.Child.Pid)
	return c.end(ctx, r.Child)
}

// end asks an orphan to stop, then kills it. It returns once it is gone.
func (c *Child) end(ctx context.Context, id identity) error {
	sig, _ := c.spec.StopSignal.(syscall.Signal)
	ask, cancel := context.WithTimeout(ctx, c.spec.StopTimeout)
	defer cancel()
	_ = syscall.Kill(id.Pid, sig) // it may be gone already
	for id.alive() {
		if pause(ask, orphanPoll) {
			continue
		}
		if err := syscall.Kill(id.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end the %s that an earlier run left behind (pid %d): %w", c.spec.Name, id.Pid, err)
		}
		if ctx.Err() != nil {
			return nil
		}
		ask = ctx
	}
	return nil
}

func identify(pid int) identity {
	start, _ := startTime(pid) // 0 is no process's start time
	return identity{Pid: pid, Start: start}
}

func (id identity) alive() bool {
	start, ok := startTime(id.Pid)
	return ok && start == id.Start
}

// startTime reads field 22 of /proc/pid/stat; false for a process that is gone
// or dead and only not yet reaped.
func startTime(pid int) (uint64, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The second field is the name in parentheses and may hold anything.
	_, rest, ok := cutLast(b, []byte(") "))
	f := bytes.Fields(rest)
	if !ok || len(f) < 20 || f[0][0] == 'Z' || f[0][0] == 'X' {
		return 0, false
	}
	start, err := strconv.ParseUint(string(f[19]), 10, 64)
	return start, err == nil
}

func cutLast(b, sep []byte) (before, after []byte, found bool) {
	if i := bytes.LastIndex(b, sep); i >= 0 {
		return b[:i], b[i+len(sep):], true
	}
	return b, nil, false
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}
