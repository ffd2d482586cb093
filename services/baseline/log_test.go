package baseline_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/baseline"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/snapshot"
	"github.com/open-vigie/vigie/services/sitefold"
)

const (
	parts = 2
	sites = 20
)

// log is one log, lived in its own time.
type log struct {
	t    *testing.T
	cfg  eventlog.Config
	cl   *kgo.Client
	now  int64
	boot string
	n    uint64
	beat uint64
	keys string
	// damaged snapshots, by id.
	mu      sync.Mutex
	damaged [][]byte
}

func kfakeLog(t *testing.T, prefix string) eventlog.Config {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return eventlog.Config{Brokers: cluster.ListenAddrs(), TopicPrefix: prefix}
}

func newLog(t *testing.T, cfg eventlog.Config, at int64) *log {
	t.Helper()
	cl, err := kgo.NewClient(cfg.IngestOpts(discard)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &log{t: t, cfg: cfg, cl: cl, now: at, boot: cfg.TopicPrefix, keys: t.TempDir()}
}

func madeAs() eventlog.Options {
	return eventlog.Options{Partitions: parts, Local: true, Durability: broker.Process, Log: discard}
}

// provisioned is an empty one that may be begun at its first record.
func provisioned(t *testing.T, cfg eventlog.Config) *log {
	t.Helper()
	if _, err := eventlog.Provision(t.Context(), cfg, madeAs()); err != nil {
		t.Fatal(err)
	}
	return newLog(t, cfg, time.Now().Add(-time.Hour).Truncate(time.Minute).UnixMilli())
}

// process folds until stop is called.
func (l *log) process(newFold func() processor.Fold) (stop func()) {
	p, err := processor.New(processor.Config{
		Instance: "a", NewFold: newFold, Snapshots: processor.Snapshots{Every: 100 * time.Millisecond}, CheckpointEvery: 100 * time.Millisecond, ProgressEvery: 50 * time.Millisecond,
	}, processor.Deps{Log: discard, Kafka: l.cfg, Signer: l.signer(l.t).signer, Store: l.store()})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(l.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	}
}

type key struct {
	signer  note.Signer
	trusted note.Verifiers
}

// newKey is one of its own. Both logs of a test sign with that of the first.
func newKey(t *testing.T) key { return keyIn(t, t.TempDir()) }

func keyIn(t *testing.T, dir string) key {
	t.Helper()
	signer, err := chain.Signer(dir)
	if err != nil {
		t.Fatal(err)
	}
	trusted, _, err := chain.Trusted(filepath.Join(dir, chain.TrustedFile))
	if err != nil {
		t.Fatal(err)
	}
	return key{signer, trusted}
}

func (l *log) signer(t *testing.T) key { return keyIn(t, l.keys) }

func (l *log) loading() baseline.Loading {
	return baseline.Loading{
		Kafka: l.cfg, Topics: madeAs(), NewFold: sitefold.New(discard), Now: time.UnixMilli(l.now),
		Store: snapshot.NewTopic(l.cfg, topics.Snapshots, discard), Signer: l.signer(l.t).signer,
	}
}

func (l *log) load(dir string, trusted note.Verifiers) *baseline.Baseline {
	l.t.Helper()
	b, _, err := baseline.Load(l.t.Context(), baseline.In(dir), trusted, l.loading())
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l *log) append(p int32, rec *vigiev1.LogRecord) {
	l.t.Helper()
	value, err := proto.Marshal(rec)
	if err != nil {
		l.t.Fatal(err)
	}
	r := &kgo.Record{Topic: l.cfg.Topic(topics.Events), Partition: p, Value: value, Timestamp: time.UnixMilli(l.now)}
	if err := l.cl.ProduceSync(l.t.Context(), r).FirstErr(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) event(site uint64, ev *vigiev1.Event) {
	l.t.Helper()
	l.n++
	id := ids.Event([]byte(l.boot), 0, l.n)
	ev.Id, ev.Site, ev.ReceivedAtMs = id[:], site, l.now
	if ev.Source == nil {
		ev.Source = &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "alice"}}}
	}
	l.append(topics.PartitionOf(site, parts), &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Event{Event: ev}})
}

