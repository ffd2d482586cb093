// Package lifecycle starts services in order and stops them in reverse.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Service is a part of Vigie that runs until it is told to stop.
type Service interface {
	// Run blocks. It returns nil after ctx ended and all that it owned has
	// ended, or the error that ended it before that.
	Run(ctx context.Context) error
	// Ready is closed once the service does its work.
	Ready() <-chan struct{}
}

// Named is a service and the name that people know it by.
type Named struct {
	Name    string
	Service Service
}

// Group runs services: Start one after the other, each once the one before is
// ready; Stop in reverse order.
type Group struct {
	log     *slog.Logger
	mu      sync.Mutex
	running []*running
	failed  chan error
}

type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// NewGroup returns a group that runs nothing yet.
func NewGroup(log *slog.Logger) *Group {
	return &Group{log: log, failed: make(chan error, 1)}
}

// Start runs the service and waits until it is ready, has failed, or ctx ends.
func (g *Group) Start(ctx context.Context, s Named) error {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: s.Name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if err := s.Service.Run(own); err != nil {
			r.err = fmt.Errorf("%s: %w", s.Name, err)
			select {
			case g.failed <- r.err:
			default: // the first failure is the one to report
			}
		}
	}()
	g.mu.Lock()
	g.running = append(g.running, r)
	g.mu.Unlock()
	select {
	case <-s.Service.Ready():
		g.log.Debug("ready", "service", s.Name)
		return nil
	case <-r.done:
		if r.err == nil {
			return fmt.Errorf("%s ended before it was ready", s.Name)
		}
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Failed yields the first error of a service that ended by itself.
func (g *Group) Failed() <-chan error { return g.failed }

// Stop ends the services in reverse order of their start, each given at most
// timeout, and returns what went wrong on the way.
func (g *Group) Stop(timeout time.Duration) error {
	g.mu.Lock()
	list := g.running
	g.running = nil
	g.mu.Unlock()
	var errs []error
	for i := len(list) - 1; i >= 0; i-- {
		r := list[i]
		r.cancel()
		select {
		case <-r.done:
			if r.err != nil {
				errs = append(errs, r.err)
			}
		case <-time.After(timeout):
			errs = append(errs, fmt.Errorf("%s did not stop within %s", r.name, timeout))
		}
		g.log.Debug("stopped", "service", r.name)
	}
	return errors.Join(errs...)
}
