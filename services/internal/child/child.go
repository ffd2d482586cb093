// Package child keeps one process of another program running beside Vigie: it
// starts it, waits until it works, starts it again when it dies or falls silent,
// and takes it down with itself, even when Vigie is killed.
package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says which process to keep and how to tell that it works.
type Spec struct {
	// Name is what people call it in logs and errors: "kafka".
	Name string
	// Path of the executable, its arguments, and its environment (nil: ours).
	Path string
	Args []string
	Env  []string
	// Dir is the working directory; the data path by which an orphan is known.
	Dir string
	// PidFile remembers the process over a crash of ours; "" for none.
	PidFile string
	// LogFile takes what the process prints; "" keeps the last lines only.
	LogFile string
	// Before is called before each start: it prepares files, or refuses with an
	// error that ends Run when the process was never ready yet. nil: nothing to do.
	Before func(ctx context.Context) error
	// Ready is polled after each start until it returns nil; nil: ready at once.
	Ready func(ctx context.Context) error
	// Health is asked each HealthEvery; when it has not returned nil for
	// HealthPatience the process is killed and started again. nil: not asked.
	Health         func(ctx context.Context) error
	HealthEvery    time.Duration
	HealthPatience time.Duration
	// StopSignal ends the process in good order (SIGTERM by default); SIGKILL
	// follows after StopTimeout (10 s by default).
	StopSignal  os.Signal
	StopTimeout time.Duration
	// StartTimeout bounds the time from start to ready (60 s by default).
	StartTimeout time.Duration
	Log          *slog.Logger
}

const (
	// earlyDeaths is how often the process may fail before it was first ready:
	// after that the fault is in the installation, and a person must look.
	earlyDeaths = 3
	// firstBackoff and lastBackoff bound the pause before a restart.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// steadyAfter is the life after which a death counts as the first again.
	steadyAfter = 30 * time.Second
	// readyPoll is the pause between two questions whether it is ready.
	readyPoll = 50 * time.Millisecond
	// readyAsk bounds one such question.
	readyAsk = 5 * time.Second
	// healthAsks in a row, and no fewer, must fail within HealthPatience.
	healthAsks = 3
)

// Child is a supervised process. It is inert until Run.
type Child struct {
	spec     Spec
	out      *logFile
	ready    chan struct{}
	once     sync.Once
	restarts atomic.Int64
	pid      atomic.Int64
}

// New returns a child that is not running yet.
func New(spec Spec) *Child {
	if spec.StopSignal == nil {
		spec.StopSignal = syscall.SIGTERM
	}
	spec.StopTimeout = or(spec.StopTimeout, 10*time.Second)
	spec.StartTimeout = or(spec.StartTimeout, time.Minute)
	spec.HealthEvery = or(spec.HealthEvery, time.Second)
	spec.HealthPatience = or(spec.HealthPatience, 3*time.Second)
	return &Child{spec: spec, out: &logFile{path: spec.LogFile}, ready: make(chan struct{})}
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Ready is closed once the process was ready for the first time. It stays
// closed while the process restarts.
func (c *Child) Ready() <-chan struct{} { return c.ready }

// Restarts says how often the process was started again after its first start.
func (c *Child) Restarts() int { return int(c.restarts.Load()) }

// Pid is the process id, 0 while no process runs.
func (c *Child) Pid() int { return int(c.pid.Load()) }

// Run keeps the process until ctx ends, and returns nil once it is gone. Before
// the process was ready for the first time, earlyDeaths failures in a row end
// Run with an error that carries the last lines it printed.
func (c *Child) Run(ctx context.Context) error {
	defer c.out.Close()
	if err := c.endOrphan(ctx); err != nil {
		return err
	}
	early, backoff := 0, firstBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := c.live(ctx)
		if ctx.Err() != nil {
			break
		}
		if refused := (refusal{}); errors.As(err, &refused) && !c.wasReady() {
			return refused.error
		}
		if !c.wasReady() {
			if early++; early >= earlyDeaths {
				return fmt.Errorf("%s failed %d times before it was ready: %w\n%s", c.spec.Name, early, err, c.out.Tail())
			}
		}
		if time.Since(began) > steadyAfter {
			backoff = firstBackoff
		}
		c.spec.Log.Warn("starting again", "child", c.spec.Name, "after", err, "in", backoff, "log", c.spec.LogFile)
		if !pause(ctx, backoff) {
			break
		}
		backoff = min(2*backoff, lastBackoff)
		c.restarts.Add(1)
	}
	return nil
}

// live is one life of the process, from start to death. It returns why it ended.
func (c *Child) live(ctx context.Context) error {
	if c.spec.Before != nil {
		if err := c.spec.Before(ctx); err != nil {
			return refusal{err}
		}
	}
	p, err := c.start()
	if err != nil {
		return err
	}
	c.pid.Store(int64(p.pid))
	defer c.pid.Store(0)
	defer c.forget(p)
	alive, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-alive.Done():
		}
	}()
	err = c.awaitReady(alive)
	if err == nil {
		c.once.Do(func() { close(c.ready) })
		c.spec.Log.Debug("child is ready", "child", c.spec.Name, "pid", p.pid)
		err = c.watch(alive)
	}
	switch {
	case ctx.Err() != nil:
		p.stop(c.spec.StopSignal, c.spec.StopTimeout)
		return ctx.Err()
	case alive.Err() != nil:
		<-p.done
		return fmt.Errorf("%s (pid %d) ended: %s", c.spec.Name, p.pid, p.how)
	default:
		p.kill()
		return err
	}
}

// awaitReady returns nil when the process is ready, or why it is not.
func (c *Child) awaitReady(alive context.Context) error {
	if c.spec.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(alive, c.spec.StartTimeout)
	defer cancel()
	for {
		ask, done := context.WithTimeout(ctx, readyAsk)
		err := c.spec.Ready(ask)
		done()
		if err == nil {
			return nil
		}
		if !pause(ctx, readyPoll) {
			return fmt.Errorf("%s was not ready within %s: %w", c.spec.Name, c.spec.StartTimeout, err)
		}
	}
}

// watch returns when the process has died or was silent for HealthPatience.
func (c *Child) watch(alive context.Context) error {
	if c.spec.Health == nil {
		<-alive.Done()
		return nil
	}
	silent := time.Duration(0)
	for pause(alive, c.spec.HealthEvery) {
		began := time.Now()
		ask, done := context.WithTimeout(alive, c.spec.HealthPatience/healthAsks)
		err := c.spec.Health(ask)
		done()
		if err == nil {
			silent = 0
			continue
		}
		// The pause counts as it was meant: a machine that gave this process no time
		// for longer says nothing of the child.
		silent += c.spec.HealthEvery + time.Since(began)
		if silent >= c.spec.HealthPatience {
			return fmt.Errorf("%s was silent for %s: %w", c.spec.Name, c.spec.HealthPatience, err)
		}
	}
	return nil
}

func (c *Child) wasReady() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// pause waits for d and says whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
