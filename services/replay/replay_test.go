package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
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
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
	"github.com/open-vigie/vigie/services/replay"
	"github.com/open-vigie/vigie/services/sitefold"
)

var discard = slog.New(slog.DiscardHandler)

const partitions = 2

// past is a log that a processor has folded.
type past struct {
	t   *testing.T
	cfg eventlog.Config
	cl  *kgo.Client
	now int64
	seq uint64
}

func newPast(t *testing.T) *past {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	p := &past{t: t, cfg: eventlog.Config{Brokers: cluster.ListenAddrs()}, now: time.Now().Add(-3 * time.Hour).UnixMilli()}
	if _, err := eventlog.Provision(t.Context(), p.cfg, eventlog.Options{Partitions: partitions, Local: true}); err != nil {
		t.Fatal(err)
	}
	if p.cl, err = kgo.NewClient(p.cfg.IngestOpts(discard)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.cl.Close)
	return p
}

// record appends to the partition of a site; site 0 is for every partition.
func (p *past) record(site uint64, r *vigiev1.LogRecord, headers ...kgo.RecordHeader) {
	p.t.Helper()
	value, err := proto.Marshal(r)
	if err != nil {
		p.t.Fatal(err)
	}
	for n := range int32(partitions) {
		var key []byte
		if site > 0 {
			if key = topics.SiteKey(site); topics.PartitionOf(site, partitions) != n {
				continue
			}
		}
		out := &kgo.Record{Topic: p.cfg.Topic(topics.Events), Partition: n, Key: key, Value: value, Timestamp: time.UnixMilli(p.now), Headers: headers}
		if err := p.cl.ProduceSync(p.t.Context(), out).FirstErr(); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *past) policy(policy *vigiev1.Policy) {
	p.record(0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: policy}}, kgo.RecordHeader{Key: topics.HeaderKind, Value: []byte("policy")})
}

// beat lets time go on.
func (p *past) beat() {
	p.seq++
	p.now += 1_000
	p.record(0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
		Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: p.seq, TMs: p.now,
	}}})
}

// alarms lets a site raise so many alarms, one a second, each of another zone.
func (p *past) alarms(site uint64, n int) {
	for range n {
		p.beat()
		id := ids.Hash("test", string(topics.SiteKey(site)), string(rune(p.seq)))
		p.record(site, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: id[:], Site: site, ReceivedAtMs: p.now, Fingerprint: id[:],
			Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r", Path: 1}}},
			Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{
				Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Zone: strconv.FormatUint(p.seq, 10),
			}}},
		}}})
	}
	p.beat()
}

// folded runs a processor until it stands at the end of the log.
func (p *past) folded() {
	p.t.Helper()
	p.run(-1, func() bool {
		times, err := eventlog.Times(p.t.Context(), p.cfg, discard)
		if err != nil {
			p.t.Fatal(err)
		}
		return !slices.ContainsFunc(times, func(t eventlog.PartitionTime) bool { return t.Unfolded > 0 })
	})
}

// snapshotted runs one until every partition has a snapshot that counts.
func (p *past) snapshotted() {
	p.t.Helper()
	p.run(20*time.Millisecond, func() bool {
		p.beat() // a snapshot is named by the progress record after it
		last, err := eventlog.LastProgress(p.t.Context(), p.cfg, discard)
		if err != nil {
			p.t.Fatal(err)
		}
		for n := range int32(partitions) {
			if len(last[n].GetSnapshots()) == 0 {
				return false
			}
		}
		return true
	})
}

// run runs a processor that takes snapshots at that pace, until something is so.
func (p *past) run(snapshots time.Duration, so func() bool) {
	p.t.Helper()
	proc, err := processor.New(processor.Config{Instance: "p", NewFold: sitefold.New(discard), ProgressEvery: 20 * time.Millisecond,
		Snapshots: processor.Snapshots{Every: snapshots}}, processor.Deps{Log: discard, Kafka: p.cfg})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- proc.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(end) {
			p.t.Fatal("not within a minute")
		}
	}
}

func (p *past) replay(from, to replay.Point, change func(*replay.Options)) *replay.Report {
	p.t.Helper()
	opts := replay.Options{Kafka: p.cfg, Log: discard, Compare: true, Store: snapshot.NewTopic(p.cfg, topics.Snapshots, discard)}
	if change != nil {
		change(&opts)
	}
	var err error
	if opts.Ranges, err = replay.Bounds(p.t.Context(), opts, -1, from, to); err != nil {
		p.t.Fatal(err)
	}
	report, err := replay.Run(p.t.Context(), opts)
	if err != nil {
		p.t.Fatal(err)
	}
	return report
}

