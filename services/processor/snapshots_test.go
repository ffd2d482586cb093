package processor

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor/snapshot"
)

// named are the snapshots that the newest progress record of a partition names.
func (w *world) named(n int32) []*vigiev1.Snapshot {
	w.t.Helper()
	records := w.read(topics.Progress, n)
	if len(records) == 0 {
		return nil
	}
	progress := &vigiev1.Progress{}
	if err := proto.Unmarshal(records[len(records)-1].Value, progress); err != nil {
		w.t.Fatal(err)
	}
	return progress.Snapshots
}

// liveUntil lets the world live, round by round, until something is so.
func (w *world) liveUntil(what string, so func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !so() {
		if time.Now().After(deadline) {
			w.t.Fatal("never: ", what)
		}
		w.live(1)
	}
}

func (w *world) liveUntilNamed(generations int) {
	w.t.Helper()
	w.liveUntil("every partition has its snapshots", func() bool {
		for n := range int32(testPartitions) {
			if len(w.named(n)) < generations {
				return false
			}
		}
		return true
	})
}

// stopped ends an instance in order.
func (in *instance) stopped(t *testing.T) {
	t.Helper()
	in.stop()
	if err := <-in.done; err != nil {
		t.Errorf("the stop gave %v", err)
	}
}

func (in *instance) restoredFrom(source string) int {
	return int(testutil.ToFloat64(in.p.metrics.restores.WithLabelValues(source)))
}

func (in *instance) failed(what string) int {
	return int(testutil.ToFloat64(in.p.metrics.snapshotFailures.WithLabelValues(what)))
}

// stored are the ids in vigie.snapshots of which anything is left.
func (w *world) stored(n int32) []string {
	w.t.Helper()
	live := map[string]bool{}
	for _, r := range w.read(topics.Snapshots, n) {
		if live[string(r.Key)] = true; r.Value == nil {
			delete(live, string(r.Key))
		}
	}
	var out []string
	for key := range live {
		out = append(out, strings.Split(key, "/")[3])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestARestartBeginsAtTheNewestSnapshot(t *testing.T) {
	w := newWorld(t, 50)
	w.start("a").liveAndStop(w)
	again := w.start("a")
	w.live(3)
	if n := again.restoredFrom(fromSnapshot); n != testPartitions {
		t.Errorf("%d of %d partitions were restored from a snapshot", n, testPartitions)
	}
	w.check()
	// Of all that were taken two a partition are left, and one on its way.
	w.liveUntil("older generations are removed", func() bool {
		for n := range int32(testPartitions) {
			if len(w.stored(n)) > generations+1 {
				return false
			}
		}
		return true
	})
}

// liveAndStop lets an instance take both generations, and ends it.
func (in *instance) liveAndStop(w *world) {
	w.t.Helper()
	w.feed(30)
	w.liveUntilNamed(generations)
	in.stopped(w.t)
}

// writes is a store in which a test decides what becomes of the n-th snapshot of
// a partition.
type writes struct {
	snapshot.Store
	mu    sync.Mutex
	count map[uint32]int
	nth   func(n int, s *rotten, ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error
}

func (w *world) writes(nth func(n int, s *rotten, ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error) {
	w.store = func(_ string, s snapshot.Store) snapshot.Store {
		return &writes{Store: s, count: map[uint32]int{}, nth: nth}
	}
}

func (s *writes) Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	s.mu.Lock()
	n := s.count[name.Partition]
	s.count[name.Partition]++
	s.mu.Unlock()
	return s.nth(n, &rotten{s.Store, newRot(0)}, ctx, name, frames)
}

// Decisions 16 and 52: a damaged generation is seen, and the older one or the log takes its place.
func TestDamagedSnapshotsAreNotBelieved(t *testing.T) {
	type write = func(*rotten, context.Context, *vigiev1.Snapshot, iter.Seq[[]byte]) error
	for name, test := range map[string]struct {
		generations [generations]write
		want        string
	}{
		"a flipped bit in the newest": {[...]write{(*rotten).Write, (*rotten).flipped}, fromOlder},
		"a flipped bit in both":       {[...]write{(*rotten).flipped, (*rotten).flipped}, fromLog},
		"the newest has no manifest":  {[...]write{(*rotten).Write, (*rotten).noManifest}, fromOlder},
		"neither has a manifest":      {[...]write{(*rotten).noManifest, (*rotten).noManifest}, fromLog},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 51)
			w.writes(func(n int, s *rotten, ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
				if n >= generations {
					return errRotten
				}
				return test.generations[n](s, ctx, name, frames)
			})
			w.start("a").liveAndStop(w)
			w.store = nil
			w.check()
			again := w.start("b")
			w.live(2)
			if n := again.restoredFrom(test.want); n != testPartitions || again.failed(choreRead) < n {
				t.Errorf("%d partitions were restored from %s, %d snapshots were told to be unusable", n, test.want, again.failed(choreRead))
			}
			w.check()
			again.liveAndStop(w) // New generations take the place of the damaged ones.
			third := w.start("b")
			w.live(2)
			if third.restoredFrom(fromSnapshot) != testPartitions {
				t.Error("the damage was not overcome")
			}
			w.check()
		})
	}
}

