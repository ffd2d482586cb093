package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func TestMain(m *testing.M) {
	code := enginetest.Main(m)
	if code == 0 {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const partitions = 2

var discard = slog.New(slog.DiscardHandler)

// bench is a log and a warehouse for one test.
type bench struct {
	t     testing.TB
	kafka eventlog.Config
	db    *warehouse.DB
	cl    *kgo.Client
	rand  *rand.Rand
	made  int
}

func newBench(t *testing.T, db *warehouse.DB) *bench {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return benchOn(t, cluster, "", db)
}

func benchOn(t testing.TB, cluster *kfake.Cluster, prefix string, db *warehouse.DB) *bench {
	t.Helper()
	b := &bench{t: t, kafka: eventlog.Config{Brokers: cluster.ListenAddrs(), TopicPrefix: prefix}, db: db, rand: rand.New(rand.NewPCG(1, 2))}
	if _, err := eventlog.Provision(context.Background(), b.kafka, eventlog.Options{Local: true, Partitions: partitions, Log: discard}); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.cl, err = kgo.NewClient(b.kafka.IngestOpts(discard)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cl.Close)
	return b
}

// produce appends a value, a tombstone for nil.
func (b *bench) produce(topic string, partition int32, key string, m proto.Message) {
	b.t.Helper()
	r := &kgo.Record{Topic: b.kafka.Topic(topic), Partition: partition}
	if key != "" {
		r.Key = []byte(key)
	}
	if m != nil {
		v, err := proto.Marshal(m)
		if err != nil {
			b.t.Fatal(err)
		}
		r.Value = v
	}
	b.append(r)
}

func (b *bench) append(r *kgo.Record) {
	b.t.Helper()
	if err := b.cl.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	b.made++
}

var noon = time.Now().Truncate(time.Hour).UnixMilli()

// alarm appends an alarm of a class.
func (b *bench) alarm(partition int32, site uint64, class vigiev1.EventClass) {
	b.t.Helper()
	e := &vigiev1.Event{
		Id: eventID(b.made), Site: site, OccurredAtMs: noon, ReceivedAtMs: noon + int64(b.made),
		Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r1", Account: "1234", Path: 1, Transport: vigiev1.Transport_TRANSPORT_UDP, Sequence: 42, Token: "SIA-DCS"}}},
		Body:   &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Format: "SIA", Code: "BA", Class: class, Area: "1", Zone: "3"}}},
	}
	b.produce(topics.Events, partition, strconv.FormatUint(site, 10), &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: e}, Version: 1})
}

func eventID(n int) []byte {
	i := ids.Event([]byte("test"), 0, uint64(n))
	return i[:]
}

// beat appends a beat with n polls.
func (b *bench) beat(partition int32, n int) {
	b.t.Helper()
	x := &vigiev1.Beat{Writer: "r1", Boot: eventID(0), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "local", Sequence: uint64(b.made), TMs: noon + int64(b.made), BaseMs: noon}
	for i := range n {
		x.Site = append(x.Site, uint64(100+i%50))
		x.ReceivedDeltaMs = append(x.ReceivedDeltaMs, int64(i%3))
	}
	b.produce(topics.Events, partition, "", &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: x}, Version: 1})
}

