// Package brokertest runs brokers for tests.
package brokertest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
)

const (
	patience = 2 * time.Minute
	// maxDepth is how deep below the top of the repository a package may lie.
	maxDepth = 6
)

// Kafka runs an Apache Kafka until the test ends. Its jars are those of VIGIE_KAFKA_LIBS,
// or what `make setup` has put below deploy/local of this repository.
func Kafka(t testing.TB) eventlog.Config {
	t.Helper()
	java, err := broker.FindJava("")
	if err != nil {
		t.Fatal(err)
	}
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	k, err := broker.NewKafka(broker.KafkaConfig{Data: filepath.Join(dir, "kafka"), Libs: libs(t), Java: java, LogFile: filepath.Join(dir, "kafka.log"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done //nolint:errcheck // Kafka's own log tells how it ended.
	})
	select {
	case <-k.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("Kafka ended before it was ready: %v", err)
	case <-time.After(patience):
		t.Fatalf("Kafka was not ready within %s", patience)
	}
	return eventlog.Config{Brokers: []string{k.Addr()}}
}

// libs finds the jars, from the package's directory upwards.
func libs(t testing.TB) string {
	t.Helper()
	found, err := broker.FindLibs("")
	if err == nil || os.Getenv(broker.LibsEnv) != "" {
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for up, n := ".", 0; n < maxDepth; up, n = filepath.Join("..", up), n+1 {
		if found, err := broker.FindLibs(filepath.Join(up, "deploy", "local", "libs")); err == nil {
			return found
		}
	}
	t.Fatal(err)
	return ""
}