// The chunks of the newest are gone from the topic, its manifest stands.
func TestChunksThatAreGoneAreSeen(t *testing.T) {
	w := newWorld(t, 52)
	w.start("a").liveAndStop(w)
	var upTo kadm.Offsets
	for n := range int32(testPartitions) {
		upTo.AddOffset(w.cfg.Topic(topics.Snapshots), n, w.named(n)[0].Start+1, -1)
	}
	if _, err := kadm.NewClient(w.cl).DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	again := w.start("a")
	w.live(2)
	if n := again.restoredFrom(fromLog); n != testPartitions || again.failed(choreRead) != generations*testPartitions {
		t.Errorf("%d partitions were restored from the log, %d snapshots were told to be unusable", n, again.failed(choreRead))
	}
	w.check()
}

// A processor is killed between two chunks of a snapshot: it counts for nothing,
// and the next owner takes away what was written.
func TestKilledInTheMiddleOfASnapshot(t *testing.T) {
	w := newWorld(t, 53)
	begun := make(chan *vigiev1.Snapshot, 1)
	w.writes(func(n int, s *rotten, ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
		if n < generations {
			return s.Write(ctx, name, frames)
		}
		begun <- name
		return s.Write(ctx, name, func(yield func([]byte) bool) {
			for frame := range frames {
				// More than a chunk, so that one is written before the end comes.
				if !yield(frame) || !yield(make([]byte, snapshot.ChunkBytes)) {
					return
				}
				<-ctx.Done()
			}
		})
	})
	in := w.start("a")
	w.feed(30)
	w.liveUntilNamed(generations)
	var killed *vigiev1.Snapshot
	w.liveUntil("a third snapshot was begun", func() bool {
		select {
		case killed = <-begun:
			return true
		default:
			return false
		}
	})
	torn := ids.Show(killed.Id)
	w.liveUntil("its first chunk is written", func() bool { return slices.Contains(w.stored(int32(killed.Partition)), torn) })
	in.kill()
	<-in.done
	w.store = nil
	again := w.start("a")
	w.liveUntil("what was torn is swept", func() bool { return !slices.Contains(w.stored(int32(killed.Partition)), torn) })
	if n := again.restoredFrom(fromSnapshot); n != testPartitions {
		t.Errorf("%d partitions were restored from a snapshot", n)
	}
	w.check()
}

