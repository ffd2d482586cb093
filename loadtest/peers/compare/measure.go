package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/loadtest/peers/supervision"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

const (
	// sampleEvery is the pace at which progress is looked at.
	sampleEvery = 100 * time.Millisecond
	// stalled ends a run in which nothing was committed for so long.
	stalled = 2 * time.Minute
	// warm is the share of the history after which the JVM counts as warmed up.
	warm = 0.4
)

// measure runs a side from the first record to the last, kills it, starts it
// again, and reads what it gave.
func (l *lab) measure(ctx context.Context, h *fed, name string, turn int) (*Run, supervision.Lines, error) {
	if err := l.fresh(ctx, h.prefix); err != nil {
		return nil, nil, err
	}
	s, err := l.beginFresh(ctx, name, h.prefix)
	if err != nil {
		return nil, nil, err
	}
	defer func() { s.stop() }()
	if l.o.KillAt > 0 {
		if err := l.follow(ctx, s, h, &Run{}, l.o.KillAt); err != nil {
			return nil, nil, err
		}
		s.kill()
		if s, err = l.begin(ctx, name, h.prefix); err != nil {
			return nil, nil, err
		}
	}
	run := &Run{Side: name, Form: h.Form, Turn: turn + 1}
	if err := l.follow(ctx, s, h, run, 1); err != nil {
		return nil, nil, err
	}
	run.StateBytes, run.TopicBytes = sizeOf(s.stateDir), l.bytes(ctx, append(s.changelogs, s.outputs...)...)
	if s, run.Restore, err = l.restore(ctx, s, h.prefix); err != nil {
		return nil, nil, err
	}
	lines, err := l.outputs(ctx, s)
	run.Outputs = len(lines)
	return run, lines, err
}

// restore kills a side and begins it again.
func (l *lab) restore(ctx context.Context, killed *side, prefix string) (*side, Restore, error) {
	killed.kill()
	s, err := l.begin(ctx, killed.name, prefix)
	if err != nil {
		return killed, Restore{}, err
	}
	if err := s.untilReady(ctx); err != nil {
		return s, Restore{}, fmt.Errorf("restore: %w", err)
	}
	took := time.Since(s.started)
	used, err := cpu(s.cmd.Process.Pid)
	return s, Restore{MS: took.Milliseconds(), CPUMS: used.Milliseconds()}, err
}

// beginFresh begins a side that was never there.
func (l *lab) beginFresh(ctx context.Context, name, prefix string) (*side, error) {
	if name != vigie {
		for _, topic := range []string{"peer-detections", "peer-site-states"} {
			err := l.again(ctx, func() error {
				_, err := l.adm.CreateTopic(ctx, int32(l.o.Partitions), 1, nil, prefix+topic)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("create topic %s%s: %w", prefix, topic, err)
			}
		}
	}
	if err := os.RemoveAll(l.stateDir(name, prefix)); err != nil { // what a turn before left
		return nil, err
	}
	return l.begin(ctx, name, prefix)
}

// follow waits until a side has committed a share of the history, 1 for the whole.
func (l *lab) follow(ctx context.Context, s *side, h *fed, run *Run, until float64) error {
	brokerBefore, err := cpu(l.kafka.Pid())
	if err != nil {
		return err
	}
	total := int64(0)
	for _, end := range h.ends {
		total += end
	}
	var atWarm time.Duration
	done, moved := int64(0), time.Now()
	for float64(done) < until*float64(total) {
		if err := pause(ctx, sampleEvery); err != nil {
			return err
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("it ended: %w", err)
		default:
		}
		now := l.committed(ctx, s.group, h.prefix)
		used, err := cpu(s.cmd.Process.Pid)
		if err != nil {
			return fmt.Errorf("it is gone, what it said stands above: %w", err)
		}
		run.CPUMS, run.WallMS = used.Milliseconds(), time.Since(s.started).Milliseconds()
		if now != done {
			done, moved = now, time.Now()
		}
		if share := float64(done) / float64(total); share >= warm && run.WarmShare == 0 && share < 1 {
			run.WarmShare, atWarm = share, used
		}
		if time.Since(moved) > stalled {
			return fmt.Errorf("nothing was committed for %s, at %d of %d records", stalled, done, total)
		}
	}
	brokerAfter, err := cpu(l.kafka.Pid())
	if err != nil {
		return err
	}
	run.PeakBytes, run.BrokerCPUMS = peak(s.cmd.Process.Pid), (brokerAfter - brokerBefore).Milliseconds()
	run.rates(h.injected.Events(), atWarm)
	return nil
}

// committed is the sum of a group's offsets on the events.
func (l *lab) committed(ctx context.Context, group, prefix string) int64 {
	sum := int64(0)
	offsets, err := l.adm.FetchOffsets(ctx, group)
	if err != nil {
		return 0 // the group is not there yet
	}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == prefix+topics.Events && o.At > 0 {
			sum += o.At
		}
	})
	return sum
}

// outputs reads what a side has committed, from the first record.
func (l *lab) outputs(ctx context.Context, s *side) (supervision.Lines, error) {
	var all []*kgo.Record
	opts := append(l.config("").ReaderOpts(quiet()), kgo.KeepControlRecords())
	for _, topic := range s.outputs {
		for p := range int32(l.o.Partitions) {
			start, end, err := eventlog.Bounds(ctx, l.adm, topic, p)
			if err != nil {
				return nil, err
			}
			if start == end {
				continue
			}
			err = eventlog.ReadRange(ctx, opts, topic, p, start, end, func(r *kgo.Record) error {
				if !r.Attrs.IsControl() {
					all = append(all, r)
				}
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", topic, err)
			}
		}
	}
	return supervision.Canonical(all), nil
}

// live measures how long an output takes, at a fixed rate, on a log of its own.
func (l *lab) live(ctx context.Context, form supervision.Form, name string) (*Latency, error) {
	prefix := "live-" + string(form) + "-" + name + "."
	if err := l.provision(ctx, prefix); err != nil {
		return nil, err
	}
	s, err := l.beginFresh(ctx, name, prefix)
	if err != nil {
		return nil, err
	}
	defer func() { s.stop() }()
	if err := s.untilReady(ctx); err != nil {
		return nil, err
	}
	w, err := l.watch(s)
	if err != nil {
		return nil, err
	}
	defer w.close()
	start, before, already := time.Now(), time.Duration(0), uint64(0)
	injected, late, err := l.feedLive(ctx, prefix, form, func(half supervision.Injected) {
		w.forget()
		start, already = time.Now(), half.Events()
		before, _ = cpu(s.cmd.Process.Pid) // that it has ended shows below
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	after, err := cpu(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	if err := w.await(ctx, int(injected.ModeChanges)); err != nil {
		return nil, err
	}
	latency := w.latency(injected.Events()-already, took, after-before, late)
	s, latency.Restore, err = l.restore(ctx, s, prefix)
	return latency, err
}
