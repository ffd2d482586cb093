package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Pipeline says how the stream flows.
type Pipeline struct {
	AtMS                int64       `json:"at_ms"`
	EventsPerSecond     float64     `json:"events_per_second" doc:"Events and heartbeats received, over 5 s."`
	HeartbeatsPerSecond float64     `json:"heartbeats_per_second"`
	RecordsPerSecond    float64     `json:"records_per_second" doc:"Records of the log, beats included."`
	LagRecords          int64       `json:"lag_records" doc:"Written and not yet folded."`
	LagMS               int64       `json:"lag_ms" doc:"Age of the oldest record that is not yet folded."`
	WatermarkAgeMS      int64       `json:"watermark_age_ms" doc:"Of the partition that is furthest behind."`
	Live                bool        `json:"live" doc:"Every partition has an owner's progress and a watermark less than 5 s old."`
	LatencyP50MS        *int64      `json:"latency_p50_ms,omitempty" doc:"From receipt to this read model, of the last changes that an event caused."`
	LatencyP99MS        *int64      `json:"latency_p99_ms,omitempty"`
	Sites               int         `json:"sites"`
	OpenDetections      int         `json:"open_detections"`
	OpenIncidents       int         `json:"open_incidents"`
	PolicyVersion       uint64      `json:"policy_version,omitempty"`
	Partitions          []Partition `json:"partitions"`
}

// Partition is one partition of vigie.events.
type Partition struct {
	Partition      int32  `json:"partition"`
	Offset         int64  `json:"offset" doc:"Folded up to here."`
	End            int64  `json:"end"`
	LagRecords     int64  `json:"lag_records"`
	LagMS          int64  `json:"lag_ms"`
	WatermarkMS    int64  `json:"watermark_ms"`
	WatermarkAgeMS int64  `json:"watermark_age_ms"`
	Owner          string `json:"owner,omitempty"`
	Sites          uint64 `json:"sites"`
	OpenDetections uint64 `json:"open_detections"`
}

// liveWithin is the age of a watermark past which the page says "not live".
const liveWithin = 5 * time.Second

func (p *Pipeline) sum(nowMS int64) {
	p.Live = len(p.Partitions) > 0
	for _, x := range p.Partitions {
		p.LagRecords += x.LagRecords
		p.LagMS = max(p.LagMS, x.LagMS)
		p.WatermarkAgeMS = max(p.WatermarkAgeMS, x.WatermarkAgeMS)
		if x.WatermarkMS == 0 || nowMS-x.WatermarkMS > liveWithin.Milliseconds() {
			p.Live = false
		}
	}
}

// sample keeps the figures and sends them to streams, once every period.
func (c *Console) sample(ctx context.Context) error {
	cl, err := kgo.NewClient(c.deps.Kafka.ReaderOpts(c.deps.Log)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	tick := time.NewTicker(c.cfg.SampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// A broker that does not answer must not stop the figures: they show it.
		short, cancel := context.WithTimeout(ctx, c.cfg.SampleEvery)
		ends, err := admin.ListEndOffsets(short, c.deps.Kafka.Topic(topics.Events))
		cancel()
		if err == nil {
			ends.Each(func(o kadm.ListedOffset) {
				if o.Err == nil {
					c.flow.ended(o.Partition, o.Offset)
				}
			})
		}
		c.setPipeline(c.flow.figures(c.deps.Now().UnixMilli()))
	}
}

func (c *Console) setPipeline(p *Pipeline) {
	p.Sites, p.OpenDetections, p.OpenIncidents = c.model.counts()
	c.latest.Store(p)
	c.ring.pulse()
}

func (c *Console) registerPipeline(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "pipeline", Method: http.MethodGet, Path: "/api/v1/pipeline", Summary: "How the stream flows",
		Errors: []int{401}, Tags: []string{"pipeline"},
	}, func(context.Context, *struct{}) (*struct{ Body *Pipeline }, error) {
		return &struct{ Body *Pipeline }{c.latest.Load()}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "policy", Method: http.MethodGet, Path: "/api/v1/policy", Summary: "The figures judged by, as they stand in the log",
		Errors: []int{401}, Tags: []string{"pipeline"},
	}, func(context.Context, *struct{}) (*struct{ Body Policy }, error) {
		return &struct{ Body Policy }{policyView(c.flow.currentPolicy())}, nil
	})
}

// Policy is the newest policy of the log; version 0 while there is none.
type Policy struct {
	Version uint64        `json:"version"`
	AtMS    int64         `json:"at_ms,omitempty"`
	Author  string        `json:"author,omitempty"`
	Classes []ClassPolicy `json:"classes"`
	// Policy is all of it.
	Policy json.RawMessage `json:"policy,omitempty" doc:"All of it, in the words that POST /api/v1/policy takes: change it, raise its version by one, and send it there."`
}

// ClassPolicy holds the figures of a class of sites; a zero inherits from the class "".
type ClassPolicy struct {
	Class                 string `json:"class"`
	SupervisionIntervalMS int64  `json:"supervision_interval_ms,omitempty"`
	SupervisionGraceMS    int64  `json:"supervision_grace_ms,omitempty"`
	StormAlarms           uint32 `json:"storm_alarms,omitempty"`
	StormWindowMS         int64  `json:"storm_window_ms,omitempty"`
	StormEndAlarms        uint32 `json:"storm_end_alarms,omitempty"`
	StormEndWindowMS      int64  `json:"storm_end_window_ms,omitempty"`
	ClosureArmedForMS     int64  `json:"closure_armed_for_ms,omitempty"`
	ClosureMissedOpenings uint32 `json:"closure_missed_openings,omitempty"`
	HeardAgainWindowMS    int64  `json:"heard_again_window_ms,omitempty"`
}

func policyView(p *vigiev1.Policy) Policy {
	v := Policy{Version: p.GetVersion(), AtMS: p.GetAtMs(), Author: p.GetAuthor(), Classes: []ClassPolicy{}}
	for _, c := range p.GetClasses() {
		v.Classes = append(v.Classes, ClassPolicy{
			Class:                 c.SiteClass,
			SupervisionIntervalMS: c.GetSupervision().GetDefaultIntervalMs(), SupervisionGraceMS: c.GetSupervision().GetGraceMs(),
			StormAlarms: c.GetStorm().GetAlarms(), StormWindowMS: c.GetStorm().GetWindowMs(),
			StormEndAlarms: c.GetStorm().GetEndAlarms(), StormEndWindowMS: c.GetStorm().GetEndWindowMs(),
			ClosureArmedForMS: c.GetClosure().GetArmedForMs(), ClosureMissedOpenings: c.GetClosure().GetMissedOpenings(),
			HeardAgainWindowMS: c.HeardAgainWindowMs,
		})
	}
	if p != nil {
		v.Policy = wholePolicy(p)
	}
	return v
}

// wholePolicy is a policy as people write one.
func wholePolicy(p *vigiev1.Policy) json.RawMessage {
	shown := &vigiev1.Policy{Version: p.GetVersion(), Classes: p.GetClasses(), Groups: p.GetGroups()}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(shown)
	if err != nil {
		return nil // A name that is no UTF-8 came from elsewhere: the figures above stand.
	}
	return text
}
