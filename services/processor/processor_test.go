package processor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

var outputTopics = []string{topics.Detections, topics.SiteStates, topics.Incidents}

const testPartitions = 3

type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	cfg     eventlog.Config
	cl      *kgo.Client
	dial    dial
	log     func(instance string) *slog.Logger
	rng     *rand.Rand
	now     int64
	seq     uint64
	newFold func() Fold
	// patience is how long settled waits.
	patience time.Duration
	// snapshots are taken far more often than in life.
	snapshots Snapshots
	// reads is the newest envelope of processors started from now on; 0: this program's.
	reads uint32
	// mayKeep is that of processors; 0 for what it is in life.
	mayKeep int
	// store wraps the topic's store of an instance; nil takes it as it is.
	store func(instance string, topic snapshot.Store) snapshot.Store
	// signer signs checkpoints; nil for none.
	signer note.Signer
}

func (w *world) storeOf(instance string, cfg eventlog.Config) snapshot.Store {
	topic := snapshot.NewTopic(cfg, topics.Snapshots, w.log(instance))
	if w.store == nil {
		return topic
	}
	return w.store(instance, topic)
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	return worldOn(t, seed, (&net.Dialer{}).DialContext, kfake.NumBrokers(1))
}

// dial opens a connection to a broker.
type dial func(ctx context.Context, network, addr string) (net.Conn, error)

func worldOn(t *testing.T, seed uint64, dial dial, brokers ...kfake.Opt) *world {
	t.Helper()
	var full []string
	cfg := eventlog.Config{Extra: []kgo.Opt{kgo.Dialer(dial)}}
	for _, row := range topics.Table() {
		full = append(full, cfg.Topic(row.Name))
	}
	cluster, err := kfake.NewCluster(append(brokers, kfake.SeedTopics(testPartitions, full...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg.Brokers = cluster.ListenAddrs()
	cl, err := kgo.NewClient(cfg.IngestOpts(quiet())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	var zero kadm.Offsets
	for p := range int32(testPartitions) {
		zero.AddOffset(cfg.Topic(topics.Events), p, 0, -1)
	}
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), cfg.Group(eventlog.GroupProcessor), zero); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, cluster: cluster, cfg: cfg, cl: cl, dial: dial, log: func(string) *slog.Logger { return quiet() }, rng: rand.New(rand.NewPCG(seed, 1)), newFold: newTally, patience: time.Minute, now: 1_700_000_000_000, snapshots: Snapshots{Every: 50 * time.Millisecond}}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// feed appends a stretch of life to every partition: events, polls, beats.
func (w *world) feed(steps int) {
	for range steps {
		w.now += w.rng.Int64N(400)
		w.seq++
		for p := range int32(testPartitions) {
			for range w.rng.IntN(4) {
				w.append(p, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
					Site: 1 + w.rng.Uint64N(6), ReceivedAtMs: w.now,
					Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{}},
				}}})
			}
			if w.rng.IntN(20) == 0 {
				w.produce(&kgo.Record{Topic: w.cfg.Topic(topics.Events), Partition: p, Value: []byte{0xff, 0xff}})
			}
			w.append(p, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
				Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
				Sequence: w.seq, TMs: w.now, BaseMs: w.now, Site: []uint64{1 + w.rng.Uint64N(6)},
			}}})
		}
	}
	if err := w.cl.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// live feeds in rounds, each committed before the next: many transactions.
func (w *world) live(rounds int) {
	w.t.Helper()
	for range rounds {
		w.feed(3)
		w.settled()
	}
}

func (w *world) append(p int32, r *vigiev1.LogRecord) {
	value, err := proto.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.produce(&kgo.Record{Topic: w.cfg.Topic(topics.Events), Partition: p, Value: value})
}

func (w *world) produce(r *kgo.Record) {
	r.Timestamp = time.UnixMilli(w.now)
	w.cl.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			w.t.Error(err)
		}
	})
}

// instance is a processor whose network can be cut: to Kafka, that is kill -9.
type instance struct {
	p    *Processor
	stop context.CancelFunc
	done chan error
	cut  *atomic.Bool
	// forGood says that a stop is not for a restart.
	forGood atomic.Bool
	net     *connections
	// cutAfter holds a request key plus one: the network is cut once, right after
	// such a request has left. The broker acts on it, its answer never comes.
	cutAfter atomic.Int32
}

