package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/open-vigie/vigie/services/internal/child"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKafka(t *testing.T, change func(*KafkaConfig)) *Kafka {
	t.Helper()
	libs, err := FindLibs("")
	if err != nil && os.Getenv(LibsEnv) == "" {
		libs, err = FindLibs("../../../deploy/local/libs")
	}
	if err != nil {
		t.Fatal(err)
	}
	java, err := FindJava("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := KafkaConfig{Data: filepath.Join(dir, "kafka"), Libs: libs, Java: java,
		LogFile: filepath.Join(dir, "kafka.log"), Log: slog.New(slog.DiscardHandler)}
	change(&cfg)
	k, err := NewKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// start runs a broker until stop is called or the test ends.
func start(t *testing.T, b Broker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-b.Ready():
	case err := <-done:
		stopped = true
		t.Fatalf("the broker ended before it was ready: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the broker was not ready within 2 min")
	}
	return stop
}

func client(t *testing.T, addr string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func TestKafkaKeepsItsDataOverStopsKillsAndPorts(t *testing.T) {
	k := newKafka(t, func(*KafkaConfig) {})
	stop := start(t, k)
	cl := client(t, k.Addr())
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 2, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	put := func(v string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "kept", Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	if err := child.Signal(k.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	put("two") // waits out the restart: same address
	if k.Restarts() != 1 {
		t.Errorf("restarts: got %d, want 1", k.Restarts())
	}
	id, err := adm.BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if level := feature(t, adm, "transaction.version"); level < 2 {
		t.Errorf("transaction.version is %d: a late request could end a later transaction", level)
	}
	stop()

	cfg := k.cfg
	cfg.Port, cfg.ControllerPort = 0, 0
	again, err := NewKafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	start(t, again)
	adm = kadm.NewClient(client(t, again.Addr()))
	meta, err := adm.BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again.Addr() == k.Addr() || meta.Cluster != id.Cluster {
		t.Errorf("address %s after %s, cluster %s after %s", again.Addr(), k.Addr(), meta.Cluster, id.Cluster)
	}
	ends, err := adm.ListEndOffsets(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	if n != 2 {
		t.Errorf("records kept: got %d, want 2", n)
	}
	logged, err := os.ReadFile(cfg.LogFile)
	if err != nil || !strings.Contains(string(logged), "started (kafka.server.KafkaRaftServer)") && !strings.Contains(string(logged), "Kafka Server started") {
		t.Errorf("the log of kafka does not say that it started: %v, %d bytes", err, len(logged))
	}
}

// feature is the level at which the cluster runs a feature.
func feature(t *testing.T, adm *kadm.Client, name string) int16 {
	t.Helper()
	versions, err := adm.ApiVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		for _, f := range v.Raw().FinalizedFeatures {
			if f.Name == name {
				return f.MaxVersionLevel
			}
		}
	}
	return 0
}

func TestPortInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := newKafka(t, func(c *KafkaConfig) { c.Port = l.Addr().(*net.TCPAddr).Port })
	err = k.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is in use by broker.test (pid ") || !strings.Contains(err.Error(), "--kafka-port") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownDurabilityIsRefused(t *testing.T) {
	if _, err := NewKafka(KafkaConfig{Durability: "maybe"}); err == nil || !strings.Contains(err.Error(), `"maybe"`) {
		t.Errorf("got %v", err)
	}
}

func TestMissingLibsSayWhatToDo(t *testing.T) {
	t.Setenv(LibsEnv, "")
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, explicit := range []string{"", t.TempDir()} {
		_, err := FindLibs(explicit)
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "make setup") {
			t.Errorf("FindLibs(%q): %v", explicit, err)
		}
	}
}

func TestOldOrMissingJavaSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(JavaEnv, "")
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", dir)
	for _, version := range []string{"", "11.0.2", "1.8.0_392"} {
		if version != "" {
			script := "#!/bin/sh\necho 'openjdk version \"" + version + "\"' >&2\n"
			if err := os.WriteFile(filepath.Join(dir, "java"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		_, err := FindJava("")
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "Java 17 or newer is needed") {
			t.Errorf("java %q: %v", version, err)
		}
	}
}

func TestEphemeralServesAndEnds(t *testing.T) {
	e, err := NewEphemeral(slog.New(slog.DiscardHandler), 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, e)
	if err := probe(t.Context(), e.Addr()); err != nil {
		t.Errorf("probe: %v", err)
	}
	stop()
	if err := probe(t.Context(), e.Addr()); err == nil {
		t.Error("the broker outlives its context")
	}
}
