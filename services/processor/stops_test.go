package processor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// newestEnvelope is that of a program newer than this one.
const newestEnvelope = envelopeVersion + 1

// unlucky is the site at whose events a flawed fold panics.
const unlucky = 13

// flawed is the tests' fold with a fault: it panics in the middle of a record,
// when it has already changed its state, armed a timer and put something out.
type flawed struct {
	*tally
	version uint32
}

func newFlawed() Fold { return flawed{newTally().(*tally), 1} }

func (f flawed) Version() uint32 { return f.version }

func (f flawed) Apply(ctx *Context, r Record) {
	f.tally.Apply(ctx, r)
	if r.Log.GetEvent().GetSite() == unlucky {
		ctx.Arm(Timer{Deadline: 1, Site: unlucky, Kind: 1})
		panic("the fault of this test")
	}
}

// poison appends a record that not every program can fold; it returns its offset.
func (w *world) poison(p int32, envelope uint32, site uint64) int64 {
	w.t.Helper()
	w.append(p, &vigiev1.LogRecord{Version: envelope, Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
		Site: site, ReceivedAtMs: w.now, Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{}},
	}}})
	if err := w.cl.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ends, err := kadm.NewClient(w.cl).ListEndOffsets(w.t.Context(), w.cfg.Topic(topics.Events))
	if err != nil {
		w.t.Fatal(err)
	}
	end, _ := ends.Lookup(w.cfg.Topic(topics.Events), p)
	return end.Offset - 1
}

// lastProgress is what the partition's owner said last; where it stands before the
// first record nothing else tells that it has said anything.
func (w *world) lastProgress(n int32) *vigiev1.Progress {
	w.t.Helper()
	deadline, done := context.WithTimeout(w.t.Context(), time.Minute)
	defer done()
	records := w.read(topics.Progress, n)
	for len(records) == 0 && pause(deadline, 5*time.Millisecond) == nil {
		records = w.read(topics.Progress, n)
	}
	if len(records) == 0 {
		w.t.Fatalf("partition %d says nothing of its progress", n)
	}
	last := &vigiev1.Progress{}
	if err := proto.Unmarshal(records[len(records)-1].Value, last); err != nil {
		w.t.Fatal(err)
	}
	return last
}

// wantStopped looks at all that tells of a stop: progress, metric, readiness.
func (w *world) wantStopped(in *instance, n int32, offset int64, reason string) {
	w.t.Helper()
	said := w.lastProgress(n)
	if said.Offset != offset || said.Stopped.GetReason() != reason || !strings.Contains(said.Stopped.GetDetail(), "stopped at offset") {
		w.t.Errorf("the progress record says offset %d, %v; want %d, %s", said.Offset, said.Stopped, offset, reason)
	}
	in.wantStopped(w.t, reason)
}

// wantStopped waits until one partition, 0, is shown as standing: one that is
// started again finds out anew.
func (in *instance) wantStopped(t *testing.T, reason string) {
	t.Helper()
	deadline, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	shown := func() bool { return testutil.CollectAndCount(in.p.metrics.stops) == 1 }
	for !shown() && pause(deadline, 5*time.Millisecond) == nil {
	}
	if !shown() || testutil.ToFloat64(in.p.metrics.stops.WithLabelValues("0", reason)) != 1 {
		t.Errorf("partition 0 alone should be shown as standing for %s", reason)
	}
	if err := in.p.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "partition 0") {
		t.Errorf("readiness says %v, not that partition 0 stands for %s", err, reason)
	}
}

// Decisions 14, 17 and 55: what cannot be folded stops its partition alone, in the
// middle of a batch, before the record. Killed and started again it stands there
// again; a program that can fold the record goes on, and nothing is lost or doubled.
func TestWhatCannotBeFoldedStopsItsPartitionAlone(t *testing.T) {
	for name, test := range map[string]struct {
		envelope uint32
		site     uint64
		newFold  func() Fold
		reason   string
	}{
		"a newer envelope":    {newestEnvelope, 1, newTally, reasonNewerEnvelope},
		"a fold that panics":  {envelopeVersion, unlucky, newFlawed, reasonFoldFailed},
		"both, one by one":    {newestEnvelope, unlucky, newFlawed, reasonNewerEnvelope},
		"at the first record": {newestEnvelope, 2, newTally, reasonNewerEnvelope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 70)
			if test.site != 2 {
				w.feed(20)
			}
			w.newFold = test.newFold
			stands := map[int32]int64{0: w.poison(0, test.envelope, test.site)}
			w.feed(20)
			for range 3 {
				in := w.start("a")
				w.settledBut(stands)
				w.feed(5)
				w.settledBut(stands)
				w.wantStopped(in, 0, stands[0], test.reason)
				in.kill()
				<-in.done
			}
			w.newFold, w.reads = newTally, newestEnvelope
			in := w.start("a")
			w.live(3)
			w.check()
			if err := in.p.Health(t.Context()); err != nil {
				t.Errorf("it goes on, and says %v", err)
			}
			if w.lastProgress(0).Stopped != nil {
				t.Error("it goes on, and its progress record says that it stands")
			}
		})
	}
}

