package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// outputs hands on the committed records of a partition of an output topic, from a
// moment on; with a key, those of the key only.
func (x *Explainer) outputs(ctx context.Context, s *Story, name string, partition int32, since time.Time, key []byte, f func(Place, *kgo.Record) error) error {
	full := x.cfg.Topic(name)
	start, _, err := eventlog.Bounds(ctx, x.adm, full, partition)
	if err != nil {
		return err
	}
	ends, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) { return x.adm.ListCommittedOffsets(ctx, full) })
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("end of %s: %w", full, err)
	}
	end, _ := ends.Lookup(full, partition)
	if !since.IsZero() {
		if start, err = x.offsetAt(ctx, full, partition, since); err != nil {
			return err
		}
	}
	opts := append(x.cfg.ReaderOpts(x.log), kgo.KeepControlRecords())
	err = eventlog.ReadRange(ctx, opts, full, partition, start, end.Offset, func(r *kgo.Record) error {
		if r.Attrs.IsControl() || r.Value == nil {
			return nil
		}
		s.OutputsRead++
		if key != nil && !bytes.Equal(key, r.Key) {
			return nil
		}
		return f(Place{Topic: full, Partition: partition, Offset: r.Offset, In: topics.Cause(r)}, r)
	})
	if err != nil {
		return fmt.Errorf("read %s partition %d: %w", full, partition, err)
	}
	return nil
}

func (x *Explainer) offsetAt(ctx context.Context, full string, partition int32, at time.Time) (int64, error) {
	found, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) { return x.adm.ListOffsetsAfterMilli(ctx, at.UnixMilli(), full) })
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("where %s was at %s: %w", full, at.UTC().Format(time.RFC3339), err)
	}
	o, _ := found.Lookup(full, partition)
	return o.Offset, nil
}

// stretch of offsets in which evidence may stand: [from, to).
type stretch struct{ from, to int64 }

// search is the evidence that is looked for in one partition.
type search struct {
	x       *Explainer
	s       *Story
	full    string
	wanted  map[string]bool
	stretch []stretch
	// first is where the log begins, last the highest offset that caused anything:
	// nothing of it stands later.
	first, last int64
}

// evidence finds the events of a story.
func (x *Explainer) evidence(ctx context.Context, s *Story) error {
	f := &search{x: x, s: s, full: x.cfg.Topic(topics.Events), wanted: map[string]bool{}}
	var err error
	if f.first, _, err = eventlog.Bounds(ctx, x.adm, f.full, x.of(s.Site)); err != nil {
		return err
	}
	if err := f.plan(ctx); err != nil {
		return err
	}
	for _, st := range f.merged() {
		if err := f.read(ctx, st); err != nil {
			return err
		}
	}
	if len(f.wanted) > 0 {
		// A record that came late bears an older time than its effect: look everywhere.
		x.log.Debug("explain: some evidence is not where times say, the whole partition is read", "partition", x.of(s.Site), "events", len(f.wanted))
		if err := f.read(ctx, stretch{f.first, f.last + 1}); err != nil {
			return err
		}
	}
	for id := range f.wanted {
		s.Lost = append(s.Lost, []byte(id))
	}
	slices.SortFunc(s.Events, func(a, b Event) int { return int(a.Offset - b.Offset) })
	return nil
}

// plan says what is wanted, and where it may stand: at the offsets that caused
// something, and around the times at which something happened.
func (f *search) plan(ctx context.Context) error {
	for _, d := range f.s.Detections {
		f.want(d.Detection.GetEvidence()...)
		f.at(d.In)
	}
	for _, i := range f.s.Incidents {
		f.want(i.Incident.GetEvidence()...)
		f.at(i.In)
		for _, act := range i.Incident.GetActs() {
			f.want(act.GetEventId())
		}
	}
	if f.s.State != nil {
		f.want(f.s.State.GetCauseEventId())
		f.at(f.s.StatePlace.In)
	}
	for _, d := range f.s.Detections {
		delete(f.wanted, string(d.Detection.GetId()))
		from := time.UnixMilli(d.Detection.GetOpenedAtMs() - d.Detection.GetWindowMs())
		if h := d.Detection.GetLastHeardMs(); h > 0 {
			from = time.UnixMilli(min(from.UnixMilli(), h))
		}
		if err := f.between(ctx, from, time.UnixMilli(d.Detection.GetAtMs())); err != nil {
			return err
		}
	}
	if n := len(f.s.Incidents); n > 0 {
		last := f.s.Incidents[n-1].Incident
		if err := f.between(ctx, time.UnixMilli(last.GetOpenedAtMs()), time.UnixMilli(max(last.GetOpenedAtMs(), last.GetLastAlarmAtMs()))); err != nil {
			return err
		}
		for _, act := range last.GetActs() {
			if err := f.between(ctx, time.UnixMilli(act.GetAtMs()), time.UnixMilli(act.GetAtMs())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *search) want(events ...[]byte) {
	for _, id := range events {
		if len(id) > 0 {
			f.wanted[string(id)] = true
		}
	}
}

func (f *search) at(offset int64) {
	if offset >= 0 {
		f.stretch = append(f.stretch, stretch{offset, offset + 1})
		f.last = max(f.last, offset)
	}
}

// between is where records of a time may stand; what caused nothing later is left out.
func (f *search) between(ctx context.Context, from, to time.Time) error {
	partition := f.x.of(f.s.Site)
	first, err := f.x.offsetAt(ctx, f.full, partition, from.Add(-before))
	if err != nil {
		return err
	}
	after, err := f.x.offsetAt(ctx, f.full, partition, to.Add(before))
	if err != nil {
		return err
	}
	if after = min(after, f.last+1); first < after {
		f.stretch = append(f.stretch, stretch{first, after})
	}
	return nil
}

// merged are the stretches to read, the shortest first: single offsets often are
// all that is needed. What lies in another one is left out.
func (f *search) merged() []stretch {
	all := slices.Clone(f.stretch)
	slices.SortFunc(all, func(a, b stretch) int {
		if d := (a.to - a.from) - (b.to - b.from); d != 0 {
			return int(d)
		}
		return int(a.from - b.from)
	})
	return slices.Compact(all)
}

// errFound ends a reading: all is there.
var errFound = errors.New("all of it is found")

// read looks for what is wanted in a stretch.
func (f *search) read(ctx context.Context, st stretch) error {
	st.from = max(st.from, f.first)
	if len(f.wanted) == 0 || st.from >= st.to {
		return nil
	}
	partition := f.x.of(f.s.Site)
	key := topics.SiteKey(f.s.Site)
	err := eventlog.ReadRange(ctx, f.x.cfg.ReaderOpts(f.x.log), f.full, partition, st.from, st.to, func(r *kgo.Record) error {
		f.s.EventsRead++
		if !bytes.Equal(r.Key, key) {
			return nil
		}
		record := &vigiev1.LogRecord{}
		if err := proto.Unmarshal(r.Value, record); err != nil {
			return nil // It is the processor's to set aside.
		}
		id := string(record.GetEvent().GetId())
		if !f.wanted[id] {
			return nil
		}
		delete(f.wanted, id)
		f.s.Events = append(f.s.Events, Event{Place{Topic: f.full, Partition: partition, Offset: r.Offset, In: -1}, record.GetEvent()})
		if len(f.wanted) == 0 {
			return errFound
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return fmt.Errorf("read %s partition %d: %w", f.full, partition, err)
	}
	return nil
}
