//go:build simulation

package processor

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// The simulation: the engine as it is, against a broker in the same process, in
// virtual time, on a network in memory. A seed decides what happens: processors
// come, stop, are killed, are frozen until others have taken over and then come
// back; networks are cut, also right behind a chosen request; brokers refuse,
// answer late, lose leadership; time in the log jumps; snapshots are taken all
// the time, and fail, rot, and vanish; records come that these programs cannot
// fold, and output partitions take nothing. At the end everything is healed, a
// program without the fault takes over, and the committed outputs must be the oracle's: byte for byte, once each; so must the
// states that a next owner would restore.
//
//	SIM_SEEDS=10000 go test -tags simulation,synctests -timeout 12h -run Simulation ./services/processor
//	SIM_FIRST=10000 SIM_SEEDS=10000 … other ones
//	SIM_SEED=4711 go test -tags simulation,synctests -run Simulation -v ./services/processor
//
// The tag synctests gives the Kafka client locks that let virtual time pass.
const simulationSeeds = 100

// reachingSeeds is from how many seeds on it is not left to chance whether every
// way to restore and every reason to stand came up.
const reachingSeeds = 1000

// restores and stops count, over all seeds, where states came from, and why
// partitions stood.
var restores, stops sync.Map

func TestSimulation(t *testing.T) {
	first, n := uint64(0), uint64(simulationSeeds)
	if s := os.Getenv("SIM_SEEDS"); s != "" {
		n = number(t, "SIM_SEEDS", s)
	}
	if s := os.Getenv("SIM_FIRST"); s != "" {
		first = number(t, "SIM_FIRST", s)
	}
	if s := os.Getenv("SIM_SEED"); s != "" {
		first, n = number(t, "SIM_SEED", s), 1
	}
	if n >= reachingSeeds {
		t.Cleanup(func() { reached(t) })
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

var stopReasons = []string{reasonNewerEnvelope, reasonFoldFailed, reasonUnwritable}

// reached fails when the histories did not try every way to restore: they would
// prove little.
func reached(t *testing.T) {
	t.Logf("%d times a client asked without end in no time", spins.Load())
	for _, source := range []string{fromMemory, fromSnapshot, fromOlder, fromLog} {
		if n, ok := restores.Load(source); ok {
			t.Logf("%d partitions were restored from %s", n.(*atomic.Int64).Load(), source)
		} else {
			t.Errorf("no partition was restored from %s", source)
		}
	}
	for _, reason := range stopReasons {
		if n, ok := stops.Load(reason); ok {
			t.Logf("%d partitions stood at the end of a processor's life: %s", n.(*atomic.Int64).Load(), reason)
		} else {
			t.Errorf("no partition stood for %s", reason)
		}
	}
}

func number(t *testing.T, name, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q: a number is expected", name, s)
	}
	return n
}

// simulation is a world with the processors that live in it.
type simulation struct {
	*world
	alive  map[string]*instance
	rot    *rot
	faults []*kfake.FaultHandle
	// poisoned: some record can be folded by a better program only.
	poisoned bool
	// told is the story so far, shown when it ends badly.
	told []string
}

func simulate(t *testing.T, seed uint64) {
	vn := &kfake.VirtualNetwork{}
	w := worldOn(t, seed, paced(vn.DialContext), kfake.ListenFn(vn.Listen), kfake.Ports(9092, 9093, 9094))
	// kfake waits for members that are gone until its time-outs, one after the other.
	w.patience, w.snapshots.Every = 10*time.Minute, time.Millisecond
	s := &simulation{world: w, alive: map[string]*instance{}, rot: newRot(seed)}
	w.store = func(_ string, topic snapshot.Store) snapshot.Store { return &rotten{topic, s.rot} }
	if os.Getenv("SIM_SEED") != "" {
		said := &bytes.Buffer{}
		w.log = func(name string) *slog.Logger {
			return slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})).With("of", name)
		}
		defer func() {
			if t.Failed() {
				t.Log(said)
			}
		}()
	}
	defer func() {
		if t.Failed() {
			for _, line := range s.told {
				t.Log(line)
			}
		}
		for _, in := range s.alive {
			in.kill()
			<-in.done
		}
		w.cl.Close()
	}()
	if seed%3 == 0 { // The programs of this history have a fault.
		w.newFold = newFlawed
	}
	s.come("a")
	for range 6 + s.rng.IntN(20) {
		s.feed(1 + s.rng.IntN(12))
		s.something()
		time.Sleep(time.Duration(s.rng.Int64N(int64(800 * time.Millisecond))))
	}
	s.heal()
	s.feed(2)
	s.settled()
	s.come("b")
	s.feed(2)
	s.settled()
	s.check()
}