func row(r *replay.Report, kind string) replay.Row {
	for _, one := range r.Rows {
		if one.Kind == kind {
			return one
		}
	}
	return replay.Row{}
}

func storm(alarms uint32) *vigiev1.Policy {
	p := alarm.DefaultPolicy()
	p.Classes[0].Storm.Alarms = alarms
	return alarm.Stamped(p, 1, 1)
}

const stormKind = "alarm storm"

func TestAReplayTellsWhatAnotherPolicyWouldHaveMade(t *testing.T) {
	p := newPast(t)
	p.policy(storm(6))
	p.alarms(7, 8) // a storm under 6 and under 4
	p.alarms(8, 5) // a storm under 4 only
	p.alarms(9, 2) // none
	later := p.now
	p.alarms(10, 5) // a storm under 4 only, in the second stretch
	p.alarms(8, 1)  // its sixth: a storm under 6, and in this stretch under 4
	p.folded()

	same := p.replay(replay.Point{}, replay.Point{}, nil)
	if r := row(same, stormKind); r.Then != 2 || r.Now != 2 || slices.ContainsFunc(same.Rows, func(r replay.Row) bool { return !r.Same() }) {
		t.Errorf("the same policy gives what was said then, two storms: %+v", same.Rows)
	}
	if r := row(same, "incident intrusion"); r.Then != 4 || r.Now != 4 {
		t.Errorf("four incidents were expected: %+v", same.Rows)
	}
	four := p.replay(replay.Point{}, replay.Point{}, func(o *replay.Options) { o.Policy = storm(4) })
	// The storms of 7 and 8 begin with an earlier alarm: others, in place of those of then.
	if r := row(four, stormKind); r != (replay.Row{Kind: stormKind, Then: 2, Now: 3, Added: 3, Missing: 2}) {
		t.Errorf("at 4 alarms: %+v", four.Rows)
	}
	none := p.replay(replay.Point{}, replay.Point{}, func(o *replay.Options) { o.Policy = storm(20) })
	if r := row(none, stormKind); r != (replay.Row{Kind: stormKind, Then: 2, Missing: 2}) {
		t.Errorf("at 20 alarms: %+v", none.Rows)
	}
	// What came before the stretch is judged as it was.
	rest := p.replay(replay.Point{At: time.UnixMilli(later), Given: true}, replay.Point{}, func(o *replay.Options) { o.Policy = storm(4) })
	if r := row(rest, stormKind); r != (replay.Row{Kind: stormKind, Then: 1, Now: 2, Added: 1, Changed: 1}) {
		t.Errorf("the second stretch at 4 alarms: %+v", rest.Rows)
	}
}

// A lost and an invented output are found: the comparison can fail.
func TestAReplayFindsWhatWasNotSaidThen(t *testing.T) {
	p := newPast(t)
	p.policy(storm(3))
	p.alarms(7, 4)
	p.folded()
	kept := p.replay(replay.Point{}, replay.Point{}, nil)
	if r := row(kept, stormKind); r.Then != 1 || !r.Same() {
		t.Fatalf("one storm was expected: %+v", kept.Rows)
	}
	invented, err := proto.Marshal(&vigiev1.Detection{Id: []byte("0123456789abcdef"), Site: 7, Kind: vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, Status: vigiev1.DetectionStatus_DETECTION_STATUS_OPENED})
	if err != nil {
		t.Fatal(err)
	}
	n := topics.PartitionOf(7, partitions)
	out := &kgo.Record{Topic: p.cfg.Topic(topics.Detections), Partition: n, Key: topics.SiteKey(7), Value: invented, Timestamp: time.UnixMilli(p.now),
		Headers: []kgo.RecordHeader{{Key: topics.HeaderInOffset, Value: []byte("3")}}}
	if err := p.cl.ProduceSync(t.Context(), out).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if r := row(p.replay(replay.Point{}, replay.Point{}, nil), stormKind); r != (replay.Row{Kind: stormKind, Then: 2, Now: 1, Missing: 1}) {
		t.Errorf("an invented storm, missing in the replay, was expected: %+v", r)
	}
}