// A stop survives faults of the transactions that tell of it.
func TestAStopLosesAndDoublesNothingWhenItsTransactionFails(t *testing.T) {
	w := newWorld(t, 71)
	w.newFold = newFlawed
	w.feed(20)
	stands := map[int32]int64{0: w.poison(0, 0, unlucky)}
	w.feed(5)
	w.cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable, Count: 3},
		kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.RequestTimedOut, Count: 1, TopLevel: true},
	)
	in := w.start("a")
	w.settledBut(stands)
	w.wantStopped(in, 0, stands[0], reasonFoldFailed)
	in.cutAfter.Store(int32(kmsg.EndTxn) + 1) // The client is made anew, the stop is kept.
	w.feed(3)
	in.awaitCut(t)
	in.cut.Store(false)
	w.feed(3)
	w.settledBut(stands)
	w.wantStopped(in, 0, stands[0], reasonFoldFailed)
	in.stopped(t)
	w.newFold = newTally
	w.start("a")
	w.live(2)
	w.check()
}

// The log of a failure says all that its repair needs.
func TestAFailureOfTheFoldIsToldWithPlaceAndStack(t *testing.T) {
	w := newWorld(t, 72)
	said := &lockedBuffer{}
	w.log = func(string) *slog.Logger { return slog.New(slog.NewTextHandler(said, nil)) }
	w.newFold = newFlawed
	w.feed(2)
	at := w.poison(2, 0, unlucky)
	w.start("a")
	w.settledBut(map[int32]int64{2: at})
	for _, want := range []string{"partition=2", "offset=", "site=13", "the fault of this test", "stops_test.go:"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, said)
		}
	}
}

// A program whose fold fails on the past cannot restore a partition: that one
// waits for a better program, the others go on.
func TestAFoldThatFailsOnThePastStopsItsPartitionAlone(t *testing.T) {
	w := newWorld(t, 73)
	w.feed(5)
	w.poison(0, 0, unlucky)
	w.start("a").liveAndStop(w)
	at := w.lastProgress(0).Offset
	w.newFold = func() Fold { return flawed{newTally().(*tally), 2} }
	w.snapshots.Every = -1
	in := w.start("a")
	w.feed(5)
	w.settledBut(map[int32]int64{0: at})
	in.wantStopped(t, reasonFoldFailed)
	in.stopped(t)
	w.newFold = newTally
	w.start("a")
	w.live(2)
	w.check()
}

// Decision 53: one output partition that cannot be written never stalls the
// others, and loses nothing.
func TestAnUnwritableOutputPartitionStallsNoOther(t *testing.T) {
	for name, err := range map[string]*kerr.Error{
		"it never answers well": kerr.NotLeaderForPartition,
		"it lacks replicas":     kerr.NotEnoughReplicas,
		"it refuses":            kerr.TopicAuthorizationFailed,
	} {
		for _, topic := range []string{topics.Detections, topics.Progress} {
			t.Run(name+", "+topic, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 74)
				w.patience = 3 * time.Minute // Six of these run at once, and each dead one is waited for.
				in := w.start("a")
				w.live(2)
				fault := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: w.cfg.Topic(topic), Partitions: []int32{0}, Err: err, Count: -1})
				at := w.committedNow()[0]
				w.feed(5)
				w.settledBut(map[int32]int64{0: at})
				in.wantStopped(t, reasonUnwritable)
				in.kill() // Who takes over meets the same.
				<-in.done
				in = w.start("b")
				w.feed(5)
				w.settledBut(map[int32]int64{0: at})
				fault.Remove()
				w.live(2)
				w.check()
				if err := in.p.Health(t.Context()); err != nil {
					t.Errorf("it goes on, and says %v", err)
				}
			})
		}
	}
}

