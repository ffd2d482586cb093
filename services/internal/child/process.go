package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// refusal is why the process cannot even be started; trying again does not help
// on the first start: the executable is missing, a port is taken.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// drain bounds how long we read on for what a dead process still had to say
// when one of its own children holds the pipe.
const drain = time.Second

// process is one life of the child.
type process struct {
	pid  int
	done chan struct{}
	// how it ended; to be read after done.
	how string
}

// start starts the process in a group of its own and remembers it on disk. The
// kernel kills it when the thread that started it ends, so that thread is locked
// to a goroutine that lives until the process is gone.
func (c *Child) start() (*process, error) {
	cmd := exec.Command(c.spec.Path, c.spec.Args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = c.spec.Env, c.spec.Dir, drain
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.out.open(); err != nil {
		return nil, fmt.Errorf("log of %s: %w", c.spec.Name, err)
	}
	cmd.Stdout, cmd.Stderr = c.out, c.out
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		if err := cmd.Start(); err != nil {
			started <- refusal{fmt.Errorf("%s cannot be started: %w", c.spec.Name, err)}
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		_ = cmd.Wait() // how it ended is read from ProcessState
		p.how = cmd.ProcessState.String()
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	if err := c.remember(p); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// stop asks the process to end, and kills it when it has not after patience.
func (p *process) stop(sig os.Signal, patience time.Duration) {
	if s, ok := sig.(syscall.Signal); ok && p.signal(s) {
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case <-p.done:
			return
		case <-t.C:
		}
	}
	p.kill()
}

// kill ends the process and all of its group at once.
func (p *process) kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL) // it may be gone already
		<-p.done
	}
}

func (p *process) signal(s syscall.Signal) bool {
	select {
	case <-p.done:
		return false
	default:
		return syscall.Kill(p.pid, s) == nil
	}
}

// dataPath is what tells our orphan from the child of another installation.
func (c *Child) dataPath() string {
	dir := c.spec.Dir
	if dir == "" {
		dir = filepath.Dir(c.spec.PidFile)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return dir
}
