// Package explain goes from what Vigie says back to what it was told: from an
// incident, a detection or a site to the events that made it, each with its place
// in the log. It reads the log only, beside everything that runs.
//
// It reads little: the partition is that of the site, outputs name the offset of
// the input that caused them, and times say where the rest of the evidence stands.
package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// ErrNotFound: nothing of that id stands in the log's outputs.
var ErrNotFound = errors.New("nothing is known of it")

// Place is where a record stands.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	// In is the offset of the input that caused an output; -1 for an event.
	In int64 `json:"in_offset"`
}

// Event is a piece of evidence.
type Event struct {
	Place
	Event *vigiev1.Event
}

// Incident is one record of an incident. Of an older one the topic keeps the last.
type Incident struct {
	Place
	Incident *vigiev1.Incident
}

// Detection is one record of a detection: opened, updated, closed.
type Detection struct {
	Place
	Detection *vigiev1.Detection
}

// Story is an answer.
type Story struct {
	Site uint64
	// State is set when a site was asked for.
	State      *vigiev1.SiteState
	StatePlace Place
	Incidents  []Incident
	Detections []Detection
	// Events are the evidence that was found, in the order of the log.
	Events []Event
	// Lost is evidence that the log does not hold any more.
	Lost [][]byte
	// EventsRead and OutputsRead are how many records were looked at.
	EventsRead, OutputsRead int64
}

// Explainer reads one log.
type Explainer struct {
	cfg        eventlog.Config
	log        *slog.Logger
	cl         *kgo.Client
	adm        *kadm.Client
	partitions int32
}

// New looks at the log.
func New(ctx context.Context, cfg eventlog.Config, log *slog.Logger) (*Explainer, error) {
	partitions, err := eventlog.Partitions(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("look at the log: %w", err)
	}
	return &Explainer{cfg: cfg, log: log, cl: cl, adm: kadm.NewClient(cl), partitions: partitions}, nil
}

// Close lets go of the log.
func (x *Explainer) Close() { x.cl.Close() }

func (x *Explainer) of(site uint64) int32 { return topics.PartitionOf(site, x.partitions) }

// before is how long before the opening of a thing what caused it is looked for.
const before = 10 * time.Second

// Incident explains an incident, by its id.
func (x *Explainer) Incident(ctx context.Context, id string) (*Story, error) {
	site, err := ids.IncidentSite(id)
	if err != nil {
		return nil, err
	}
	s := &Story{Site: site}
	if err := x.incidents(ctx, s, func(i *vigiev1.Incident) bool { return i.GetId() == id }); err != nil {
		return nil, err
	}
	if len(s.Incidents) == 0 {
		return nil, fmt.Errorf("incident %s: %w", id, ErrNotFound)
	}
	last := s.Incidents[len(s.Incidents)-1].Incident
	opened := time.UnixMilli(last.GetOpenedAtMs())
	// An incident that silence opened has a detection as evidence, not an event.
	proves := func(d *vigiev1.Detection) bool {
		return slices.ContainsFunc(last.GetEvidence(), func(id []byte) bool { return bytes.Equal(id, d.GetId()) })
	}
	err = x.detections(ctx, s, x.of(site), opened.Add(-before), func(d *vigiev1.Detection) bool { return d.GetIncident() == id || proves(d) })
	if err != nil {
		return nil, err
	}
	return s, x.evidence(ctx, s)
}

// Detection explains a detection, by its id. Its id does not say of which site it
// is: without one (0) all partitions of the detections are read.
func (x *Explainer) Detection(ctx context.Context, id ids.ID, site uint64) (*Story, error) {
	found := make([]*Story, x.partitions)
	group, gctx := errgroup.WithContext(ctx)
	const atOnce = 8
	group.SetLimit(atOnce)
	for n := range x.partitions {
		found[n] = &Story{}
		if site > 0 && n != x.of(site) {
			continue
		}
		group.Go(func() error {
			return x.detections(gctx, found[n], n, time.Time{}, func(d *vigiev1.Detection) bool { return bytes.Equal(d.GetId(), id[:]) })
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	read := int64(0)
	for _, s := range found {
		read += s.OutputsRead
	}
	for _, s := range found {
		if len(s.Detections) > 0 {
			s.Site, s.OutputsRead = s.Detections[0].Detection.GetSite(), read
			return s, x.evidence(ctx, s)
		}
	}
	return nil, fmt.Errorf("detection %s: %w", id, ErrNotFound)
}

// Site explains the state of a site: what is open there, and why.
func (x *Explainer) Site(ctx context.Context, site uint64) (*Story, error) {
	s := &Story{Site: site}
	key := topics.SiteKey(site)
	err := x.outputs(ctx, s, topics.SiteStates, x.of(site), time.Time{}, key, func(p Place, r *kgo.Record) error {
		s.State, s.StatePlace = &vigiev1.SiteState{}, p
		return proto.Unmarshal(r.Value, s.State)
	})
	if err != nil {
		return nil, err
	}
	if s.State == nil {
		return nil, fmt.Errorf("%s: %w", ids.Site(site), ErrNotFound)
	}
	if open := s.State.GetOpenIncidents(); len(open) > 0 {
		err := x.incidents(ctx, s, func(i *vigiev1.Incident) bool { return slices.Contains(open, i.GetId()) })
		if err != nil {
			return nil, err
		}
	}
	open := slices.Clone(s.State.GetOpenDetections())
	for _, i := range s.Incidents {
		for _, id := range i.Incident.GetEvidence() {
			open = append(open, ids.Show(id)) // that of silence is a detection
		}
	}
	if len(open) > 0 {
		err := x.detections(ctx, s, x.of(site), time.Time{}, func(d *vigiev1.Detection) bool {
			return d.GetSite() == site && slices.Contains(open, ids.Show(d.GetId()))
		})
		if err != nil {
			return nil, err
		}
	}
	return s, x.evidence(ctx, s)
}

func (x *Explainer) incidents(ctx context.Context, s *Story, which func(*vigiev1.Incident) bool) error {
	return x.outputs(ctx, s, topics.Incidents, x.of(s.Site), time.Time{}, nil, func(p Place, r *kgo.Record) error {
		i := &vigiev1.Incident{}
		if err := proto.Unmarshal(r.Value, i); err != nil {
			return err
		}
		if which(i) {
			s.Incidents = append(s.Incidents, Incident{p, i})
		}
		return nil
	})
}

func (x *Explainer) detections(ctx context.Context, s *Story, partition int32, since time.Time, which func(*vigiev1.Detection) bool) error {
	return x.outputs(ctx, s, topics.Detections, partition, since, nil, func(p Place, r *kgo.Record) error {
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(r.Value, d); err != nil {
			return err
		}
		if which(d) {
			s.Detections = append(s.Detections, Detection{p, d})
		}
		return nil
	})
}