// Decision 16: a zombie finishes its snapshot after another has taken the partition over: it
// overwrites nothing, and nobody names it.
func TestAZombiesSnapshotCountsForNothing(t *testing.T) {
	w := newWorld(t, 54)
	begun, release := make(chan *vigiev1.Snapshot, 1), make(chan struct{})
	written := make(chan error, 1)
	w.writes(func(n int, s *rotten, ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
		if n < generations || name.Partition != 0 {
			return s.Write(ctx, name, frames)
		}
		begun <- name
		<-release // However long: the session that began it may have ended.
		written <- s.Write(context.WithoutCancel(ctx), name, frames)
		return nil
	})
	zombie := w.start("a")
	w.feed(30)
	w.liveUntilNamed(generations)
	var late *vigiev1.Snapshot
	w.liveUntil("a third snapshot was begun", func() bool {
		select {
		case late = <-begun:
			return true
		default:
			return false
		}
	})
	zombie.sever()
	w.store = nil
	owner := w.start("b")
	w.feed(10)
	w.settled()
	w.liveUntil("the owner has named its own", func() bool { return w.named(0)[0].Offset > late.Offset })
	zombie.cut.Store(false)
	close(release)
	if err := <-written; err != nil {
		t.Fatal("the zombie's snapshot was not written: ", err)
	}
	w.live(5)
	for _, name := range w.named(0) {
		if ids.Show(name.Id) == ids.Show(late.Id) {
			t.Error("the zombie's snapshot was named")
		}
	}
	w.check()
	owner.stopped(t)
	zombie.stop()
	<-zombie.done
	last := w.start("c")
	w.liveUntil("the zombie's snapshot is swept", func() bool { return !slices.Contains(w.stored(0), ids.Show(late.Id)) })
	if n := last.restoredFrom(fromLog); n > 0 {
		t.Errorf("%d partitions were restored from the log", n)
	}
	w.check()
}

// ruled is the tests' fold by other rules.
type ruled struct {
	*tally
	version uint32
}

func (f ruled) Version() uint32 { return f.version }

func TestASnapshotOfOtherRulesIsNotUsed(t *testing.T) {
	w := newWorld(t, 55)
	w.start("a").liveAndStop(w)
	w.newFold = func() Fold { return ruled{newTally().(*tally), 2} }
	w.snapshots.Every = -1
	in := w.start("a")
	w.live(2)
	if n := in.restoredFrom(fromLog); n != testPartitions {
		t.Errorf("%d partitions were restored from the log", n)
	}
	in.stopped(t)
	// It goes on counting for a program that is set back.
	w.newFold = newTally
	back := w.start("a")
	w.live(2)
	if n := back.restoredFrom(fromSnapshot); n != testPartitions {
		t.Errorf("set back, %d partitions were restored from a snapshot", n)
	}
	w.check()
}

func TestWhichSnapshotsFit(t *testing.T) {
	r := &recovery{number: 2, committed: 50, first: 20, topicID: []byte("log")}
	fits := func() *vigiev1.Snapshot {
		return &vigiev1.Snapshot{Partition: 2, Offset: 30, FoldVersion: 7, Format: stateFormat, TopicId: []byte("log")}
	}
	if why := r.misfit(fits(), 7); why != "" {
		t.Errorf("a fitting one was refused: %s", why)
	}
	for what, change := range map[string]func(*vigiev1.Snapshot){
		"fold version": func(n *vigiev1.Snapshot) { n.FoldVersion = 8 }, "format": func(n *vigiev1.Snapshot) { n.Format++ },
		"another topic": func(n *vigiev1.Snapshot) { n.TopicId = nil }, "partition 3": func(n *vigiev1.Snapshot) { n.Partition = 3 },
		"offset 51": func(n *vigiev1.Snapshot) { n.Offset = 51 }, "begins at 20": func(n *vigiev1.Snapshot) { n.Offset = 19 },
	} {
		name := fits()
		change(name)
		if why := r.misfit(name, 7); !strings.Contains(why, what) {
			t.Errorf("%s: %q", what, why)
		}
	}
}

