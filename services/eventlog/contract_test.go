package eventlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/child"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// contract is what Vigie needs of a broker. The same cases run on Apache Kafka
// and on the ephemeral one.
var contract = []struct {
	name string
	run  func(t *testing.T, l log)
}{
	{"provisioning twice changes nothing", provisionTwice},
	{"settings that drifted are corrected", driftIsCorrected},
	{"a changed partition count is refused", partitionCountIsRefused},
	{"a dry run changes nothing", dryRunChangesNothing},
	{"first commits are made once", firstCommits},
	{"a vanished commit is refused", vanishedCommit},
	{"a log that lost its beginning is refused", noBeginning},
	{"a policy stands in each partition", policyInEachPartition},
	{"aborted records are never read", readCommitted},
	{"a tail begins where it is told", tailBegins},
	{"a gap stops the tail", gapStopsTail},
	{"a group commits what is safe, on stop too", groupCommits},
	{"a partition that moves is neither lost nor doubled", groupMoves},
	{"a failing handler is asked again", handlerRetries},
}

func TestContractOnEphemeral(t *testing.T) {
	b, err := broker.NewEphemeral(discard, 4, 0)
	if err != nil {
		t.Fatal(err)
	}
	start(t, b)
	runContract(t, b)
}

func TestContractOnApacheKafka(t *testing.T) {
	k := kafka(t)
	// First: recovery after a kill reads back every partition there is.
	t.Run("an acknowledged record and a tail survive kill -9", func(t *testing.T) { survivesKill(t, newLog(t, k), k) })
	t.Run("a power-durable log is flushed before the ACK", func(t *testing.T) { flushed(t, newLog(t, k)) })
	runContract(t, k)
}

func runContract(t *testing.T, b broker.Broker) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.run(t, newLog(t, b)) })
	}
}

// log is a broker seen by one case: its own topics, apart from the others'.
type log struct{ eventlog.Config }

var logs int

func newLog(t *testing.T, b broker.Broker) log {
	t.Helper()
	logs++
	return log{eventlog.Config{Brokers: []string{b.Addr()}, TopicPrefix: fmt.Sprintf("case%d.", logs)}}
}

func kafka(t *testing.T) *broker.Kafka {
	t.Helper()
	libs, err := broker.FindLibs("")
	if err != nil && os.Getenv(broker.LibsEnv) == "" {
		libs, err = broker.FindLibs(filepath.Join("..", "..", "deploy", "local", "libs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	java, err := broker.FindJava("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	k, err := broker.NewKafka(broker.KafkaConfig{
		Data: filepath.Join(dir, "kafka"), Libs: libs, Java: java,
		LogFile: filepath.Join(dir, "kafka.log"), Log: discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	start(t, k)
	return k
}

// start runs a service until the test ends, and waits until it is ready.
func start(t *testing.T, b broker.Broker) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-b.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("the broker ended before it was ready: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the broker was not ready within 2 min")
	}
}

// patience bounds every wait of a case: a broker restart on a busy machine.
const patience = 90 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func kill9(t *testing.T, pid int) {
	t.Helper()
	if err := child.Signal(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
