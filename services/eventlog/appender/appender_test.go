package appender

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// historiesDrawn by each property when no flag says otherwise: each starts a
// broker, half a second of system time under the race detector.
const historiesDrawn = "25"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", historiesDrawn); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m) // parses the flags: -rapid.checks overrides
}

const testPartitions = 4

// world is a broker and an appender in virtual time.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	kafka   eventlog.Config
	a       *Appender
	stop    func()
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	network := new(kfake.VirtualNetwork)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.Listen), kfake.SeedTopics(testPartitions, "vigie.events"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cluster: cluster, kafka: eventlog.Config{
		Brokers: cluster.ListenAddrs(), Extra: []kgo.Opt{kgo.Dialer(network.DialContext)},
	}}
	cfg := Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: testPartitions}
	if change != nil {
		change(&cfg)
	}
	w.a, err = New(cfg, Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), Kafka: w.kafka})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs the appender; stop ends it and returns once it has ended.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.a.Run(ctx) }()
	select {
	case <-w.a.Ready():
	case err := <-ended:
		w.t.Fatalf("Run ended before it was ready: %v", err)
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

// log reads what a partition holds now.
func (w *world) log(partition int32) []*vigiev1.LogRecord {
	w.t.Helper()
	client, err := kgo.NewClient(append(w.kafka.ReaderOpts(slog.New(slog.DiscardHandler)), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		"vigie.events": {partition: kgo.NewOffset().AtStart()},
	}))...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(context.Background(), "vigie.events")
	if err != nil {
		w.t.Fatal(err)
	}
	end, _ := ends.Lookup("vigie.events", partition)
	var out []*vigiev1.LogRecord
	for int64(len(out)) < end.Offset {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var l vigiev1.LogRecord
			if err := proto.Unmarshal(r.Value, &l); err != nil {
				w.t.Fatal(err)
			}
			out = append(out, &l)
		})
	}
	return out
}

func eventOf(site uint64) func(ids.ID, int64) *vigiev1.LogRecord {
	return func(id ids.ID, at int64) *vigiev1.LogRecord {
		return &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Id: id[:], Site: site, ReceivedAtMs: at}}}
	}
}

// siteIn finds a site of a partition.
func siteIn(partition int32) uint64 {
	for s := uint64(1); ; s++ {
		if topics.PartitionOf(s, testPartitions) == partition {
			return s
		}
	}
}

// act is one thing that a writer takes, some time after the one before.
type act struct {
	site  uint64
	path  uint32
	poll  bool
	after time.Duration
}

// TestBeatPromise: whatever is taken concurrently, and whatever Kafka answers on
// the way, time never goes back in a partition, nothing taken before a beat's T
// stands behind it, and what was acknowledged is in the log exactly once.
func TestBeatPromise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		writers := make([][]act, rapid.IntRange(1, 4).Draw(rt, "writers"))
		for i := range writers {
			writers[i] = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
				return act{
					site: rapid.Uint64Range(1, 12).Draw(rt, "site"), path: rapid.Uint32Range(1, 2).Draw(rt, "path"),
					poll: rapid.Bool().Draw(rt, "poll"), after: time.Duration(rapid.IntRange(0, 400).Draw(rt, "ms")) * time.Millisecond,
				}
			}), 0, 30).Draw(rt, "acts")
		}
		faults := rapid.IntRange(0, 5).Draw(rt, "faults")
		synctest.Test(t, func(t *testing.T) { beatPromise(t, writers, faults) })
	})
}

func beatPromise(t *testing.T, writers [][]act, faults int) {
	w := newWorld(t, nil)
	defer w.cluster.Close()
	w.start()
	defer w.stop()
	if faults > 0 {
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: faults})
	}
	var mu sync.Mutex
	acked := map[uint64]int{}
	polled := map[uint64]int{}
	var all sync.WaitGroup
	for _, acts := range writers {
		all.Go(func() {
			for _, x := range acts {
				time.Sleep(x.after)
				count := acked
				if x.poll {
					count = polled
				}
				all.Add(1)
				done := func(err error) {
					defer all.Done()
					if err == nil {
						mu.Lock()
						count[x.site]++
						mu.Unlock()
					}
				}
				var err error
				if x.poll {
					err = w.a.Heartbeat(x.site, x.path, done)
				} else {
					err = w.a.Append(x.site, eventOf(x.site), done)
				}
				if err != nil {
					done(err)
				}
			}
		})
	}
	all.Wait()
	w.stop()
	logged, beaten := map[uint64]int{}, map[uint64]int{}
	for p := range int32(testPartitions) {
		checkPartition(t, w.log(p), logged, beaten)
	}
	if fmt.Sprint(logged) != fmt.Sprint(acked) || fmt.Sprint(beaten) != fmt.Sprint(polled) {
		t.Fatalf("acknowledged events %v and polls %v, in the log %v and %v", acked, polled, logged, beaten)
	}
}