// mixture appends about n records of every sort to all topics.
func (b *bench) mixture(n int) {
	b.t.Helper()
	for range n {
		p := b.rand.Int32N(partitions)
		switch b.rand.IntN(12) {
		case 0:
			b.produce(topics.Detections, p, "7", &vigiev1.Detection{Id: eventID(b.made), Site: 7, Kind: vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, Status: vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, AtMs: noon, OpenedAtMs: noon, Evidence: [][]byte{eventID(1)}})
		case 1:
			b.produce(topics.SiteStates, p, "7", &vigiev1.SiteState{Site: 7, Version: uint64(b.made), ChangedAtMs: noon, Label: "x", Areas: []*vigiev1.AreaState{{Area: "1", Mode: vigiev1.AreaMode_AREA_MODE_ARMED_FULL, SinceMs: noon}}, Paths: []*vigiev1.PathState{{Path: 1, Status: vigiev1.PathStatus_PATH_STATUS_OK, LastHeardMs: noon}}})
		case 2:
			b.produce(topics.Incidents, p, "7-ABCDEFGHJKMNP", &vigiev1.Incident{Id: "7-ABCDEFGHJKMNP", Site: 7, Version: uint64(b.made), Class: vigiev1.EventClass_EVENT_CLASS_FIRE, ChangedAtMs: noon, OpenedAtMs: noon, Evidence: [][]byte{eventID(1)}})
		case 3:
			b.produce(topics.Outcomes, p, "7", &vigiev1.EventOutcome{EventId: eventID(b.made), Site: 7, Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN, AtMs: noon})
		case 4:
			b.produce(topics.Rejected, p, "r1", &vigiev1.Rejected{AtMs: noon, Stage: "receiver", Source: "r1", Reason: "bad-crc", RawLength: 12})
		case 5:
			b.append(&kgo.Record{Topic: b.kafka.Topic(topics.Events), Partition: p, Value: []byte("\xff\xff junk")})
		case 6:
			b.produce(topics.Incidents, p, "7-ABCDEFGHJKMNP", nil)
		case 7, 8:
			b.beat(p, b.rand.IntN(40))
		default:
			b.alarm(p, uint64(100+b.rand.IntN(5)), vigiev1.EventClass_EVENT_CLASS_INTRUSION)
		}
	}
}

type insertFunc = func(ctx context.Context, table, token string, columns []warehouse.Column) error