// watcher is a connection that sees requests leave.
type watcher struct {
	net.Conn
	in *instance
}

func (c watcher) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	const keyAt = 4
	if len(b) > keyAt+2 {
		if key := int32(binary.BigEndian.Uint16(b[keyAt:])); c.in.cutAfter.CompareAndSwap(key+1, 0) {
			c.in.sever()
		}
	}
	return n, err
}

// awaitCut waits for the cut that cutAfter asked for.
func (in *instance) awaitCut(t *testing.T) {
	t.Helper()
	deadline, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	for !in.cut.Load() {
		if pause(deadline, time.Millisecond) != nil {
			t.Fatal("no request of that kind was sent")
		}
	}
}

func (in *instance) sever() {
	in.cut.Store(true)
	in.net.mu.Lock()
	defer in.net.mu.Unlock()
	for _, c := range in.net.open {
		c.Close()
	}
}

type connections struct {
	mu   sync.Mutex
	open []net.Conn
}

func (w *world) start(name string) *instance {
	w.t.Helper()
	in := &instance{done: make(chan error, 1), cut: &atomic.Bool{}, net: &connections{}}
	cfg := w.cfg
	cfg.Extra = []kgo.Opt{kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if in.cut.Load() {
			return nil, errors.New("the process is dead")
		}
		c, err := w.dial(ctx, network, addr)
		if err == nil {
			in.net.mu.Lock()
			in.net.open = append(in.net.open, c)
			in.net.mu.Unlock()
		}
		return watcher{c, in}, err
	}), kgo.RetryTimeout(500 * time.Millisecond)}
	p, err := New(Config{Instance: name, ForGood: in.forGood.Load, NewFold: w.newFold, CommitEvery: 10 * time.Millisecond, ProgressEvery: 20 * time.Millisecond, Snapshots: w.snapshots, CheckpointEvery: 20 * time.Millisecond},
		Deps{Log: w.log(name), Kafka: cfg, Store: w.storeOf(name, cfg), Signer: w.signer})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.reads > 0 {
		p.reads = w.reads
	}
	if w.mayKeep > 0 {
		p.mayKeep = w.mayKeep
	}
	ctx, stop := context.WithCancel(context.Background())
	in.p, in.stop = p, stop
	go func() { in.done <- p.Run(ctx) }()
	w.t.Cleanup(in.kill)
	return in
}

func (in *instance) kill() {
	in.sever()
	in.stop()
}

// oracle folds the log in one thread, without a broker's transactions.
func (w *world) oracle() map[string][][]*kgo.Record {
	want := map[string][][]*kgo.Record{}
	for _, topic := range append(outputTopics, topics.Rejected) {
		want[topic] = make([][]*kgo.Record, testPartitions)
	}
	for p := range int32(testPartitions) {
		for _, out := range w.folded(p).pending {
			want[out.record.Topic][p] = append(want[out.record.Topic][p], out.record)
		}
	}
	return want
}

// folded is a partition as the newest program folds it, in one thread.
func (w *world) folded(p int32) *partition {
	w.t.Helper()
	part := newPartition(p, newTally())
	part.reads = newestEnvelope
	for _, r := range w.read(topics.Events, p) {
		if err := part.apply(r); err != nil {
			w.t.Fatal(err)
		}
	}
	return part
}