// Decision 17: what cannot be read is set aside once, with its place, and counted.
func TestUndecodableRecordsAreSetAsideOnce(t *testing.T) {
	w := newWorld(t, 75)
	w.feed(40)
	in := w.start("a")
	w.live(3)
	n, fed := 0, 0
	for p := range int32(testPartitions) {
		for _, r := range w.read(topics.Rejected, p) {
			rejected := &vigiev1.Rejected{}
			if err := proto.Unmarshal(r.Value, rejected); err != nil {
				t.Fatal(err)
			}
			if rejected.Reason != asideUndecodable || rejected.Partition != p || rejected.Topic != topics.Events || rejected.RawLength != 2 {
				t.Errorf("%v", rejected)
			}
			n++
		}
		for _, r := range w.read(topics.Events, p) {
			if bytes.Equal(r.Value, []byte{0xff, 0xff}) {
				fed++
			}
		}
	}
	if n != fed {
		t.Errorf("%d records that are no events were fed, %d are said on vigie.rejected", fed, n)
	}
	if got := testutil.ToFloat64(in.p.metrics.setAside.WithLabelValues(asideUndecodable)); n == 0 || int(got) != n {
		t.Errorf("%d records stand on vigie.rejected, %v were counted", n, got)
	}
	w.check()
}

// Decision 11: outputs that no transaction takes are bounded; input waits for them.
func TestOutputsKeptAreBounded(t *testing.T) {
	w := newWorld(t, 76)
	w.mayKeep = 2_000
	fault := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable, Count: -1})
	in := w.start("a")
	paused := func() bool { return testutil.ToFloat64(in.p.metrics.brims) >= 2*testPartitions }
	deadline, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	for !paused() && pause(deadline, 5*time.Millisecond) == nil {
		w.feed(5)
	}
	if !paused() {
		t.Error("outputs pile up, and the input is read on")
	}
	fault.Remove()
	w.live(2)
	w.check()
}

// A program stood before a record, and a newer one has gone over it: given the
// partition again, the old one begins at the newer one's snapshot, not at its stop.
func TestAStopEndsWhereAnotherWentOverIt(t *testing.T) {
	w := newWorld(t, 77)
	w.feed(5)
	w.poison(0, newestEnvelope, 1)
	old, err := New(Config{Instance: "old", NewFold: newTally}, Deps{Log: quiet(), Kafka: w.cfg})
	if err != nil {
		t.Fatal(err)
	}
	kept := old.newPartition(0)
	for _, r := range w.read(topics.Events, 0) {
		errors.As(kept.apply(r), &kept.stop)
	}
	if kept.stands = kept.stop != nil; !kept.stands {
		t.Fatal("the old program does not stop")
	}
	w.reads = newestEnvelope
	w.start("a").liveAndStop(w)
	got, err := old.restore(t.Context(), 0, kept)
	if err != nil {
		t.Fatal(err)
	}
	if at := w.committedNow()[0]; got.stands || got.next != at {
		t.Errorf("it stands at %d: %v, want to go on at %d", got.next, got.stands, at)
	}
}

// Decision 12: a group offset that somebody moved stops the processor loudly.
func TestMovedOffsetStopsLoudly(t *testing.T) {
	w := newWorld(t, 3)
	in := w.start("a")
	w.feed(20)
	w.settled()
	in.stop()
	<-in.done
	adm, group := kadm.NewClient(w.cl), w.cfg.Group(eventlog.GroupProcessor)
	if _, err := adm.LeaveGroup(t.Context(), kadm.LeaveGroup(group).InstanceIDs(group+".a")); err != nil {
		t.Fatal(err)
	}
	var moved kadm.Offsets
	moved.AddOffset(w.cfg.Topic(topics.Events), 1, 2, -1)
	if err := adm.CommitAllOffsets(t.Context(), group, moved); err != nil {
		t.Fatal(err)
	}
	err := <-w.start("a").done
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("somebody moved the offset")) {
		t.Errorf("got %v", err)
	}
}

func (w *world) committedNow() map[int32]int64 {
	w.t.Helper()
	at, err := committedOffsets(w.t.Context(), kadm.NewClient(w.cl), w.cfg.Group(eventlog.GroupProcessor), w.cfg.Topic(topics.Events))
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
