// Package lab runs a load test from beginning to end:
//
//	declare      the fleet's sites through the installation's own API
//	commission   each panel sends one test, so that the run meets known panels
//	run          the schedule, open loop, while lag, memory and CPU are sampled
//	settle       until the processor has said that the run's last event is done
//	judge        each partition of the log against what the panels know, and every
//	             output against a single-threaded fold; then the report
//
// Each run declares a fleet of its own: sites and accounts carry the moment of
// its start, so that runs on one installation do not meet. An installation with
// real sites is no place for a load test: the sites declared here stay.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/measure"
	"github.com/open-vigie/vigie/loadtest/reader"
	"github.com/open-vigie/vigie/loadtest/report"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/loadtest/target"
	"github.com/open-vigie/vigie/schemas/topics"
)

const (
	// commissioningRate of first messages, per second: each makes a key.
	commissioningRate = 250
	// settlePatience bounds the wait for the processor after the run.
	settlePatience = 5 * time.Minute
	settleEvery    = 200 * time.Millisecond
)

// Options of a run.
type Options struct {
	Scenario  scenario.Config
	Endpoints target.Endpoints
	// TopicPrefix stands before each name of package topics; "vigie." by default.
	TopicPrefix string
	// DataDir is a directory on the installation's disk, for the report.
	DataDir string
	// Command is what repeats the run.
	Command string
	// LateBound of the generator; driver.DefaultLateBound when 0.
	LateBound time.Duration
	// DropEvery and PhantomEvery break the run on purpose (see oracle.Partition and
	// driver.Break): the report must say INVALID.
	DropEvery, PhantomEvery int
	Log                     *slog.Logger
}

// Lab is one run.
type Lab struct {
	Options
	plan  *scenario.Plan
	fleet *fleet
	log   *reader.Log
	watch *measure.Watch
	// before are the ends of the log before the run's first message.
	before        map[int32]int64
	start         time.Time
	took          time.Duration
	first, result *driver.Result
	recorder      *driver.Recorder
	self          [2]measure.Process
	commissioned  time.Duration
}

// New checks the options and makes the plan; nothing is sent yet.
func New(o Options) (*Lab, error) {
	if o.TopicPrefix == "" {
		o.TopicPrefix = topics.DefaultPrefix
	}
	if err := o.Endpoints.Check(); err != nil {
		return nil, err
	}
	if o.LateBound <= 0 {
		o.LateBound = driver.DefaultLateBound
	}
	plan, err := scenario.New(o.Scenario)
	if err != nil {
		return nil, err
	}
	return &Lab{Options: o, plan: plan}, nil
}

// Run does it all. An error says why there is no report; a run that was not
// valid, or was interrupted, has one.
func (l *Lab) Run(ctx context.Context) (*report.Report, error) {
	var err error
	if l.log, err = reader.Open(strings.Split(l.Endpoints.Kafka, ","), l.TopicPrefix); err != nil {
		return nil, err
	}
	defer l.log.Close()
	if l.before, err = l.log.Ends(ctx, topics.Events); err != nil {
		return nil, err
	}
	l.fleet = newFleet(l.plan, time.Now())
	l.Log.Info("declaring the fleet", "sites", len(l.fleet.sites))
	if err := target.Declare(ctx, l.Endpoints, l.fleet.run, l.fleet.sites); err != nil {
		return nil, err
	}
	if err := l.commission(ctx); err != nil {
		return nil, err
	}
	interrupted := l.drive(ctx)
	if interrupted != nil && ctx.Err() == nil {
		return nil, interrupted
	}
	// What was sent is judged also when the person who waits has lost patience.
	settling, done := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer done()
	l.Log.Info("judging what stands in the log")
	verdict := l.judge(settling)
	r := l.report(verdict)
	r.Judge(interrupted != nil)
	return r, nil
}

// commission has each panel send a first test; polling panels last, so that
// their supervision is not kept waiting.
func (l *Lab) commission(ctx context.Context) error {
	n := len(l.fleet.panels)
	last := time.Duration(n) * time.Second / commissioningRate
	d := driver.New(driver.Config{Panels: l.fleet.panels, Duration: last})
	if err := d.Connect(ctx, l.Endpoints.DC09.UDP, l.Endpoints.DC09.TCP); err != nil {
		return err
	}
	l.Log.Info("commissioning: each panel sends its first test", "takes", last.Round(time.Second).String())
	start := time.Now()
	result, err := d.Run(ctx, start, l.firstTests())
	l.first, l.commissioned = result, time.Since(start)
	if err != nil {
		return err
	}
	if got := result.Acknowledged[scenario.Signal]; got < n {
		return fmt.Errorf("commissioning: %d of %d panels got no ACK for their first test; does the receiver listen at %s (UDP) and %s (TCP)?", n-got, n, l.Endpoints.DC09.UDP, l.Endpoints.DC09.TCP)
	}
	return nil
}

func (l *Lab) firstTests() func(func(scenario.Message) bool) {
	return func(yield func(scenario.Message) bool) {
		k := 0
		for _, polls := range []bool{false, true} {
			for i, s := range l.plan.Sites {
				if s.Polls != polls {
					continue
				}
				due := time.Duration(k) * time.Second / commissioningRate
				k++
				if !yield(scenario.Message{Due: due, Site: i, Do: scenario.PeriodicTest}) {
					return
				}
			}
		}
	}
}

// drive runs the schedule under watch.
func (l *Lab) drive(ctx context.Context) error {
	d := driver.New(driver.Config{
		Panels: l.fleet.panels, Duration: l.plan.Duration, FirstSequence: 1, LateBound: l.LateBound, Break: driver.Break{PhantomEvery: l.PhantomEvery},
	})
	if err := d.Connect(ctx, l.Endpoints.DC09.UDP, l.Endpoints.DC09.TCP); err != nil {
		return err
	}
	l.watch = measure.NewWatch(l.log, l.Endpoints.Metrics.URL, l.Endpoints.PID)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer stop()
	begun, followed := make(chan struct{}), make(chan error, 1)
	watchers.Go(func() { followed <- l.watch.Follow(watching, func() { close(begun) }) })
	select {
	case <-begun:
	case err := <-followed:
		return err
	}
	l.Log.Info("running", "scenario", l.plan.Name, "rate", l.plan.Rate, "duration", l.plan.Duration.String())
	l.self[0], _ = measure.Self() // its absence shows as no CPU used
	l.start = time.Now()
	sampling, enough := context.WithCancel(watching)
	watchers.Go(func() { l.watch.Sample(sampling, l.start) })
	var err error
	l.result, err = d.Run(ctx, l.start, l.plan.Messages())
	l.took = time.Since(l.start)
	l.self[1], _ = measure.Self()
	l.recorder = d.Recorder()
	enough()
	return errors.Join(err, l.awaitOutputs(watching))
}

// awaitOutputs keeps the watch reading until it has seen the progress of all that
// stands in the log now, or patience ends: judging will tell what is missing.
func (l *Lab) awaitOutputs(ctx context.Context) error {
	ends, err := l.log.Ends(ctx, topics.Events)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, settlePatience)
	defer done()
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		behind := 0
		for p, end := range ends {
			if l.watch.Progress(p) < end {
				behind++
			}
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
