package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/panel"
)

// Kills that `make test` does; KILLS asks for another number of them.
const (
	defaultKills = 6
	// everyKafka is how often it is Kafka that is killed, not vigie.
	everyKafka = 4
	panels     = 6
)

// traffic is a set of panels that send until they are answered, whatever dies.
type traffic struct {
	t    *testing.T
	stop context.CancelFunc
	done sync.WaitGroup

	mu sync.Mutex
	// acknowledged counts, by account, the distinct messages that got an ACK.
	acknowledged map[string]int
}

// send starts the panels: each sends an alarm or a poll after the other, every
// message again and again until its ACK, as a panel does. The receivers share them.
func send(t *testing.T, receivers ...string) *traffic {
	return sendOver(t, []string{"udp", "tcp"}, receivers...)
}

// sendOver is send over these transports in turn.
func sendOver(t *testing.T, networks []string, receivers ...string) *traffic {
	ctx, stop := context.WithCancel(t.Context())
	tr := &traffic{t: t, stop: stop, acknowledged: map[string]int{}}
	for n := range panels {
		tr.done.Go(func() { tr.panel(ctx, networks[n%len(networks)], receivers[n/2%len(receivers)], n) })
	}
	return tr
}

func (tr *traffic) panel(ctx context.Context, network, address string, n int) {
	account := strconv.Itoa(3100 + n)
	const patience = 10_000 // the test's own deadline ends it, not this
	line, err := panel.Dial(network, address, panel.Tries(patience, 700*time.Millisecond))
	if err != nil {
		tr.t.Error(err)
		return
	}
	defer line.Close()
	codes := []string{"BA", "BR", "CL", "OP", "TA", "FA", "FR"}
	// A zone is restored 64 messages after its alarm: a receiver that was frozen hands
	// over what came to it meanwhile, and an alarm heard again after its restoral is
	// rightly taken for a new one.
	const zones = 64
	for i := 0; ctx.Err() == nil; i++ {
		message := panel.SIA(panel.Event{Account: account, Code: codes[i%len(codes)], Zone: strconv.Itoa(1 + i%zones)})
		// A message on its way is finished even when the test stops the panels.
		if _, err := line.Send(tr.t.Context(), message); err != nil {
			if tr.t.Context().Err() == nil && !errors.Is(err, panel.ErrClosed) {
				tr.t.Errorf("account %s, message %d: %v", account, i, err)
			}
			return
		}
		tr.mu.Lock()
		tr.acknowledged[account]++
		tr.mu.Unlock()
		if i%3 == 0 {
			_, _ = line.Send(ctx, panel.Poll(account, 1))
		}
	}
}

func (tr *traffic) finish() map[string]int {
	tr.stop()
	tr.done.Wait()
	return tr.acknowledged
}

func (tr *traffic) total() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	n := 0
	for _, c := range tr.acknowledged {
		n += c
	}
	return n
}

// Kill -9 of vigie and of its Kafka at random moments of the traffic: every
// acknowledged event is in the log, each record of the log in ClickHouse once,
// and states, detections and incidents are those of a single-threaded fold.
func TestKillNineLosesAndDoublesNothing(t *testing.T) {
	kills := defaultKills
	if s := os.Getenv("KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("KILLS=%q: a number is expected", s)
		}
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d kills, seed %d", kills, seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	in := newInstallation(t)
	// A snapshot every second: most kills find one half written or just named.
	in.env = append(in.env, "VIGIE_PROCESSOR_SNAPSHOT_SECONDS=1")
	in.start()
	tr := send(t, in.DC09.UDP)
	for k := 1; k <= kills; k++ {
		t.Logf("kill %d after %d acknowledged messages", k, tr.total())
		tr.awaitMore(in.out, 1+rng.IntN(150))
		if k%everyKafka == 0 {
			in.killKafka()
			tr.awaitMore(in.out, 1)
			continue
		}
		in.kill()
		in.start()
	}
	tr.awaitMore(in.out, 20)
	sent := tr.finish()
	in.wantOneEffectEach(sent)
	in.wantOracle()
	in.wantWarehouse()
	in.wantSnapshots()
	in.wantRestoredFromSnapshots(kills)
}

// wantSnapshots waits until every partition's progress names two generations.
func (in *installationUnderTest) wantSnapshots() {
	in.t.Helper()
	missing := ""
	if !eventually(time.Minute, func() bool {
		missing = ""
		for n, records := range in.topic(topics.Progress) {
			progress := &vigiev1.Progress{}
			if err := proto.Unmarshal(records[len(records)-1].Value, progress); err != nil {
				in.t.Fatal(err)
			}
			if len(progress.Snapshots) != 2 {
				missing += fmt.Sprintf(" partition %d names %d;", n, len(progress.Snapshots))
			}
		}
		return missing == ""
	}) {
		in.t.Errorf("of two snapshots each,%s\n%s", missing, in.out)
	}
}

// wantRestoredFromSnapshots starts once more and asks where the states came from.
func (in *installationUnderTest) wantRestoredFromSnapshots(kills int) {
	in.t.Helper()
	in.kill()
	in.start()
	from := map[string]float64{}
	for _, m := range wantMetrics(in.t, in.Metrics.URL, "vigie_processor_restores_total")["vigie_processor_restores_total"].GetMetric() {
		from[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if from["snapshot"] == 0 || from["log"] > 0 {
		in.t.Errorf("after %d kills the partitions were restored from %v", kills, from)
	}
}

// awaitMore waits until so many more messages were acknowledged.
func (tr *traffic) awaitMore(said fmt.Stringer, n int) {
	tr.t.Helper()
	want := tr.total() + n
	if !eventually(3*time.Minute, func() bool { return tr.total() >= want }) {
		tr.t.Fatalf("%d of %d messages were acknowledged, then no more\n%s", tr.total(), want, said)
	}
}
