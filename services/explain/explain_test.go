package explain_test

import (
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/explain"
)

const (
	site       = 7
	partitions = 2
	// life is how many records the partition has, one a second.
	life = 5_000
)

// centre is a log with a long life, and outputs about a little of it.
type centre struct {
	t   *testing.T
	cfg eventlog.Config
	cl  *kgo.Client
	at  int32
	// begun is the time of the first record, Unix ms.
	begun int64
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := &centre{t: t, cfg: eventlog.Config{Brokers: cluster.ListenAddrs()}, at: topics.PartitionOf(site, partitions), begun: time.Now().Add(-2 * life * time.Second).UnixMilli()}
	if _, err := eventlog.Provision(t.Context(), c.cfg, eventlog.Options{Partitions: partitions, Local: true}); err != nil {
		t.Fatal(err)
	}
	if c.cl, err = kgo.NewClient(c.cfg.IngestOpts(slog.New(slog.DiscardHandler))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.cl.Close)
	records := make([]*kgo.Record, life)
	for i := range records {
		// The record at 200 came late: its effect is of a time long after its own.
		records[i] = c.record(topics.Events, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: event(i), Site: site, ReceivedAtMs: c.time(i), Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{}},
		}}}, i, "")
	}
	c.append(records...)
	return c
}

func event(i int) []byte { id := ids.Hash("event", strconv.Itoa(i)); return id[:] }

func (c *centre) time(i int) int64 { return c.begun + int64(i)*1_000 }

// record is caused by, or is, the event i.
func (c *centre) record(topic string, m proto.Message, i int, key string) *kgo.Record {
	c.t.Helper()
	value, err := proto.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	if key == "" {
		key = string(topics.SiteKey(site))
	}
	return &kgo.Record{Topic: c.cfg.Topic(topic), Partition: c.at, Key: []byte(key), Value: value, Timestamp: time.UnixMilli(c.time(i)),
		Headers: []kgo.RecordHeader{{Key: topics.HeaderInOffset, Value: strconv.AppendInt(nil, int64(i), 10)}}}
}

func (c *centre) append(records ...*kgo.Record) {
	c.t.Helper()
	if err := c.cl.ProduceSync(c.t.Context(), records...).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *centre) explainer() *explain.Explainer {
	c.t.Helper()
	x, err := explain.New(c.t.Context(), c.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(x.Close)
	return x
}

// incident has evidence of these events, and an act of the last one.
func (c *centre) incident(evidence ...int) string {
	c.t.Helper()
	first, last := evidence[0], evidence[len(evidence)-1]
	i := &vigiev1.Incident{Id: ids.Incident(site, event(first)), Site: site, OpenedAtMs: c.time(first), LastAlarmAtMs: c.time(first),
		Acts: []*vigiev1.IncidentAct{{EventId: event(last), AtMs: c.time(last)}}}
	for _, n := range evidence {
		i.Evidence = append(i.Evidence, event(n))
	}
	c.append(c.record(topics.Incidents, i, last, i.Id))
	return i.Id
}

// few is far below what the partition has: two stretches of twice ten seconds.
const few = 100

func TestEvidenceIsFoundWithoutReadingTheLog(t *testing.T) {
	c := newCentre(t)
	id := c.incident(1_000, 1_003, 4_500)
	story, err := c.explainer().Incident(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var at []int64
	for _, e := range story.Events {
		at = append(at, e.Offset)
	}
	if len(at) != 3 || at[0] != 1_000 || at[1] != 1_003 || at[2] != 4_500 || len(story.Lost) > 0 {
		t.Errorf("evidence at 1000, 1003 and 4500 was expected: %v, lost %v", at, story.Lost)
	}
	if story.EventsRead > few {
		t.Errorf("%d records of the log were read for three events", story.EventsRead)
	}
}

// Where times mislead the whole partition is read, and what is gone is named.
func TestEvidenceOutOfPlaceAndLost(t *testing.T) {
	c := newCentre(t)
	id := c.incident(3_000, 200, 4_500)
	story, err := c.explainer().Incident(t.Context(), id)
	if err != nil || len(story.Events) != 3 || story.Events[0].Offset != 200 {
		t.Fatalf("evidence at 200, 3000 and 4500 was expected: %+v (%v)", story, err)
	}
	id = c.incident(3_100, life+1, 4_500)
	story, err = c.explainer().Incident(t.Context(), id)
	if err != nil || len(story.Events) != 2 || len(story.Lost) != 1 || string(story.Lost[0]) != string(event(life+1)) {
		t.Errorf("two events found and one lost were expected: %+v (%v)", story, err)
	}
	if _, err := c.explainer().Incident(t.Context(), ids.Incident(site, event(1))); !errors.Is(err, explain.ErrNotFound) {
		t.Errorf("an incident that never was: %v", err)
	}
}

// A detection is found by its id alone, with and without its site, and the state of
// the site leads to it.
func TestADetectionAndASite(t *testing.T) {
	c := newCentre(t)
	id := ids.Hash("a storm")
	d := &vigiev1.Detection{Id: id[:], Site: site, Kind: vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, Status: vigiev1.DetectionStatus_DETECTION_STATUS_OPENED,
		AtMs: c.time(2_000), OpenedAtMs: c.time(2_000), WindowMs: 5_000, Evidence: [][]byte{event(1_996), event(1_998), event(2_000)}}
	state := &vigiev1.SiteState{Site: site, CauseEventId: event(2_000), OpenDetections: []string{id.String()}}
	c.append(c.record(topics.Detections, d, 2_000, ""), c.record(topics.SiteStates, state, 2_000, ""))
	x := c.explainer()
	for name, ask := range map[string]func() (*explain.Story, error){
		"by its id":        func() (*explain.Story, error) { return x.Detection(t.Context(), id, 0) },
		"by id and site":   func() (*explain.Story, error) { return x.Detection(t.Context(), id, site) },
		"the site's state": func() (*explain.Story, error) { return x.Site(t.Context(), site) },
	} {
		story, err := ask()
		if err != nil || story.Site != site || len(story.Detections) != 1 || len(story.Events) != 3 || story.EventsRead > few {
			t.Errorf("%s: %+v (%v)", name, story, err)
		}
	}
}