// checkPartition checks the promises of one partition and counts what it holds.
func checkPartition(t *testing.T, records []*vigiev1.LogRecord, events, polls map[uint64]int) {
	t.Helper()
	var last, promised int64
	var sequence uint64
	stamp := func(ms int64) {
		if ms < last || ms < promised {
			t.Fatalf("%d stands behind %d and the promise of %d", ms, last, promised)
		}
		last = ms
	}
	for i, r := range records {
		switch r := r.GetRecord().(type) {
		case *vigiev1.LogRecord_Event:
			stamp(r.Event.GetReceivedAtMs())
			events[r.Event.GetSite()]++
		case *vigiev1.LogRecord_ReceiverLife:
			stamp(r.ReceiverLife.GetAtMs())
		case *vigiev1.LogRecord_Beat:
			b := r.Beat
			if sequence++; b.GetSequence() != sequence {
				t.Fatalf("beat %d has sequence %d", sequence, b.GetSequence())
			}
			at := b.GetBaseMs()
			for j, site := range b.GetSite() {
				at += b.GetReceivedDeltaMs()[j]
				if at < promised || at > b.GetTMs() {
					t.Fatalf("a poll of %d after the promise of %d, in the beat of %d", at, promised, b.GetTMs())
				}
				polls[site]++
			}
			stamp(b.GetTMs())
			promised = b.GetTMs()
			if b.GetLast() != (i == len(records)-1) {
				t.Fatalf("record %d of %d: last is %t", i+1, len(records), b.GetLast())
			}
		default:
			t.Fatalf("a record of type %T", r)
		}
	}
}

func TestBeatsComeEverySecondWhenIdleAndSoonWithPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		site := siteIn(0)
		time.Sleep(5*time.Second + 10*time.Millisecond)
		if n := beats(w.log(0)); n != 6 {
			t.Errorf("%d beats in 5 s without polls, want one at the start and 5", n)
		}
		for range 8 {
			if err := w.a.Heartbeat(site, 1, func(error) {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if n := beats(w.log(0)); n != 14 {
			t.Errorf("%d beats after 2 s of polls, want 8 more than 6", n)
		}
		if n := beats(w.log(1)); n != 8 {
			t.Errorf("%d beats of an idle partition in 7 s, want 8", n)
		}
	})
}

func beats(records []*vigiev1.LogRecord) (n int) {
	for _, r := range records {
		if r.GetBeat() != nil {
			n++
		}
	}
	return n
}

// hold keeps produce requests that touch a partition unanswered until release.
func (w *world) hold(partitions ...int32) (release func()) {
	freed := make(chan struct{})
	w.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		for _, topic := range req.(*kmsg.ProduceRequest).Topics {
			for _, p := range topic.Partitions {
				for _, held := range partitions {
					if p.Partition == held {
						w.cluster.SleepControl(func() { <-freed })
						return nil, nil, false
					}
				}
			}
		}
		return nil, nil, false
	})
	return sync.OnceFunc(func() { close(freed) })
}

func TestNothingIsDoneBeforeKafkaAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		release := w.hold(0, 1, 2, 3)
		defer release()
		var event, poll error = errors.New("pending"), errors.New("pending")
		site := siteIn(2)
		if err := w.a.Append(site, eventOf(site), func(err error) { event = err }); err != nil {
			t.Fatal(err)
		}
		if err := w.a.Heartbeat(site, 1, func(err error) { poll = err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if event == nil || poll == nil {
			t.Fatal("done was called while Kafka held its answer")
		}
		release()
		time.Sleep(time.Second)
		synctest.Wait()
		if event != nil || poll != nil {
			t.Fatalf("after the answer: %v, %v", event, poll)
		}
	})
}

func TestFailedAppendIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		site := siteIn(1)
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.MessageTooLarge, Count: -1})
		var answers []error
		if err := w.a.Append(site, eventOf(site), func(err error) { answers = append(answers, err) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(answers) != 1 || !errors.Is(answers[0], kerr.MessageTooLarge) {
			t.Fatalf("answers %v, want one MESSAGE_TOO_LARGE", answers)
		}
	})
}

func TestOneDeadPartitionStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		dead, alive := siteIn(0), siteIn(3)
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{0}, Err: kerr.NotEnoughReplicas, Count: -1})
		refused := 0
		for range maxEvents + 10 {
			if err := w.a.Append(dead, eventOf(dead), func(error) {}); errors.Is(err, ErrBusy) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != 10 {
			t.Errorf("%d events refused, want the 10 past the bound", refused)
		}
		time.Sleep(4 * time.Second) // two beats of the dead partition are in flight, and a third was due
		if err := w.a.Heartbeat(dead, 1, func(error) {}); !errors.Is(err, ErrBusy) {
			t.Errorf("a poll of the dead partition: %v, want ErrBusy", err)
		}
		var event, poll error = errors.New("pending"), errors.New("pending")
		if err := w.a.Append(alive, eventOf(alive), func(err error) { event = err }); err != nil {
			t.Fatal(err)
		}
		if err := w.a.Heartbeat(alive, 1, func(err error) { poll = err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if event != nil || poll != nil {
			t.Errorf("the living partition: %v, %v", event, poll)
		}
	})
}

func TestShedPollsAreToldInTheNextBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		site := siteIn(0)
		fault := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{0}, Err: kerr.NotEnoughReplicas, Count: -1})
		time.Sleep(4 * time.Second)
		for range 3 {
			if err := w.a.Heartbeat(site, 1, func(error) {}); !errors.Is(err, ErrBusy) {
				t.Fatalf("a poll while two beats are in flight: %v", err)
			}
		}
		fault.Remove()
		time.Sleep(5 * time.Second)
		var shed uint32
		for _, r := range w.log(0) {
			shed += r.GetBeat().GetShed()
		}
		if shed != 3 {
			t.Errorf("the beats tell of %d polls shed, want 3", shed)
		}
	})
}

func TestStopWithoutKafkaEndsAndFailsWhatWasInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.start()
		// The first beats are durable, so the client has its producer id: asking for
		// one on this network after its end is retried without a pause, for ever.
		time.Sleep(time.Second)
		synctest.Wait()
		w.cluster.Close()
		site := siteIn(0)
		var answer error
		if err := w.a.Append(site, eventOf(site), func(err error) { answer = err }); err != nil {
			t.Fatal(err)
		}
		w.stop()
		if answer == nil {
			t.Error("an event that Kafka never took was told durable")
		}
		if err := w.a.Append(site, eventOf(site), nil); !errors.Is(err, ErrNotRunning) {
			t.Errorf("Append after the stop: %v", err)
		}
	})
}

func TestRunRefusesAnotherNumberOfPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Partitions = 8 })
		defer w.cluster.Close()
		if err := w.a.Run(context.Background()); err == nil {
			t.Fatal("8 partitions configured, 4 there, and no error")
		}
	})
}

func TestTooLargeIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.cluster.Close()
		w.start()
		defer w.stop()
		err := w.a.Append(1, func(id ids.ID, at int64) *vigiev1.LogRecord {
			return &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{Raw: &vigiev1.Sealed{Ciphertext: make([]byte, MaxRecordBytes+1)}}}}
		}, nil)
		if !errors.Is(err, ErrTooLarge) {
			t.Fatalf("%v, want ErrTooLarge", err)
		}
	})
}

// TestBeatPiecesFit: however many polls of whatever sites wait, each piece
// encodes below the bound, and no poll is lost.
func TestBeatPiecesFit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, maxPolls).Draw(rt, "polls")
		top := rapid.Uint64Range(1, 1<<53-1).Draw(rt, "top site")
		path := rapid.Uint32Range(1, 15).Draw(rt, "path")
		p := newPartition(&Appender{cfg: Config{Writer: "local", Group: "default"}, boot: make([]byte, 16)}, 0)
		polls := make([]poll, n)
		for i := range polls {
			polls[i] = poll{site: top - uint64(i)%top, path: path, receivedMS: 1_700_000_000_000 + int64(i)*7}
		}
		total := 0
		for _, piece := range cut(polls) {
			b := p.piece(piece)
			b.TMs, b.Sequence = 1_700_000_000_000, 1<<60
			if size := proto.Size(b); size > maxBeatBytes {
				rt.Fatalf("a piece of %d polls encodes to %d bytes", len(piece), size)
			}
			total += len(b.GetSite())
		}
		if total != n {
			rt.Fatalf("%d polls in the pieces, want %d", total, n)
		}
	})
}

// TestBeatPromiseHoldsUnderRealConcurrency drives one partition from many
// goroutines as fast as they go, while it beats each millisecond: what virtual
// time cannot interleave.
func TestBeatPromiseHoldsUnderRealConcurrency(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(testPartitions, "vigie.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	w := &world{t: t, cluster: cluster, kafka: eventlog.Config{Brokers: cluster.ListenAddrs()}}
	w.a, err = New(Config{Writer: "local", Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Partitions: testPartitions, BeatEvery: time.Millisecond, IdleBeatEvery: time.Millisecond},
		Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Kafka: w.kafka})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	defer w.stop()
	const writers, each = 8, 2000
	site := siteIn(0)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				all.Add(1)
				if err := w.a.Append(site, eventOf(site), func(error) { all.Done() }); err != nil {
					all.Done()
				}
			}
		})
	}
	all.Wait()
	w.stop()
	checkPartition(t, w.log(0), map[uint64]int{}, map[uint64]int{})
}