func (s *simulation) tell(format string, args ...any) {
	s.told = append(s.told, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// come starts a processor of that name unless it lives.
func (s *simulation) come(name string) {
	if _, lives := s.alive[name]; lives {
		return
	}
	s.tell("%s starts", name)
	s.alive[name] = s.start(name)
}

// gone waits for the end of one that was told to stop, or killed.
func (s *simulation) gone(name string, killed bool) {
	in := s.alive[name]
	delete(s.alive, name)
	defer in.count()
	if err := <-in.done; err != nil && !killed {
		s.t.Errorf("%s ended with %v", name, err)
	}
}

func (in *instance) count() {
	for _, source := range []string{fromMemory, fromSnapshot, fromOlder, fromLog} {
		if n := int64(testutil.ToFloat64(in.p.metrics.restores.WithLabelValues(source))); n > 0 {
			sum, _ := restores.LoadOrStore(source, &atomic.Int64{})
			sum.(*atomic.Int64).Add(n)
		}
	}
	for _, reason := range stopReasons {
		for n := range testPartitions {
			if testutil.ToFloat64(in.p.metrics.stops.WithLabelValues(strconv.Itoa(n), reason)) > 0 {
				sum, _ := stops.LoadOrStore(reason, &atomic.Int64{})
				sum.(*atomic.Int64).Add(1)
			}
		}
	}
}

// one picks a living processor; "" when there is none.
func (s *simulation) one() string {
	for _, name := range []string{"a", "b", "c"} {
		if _, lives := s.alive[name]; lives && s.rng.IntN(2) == 0 {
			return name
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if _, lives := s.alive[name]; lives {
			return name
		}
	}
	return ""
}

// something is one blow of fate.
func (s *simulation) something() {
	name := s.one()
	switch s.rng.IntN(16) {
	case 0, 1:
		s.come([]string{"a", "b", "c"}[s.rng.IntN(3)])
	case 2:
		if name != "" {
			s.tell("%s is killed", name)
			s.alive[name].kill()
			s.gone(name, true)
			if s.rng.IntN(2) == 0 {
				s.come(name) // by a service manager, at once
			}
		}
	case 3:
		if name != "" {
			s.tell("%s is told to stop", name)
			s.alive[name].stop()
			s.gone(name, false)
		}
	case 4: // longer than a session: others take over, then the zombie is back
		s.cut(name, 6*time.Second+time.Duration(s.rng.Int64N(int64(15*time.Second))))
	case 5:
		s.cut(name, time.Duration(s.rng.Int64N(int64(2*time.Second))))
	case 6:
		s.cutBehind(name)
	case 7, 8:
		s.refuse()
	case 9:
		s.move()
	case 10:
		jump := s.rng.Int64N(20_000)
		s.tell("time in the log jumps by %d ms", jump)
		s.now += jump
	case 11:
		share := s.rng.Float64()
		s.tell("of the snapshots' work, %.0f %% fails from here on", 100*share)
		s.rot.set(share)
	case 12:
		s.shorten()
	case 13:
		s.unfoldable()
	case 14, 15:
		s.unwritable()
	}
}

// unfoldable appends a record that a newer program can fold, or one without a fault.
func (s *simulation) unfoldable() {
	p, envelope, site := s.rng.Int32N(testPartitions), uint32(envelopeVersion), uint64(unlucky)
	if s.rng.IntN(2) == 0 {
		envelope, site = newestEnvelope, 1+s.rng.Uint64N(6)
	}
	s.poisoned = true
	s.tell("partition %d gets a record of site %d in an envelope of version %d at %d", p, site, envelope, s.poison(p, envelope, site))
}

// unwritable lets one partition of an output topic take nothing, until all is healed
// or for a while.
func (s *simulation) unwritable() {
	errs := []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.MessageTooLarge, kerr.TopicAuthorizationFailed, kerr.KafkaStorageError}
	f := kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Err: errs[s.rng.IntN(len(errs))], Count: -1, Partitions: []int32{s.rng.Int32N(testPartitions)},
		Topic: s.cfg.Topic([]string{topics.Detections, topics.SiteStates, topics.Incidents, topics.Progress}[s.rng.IntN(4)]),
	}
	s.tell("nothing can be written to %s partition %d: %s", f.Topic, f.Partitions[0], f.Err.Message)
	fault := s.cluster.Fault(f)
	if s.rng.IntN(2) == 0 {
		s.faults = append(s.faults, fault)
		return
	}
	s.during(time.Duration(s.rng.Int64N(int64(20 * time.Second))))
	s.tell("%s can be written again", f.Topic)
	fault.Remove()
}

// shorten takes the beginning of vigie.snapshots away, now and then all of it.
func (s *simulation) shorten() {
	adm, topic := kadm.NewClient(s.cl), s.cfg.Topic(topics.Snapshots)
	ends, err := adm.ListEndOffsets(s.t.Context(), topic)
	if err != nil {
		s.t.Fatal(err)
	}
	p := s.rng.Int32N(testPartitions)
	end, _ := ends.Lookup(topic, p)
	var upTo kadm.Offsets
	upTo.AddOffset(topic, p, end.Offset-min(end.Offset, s.rng.Int64N(6)), -1)
	s.tell("snapshots of partition %d are gone up to %d of %d", p, upTo[topic][p].At, end.Offset)
	if _, err := adm.DeleteRecords(s.t.Context(), upTo); err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulation) cut(name string, d time.Duration) {
	if name == "" {
		return
	}
	s.tell("%s is cut off for %s", name, d)
	in := s.alive[name]
	in.sever()
	s.during(d)
	in.cut.Store(false)
}

// during lets life go on for a while: some of it arrives when others own all.
func (s *simulation) during(d time.Duration) {
	if s.rng.IntN(2) == 0 {
		s.come([]string{"a", "b", "c"}[s.rng.IntN(3)])
	}
	for range 3 {
		time.Sleep(d / 3)
		s.feed(s.rng.IntN(4))
	}
}

// cutBehind cuts right after a request of some kind has left: the broker acts
// on it, its answer never comes.
func (s *simulation) cutBehind(name string) {
	if name == "" {
		return
	}
	keys := []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.AddOffsetsToTxn, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.Heartbeat, kmsg.JoinGroup, kmsg.InitProducerID}
	key := keys[s.rng.IntN(len(keys))]
	d := time.Duration(s.rng.Int64N(int64(12 * time.Second)))
	s.tell("%s will be cut off behind its next %s, for about %s", name, key.Name(), d)
	in := s.alive[name]
	in.cutAfter.Store(int32(key) + 1)
	s.feed(1 + s.rng.IntN(4))
	s.during(d)
	in.cutAfter.Store(0)
	in.cut.Store(false)
}