func TestWhenASnapshotIsDue(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	cfg := Snapshots{}.withDefaults()
	for name, test := range map[string]struct {
		v    saved
		next int64
		want bool
	}{
		"nothing changed":                  {saved{at: now.Add(-time.Hour), offset: 10}, 10, false},
		"one record, long ago":             {saved{at: now.Add(-cfg.Every), offset: 10}, 11, true},
		"one record, lately":               {saved{at: now.Add(-cfg.Every + 1), offset: 10}, 11, false},
		"many records, lately":             {saved{at: now, offset: 10}, 10 + int64(cfg.Records), true},
		"nearly as many as that, lately":   {saved{at: now, offset: 10}, 9 + int64(cfg.Records), false},
		"a first one, of a log long since": {saved{at: now.Add(-cfg.Every)}, 5, true},
	} {
		if got := test.v.due(now, test.next, cfg); got != test.want {
			t.Errorf("%s: due %v", name, got)
		}
	}
	if (&saved{at: now.Add(-time.Hour)}).due(now, 1<<40, Snapshots{Every: -1}.withDefaults()) {
		t.Error("due although none are wanted")
	}
	// Partitions that are taken over together do not come due together.
	seen := map[time.Duration]bool{}
	for n := range int32(8) {
		v := (&recovery{number: n}).saved(now, 8*time.Minute)
		seen[now.Sub(v.at)] = true
	}
	for i := range time.Duration(8) {
		if !seen[i*time.Minute] {
			t.Errorf("no partition of 8 comes due %s before the others", i*time.Minute)
		}
	}
}

func TestTwoGenerationsAreNamed(t *testing.T) {
	at := func(offset int64) *vigiev1.Snapshot { return &vigiev1.Snapshot{Offset: offset} }
	offsets := func(list []*vigiev1.Snapshot) (out []int64) {
		for _, n := range list {
			out = append(out, n.Offset)
		}
		return out
	}
	var v saved
	for _, offset := range []int64{1, 2, 3} {
		v.name(at(offset))
	}
	if !slices.Equal(offsets(v.named), []int64{3, 2}) || len(v.waste) > 0 {
		t.Errorf("named %v, waste %v before the record that drops it is confirmed", offsets(v.named), offsets(v.waste))
	}
	v.confirm()
	v.name(at(4))
	if !slices.Equal(offsets(v.named), []int64{4, 3}) || !slices.Equal(offsets(v.waste), []int64{1}) || !slices.Equal(offsets(v.dropped), []int64{2}) {
		t.Errorf("named %v, waste %v, dropped %v", offsets(v.named), offsets(v.waste), offsets(v.dropped))
	}
}

// A restored partition is the one frozen, field by field.
func TestEveryPartOfAPartitionIsInItsState(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := newPartition(3, newTally())
	for i := range int64(400) {
		b := &vigiev1.Beat{Writer: []string{"r", "s", "desk"}[rng.IntN(3)], Boot: []byte{byte(rng.IntN(2))}, TMs: 1_000 + 300*i, BaseMs: 300 * i, Sequence: uint64(2 * i)}
		if b.Writer != "desk" {
			b.Kind, b.Group, b.Site = vigiev1.WriterKind_WRITER_KIND_RECEIVER, "g"+b.Writer, []uint64{1 + rng.Uint64N(9)}
		}
		want.clock.beat(b)
		want.timers.arm(Timer{Class: TimerClass(i % 2), Group: []string{"", "g"}[i%2], Deadline: rng.Int64N(1_000), Site: rng.Uint64N(9), Kind: 2, What: 3})
	}
	want.clock.adjusted = []byte("said")
	want.clock.jump, want.next, want.chain.Ordinal, want.chain.Hash[5] = 9, 77, 76, 1
	got := newPartition(3, newTally())
	for frame := range want.freeze().frames() {
		if err := got.takeFrame(slices.Clone(frame)); err != nil {
			t.Fatal(err)
		}
	}
	if err := got.restored(); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]any{{got.clock, want.clock}, {sorted(got.timers.freeze()), sorted(want.timers.freeze())}, {got.chain, want.chain}, {got.next, want.next}, {got.fold, want.fold}} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("restored %+v, frozen %+v", pair[0], pair[1])
		}
	}
}

func sorted(all []frozenTimers) []frozenTimers {
	for _, z := range all {
		slices.SortFunc(z.timers, armed.compare)
	}
	return all
}

var update = flag.Bool("update", false, "write the golden bytes of the newest format if they are missing")

