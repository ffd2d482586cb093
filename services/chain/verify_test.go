package chain_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
)

// keys are a signer and what trusts it.
type keys struct {
	note.Signer
	trusted note.Verifiers
}

func newKeys(t *testing.T) keys {
	t.Helper()
	dir := t.TempDir()
	signer, err := chain.Signer(dir)
	if err != nil {
		t.Fatal(err)
	}
	trusted, _, err := chain.Trusted(filepath.Join(dir, chain.TrustedFile))
	if err != nil {
		t.Fatal(err)
	}
	return keys{signer, trusted}
}

const (
	partitions = 8
	perLog     = 200
	stride     = 40
)

// logbook is a log with its checkpoints, as a processor would have left it.
type logbook struct {
	t   *testing.T
	cfg eventlog.Config
	cl  *kgo.Client
	keys
}

var books int

func newLogbook(t *testing.T, brokers []string, k keys) *logbook {
	t.Helper()
	books++
	b := &logbook{t: t, keys: k, cfg: eventlog.Config{Brokers: brokers, TopicPrefix: fmt.Sprintf("book%d.", books)}}
	if _, err := eventlog.Provision(t.Context(), b.cfg, eventlog.Options{Partitions: partitions, Local: true, Durability: "process"}); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.cl, err = kgo.NewClient(b.cfg.IngestOpts(slog.New(slog.DiscardHandler))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cl.Close)
	return b
}

// records are what is appended to a partition.
func (b *logbook) records(partition int32) []*kgo.Record {
	var out []*kgo.Record
	now := time.Now().UnixMilli()
	for i := range perLog {
		out = append(out, &kgo.Record{
			Topic: b.cfg.Topic(topics.Events), Partition: partition, Timestamp: time.UnixMilli(now + int64(i)),
			Key: []byte("7"), Value: fmt.Append(nil, "record ", i), Headers: []kgo.RecordHeader{{Key: "vigie-kind", Value: []byte("test")}},
		})
	}
	return out
}

func (b *logbook) topicID() []byte {
	b.t.Helper()
	full := b.cfg.Topic(topics.Events)
	found, err := kadm.NewClient(b.cl).ListTopics(b.t.Context(), full)
	if err != nil {
		b.t.Fatal(err)
	}
	id := found[full].ID
	return id[:]
}

// claims are the checkpoints and the progress record of a history of records.
func (b *logbook) claims(partition int32, records []*kgo.Record) []*kgo.Record {
	b.t.Helper()
	var c chain.Chain
	var out []*kgo.Record
	for i, r := range records {
		c.Add(r)
		if (i+1)%stride > 0 {
			continue
		}
		p := &vigiev1.Progress{Partition: uint32(partition), Offset: int64(i + 1), ChainHash: c.Hash[:], ChainOrdinal: c.Ordinal, FoldVersion: 1}
		signed, err := chain.OfProgress(p, b.topicID(), r.Timestamp)
		if err != nil {
			b.t.Fatal(err)
		}
		text, err := signed.Sign(b.Signer)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, &kgo.Record{Topic: b.cfg.Topic(topics.Checkpoints), Partition: partition, Value: text})
		if i+1 == len(records) {
			value, err := proto.Marshal(p)
			if err != nil {
				b.t.Fatal(err)
			}
			out = append(out, &kgo.Record{Topic: b.cfg.Topic(topics.Progress), Partition: partition, Key: []byte("p"), Value: value})
		}
	}
	return out
}