// A replay from a snapshot gives what one from the first record does.
func TestAReplayBeginsAtTheNearestSnapshot(t *testing.T) {
	p := newPast(t)
	p.policy(storm(3))
	p.alarms(7, 4)
	p.snapshotted()
	later := replay.Point{At: time.UnixMilli(p.now), Given: true}
	p.alarms(8, 4)
	p.folded()
	lines := func(store snapshot.Store) (string, *replay.Report) {
		var out bytes.Buffer
		r := p.replay(later, replay.Point{}, func(o *replay.Options) { o.Out, o.Parallel = &out, 1; o.Store = store })
		all := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		slices.SortFunc(all, bytes.Compare)
		return string(bytes.Join(all, []byte("\n"))), r
	}
	fromLog, whole := lines(nil)
	fromSnapshot, part := lines(snapshot.NewTopic(p.cfg, topics.Snapshots, discard))
	if fromLog != fromSnapshot || fromLog == "" {
		t.Errorf("from the log:\n%s\nfrom a snapshot:\n%s", fromLog, fromSnapshot)
	}
	if part.Folded >= whole.Folded {
		t.Errorf("%d records were folded from snapshots, %d from the log: no snapshot was used", part.Folded, whole.Folded)
	}
	var first struct {
		Topic string         `json:"topic"`
		Type  string         `json:"type"`
		Value map[string]any `json:"value"`
	}
	if err := json.Unmarshal([]byte(fromLog[:bytes.IndexByte([]byte(fromLog), '\n')]), &first); err != nil || first.Type == "" || first.Value["site"] == "" {
		t.Errorf("the first line is %+v (%v)", first, err)
	}
}

// What a replay writes to another prefix is what the processor wrote to its own, to
// the byte; only empty topics are written to, and never those of the log.
func TestAReplayIsCopiedToAnotherPrefix(t *testing.T) {
	p := newPast(t)
	p.policy(storm(3))
	p.alarms(7, 4)
	p.alarms(8, 2)
	p.folded()
	other := p.cfg
	other.TopicPrefix = "tried."
	if _, err := replay.NewCopy(t.Context(), p.cfg, other.TopicPrefix, discard); err == nil || !strings.Contains(err.Error(), "vigie provision --topic-prefix tried.") {
		t.Errorf("topics that are not there: %v", err)
	}
	if _, err := replay.NewCopy(t.Context(), p.cfg, "vigie.", discard); err == nil {
		t.Error("the log's own topics were taken")
	}
	if _, err := eventlog.Provision(t.Context(), other, eventlog.Options{Partitions: partitions, Local: true}); err != nil {
		t.Fatal(err)
	}
	c, err := replay.NewCopy(t.Context(), p.cfg, other.TopicPrefix, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r := p.replay(replay.Point{}, replay.Point{}, func(o *replay.Options) { o.Copy, o.Compare = c, false }); r.Outputs == 0 {
		t.Fatal("the replay gave nothing")
	}
	for _, name := range []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts} {
		was, is := p.said(p.cfg.Topic(name)), p.said(other.Topic(name))
		if !slices.Equal(was, is) {
			t.Errorf("%s: then\n%s\nnow\n%s", name, strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
	if len(p.said(other.Topic(topics.Incidents))) == 0 {
		t.Error("no incident was written")
	}
	if _, err := replay.NewCopy(t.Context(), p.cfg, other.TopicPrefix, discard); !errors.Is(err, replay.ErrNotEmpty) {
		t.Errorf("topics that are not empty: %v", err)
	}
}

// said is what stands in a topic, a line a record, by partition.
func (p *past) said(topic string) (lines []string) {
	p.t.Helper()
	for n := range int32(partitions) {
		ends, err := kadm.NewClient(p.cl).ListEndOffsets(p.t.Context(), topic)
		if err != nil {
			p.t.Fatal(err)
		}
		end, _ := ends.Lookup(topic, n)
		opts := append(p.cfg.ReaderOpts(discard), kgo.KeepControlRecords())
		err = eventlog.ReadRange(p.t.Context(), opts, topic, n, 0, end.Offset, func(r *kgo.Record) error {
			if !r.Attrs.IsControl() {
				lines = append(lines, fmt.Sprintf("%d %s %d %x %v", n, r.Key, r.Timestamp.UnixMilli(), r.Value, r.Headers))
			}
			return nil
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return lines
}
