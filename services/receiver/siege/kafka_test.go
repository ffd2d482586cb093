package siege

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/child"
)

// patience bounds what a test waits for; none waits that long when it passes.
const patience = 3 * time.Minute

// kafka is Apache Kafka on one node. Records are acknowledged once the kernel has
// them: what is tried here are faults, not the power.
type kafka struct {
	t      testing.TB
	dir    string
	java   string
	port   int
	broker *broker.Kafka
	stop   func()
}

// newKafka starts Kafka with its topics, in a directory and by a java executable.
func newKafka(t testing.TB, dir, java string) *kafka {
	t.Helper()
	k := &kafka{t: t, dir: dir, java: java}
	k.start()
	provision(t, k.config(), eventlog.Options{Partitions: partitions, Local: true, Durability: broker.Process, Log: quiet})
	return k
}

var quiet = slog.New(slog.DiscardHandler)

func findJava(t testing.TB) string {
	t.Helper()
	java, err := broker.FindJava("")
	if err != nil {
		t.Fatal(err)
	}
	return java
}

func findLibs(t testing.TB) string {
	t.Helper()
	explicit := ""
	if os.Getenv(broker.LibsEnv) == "" {
		explicit = filepath.Join("..", "..", "..", "deploy", "local", "libs")
	}
	libs, err := broker.FindLibs(explicit)
	if err != nil {
		t.Fatal(err)
	}
	return libs
}

func (k *kafka) config() eventlog.Config { return eventlog.Config{Brokers: []string{k.broker.Addr()}} }

// start starts Kafka on what it left, at the address that it had.
func (k *kafka) start() {
	k.t.Helper()
	var err error
	k.broker, err = broker.NewKafka(broker.KafkaConfig{
		Data: filepath.Join(k.dir, "kafka"), Libs: findLibs(k.t), Java: k.java, Port: k.port,
		LogFile: filepath.Join(k.dir, "kafka.log"), Durability: broker.Process, Log: quiet,
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.stop = serve(k.t, k.broker)
	_, port, _ := splitAddr(k.broker.Addr())
	k.port = port
}

func (k *kafka) signal(s syscall.Signal) {
	k.t.Helper()
	if err := child.Signal(k.broker.Pid(), s); err != nil {
		k.t.Fatalf("signal to Kafka (pid %d): %v", k.broker.Pid(), err)
	}
}

// kill is kill -9; Kafka stays away until it is started again.
func (k *kafka) kill() {
	k.t.Helper()
	k.signal(syscall.SIGKILL)
	k.stop()
}

// serve runs a service until the test ends or stop is called.
func serve(t testing.TB, s service) (stop func()) {
	t.Helper()
	end, err := run(s)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := end(); err != nil {
			t.Errorf("%T: %v", s, err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// provision makes the topics, and binds the accounts of the first panels.
func provision(t testing.TB, cfg eventlog.Config, o eventlog.Options) {
	t.Helper()
	if _, err := eventlog.Provision(t.Context(), cfg, o); err != nil {
		t.Fatal(err)
	}
}

// bind declares the accounts of so many panels, and the attackers'.
func bind(t testing.TB, cfg eventlog.Config, panels int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, 0, panels+1)
	declare := func(account string, site uint64) {
		value, err := proto.Marshal(&vigiev1.AccountBinding{Account: account, Site: site, Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: cfg.Topic(topics.Accounts), Key: []byte(ids.AccountKey(0, account)), Value: value})
	}
	for n := range panels {
		declare(account(n), site(n))
	}
	for p, account := range attackers {
		declare(account, attackerSite(p))
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// written is what the log holds of each alarm: copies, by fingerprint.
type written map[string]map[string]int

// readLog reads vigie.events to its end with a client that knows nothing of Vigie.
func readLog(t testing.TB, cfg eventlog.Config) written {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(cfg.Topic(topics.Events)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, cfg.Topic(topics.Events))
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	ends.Each(func(o kadm.ListedOffset) { left += int(o.Offset) })
	found := written{}
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("reading the log, %d records before its end: %v", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			var l vigiev1.LogRecord
			if err := proto.Unmarshal(r.Value, &l); err != nil {
				t.Fatal(err)
			}
			e := l.GetEvent()
			zone, account := e.GetAlarmRaised().GetSignal().GetZone(), e.GetSource().GetPanel().GetAccount()
			if zone != "" && !slices.Contains(attackers[:], account) {
				found.add(account+"/"+zone, string(e.GetFingerprint()))
			}
		})
	}
	return found
}

func (w written) add(key, fingerprint string) {
	if w[key] == nil {
		w[key] = map[string]int{}
	}
	w[key][fingerprint]++
}