func (b *logbook) append(records ...*kgo.Record) {
	b.t.Helper()
	if err := b.cl.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *logbook) verify(change func(*chain.Options)) *chain.Report {
	b.t.Helper()
	opts := chain.Options{Kafka: b.cfg, Log: slog.New(slog.DiscardHandler), Trusted: b.trusted}
	if change != nil {
		change(&opts)
	}
	report, err := chain.Verify(b.t.Context(), opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

// tampering is what may be done to a log, and what must be found.
var tampering = []struct {
	name string
	with func(records []*kgo.Record) []*kgo.Record
	want chain.Kind
	from int64
}{
	{"honest", func(r []*kgo.Record) []*kgo.Record { return r }, "", 0},
	{"a changed record", func(r []*kgo.Record) []*kgo.Record { r[100].Value = []byte("never said"); return r }, chain.Altered, 80},
	{"a missing record", func(r []*kgo.Record) []*kgo.Record { return append(r[:100:100], r[101:]...) }, chain.Missing, 80},
	{"an added record", func(r []*kgo.Record) []*kgo.Record {
		added := *r[0]
		added.Value = []byte("never said")
		return append(append(r[:100:100], &added), r[100:]...)
	}, chain.Added, 80},
	{"two reordered records", func(r []*kgo.Record) []*kgo.Record { r[100], r[101] = r[101], r[100]; return r }, chain.Altered, 80},
	{"a log cut off", func(r []*kgo.Record) []*kgo.Record { return r[:190] }, chain.Truncated, 190},
}

// tamperedLogs does each of it to a partition of its own, and proves them all.
func tamperedLogs(t *testing.T, brokers []string) {
	b := newLogbook(t, brokers, newKeys(t))
	for i, c := range tampering {
		records := b.records(int32(i))
		b.append(b.claims(int32(i), records)...)
		b.append(c.with(records)...)
	}
	report := b.verify(nil)
	for i, c := range tampering {
		t.Run(c.name, func(t *testing.T) {
			p := report.Partitions[i]
			if c.want == "" {
				if len(p.Faults) > 0 || p.Records != perLog || p.Checkpoints != perLog/stride || p.Unsigned() != 0 {
					t.Errorf("an honest log: %+v", p)
				}
				return
			}
			if len(p.Faults) != 1 || p.Faults[0].Kind != c.want || p.Faults[0].First != c.from || p.Faults[0].Partition != int32(i) {
				t.Errorf("%q from offset %d on was expected: %v", c.want, c.from, p.Faults)
			}
		})
	}
}

func TestTamperedLogsOnKfake(t *testing.T) {
	tamperedLogs(t, fake(t))
}

func fake(t *testing.T) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

// A log whose beginning is gone is proven from the first checkpoint left.
func TestALogWithoutItsBeginning(t *testing.T) {
	b := newLogbook(t, fake(t), newKeys(t))
	records := b.records(0)
	b.append(b.claims(0, records)...)
	b.append(records...)
	var cut kadm.Offsets
	cut.AddOffset(b.cfg.Topic(topics.Events), 0, 50, -1)
	if _, err := kadm.NewClient(b.cl).DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	report := b.verify(nil)
	if p := report.Partitions[0]; report.Err() != nil || p.From.Offset != 80 || p.From.Source != chain.Signed || p.Records != perLog-80 {
		t.Errorf("a proof from the checkpoint at 80 on was expected: %+v", p)
	}
	if report := b.verify(func(o *chain.Options) { o.From, o.To = 85, 130; o.Partitions = []int32{0} }); report.Err() != nil ||
		report.Partitions[0].From.Offset != 80 || report.Partitions[0].To != 160 {
		t.Errorf("a proof from 80 to 160 was expected: %+v", report.Partitions)
	}
}

func TestCheckpointsThatAreNotToBeBelieved(t *testing.T) {
	mine, other := newKeys(t), newKeys(t)
	b := newLogbook(t, fake(t), mine)
	records := b.records(0)
	b.append(records...)
	claims := b.claims(0, records)
	b.append(claims...)
	if err := b.verify(nil).Err(); err != nil {
		t.Fatal(err)
	}
	wrongKey := *b
	wrongKey.keys = other
	if f := wrongKey.verify(nil).Faults(); len(f) != perLog/stride || f[0].Kind != chain.BadCheckpoint || !strings.Contains(f[0].Detail, chain.ErrUnknownKey.Error()) {
		t.Errorf("checkpoints of a key that is not trusted: %v", f)
	}
	for name, forged := range map[string]string{
		"a figure changed": strings.Replace(string(claims[1].Value), "offset 80", "offset 81", 1),
		"no note at all":   "nothing",
	} {
		book := *b
		book.append(&kgo.Record{Topic: b.cfg.Topic(topics.Checkpoints), Partition: 1, Value: []byte(forged)})
		f := book.verify(func(o *chain.Options) { o.Partitions = []int32{1} }).Faults()
		if len(f) == 0 || f[len(f)-1].Kind != chain.BadCheckpoint {
			t.Errorf("%s: %v", name, f)
		}
	}
	// Replayed into another partition, a true signature says nothing.
	b.append(&kgo.Record{Topic: b.cfg.Topic(topics.Checkpoints), Partition: 1, Value: claims[0].Value})
	if f := b.verify(func(o *chain.Options) { o.Partitions = []int32{1} }).Faults(); len(f) != 3 || !strings.Contains(f[2].Detail, "it is about partition 0") {
		t.Errorf("a checkpoint of another partition: %v", f)
	}
}

// A digest that was kept outside finds even what the holder of the key did: the log
// and all checkpoints written anew.
func TestADigestFindsAPastWrittenAnew(t *testing.T) {
	k, brokers := newKeys(t), fake(t)
	b := newLogbook(t, brokers, k)
	records := b.records(0)
	b.append(records...)
	b.append(b.claims(0, records)...)
	opts := chain.Options{Kafka: b.cfg, Log: slog.New(slog.DiscardHandler), Trusted: b.trusted}
	d, err := chain.DigestOf(t.Context(), opts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := chain.ReadKept([]byte(d.Text()), nil)
	if err != nil || len(kept) != 1 || kept[0].Offset != perLog {
		t.Fatalf("the digest reads back as %v (%v)\n%s", kept, err, d.Text())
	}
	if _, err := chain.ReadKept([]byte(strings.Replace(d.Text(), "offset 200", "offset 201", 1)), nil); err == nil {
		t.Error("an altered digest was believed")
	}
	if err := b.verify(func(o *chain.Options) { o.Kept = kept }).Err(); err != nil {
		t.Error(err)
	}
	anew := newLogbook(t, brokers, k)
	records = anew.records(0)
	records[7].Value = []byte("never said")
	anew.append(records...)
	anew.append(anew.claims(0, records)...)
	if err := anew.verify(nil).Err(); err != nil {
		t.Fatal("the new past is consistent in itself: ", err)
	}
	if f := anew.verify(func(o *chain.Options) { o.Kept = kept }).Faults(); len(f) == 0 {
		t.Error("the digest did not find that the past was written anew")
	}
}

func TestTheKeyIsMadeOnceAndKeptApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := chain.Signer(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := chain.Signer(dir)
	if err != nil || again.KeyHash() != first.KeyHash() {
		t.Errorf("a second start has another key (%v)", err)
	}
	info, err := os.Stat(filepath.Join(dir, chain.KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	public, err := chain.PublicKey(dir)
	if err != nil || !strings.HasPrefix(public, first.Name()+"+") {
		t.Errorf("the public key: %q, %v", public, err)
	}
	if err := os.WriteFile(filepath.Join(dir, chain.KeyFile), []byte("PRIVATE+KEY+x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Signer(dir); err == nil || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("a damaged key: %v", err)
	}
}

func TestTamperedLogsOnApacheKafka(t *testing.T) {
	tamperedLogs(t, apacheKafka(t))
}

func apacheKafka(t *testing.T) []string {
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
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	k, err := broker.NewKafka(broker.KafkaConfig{
		Data: filepath.Join(dir, "kafka"), Libs: libs, Java: java, LogFile: filepath.Join(dir, "kafka.log"), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-k.Ready():
	case err := <-done:
		done <- err
		t.Fatalf("Kafka ended before it was ready: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("Kafka was not ready within 2 min")
	}
	return []string{k.Addr()}
}