// pass lets time pass, by a beat a second; every site polls but the last three.
func (l *log) pass(seconds int) {
	for range seconds {
		l.now += 1000
		l.beat++
		for p := range int32(parts) {
			b := &vigiev1.Beat{Writer: "r", Boot: []byte(l.boot), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: l.beat, TMs: l.now, BaseMs: l.now}
			for site := uint64(1); site <= sites-3 && l.beat%5 == 1; site++ {
				if topics.PartitionOf(site, parts) == p {
					b.Site, b.ReceivedDeltaMs = append(b.Site, site), append(b.ReceivedDeltaMs, 0)
				}
			}
			l.append(p, &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: b}})
		}
	}
}

func (l *log) alarm(site uint64, zone string) {
	l.event(site, &vigiev1.Event{
		Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r", Account: fmt.Sprint(site), Path: 1, Token: "SIA-DCS"}}},
		Body:   &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{Format: "SIA", Code: "BA", Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Area: "1", Zone: zone}}},
	})
}

// firstLife: sites, bound accounts, alarms that stay open, and deadlines under way.
func (l *log) firstLife() {
	l.t.Helper()
	for p := range int32(parts) {
		l.append(p, &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Policy{Policy: alarm.Stamped(alarm.DefaultPolicy(), 1, l.now)}})
	}
	l.pass(2)
	for site := uint64(1); site <= sites; site++ {
		l.event(site, &vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{
			Label: fmt.Sprint("Dépôt ", site), Carrier: "orange", Areas: []string{"1"}, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 60_000, ReceiverGroup: "g"}},
		}}})
		account := fmt.Sprint("A", site)
		l.event(ids.UndeclaredSite(7, account), &vigiev1.Event{Body: &vigiev1.Event_AccountBound{AccountBound: &vigiev1.AccountBound{Line: 7, Account: account, ToSite: site}}})
	}
	l.pass(3)
	for site := uint64(1); site <= sites; site += 2 {
		l.alarm(site, "1")
	}
	for site := uint64(sites - 2); site <= sites; site++ { // heard once: their time runs
		l.append(topics.PartitionOf(site, parts), &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
			Writer: "r", Boot: []byte(l.boot), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", BaseMs: l.now, Site: []uint64{site}, ReceivedDeltaMs: []int64{0},
		}}})
	}
	l.pass(30)
	l.settle()
}

// secondLife: what was open goes on, deadlines come, new alarms fold into the old.
func (l *log) secondLife() {
	l.t.Helper()
	l.pass(30)
	for site := uint64(1); site <= sites; site += 2 {
		l.alarm(site, "2")
	}
	l.pass(150)
}

// settle waits until every record of the log is folded, committed and said so.
func (l *log) settle() {
	l.t.Helper()
	l.until("everything is folded", func() bool {
		done := 0
		for n, p := range l.progress() {
			if records := l.records(topics.Events, n); p.GetOffset() == records[len(records)-1].Offset+1 {
				done++
			}
		}
		return done == parts
	})
}

