package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

const (
	// saidAhead bounds the recorded outputs that are read ahead of the fold.
	saidAhead = 1_000
	// clockSlack is how far the times of neighbouring records may be out of order.
	clockSlack = time.Minute
)

// said are the recorded outputs of a range, in the order of their inputs, of the
// topics that keep them all.
type said struct {
	streams []*stream
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// stream is one topic; err stands when records is closed.
type stream struct {
	records chan *kgo.Record
	peeked  *kgo.Record
	err     error
}

// saidThen begins to read what was said of a range.
func (r *runner) saidThen(ctx context.Context, number int32, in Range) (*said, error) {
	cl, err := kgo.NewClient(r.Kafka.ReaderOpts(r.Log)...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	at, err := r.timeOf(ctx, number, in.From)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &said{cancel: cancel}
	for _, name := range []string{topics.Detections, topics.Outcomes} {
		full := r.Kafka.Topic(name)
		starts, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) {
			return adm.ListOffsetsAfterMilli(ctx, at.Add(-clockSlack).UnixMilli(), full)
		})
		if err == nil {
			err = starts.Error()
		}
		if err != nil {
			s.close()
			return nil, fmt.Errorf("where %s was at %s: %w", full, at, err)
		}
		start, _ := starts.Lookup(full, number)
		if err := r.warnOfLoss(ctx, adm, full, number, start.Offset); err != nil {
			s.close()
			return nil, err
		}
		st := &stream{records: make(chan *kgo.Record, saidAhead)}
		s.streams = append(s.streams, st)
		s.work.Go(func() {
			defer close(st.records)
			st.err = r.readSaid(ctx, name, number, start.Offset, in, st.records)
		})
	}
	return s, nil
}

// warnOfLoss says that a topic no longer holds what was said at the beginning of a
// range: it would look as if the replay had added it.
func (r *runner) warnOfLoss(ctx context.Context, adm *kadm.Client, full string, number int32, at int64) error {
	first, _, err := eventlog.Bounds(ctx, adm, full, number)
	if err == nil && first > 0 && at <= first {
		r.Log.Warn("replay: the topic has lost its first records: what they said counts as added", "topic", full, "partition", number, "first_offset", first)
	}
	return err
}

// timeOf is the time of the record at an offset, which the outputs bear as well.
func (r *runner) timeOf(ctx context.Context, number int32, offset int64) (time.Time, error) {
	var at time.Time
	topic := r.Kafka.Topic(topics.Events)
	err := eventlog.ReadRange(ctx, r.Kafka.ReaderOpts(r.Log), topic, number, offset, offset+1, func(rec *kgo.Record) error {
		at = rec.Timestamp
		return nil
	})
	return at, err
}

// readSaid hands on the outputs of a range that stand on a topic.
func (r *runner) readSaid(ctx context.Context, name string, number int32, start int64, in Range, out chan<- *kgo.Record) error {
	full := r.Kafka.Topic(name)
	end, err := r.committedEnd(ctx, full, number)
	if err != nil || start >= end {
		return err
	}
	opts := append(r.Kafka.ReaderOpts(r.Log), kgo.KeepControlRecords())
	return eventlog.ReadRange(ctx, opts, full, number, start, end, func(rec *kgo.Record) error {
		if at := topics.Cause(rec); rec.Attrs.IsControl() || at < in.From || at >= in.To {
			return nil
		}
		rec.Topic = name
		select {
		case out <- rec:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// committedEnd is where the committed records of a partition end.
func (r *runner) committedEnd(ctx context.Context, full string, number int32) (int64, error) {
	cl, err := kgo.NewClient(r.Kafka.ReaderOpts(r.Log)...)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	ends, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) { return adm.ListCommittedOffsets(ctx, full) })
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("end of %s: %w", full, err)
	}
	end, _ := ends.Lookup(full, number)
	return end.Offset, nil
}

// of are the recorded outputs of an input; inputs are asked for in order.
func (s *said) of(_ context.Context, offset int64) ([]*kgo.Record, error) {
	var out []*kgo.Record
	for _, st := range s.streams {
		for {
			if st.peeked == nil {
				next, more := <-st.records
				if !more {
					if st.err != nil {
						return nil, st.err
					}
					break
				}
				st.peeked = next
			}
			if topics.Cause(st.peeked) > offset {
				break
			}
			out = append(out, st.peeked)
			st.peeked = nil
		}
	}
	return out, nil
}

func (s *said) close() {
	s.cancel()
	s.work.Wait()
}

// compareIncidents reads the last record of each incident of a partition, from the
// compacted topic, and compares.
func (r *runner) compareIncidents(ctx context.Context, number int32, in Range, c *comparison) error {
	full := r.Kafka.Topic(topics.Incidents)
	end, err := r.committedEnd(ctx, full, number)
	if err != nil {
		return err
	}
	last := map[string]recorded{}
	if end > 0 {
		opts := append(r.Kafka.ReaderOpts(r.Log), kgo.KeepControlRecords())
		err = eventlog.ReadRange(ctx, opts, full, number, 0, end, func(rec *kgo.Record) error {
			switch {
			case rec.Attrs.IsControl():
			case rec.Value == nil:
				delete(last, string(rec.Key))
			default:
				last[string(rec.Key)] = recorded{topics.Cause(rec), rec.Value}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", full, err)
	}
	until, err := r.timeOf(ctx, number, in.To-1)
	if err != nil {
		return err
	}
	return c.incidentsThen(last, in, until.UnixMilli())
}
