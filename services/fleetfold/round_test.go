package fleetfold_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/eventlog/brokertest"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/sitefold"
)

const (
	parts  = 2
	fleet  = 60
	begins = int64(1_795_392_000_000)
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

// round is a log with both folds on it, in the log's own time.
type round struct {
	t   *testing.T
	cfg eventlog.Config
	cl  *kgo.Client
	now int64
	// desk: a desk beats beside the receiver.
	desk bool
	beat uint64
	n    uint64
}

// newRound is one on the broker of tests.
func newRound(t *testing.T) *round {
	t.Helper()
	cfg := eventlog.Config{}
	var many, single []string
	for _, row := range topics.Table() {
		if row.Partitions == 1 {
			single = append(single, cfg.Topic(row.Name))
		} else {
			many = append(many, cfg.Topic(row.Name))
		}
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(parts, many...), kfake.SeedTopics(1, single...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg.Brokers = cluster.ListenAddrs()
	r := roundOn(t, cfg, begins)
	r.begin(eventlog.GroupProcessor, topics.Events, parts)
	r.begin(eventlog.GroupFleet, topics.Fleet, 1)
	return r
}

// newKafkaRound is one on Apache Kafka, which takes no record of another week.
func newKafkaRound(t *testing.T) *round {
	t.Helper()
	cfg := brokertest.Kafka(t)
	if _, err := eventlog.Provision(t.Context(), cfg, eventlog.Options{Partitions: parts, Local: true, Durability: broker.Process}); err != nil {
		t.Fatal(err)
	}
	return roundOn(t, cfg, time.Now().Add(-time.Hour).Truncate(time.Minute).UnixMilli())
}

func roundOn(t *testing.T, cfg eventlog.Config, at int64) *round {
	t.Helper()
	cl, err := kgo.NewClient(cfg.IngestOpts(discard)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &round{t: t, cfg: cfg, cl: cl, now: at}
}

// begin makes the first commit of a group, as provisioning does.
func (r *round) begin(group, topic string, partitions int32) {
	var zero kadm.Offsets
	for p := range partitions {
		zero.AddOffset(r.cfg.Topic(topic), p, 0, -1)
	}
	if err := kadm.NewClient(r.cl).CommitAllOffsets(r.t.Context(), r.cfg.Group(group), zero); err != nil {
		r.t.Fatal(err)
	}
}

// start runs a processor until stop is called.
func (r *round) start(cfg processor.Config) (stop func()) {
	cfg.Instance = "a"
	p, err := processor.New(cfg, processor.Deps{Log: discard, Kafka: r.cfg})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	}
}

func (r *round) append(p int32, rec *vigiev1.LogRecord) {
	value, err := proto.Marshal(rec)
	if err != nil {
		r.t.Fatal(err)
	}
	out := &kgo.Record{Topic: r.cfg.Topic(topics.Events), Partition: p, Value: value, Timestamp: time.UnixMilli(r.now)}
	if err := r.cl.ProduceSync(r.t.Context(), out).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// pass lets time pass in steps of a second, the sites polling each 5 s while heard.
func (r *round) pass(seconds int, heard bool) {
	for range seconds {
		r.now += 1000
		r.beat++
		for p := range int32(parts) {
			b := &vigiev1.Beat{Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: r.beat, TMs: r.now, BaseMs: r.now}
			for site := uint64(1); site <= fleet && heard && r.beat%5 == 0; site++ {
				if topics.PartitionOf(site, parts) == p {
					b.Site, b.ReceivedDeltaMs = append(b.Site, site), append(b.ReceivedDeltaMs, 0)
				}
			}
			r.append(p, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
		}
		r.deskBeats()
	}
}

// deaf lets time pass while no receiver beats: the desk alone, or nobody.
func (r *round) deaf(seconds int) {
	for range seconds {
		r.now += 1000
		r.deskBeats()
	}
}

func (r *round) deskBeats() {
	for p := range int32(parts) {
		if r.desk {
			r.append(p, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
				Writer: "desk", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_DESK, TMs: r.now,
			}}})
		}
	}
}

func (r *round) declare() {
	policy := alarm.DefaultPolicy()
	policy.Classes[0].Supervision.GraceMs = 1000
	for p := range int32(parts) {
		r.append(p, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: alarm.Stamped(policy, 1, r.now)}})
	}
	for site := uint64(1); site <= fleet; site++ {
		r.n++
		id := ids.Event([]byte("boot"), 0, r.n)
		r.append(topics.PartitionOf(site, parts), &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: id[:], Site: site, ReceivedAtMs: r.now,
			Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "import"}}},
			Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{
				Label: "Dépôt", Carrier: "orange", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 20_000, ReceiverGroup: "g"}},
			}},
		}}})
	}
}

// await reads a topic from its start, committed records only, until enough is there.
func (r *round) await(topic string, enough func(*kgo.Record) bool) {
	r.t.Helper()
	ctx, done := context.WithTimeout(r.t.Context(), time.Minute)
	defer done()
	at := map[int32]kgo.Offset{}
	for p := range int32(parts) {
		at[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(append(r.cfg.ReaderOpts(discard), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.cfg.Topic(topic): at}))...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	for {
		fetched := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("what is awaited on %s never came", topic)
		}
		for _, record := range fetched.Records() {
			if enough(record) {
				return
			}
		}
	}
}