func (w *world) read(topic string, p int32) []*kgo.Record {
	w.t.Helper()
	full := w.cfg.Topic(topic)
	ends, err := kadm.NewClient(w.cl).ListEndOffsets(w.t.Context(), full)
	if err != nil {
		w.t.Fatal(err)
	}
	end, _ := ends.Lookup(full, p)
	var records []*kgo.Record
	opts := append(w.cfg.ReaderOpts(quiet()), kgo.KeepControlRecords())
	ctx, done := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer done()
	err = eventlog.ReadRange(ctx, opts, full, p, 0, end.Offset, func(r *kgo.Record) error {
		if !r.Attrs.IsControl() {
			records = append(records, r)
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("read %s partition %d to %d: %v", full, p, end.Offset, err)
	}
	return records
}

// settled waits until the committed offsets stand at the end of the log.
func (w *world) settled() {
	w.t.Helper()
	w.settledBut(nil)
}

// settledBut waits until they do, but for partitions that stand where they are told to.
func (w *world) settledBut(stands map[int32]int64) {
	w.t.Helper()
	adm := kadm.NewClient(w.cl)
	topic := w.cfg.Topic(topics.Events)
	deadline, done := context.WithTimeout(w.t.Context(), w.patience)
	defer done()
	for {
		ends, err := adm.ListEndOffsets(deadline, topic)
		if err != nil {
			w.t.Fatal(err)
		}
		at, err := committedOffsets(deadline, adm, w.cfg.Group(eventlog.GroupProcessor), topic)
		if err != nil {
			w.t.Fatal("the processor did not reach the end of the log: ", err)
		}
		behind := false
		for p := range int32(testPartitions) {
			end, _ := ends.Lookup(topic, p)
			if want, some := stands[p]; some {
				end.Offset = want
			}
			behind = behind || at[p] < end.Offset
			if want, some := stands[p]; some && at[p] > want {
				w.t.Fatalf("partition %d went over %d to %d", p, want, at[p])
			}
		}
		if !behind {
			return
		}
		if pause(deadline, 20*time.Millisecond) != nil {
			w.t.Fatalf("the processor did not reach the end of the log: %v", at)
		}
	}
}

// check compares the committed outputs with the oracle's, byte for byte, once each.
func (w *world) check() {
	w.t.Helper()
	for topic, partitions := range w.oracle() {
		for p := range int32(testPartitions) {
			got := w.read(topic, p)
			want := partitions[p]
			if len(got) != len(want) {
				w.t.Errorf("%s partition %d: %d outputs, the oracle has %d", topic, p, len(got), len(want))
				continue
			}
			for i := range got {
				if !bytes.Equal(got[i].Value, want[i].Value) || !bytes.Equal(got[i].Key, want[i].Key) || got[i].Timestamp.UnixMilli() != want[i].Timestamp.UnixMilli() {
					w.t.Errorf("%s partition %d: output %d differs from the oracle's", topic, p, i)
					break
				}
			}
		}
	}
	w.checkStates()
}

// checkStates restores each partition as its next owner would, twice, and
// compares its state with the oracle's: clocks, chain, timers, fold.
func (w *world) checkStates() {
	w.t.Helper()
	p, err := New(Config{Instance: "looks-only", NewFold: newTally}, Deps{Log: quiet(), Kafka: w.cfg})
	if err != nil {
		w.t.Fatal(err)
	}
	p.reads = newestEnvelope
	for n := range int32(testPartitions) {
		want := w.folded(n)
		want.drop(want.next)
		for range 2 {
			got, err := p.restore(w.t.Context(), n, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			if got.freeze().hash() != want.freeze().hash() {
				w.t.Errorf("partition %d: the state restored is not the oracle's", n)
			}
		}
	}
}

func TestOutputsAreTheOraclesOnceEach(t *testing.T) {
	w := newWorld(t, 1)
	w.feed(40)
	in := w.start("a")
	w.live(12)
	w.check()
	in.stop()
	if err := <-in.done; err != nil {
		t.Errorf("a clean stop gave %v", err)
	}
	again := w.start("a")
	w.live(6)
	w.check()
	again.stop()
	<-again.done
}

// Decisions 11 and 12: whatever is killed and whenever, each output stands once.
func TestKilledProcessorLosesAndDoublesNothing(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for range 4 {
				in := w.start("a")
				w.live(w.rng.IntN(4))
				w.feed(10 + w.rng.IntN(30))
				if w.rng.IntN(2) > 0 {
					w.waitForSome(topics.Detections)
				}
				in.kill()
			}
			w.start("a")
			w.settled()
			w.check()
		})
	}
}

func (w *world) waitForSome(topic string) {
	w.t.Helper()
	adm := kadm.NewClient(w.cl)
	full := w.cfg.Topic(topic)
	sum := func() (n int64) {
		ends, err := adm.ListEndOffsets(w.t.Context(), full)
		if err != nil {
			w.t.Fatal(err)
		}
		ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
		return n
	}
	deadline, done := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer done()
	for before := sum(); sum() == before; {
		if pause(deadline, 5*time.Millisecond) != nil {
			w.t.Fatalf("nothing more came on %s", full)
		}
	}
}