func (l *log) until(what string, true func() bool) {
	l.t.Helper()
	ctx, done := context.WithTimeout(l.t.Context(), time.Minute)
	defer done()
	for !true() {
		select {
		case <-ctx.Done():
			l.t.Fatalf("it never was so that %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// export waits for snapshots of all that there is, and exports them.
func (l *log) export() string {
	l.t.Helper()
	dir, lived := filepath.Join(l.t.TempDir(), "baseline"), l.progress()
	l.snapshots(func(n int32, named []*vigiev1.Snapshot) bool {
		return len(named) > 0 && named[0].GetOffset() >= lived[n].GetOffset()
	})
	l.exportTo(baseline.In(dir))
	return dir
}

func (l *log) exportTo(at baseline.Place) {
	l.t.Helper()
	if _, err := baseline.Export(l.t.Context(), l.cfg, discard, snapshot.NewTopic(l.cfg, topics.Snapshots, discard), l.signer(l.t).signer, at, time.UnixMilli(l.now)); err != nil {
		l.t.Fatal(err)
	}
}

// snapshots lets time pass until those of each partition are as asked: one is taken
// after a commit, and named with the next.
func (l *log) snapshots(as func(n int32, named []*vigiev1.Snapshot) bool) {
	l.t.Helper()
	l.until("snapshots are as they should be", func() bool {
		l.pass(1)
		n := 0
		for number, p := range l.progress() {
			if as(number, p.GetSnapshots()) {
				n++
			}
		}
		return n == parts
	})
}

func (l *log) progress() map[int32]*vigiev1.Progress {
	l.t.Helper()
	last, err := eventlog.LastProgress(l.t.Context(), l.cfg, discard)
	if err != nil {
		l.t.Fatal(err)
	}
	return last
}

// records are the committed ones of a partition, in order.
func (l *log) records(topic string, p int32) (out []*kgo.Record) {
	l.t.Helper()
	full := l.cfg.Topic(topic)
	adm := kadm.NewClient(l.cl)
	start, _, err := eventlog.Bounds(l.t.Context(), adm, full, p)
	if err != nil {
		l.t.Fatal(err)
	}
	ends, err := adm.ListCommittedOffsets(l.t.Context(), full)
	if err != nil {
		l.t.Fatal(err)
	}
	end, _ := ends.Lookup(full, p)
	opts := append(l.cfg.ReaderOpts(discard), kgo.KeepControlRecords())
	err = eventlog.ReadRange(l.t.Context(), opts, full, p, start, end.Offset, func(r *kgo.Record) error {
		if !r.Attrs.IsControl() {
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// newest is what a compacted topic comes to.
func (l *log) newest(topic string) map[string][]byte {
	l.t.Helper()
	out := map[string][]byte{}
	for p := range int32(parts) {
		for _, r := range l.records(topic, p) {
			if out[string(r.Key)] = r.Value; r.Value == nil {
				delete(out, string(r.Key))
			}
		}
	}
	return out
}

func saying(r *kgo.Record) string { return r.Topic + "/" + string(r.Key) + "/" + string(r.Value) }

// saidSince is what the processor of this log has said of its records.
func (l *log) saidSince(p int32) map[string]bool {
	said := map[string]bool{}
	for _, row := range topics.Table() {
		if row.Partitions == 1 {
			continue
		}
		for _, r := range l.records(row.Name, p) {
			if topics.Cause(r) >= 0 {
				r.Topic = row.Name
				said[saying(r)] = true
			}
		}
	}
	return said
}

// damage makes a named snapshot unusable from here on.
func (l *log) damage(name *vigiev1.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damaged = append(l.damaged, name.GetId())
}

// store keeps the snapshots of the log, but for the damaged and for those that were
// removed: a tombstone alone hides nothing before a topic is compacted.
type store struct {
	*snapshot.Topic
	l *log
}

func (l *log) store() store {
	return store{snapshot.NewTopic(l.cfg, topics.Snapshots, discard), l}
}

func (s store) Read(ctx context.Context, name *vigiev1.Snapshot, f func([]byte) error) error {
	s.l.mu.Lock()
	gone := slices.ContainsFunc(s.l.damaged, func(id []byte) bool { return bytes.Equal(id, name.GetId()) })
	s.l.mu.Unlock()
	if gone {
		return fmt.Errorf("%w: damaged", snapshot.ErrUnusable)
	}
	return s.Topic.Read(ctx, name, f)
}

func (s store) Remove(ctx context.Context, names []*vigiev1.Snapshot) error {
	for _, name := range names {
		s.l.damage(name)
	}
	return s.Topic.Remove(ctx, names)
}

func (l *log) topicCount() int {
	l.t.Helper()
	have, err := kadm.NewClient(l.cl).ListTopics(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	names := have.Names()
	return len(slices.DeleteFunc(names, func(n string) bool { return !bytes.HasPrefix([]byte(n), []byte(l.cfg.TopicPrefix)) }))
}