// Bytes of every format are read for ever, and are what the program writes now.
func TestGoldenBytesOfAPartition(t *testing.T) {
	p := newPartition(3, newTally())
	for i := range int64(4) {
		for _, writer := range []string{"r", "s"} {
			p.clock.beat(&vigiev1.Beat{
				Writer: writer, Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g" + writer,
				TMs: 1_000 + 900*i, Sequence: uint64(2 * i),
			})
		}
		p.timers.arm(Timer{Class: TimerClass(i % 2), Group: []string{"", "gr"}[i%2], Deadline: 5_000 - i, Site: 7, Kind: 2, What: 3})
	}
	p.next, p.chain.Ordinal, p.chain.Hash[5] = 77, 76, 1
	var frames [][]byte
	for frame := range p.freeze().frames() {
		frames = append(frames, slices.Clone(frame))
	}
	now := bytes.Join(frames, []byte("--"))
	for format := uint32(1); format <= stateFormat; format++ {
		file := fmt.Sprintf("testdata/state.v%d.bin", format)
		if _, err := os.Stat(file); *update && os.IsNotExist(err) {
			if err := os.WriteFile(file, now, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v: go test ./services/processor -run Golden -args -update writes it, once", err)
		}
		if format == stateFormat && !bytes.Equal(golden, now) {
			t.Errorf("the bytes of format %d have changed: a new encoding needs a new format", format)
		}
		got, err := RestoreReplayer(3, newTally(), handing(bytes.Split(golden, []byte("--"))))
		if err != nil {
			t.Fatal(err)
		}
		want := asKnownTo(t, p, format)
		if got.p.freeze().hash() != want.freeze().hash() {
			t.Errorf("the state read from format %d is another", format)
		}
	}
}

// asKnownTo is the partition as a format knew it.
func asKnownTo(t *testing.T, p *partition, format uint32) *partition {
	t.Helper()
	var frames [][]byte
	for frame := range p.freeze().frames() {
		frames = append(frames, slices.Clone(frame))
	}
	r, err := RestoreReplayer(p.number, newTally(), handing(frames))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.p.clock.writers {
		if format < 2 {
			r.p.clock.writers[i].since = 0
		}
	}
	for i := range r.p.clock.groups {
		g := &r.p.clock.groups[i]
		if format < 2 {
			g.failovers, g.degraded = nil, 0
		}
		if format < 4 {
			g.silent, g.back, g.ingress = 0, 0, ingress{}
		}
	}
	return r.p
}

func handing(frames [][]byte) func(func([]byte) error) error {
	return func(take func([]byte) error) error {
		for _, frame := range frames {
			if err := take(frame); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWhatIsNoStateOfThisPartitionIsRefused(t *testing.T) {
	of := func(number int32, fold Fold) (frames [][]byte) {
		p := newPartition(number, fold)
		p.timers.arm(Timer{Deadline: 5})
		for frame := range p.freeze().frames() {
			frames = append(frames, slices.Clone(frame))
		}
		return frames
	}
	good := of(3, newTally())
	if _, err := RestoreReplayer(3, newTally(), handing(good)); err != nil {
		t.Fatal(err)
	}
	for name, frames := range map[string][][]byte{
		"another partition's": of(4, newTally()), "another fold's": of(3, ruled{newTally().(*tally), 2}),
		"without a head": good[1:], "two heads": {good[0], good[0]}, "without its timers": {good[0], good[2]},
		"an empty frame": {good[0], {}}, "a frame of no kind": {good[0], {9}}, "nothing": nil,
	} {
		if _, err := RestoreReplayer(3, newTally(), handing(frames)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// The loop does not wait for a store that hangs, and a stop does not either.
func TestAStoreThatHangsHoldsNothingUp(t *testing.T) {
	w := newWorld(t, 56)
	w.writes(func(_ int, _ *rotten, ctx context.Context, _ *vigiev1.Snapshot, _ iter.Seq[[]byte]) error {
		<-ctx.Done()
		return errors.Join(errRotten, ctx.Err())
	})
	in := w.start("a")
	w.live(5)
	w.check()
	in.stopped(t)
}
