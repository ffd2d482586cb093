package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/archiver"
	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/sitefold"
	"github.com/open-vigie/vigie/services/warehouse"
)

// Kills that `make test` does; KILLS asks for another number of them.
const (
	defaultKills = 20
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
// message again and again until its ACK, as a panel does.
func send(t *testing.T, address string) *traffic {
	ctx, stop := context.WithCancel(t.Context())
	tr := &traffic{t: t, stop: stop, acknowledged: map[string]int{}}
	for n := range panels {
		tr.done.Go(func() { tr.panel(ctx, address, n) })
	}
	return tr
}

func (tr *traffic) panel(ctx context.Context, address string, n int) {
	account := strconv.Itoa(3100 + n)
	network := []string{"udp", "tcp"}[n%2]
	const patience = 10_000 // the test's own deadline ends it, not this
	line, err := panel.Dial(network, address, panel.Tries(patience, 700*time.Millisecond))
	if err != nil {
		tr.t.Error(err)
		return
	}
	defer line.Close()
	codes := []string{"BA", "BR", "CL", "OP", "TA", "FA", "FR"}
	for i := 0; ctx.Err() == nil; i++ {
		message := panel.SIA(panel.Event{Account: account, Code: codes[i%len(codes)], Zone: strconv.Itoa(1 + i%5)})
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
	in.start()
	tr := send(t, in.DC09.UDP)
	for k := 1; k <= kills; k++ {
		t.Logf("kill %d after %d acknowledged messages", k, tr.total())
		tr.awaitMore(in, 1+rng.IntN(150))
		if k%everyKafka == 0 {
			in.killKafka()
			tr.awaitMore(in, 1)
			continue
		}
		in.kill()
		in.start()
	}
	tr.awaitMore(in, 20)
	sent := tr.finish()
	in.wantOneEffectEach(sent)
	in.wantOracle()
	in.wantWarehouse()
}

// awaitMore waits until so many more messages were acknowledged.
func (tr *traffic) awaitMore(in *installationUnderTest, n int) {
	tr.t.Helper()
	want := tr.total() + n
	if !eventually(3*time.Minute, func() bool { return tr.total() >= want }) {
		tr.t.Fatalf("%d of %d messages were acknowledged, then no more\n%s", tr.total(), want, in.out)
	}
}

// wantOneEffectEach compares what the panels counted with the log: a message
// sent again after a lost ACK makes two records and one effect.
func (in *installationUnderTest) wantOneEffectEach(sent map[string]int) {
	in.t.Helper()
	in.awaitProcessed()
	repeats := map[string]bool{}
	for _, records := range in.topic(topics.Outcomes) {
		for _, r := range records {
			outcome := &vigiev1.EventOutcome{}
			if err := proto.Unmarshal(r.Value, outcome); err != nil {
				in.t.Fatal(err)
			}
			if outcome.Status == vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN {
				repeats[string(outcome.EventId)] = true
			}
		}
	}
	effects, again := map[string]int{}, 0
	for _, records := range in.topic(topics.Events) {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				in.t.Fatal(err)
			}
			source := record.GetEvent().GetSource().GetPanel()
			switch {
			case source == nil:
			case repeats[string(record.GetEvent().Id)]:
				again++
			default:
				effects[source.Account]++
			}
		}
	}
	total := 0
	for account, n := range sent {
		total += n
		if effects[account] != n {
			in.t.Errorf("account %s: %d messages acknowledged, %d effects in the log", account, n, effects[account])
		}
	}
	in.t.Logf("%d messages acknowledged; %d more records were the same heard again", total, again)
}

// awaitProcessed waits until every event in the log has had its effect: the
// progress records stand behind the last of them. (Beats never end.)
func (in *installationUnderTest) awaitProcessed() {
	in.t.Helper()
	last := map[int32]int64{}
	for p, records := range in.topic(topics.Events) {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				in.t.Fatal(err)
			}
			if record.GetEvent() != nil {
				last[p] = r.Offset
			}
		}
	}
	settled := eventually(2*time.Minute, func() bool {
		for p, records := range in.topic(topics.Progress) {
			progress := &vigiev1.Progress{}
			if err := proto.Unmarshal(records[len(records)-1].Value, progress); err != nil {
				in.t.Fatal(err)
			}
			if at, waiting := last[p]; waiting && progress.Offset > at {
				delete(last, p)
			}
		}
		return len(last) == 0
	})
	if !settled {
		in.t.Fatalf("these events had no effect yet: %v\n%s", last, in.out)
	}
}

// wantOracle folds the log in one thread and compares every output topic.
func (in *installationUnderTest) wantOracle() {
	in.t.Helper()
	outputs := []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts}
	got := map[string]map[int32][]*kgo.Record{}
	for _, topic := range outputs {
		got[topic] = in.topic(topic)
	}
	compared := 0
	for p, records := range in.topic(topics.Events) {
		want, err := processor.Replay(p, sitefold.New(discard())(), records)
		if err != nil {
			in.t.Fatal(err)
		}
		byTopic := map[string][]*kgo.Record{}
		for _, r := range want {
			byTopic[r.Topic] = append(byTopic[r.Topic], r)
		}
		for _, topic := range outputs {
			in.wantPrefix(topic, p, got[topic][p], byTopic[topic])
			compared += len(got[topic][p])
		}
	}
	in.t.Logf("%d outputs equal those of a single-threaded fold", compared)
}

// wantPrefix: what was committed is the oracle's, byte for byte, once each. The
// log goes on while it is read, so the oracle may have a little more.
func (in *installationUnderTest) wantPrefix(topic string, p int32, got, want []*kgo.Record) {
	in.t.Helper()
	if len(got) > len(want) {
		in.t.Errorf("%s partition %d: %d outputs, the oracle has %d", topic, p, len(got), len(want))
		return
	}
	for i := range got {
		if !bytes.Equal(got[i].Key, want[i].Key) || !bytes.Equal(got[i].Value, want[i].Value) {
			in.t.Errorf("%s partition %d: output %d of %d differs from the oracle's", topic, p, i, len(got))
			return
		}
	}
}

// wantWarehouse: each record of the log is in ClickHouse exactly once.
func (in *installationUnderTest) wantWarehouse() {
	in.t.Helper()
	db, err := warehouse.Open(in.t.Context(), warehouse.Config{URL: in.ClickHouse.URL, User: in.ClickHouse.User, Password: in.ClickHouse.Password, Database: in.ClickHouse.Database})
	if err != nil {
		in.t.Fatal(err)
	}
	defer db.Close()
	var report *archiver.Report
	all := uint64(0) // in the log at the first look: beats never end
	archived := eventually(2*time.Minute, func() bool {
		if report, err = archiver.Verify(in.t.Context(), in.kafkaConfig(), db, discard()); err != nil {
			in.t.Fatal(err)
		}
		if all == 0 {
			all = report.Records() + uint64(report.Pending())
		}
		return report.Err() != nil || report.Records() >= all
	})
	if err := report.Err(); err != nil || !archived {
		in.t.Errorf("%v: %+v; %d of %d records archived", err, report.Faults, report.Records(), all)
	}
	in.t.Logf("%d records of the log are in ClickHouse once each", report.Records())
}