// refuse makes brokers refuse some requests.
func (s *simulation) refuse() {
	top := func(key kmsg.Key, err *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{key}, Err: err, TopLevel: true}
	}
	inner := func(key kmsg.Key, err *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{key}, Err: err}
	}
	faults := []kfake.Fault{
		top(kmsg.EndTxn, kerr.UnknownServerError), top(kmsg.EndTxn, kerr.RequestTimedOut), top(kmsg.EndTxn, kerr.ConcurrentTransactions),
		top(kmsg.EndTxn, kerr.NotCoordinator), top(kmsg.EndTxn, kerr.ProducerFenced), top(kmsg.EndTxn, kerr.InvalidTxnState),
		inner(kmsg.TxnOffsetCommit, kerr.CoordinatorNotAvailable), inner(kmsg.TxnOffsetCommit, kerr.TransactionAbortable),
		inner(kmsg.TxnOffsetCommit, kerr.UnknownMemberID), inner(kmsg.TxnOffsetCommit, kerr.IllegalGeneration),
		inner(kmsg.TxnOffsetCommit, kerr.RebalanceInProgress), inner(kmsg.TxnOffsetCommit, kerr.UnknownServerError),
		top(kmsg.AddOffsetsToTxn, kerr.ConcurrentTransactions), top(kmsg.AddOffsetsToTxn, kerr.CoordinatorLoadInProgress),
		top(kmsg.InitProducerID, kerr.ConcurrentTransactions), top(kmsg.InitProducerID, kerr.CoordinatorNotAvailable),
		inner(kmsg.Produce, kerr.NotLeaderForPartition), inner(kmsg.Produce, kerr.NotEnoughReplicas), inner(kmsg.Produce, kerr.InvalidRecord),
		inner(kmsg.Fetch, kerr.NotLeaderForPartition), inner(kmsg.Fetch, kerr.UnknownServerError),
		inner(kmsg.OffsetFetch, kerr.UnstableOffsetCommit), inner(kmsg.OffsetFetch, kerr.NotCoordinator),
		top(kmsg.Heartbeat, kerr.RebalanceInProgress), top(kmsg.Heartbeat, kerr.UnknownMemberID), top(kmsg.JoinGroup, kerr.CoordinatorNotAvailable),
	}
	f := faults[s.rng.IntN(len(faults))]
	f.Count = 1 + s.rng.IntN(4)
	if f.Keys[0] == kmsg.Produce {
		// The panels' side has its own tests; here it must keep its order.
		f.Topic = s.cfg.Topic([]string{topics.Detections, topics.SiteStates, topics.Progress, topics.Snapshots}[s.rng.IntN(4)])
	}
	s.tell("%d × %s gets %s", f.Count, f.Keys[0].Name(), f.Err.Message)
	s.faults = append(s.faults, s.cluster.Fault(f))
}