// run runs an archiver until stop is called, which returns how Run ended.
func (b *bench) run(units int, insert insertFunc) (stop func() error) {
	b.t.Helper()
	a, err := New(Config{FlushEvery: 20 * time.Millisecond, QuietEvery: 30 * time.Millisecond, BlockUnits: units},
		Deps{Log: discard, Metrics: prometheus.NewRegistry(), Kafka: b.kafka, DB: b.db, Insert: insert})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func (b *bench) options() VerifyOptions { return VerifyOptions{Kafka: b.kafka, DB: b.db, Log: discard} }

// settle waits until all is archived and returns the comparison with the log.
func (b *bench) settle() *Report {
	b.t.Helper()
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for b.pending() > 0 {
		select {
		case <-deadline:
			b.t.Fatalf("%d offsets not archived within 90 s", b.pending())
		case <-tick.C:
		}
	}
	r, err := Verify(context.Background(), b.options())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// pending is how many offsets are not committed as archived.
func (b *bench) pending() (n int64) {
	b.t.Helper()
	for _, topic := range Topics {
		all, err := spansOf(context.Background(), kadm.NewClient(b.cl), b.kafka, topic)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, p := range all {
			n += p.End - p.To
		}
	}
	return n
}

// mustBeExact fails the test unless every record stands in the warehouse once,
// and the views' targets are the aggregates of their tables.
func (b *bench) mustBeExact() {
	b.t.Helper()
	r := b.settle()
	if err := r.Err(); err != nil {
		b.t.Error(err)
	}
	if n := r.Total().Records; n != uint64(b.made) {
		b.t.Errorf("%d records compared, %d produced", n, b.made)
	}
	for _, x := range []struct{ name, base, target string }{
		{"minutes", "SELECT toString(arraySort(groupArray((m, k, c, n)))) FROM (SELECT toStartOfMinute(toDateTime(received_at,'UTC')) m, kind k, class c, count() n FROM {db}.events GROUP BY m, k, c)",
			"SELECT toString(arraySort(groupArray((m, k, c, n)))) FROM (SELECT minute m, kind k, class c, sum(events) n FROM {db}.events_by_minute GROUP BY m, k, c)"},
		{"hours", "SELECT toString(arraySort(groupArray((h, s, p, n)))) FROM (SELECT toStartOfHour(toDateTime(received_at,'UTC')) h, site s, path p, (count(), min(received_at), max(received_at)) n FROM {db}.heartbeats GROUP BY h, s, p)",
			"SELECT toString(arraySort(groupArray((h, s, p, n)))) FROM (SELECT hour h, site s, path p, (sum(heartbeats), min(first_at), max(last_at)) n FROM {db}.heartbeats_by_hour GROUP BY h, s, p)"},
	} {
		if base, target := b.ask(x.base), b.ask(x.target); base != target {
			b.t.Errorf("the rollup by %s differs from its table:\n%s\n%s", x.name, base, target)
		}
	}
}

func (b *bench) ask(sql string) string {
	b.t.Helper()
	var s string
	if err := b.db.Conn().QueryRow(context.Background(), strings.ReplaceAll(sql, "{db}", b.db.Database())).Scan(&s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestEveryRecordIsArchivedOnce(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	stop := b.run(7, nil)
	b.mixture(200)
	b.beat(0, 100) // larger than a block: cut inside
	b.beat(1, 0)
	b.mixture(20)
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := b.ask("SELECT toString((any(code), any(class), any(account), any(transport), any(sequence), any(kind), count() > 0)) FROM {db}.events WHERE kind = 'alarm_raised'"); got != "('BA','intrusion','1234','udp',42,'alarm_raised',1)" {
		t.Error(got)
	}
	if got := b.ask("SELECT toString((count() > 0, any(reason) LIKE 'the value is no LogRecord%')) FROM {db}.undecodable"); got != "(1,1)" {
		t.Error("undecodable records: " + got)
	}
}

// die makes each insert end the archiver's process, as far as one can in a test:
// nothing after it is done.
func TestCrashes(t *testing.T) {
	died := errors.New("the process died")
	for _, x := range []struct {
		name string
		// after says whether the rows arrive before the crash.
		after bool
		// nth insert is the last.
		nth int32
	}{
		{"between plan and insert", false, 1},
		{"between insert and commit", true, 1},
		{"between the inserts of two tables", false, 2},
		{"after some blocks", true, 7},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
			b.mixture(60)
			var count atomic.Int32
			crashed := make(chan struct{})
			var once sync.Once
			stop := b.run(5, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
				n := count.Add(1)
				if n > x.nth || n == x.nth && !x.after {
					once.Do(func() { close(crashed) })
					return died
				}
				err := b.db.Insert(ctx, table, token, columns)
				if n == x.nth {
					once.Do(func() { close(crashed) })
					return died
				}
				return err
			})
			<-crashed
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			b.mixture(30)
			// The next one cuts its own blocks otherwise, never the planned one.
			stop = b.run(11, nil)
			b.mustBeExact()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A worker that was taken for dead, and inserts after its successor did, adds
// nothing.
func TestZombieAddsNothing(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	ctx := context.Background()
	p := eventlog.Partition{Topic: "vigie.events", Number: 0}
	var noted eventlog.Committed
	member := func(insert insertFunc) *handler {
		m, err := newMetrics(nil)
		if err != nil {
			t.Fatal(err)
		}
		h := &handler{cfg: Config{FlushEvery: time.Hour, QuietEvery: time.Hour, BlockUnits: 3}, metrics: m,
			deps: Deps{Log: discard, DB: db, Insert: insert, Now: time.Now}, parts: map[eventlog.Partition]*part{}, backlog: m.lag.backlog,
			logs: &logNames{cluster: "c", ids: map[string]string{p.Topic: "id"}}}
		if err := h.Assigned(ctx, p, noted, func(_ context.Context, c eventlog.Committed) error { noted = c; return nil }); err != nil {
			t.Fatal(err)
		}
		return h
	}
	var records []*kgo.Record
	for i := range 3 {
		v, err := proto.Marshal(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Id: eventID(i), Site: 1, ReceivedAtMs: noon}}})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: p.Topic, Offset: int64(i), Value: v, Timestamp: time.UnixMilli(noon)})
	}
	asleep, wake, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	zombie := member(func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		close(asleep)
		<-wake
		return db.Insert(ctx, table, token, columns)
	})
	go func() {
		_, err := zombie.Consume(ctx, p, records)
		done <- err
	}()
	<-asleep
	if _, err := member(db.Insert).Consume(ctx, p, records); err != nil {
		t.Fatal(err)
	}
	close(wake)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var n uint64
	if err := db.Conn().QueryRow(ctx, "SELECT count() FROM "+db.Database()+".events").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows instead of 3, %v", n, err)
	}
}