// Decision 11: an abort is a resend; an outcome that is not known is looked up.
func TestFaultsOfTheTransactionLoseAndDoubleNothing(t *testing.T) {
	end, commit, add := kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.AddOffsetsToTxn
	faults := map[string]kfake.Fault{
		"the end is refused":                  {Keys: []kmsg.Key{end}, Err: kerr.UnknownServerError, Count: 2, TopLevel: true},
		"the end is done but its answer lost": {Keys: []kmsg.Key{end}, Err: kerr.RequestTimedOut, Count: 2, TopLevel: true},
		"the offset commit is refused":        {Keys: []kmsg.Key{commit}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		"the transaction must be aborted":     {Keys: []kmsg.Key{commit}, Err: kerr.TransactionAbortable, Count: 2},
		"the member is unknown":               {Keys: []kmsg.Key{commit}, Err: kerr.UnknownMemberID, Count: 1},
		"the producer is fenced":              {Keys: []kmsg.Key{end}, Err: kerr.ProducerFenced, Count: 1, TopLevel: true},
		"the offsets are not added":           {Keys: []kmsg.Key{add}, Err: kerr.ConcurrentTransactions, Count: 3, TopLevel: true},
		"an output is refused":                {Keys: []kmsg.Key{kmsg.Produce}, Topic: "vigie.detections", Err: kerr.InvalidRecord, Count: 1},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 7)
			w.start("a")
			w.live(3)
			w.cluster.Fault(fault)
			w.live(6)
			w.check()
		})
	}
}

// Amendment 51: the outcome of a commit is unknown for longer than any retry;
// the same id is initialised first, then the stable offset says what was.
func TestLostAnswerOfTheEndIsLookedUp(t *testing.T) {
	for round := range uint64(3) {
		w := newWorld(t, 20+round)
		in := w.start("a")
		w.live(2)
		in.cutAfter.Store(int32(kmsg.EndTxn) + 1)
		w.feed(3)
		deadline, done := context.WithTimeout(t.Context(), 20*time.Second)
		for !in.cut.Load() {
			if pause(deadline, time.Millisecond) != nil {
				t.Fatal("no transaction ended")
			}
		}
		if pause(deadline, time.Second) != nil { // longer than the client retries
			t.Fatal("too late")
		}
		done()
		in.cut.Store(false)
		w.live(3)
		w.check()
	}
}

// A stop does not wait for a Kafka that does not answer; nothing is lost by it.
func TestStopWithoutKafkaIsBounded(t *testing.T) {
	w := newWorld(t, 30)
	in := w.start("a")
	w.live(2)
	in.cutAfter.Store(int32(kmsg.Produce) + 1)
	w.feed(3)
	in.awaitCut(t)
	in.stop()
	select {
	case err := <-in.done:
		if err != nil {
			t.Errorf("the stop gave %v", err)
		}
	case <-time.After(4 * stopPatience):
		t.Fatal("it does not stop")
	}
	w.start("a")
	w.live(2)
	w.check()
}

// The network is cut after a commit's heartbeat has left, and comes back: each
// output stands once all the same.
func TestHeartbeatCutInACommitLosesAndDoublesNothing(t *testing.T) {
	w := newWorld(t, 40)
	in := w.start("a")
	w.live(2)
	in.cutAfter.Store(int32(kmsg.Heartbeat) + 1)
	w.feed(3)
	in.awaitCut(t)
	if pause(t.Context(), 2*time.Second) != nil { // longer than the client retries
		t.Fatal("too late")
	}
	in.cut.Store(false)
	w.live(3)
	w.check()
}

// Decision 15: a processor died in a transaction that would stay open for long: who takes over
// ends it, and does not wait.
func TestWhoTakesOverEndsTheDeadOnesTransaction(t *testing.T) {
	w := newWorld(t, 60)
	w.feed(10)
	const longOpen = 10 * time.Minute // past any deadline of this test
	dead, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(w.cfg.TransactionalID(eventlog.GroupProcessor, "dead")), kgo.TransactionTimeout(longOpen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dead.Close)
	if err := dead.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := dead.ProduceSync(t.Context(), &kgo.Record{Topic: w.cfg.Topic(topics.Progress), Value: []byte("unsaid")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.start("heir")
	w.settled()
	w.check()
}