// move lets leadership or coordinators go to other brokers.
func (s *simulation) move() {
	if s.rng.IntN(2) == 0 {
		s.tell("the leaders change")
		s.cluster.ShufflePartitionLeaders()
		return
	}
	s.tell("the coordinators change")
	s.cluster.RehashCoordinators()
}

// heal ends every fault, and leaves one processor. Only one, because kfake counts
// a member too few when a static member is replaced while it waits for its
// assignment; its join barrier then waits for its time-out, which each join of
// a further member begins anew.
func (s *simulation) heal() {
	s.tell("all is healed")
	s.rot.set(0)
	for _, f := range s.faults {
		f.Remove()
	}
	s.newFold, s.reads = newTally, newestEnvelope
	others := []string{"b", "c"}
	if s.poisoned { // The better program takes over from every one of the old.
		others = append(others, "a")
	}
	for name, in := range s.alive {
		in.cutAfter.Store(0)
		in.cut.Store(false)
		if slices.Contains(others, name) {
			in.stop()
			s.gone(name, true)
		}
	}
	s.dismiss(others...)
	s.come("a")
}

// dismiss takes instances out of the group as an administrator can. kfake never
// does when one was killed between its join and its first heartbeat: it would own
// partitions for ever.
func (s *simulation) dismiss(names ...string) {
	group := s.cfg.Group(eventlog.GroupProcessor)
	var ids []string
	for _, name := range names {
		ids = append(ids, group+"."+name)
	}
	leave := kadm.LeaveGroup(group).Reason("it is dead").InstanceIDs(ids...)
	if _, err := kadm.NewClient(s.cl).LeaveGroup(s.t.Context(), leave); err != nil {
		s.t.Fatal(err)
	}
}