// verdicts counts the partitions that have heard one, open or closed, and how often
// each did.
func (r *round) awaitVerdict(open bool) {
	heard := map[int32]bool{}
	r.await(topics.Events, func(record *kgo.Record) bool {
		var rec vigiev1.LogRecord
		if proto.Unmarshal(record.Value, &rec) == nil {
			if v := rec.GetBroadcast().GetFleetVerdict(); v != nil && v.GetOpen() == open && v.GetGroup() == "orange" {
				heard[record.Partition] = true
			}
		}
		return len(heard) == parts
	})
}

// From polls that stop to one incident for all, and back: both folds, the log between
// them, and a fleet that dies and comes back in the middle.
func TestALossGoesRound(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	defer r.start(processor.Config{NewFold: sitefold.New(discard)})()
	stop := r.start(processor.Config{Source: processor.OfFleet, NewFold: fleetfold.New(parts)})
	r.declare()
	r.pass(10, true)
	r.pass(40, false) // lost after 21 s, told at the next tick
	r.awaitVerdict(true)
	stop()
	defer r.start(processor.Config{Source: processor.OfFleet, NewFold: fleetfold.New(parts)})()
	r.pass(60, false) // every hold-back ends
	number := ids.GroupSite("carrier", "orange")
	sites := map[uint64]bool{}
	r.await(topics.Incidents, func(record *kgo.Record) bool {
		var inc vigiev1.Incident
		if err := proto.Unmarshal(record.Value, &inc); err != nil {
			t.Fatal(err)
		}
		sites[inc.GetSite()] = true
		return inc.GetSite() == number
	})
	r.pass(330, true) // the window of the losses passes
	r.awaitVerdict(false)
	closed := 0
	r.await(topics.Detections, func(record *kgo.Record) bool {
		var d vigiev1.Detection
		if err := proto.Unmarshal(record.Value, &d); err != nil {
			t.Fatal(err)
		}
		if d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_MASS_COMMUNICATION_LOSS && d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED {
			closed++
			if d.GetGroup() != "orange" || string(record.Key) != "carrier/orange" || d.GetOf() != fleet {
				t.Errorf("closed is %v under %q", &d, record.Key)
			}
		}
		return closed == 1
	})
	r.awaitRestored(number, sites)
	if len(sites) != 1 {
		t.Errorf("%d sites or groups have incidents, want the group alone", len(sites))
	}
}

// awaitRestored waits until the group's incident is marked restored, and notes whose
// incidents there are.
func (r *round) awaitRestored(number uint64, sites map[uint64]bool) {
	r.await(topics.Incidents, func(record *kgo.Record) bool {
		var inc vigiev1.Incident
		if err := proto.Unmarshal(record.Value, &inc); err != nil {
			r.t.Fatal(err)
		}
		sites[inc.GetSite()] = true
		return inc.GetSite() == number && inc.GetRestoredAtMs() != 0
	})
}

// A shift ended in one partition gives back what its person holds in another.
func TestAnEndedShiftGoesRound(t *testing.T) {
	t.Parallel()
	r := newRound(t)
	defer r.start(processor.Config{NewFold: sitefold.New(discard)})()
	defer r.start(processor.Config{Source: processor.OfFleet, NewFold: fleetfold.New(parts)})()
	r.declare()
	r.pass(10, true)
	r.by("anne", 0, &vigiev1.Event{Body: &vigiev1.Event_ShiftStarted{ShiftStarted: &vigiev1.ShiftStarted{Place: "station"}}})
	site := uint64(1)
	for topics.PartitionOf(site, parts) == topics.PartitionOf(0, parts) {
		site++
	}
	r.event(site, &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Account: "1234", Path: 1}}},
		&vigiev1.Event{Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Class: vigiev1.EventClass_EVENT_CLASS_HOLD_UP}}}})
	r.pass(5, true)
	id := r.awaitIncident(func(inc *vigiev1.Incident) bool { return inc.GetSite() == site })
	r.by("anne", site, &vigiev1.Event{Body: &vigiev1.Event_IncidentClaimed{IncidentClaimed: &vigiev1.IncidentClaimed{Incident: id}}})
	r.pass(10, true)
	r.awaitIncident(func(inc *vigiev1.Incident) bool { return inc.GetId() == id && inc.GetClaimedBy() == "anne" })
	r.by("anne", 0, &vigiev1.Event{Body: &vigiev1.Event_ShiftEnded{ShiftEnded: &vigiev1.ShiftEnded{}}})
	r.pass(20, true)
	r.awaitIncident(func(inc *vigiev1.Incident) bool {
		acts := inc.GetActs()
		return inc.GetId() == id && inc.GetClaimedBy() == "" && len(acts) > 0 && acts[len(acts)-1].GetAct() == "released"
	})
}

func (r *round) by(user string, site uint64, ev *vigiev1.Event) {
	r.event(site, &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: user}}}, ev)
}

func (r *round) event(site uint64, from *vigiev1.Source, ev *vigiev1.Event) {
	r.n++
	id := ids.Event([]byte("boot"), 0, r.n)
	ev.Id, ev.Site, ev.ReceivedAtMs, ev.Source = id[:], site, r.now, from
	r.append(topics.PartitionOf(site, parts), &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: ev}})
}

// awaitIncident waits for an incident in a state, and names it.
func (r *round) awaitIncident(so func(*vigiev1.Incident) bool) (id string) {
	r.t.Helper()
	r.await(topics.Incidents, func(record *kgo.Record) bool {
		var inc vigiev1.Incident
		if err := proto.Unmarshal(record.Value, &inc); err != nil {
			r.t.Fatal(err)
		}
		id = inc.GetId()
		return so(&inc)
	})
	return id
}