func TestPlannedBlockThatIsGoneStopsLoudly(t *testing.T) {
	p := eventlog.Partition{Topic: "vigie.events", Number: 0}
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{cfg: Config{BlockUnits: 3}, metrics: m, deps: Deps{Log: discard, Now: time.Now}, parts: map[eventlog.Partition]*part{}, backlog: m.lag.backlog,
		logs: &logNames{cluster: "c", ids: map[string]string{p.Topic: "id"}}}
	was := plan{log: "c:id:0", first: position{5, 0}, last: position{9, 0}, units: 5, decoder: decoderVersion}
	at := eventlog.Committed{Offset: 5, Metadata: note{plan: &was}.String()}
	if err := h.Assigned(context.Background(), p, at, nil); err != nil {
		t.Fatal(err)
	}
	_, err = h.Consume(context.Background(), p, []*kgo.Record{{Topic: p.Topic, Offset: 7, Value: []byte{}}, {Topic: p.Topic, Offset: 12, Value: []byte{}}})
	if !errors.Is(err, ErrPlanGone) || !errors.Is(err, eventlog.ErrStop) {
		t.Errorf("a planned block that is gone: %v", err)
	}
	anew := note{plan: &plan{log: "c:another:0", first: position{5, 0}, last: position{9, 0}, units: 5}}
	if err := h.Assigned(context.Background(), p, eventlog.Committed{Offset: 5, Metadata: anew.String()}, nil); !errors.Is(err, eventlog.ErrStop) {
		t.Errorf("the plan of a topic that was made anew: %v", err)
	}
}

// What failed is sent again as it was: the same rows, the same token, and what
// came since does not creep in.
func TestFailedBlockIsSentAgainAsItWas(t *testing.T) {
	p := eventlog.Partition{Topic: "vigie.events", Number: 0}
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	type sent struct {
		token string
		rows  int
	}
	var attempts []sent
	fails := 2
	h := &handler{cfg: Config{FlushEvery: time.Hour, QuietEvery: time.Hour, BlockUnits: 2}, metrics: m, parts: map[eventlog.Partition]*part{}, backlog: m.lag.backlog,
		logs: &logNames{cluster: "c", ids: map[string]string{p.Topic: "id"}},
		deps: Deps{Log: discard, Now: time.Now, Insert: func(_ context.Context, _, token string, columns []warehouse.Column) error {
			attempts = append(attempts, sent{token, len(columns[0].Values.([]uint16))})
			if fails--; fails >= 0 {
				return errors.New("away")
			}
			return nil
		}}}
	if err := h.Assigned(context.Background(), p, eventlog.Committed{}, func(context.Context, eventlog.Committed) error { return nil }); err != nil {
		t.Fatal(err)
	}
	record := func(offset int64) *kgo.Record { return &kgo.Record{Topic: p.Topic, Offset: offset, Value: []byte{}} }
	first := []*kgo.Record{record(0), record(3)}
	for range 2 {
		if _, err := h.Consume(context.Background(), p, first); err == nil {
			t.Fatal("a failed insert was taken for done")
		}
	}
	done, err := h.Consume(context.Background(), p, []*kgo.Record{record(0), record(3), record(4), record(5), record(6)})
	if err != nil {
		t.Fatal(err)
	}
	if done.Offset != 4 {
		t.Errorf("safe is %+v while the second block is on its way", done)
	}
	if done, err = h.Consume(context.Background(), p, nil); err != nil {
		t.Fatal(err)
	}
	want := []sent{{"v1:c:id:0:0.0-3.0", 2}, {"v1:c:id:0:0.0-3.0", 2}, {"v1:c:id:0:0.0-3.0", 2}, {"v1:c:id:0:4.0-5.0", 2}}
	if !slices.Equal(attempts, want) || done.Offset != 6 {
		t.Errorf("sent %v, safe %+v", attempts, done)
	}
}

func TestEngineKilledInMidInsert(t *testing.T) {
	l := enginetest.Start(t, t.TempDir())
	b := newBench(t, enginetest.Open(t, l))
	var inserts atomic.Int32
	stop := b.run(20, func(ctx context.Context, table, token string, columns []warehouse.Column) error {
		if n := inserts.Add(1); n == 5 || n == 25 {
			// Killed at some moment of this insert, which none of us chooses.
			go func() { _ = child.Signal(l.Pid(), syscall.SIGKILL) }()
		}
		return b.db.Insert(ctx, table, token, columns)
	})
	for range 12 {
		b.mixture(25)
	}
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if l.Restarts() == 0 {
		t.Error("the engine was not killed")
	}
}

// Whatever the traffic, the sizes of blocks and the moments of crashes: each
// (partition, offset, index) is there once.
func TestExactlyOnceProperty(t *testing.T) {
	l := enginetest.Shared(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > 5 {
			return // each run takes a broker's and an engine's time
		}
		b := benchOn(t, cluster, fmt.Sprintf("run%d.", runs), enginetest.Open(t, l))
		b.rand = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for life := range rapid.IntRange(1, 3).Draw(rt, "lives") {
			b.mixture(rapid.IntRange(1, 40).Draw(rt, "records"))
			limit := int32(rapid.IntRange(1, 12).Draw(rt, "inserts before the crash"))
			arrives := rapid.Bool().Draw(rt, "arrives")
			var count atomic.Int32
			crashed := make(chan struct{})
			var once sync.Once
			stop := b.run(rapid.IntRange(1, 50).Draw(rt, "units"), func(ctx context.Context, table, token string, columns []warehouse.Column) error {
				if count.Add(1) >= limit {
					if arrives {
						_ = b.db.Insert(ctx, table, token, columns)
					}
					once.Do(func() { close(crashed) })
					return errors.New("the process died")
				}
				return b.db.Insert(ctx, table, token, columns)
			})
			select {
			case <-crashed:
			case <-time.After(2 * time.Second): // fewer inserts than the limit
			}
			if err := stop(); err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
		}
		stop := b.run(rapid.IntRange(1, 50).Draw(rt, "units at last"), nil)
		b.mustBeExact()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestVerifyFindsMissingAndDouble(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	stop := b.run(50, nil)
	for range 5 {
		b.alarm(0, 1, vigiev1.EventClass_EVENT_CLASS_FIRE)
	}
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	exec := func(sql string) {
		t.Helper()
		if err := b.db.Conn().Exec(context.Background(), strings.ReplaceAll(sql, "{db}", b.db.Database())); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO {db}.events SELECT * FROM {db}.events WHERE kafka_offset = 1")
	exec("DELETE FROM {db}.events WHERE kafka_offset = 3")
	r, err := Verify(context.Background(), b.options())
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total(); n.Missing != 1 || n.Double != 1 || r.Err() == nil {
		t.Errorf("%d missing, %d double: %v", n.Missing, n.Double, r.Err())
	}
}

func TestWithoutFirstCommitItSaysProvision(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "vigie.events", "vigie.site-states", "vigie.detections", "vigie.incidents", "vigie.outcomes", "vigie.rejected"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	a, err := New(Config{}, Deps{Log: discard, Kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}, DB: enginetest.Open(t, enginetest.Shared(t))})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(context.Background()); !errors.Is(err, eventlog.ErrNoCommit) || !strings.Contains(err.Error(), "vigie provision") {
		t.Errorf("%v", err)
	}
}

func TestNotes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) position {
			return position{rapid.Int64Range(0, 1<<60).Draw(rt, name), rapid.Uint32().Draw(rt, name+" index")}
		}
		p := plan{log: "c-1:AAAA:3", first: draw("first"), last: draw("last"), units: rapid.IntRange(1, 1000).Draw(rt, "units"), decoder: 1}
		if p.last.before(p.first) {
			p.first, p.last = p.last, p.first
		}
		n := note{index: rapid.Uint32().Draw(rt, "at"), plan: &p}
		back, err := parseNote(n.String())
		if err != nil || back.index != n.index || *back.plan != p {
			rt.Fatalf("%s came back as %+v %v", n, back, err)
		}
		if len(n.String()) > 1024 {
			rt.Fatalf("%d bytes", len(n.String()))
		}
	})
	for _, bad := range []string{"x", "archiver2 at=1", "archiver1 at=x", "archiver1 plan=v1:a:1.0", "archiver1 plan=v1:a:5.0-4.0 units=1", "archiver1 who=1"} {
		if _, err := parseNote(bad); err == nil {
			t.Errorf("the note %q was taken", bad)
		}
	}
	if n, err := parseNote(""); err != nil || n.plan != nil || n.index != 0 {
		t.Errorf("no note: %+v %v", n, err)
	}
}
