package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// Bounds of what is set aside, so that a flood of junk fills neither Kafka, nor
// the log, nor memory. Every piece is counted; what passes a bound is told as a
// number in the next record.
const (
	// rejectedBytes of a piece are kept.
	rejectedBytes = 4 << 10
	// recordsPerSource and recordsInAll in a minute.
	recordsPerSource = 10
	recordsInAll     = 1_000
	// sourcesPerMinute that are told apart; the others count as one.
	sourcesPerMinute = 4_096
	// rejectedBuffer of records that wait for Kafka; past it they are counted only.
	rejectedBuffer = 1_024
	// rejectedFlush is how long a stopping receiver waits for them.
	rejectedFlush = 2 * time.Second
)

// rejects sets aside what cannot become an event.
type rejects struct {
	receiver string
	kafka    eventlog.Config
	topic    string
	log      *slog.Logger
	vault    *vault.Vault
	nowMS    func() int64
	metrics  *metrics
	client   *kgo.Client

	mu      sync.Mutex
	minute  int64
	sources map[netip.Prefix]int
	records int
	// untold pieces passed a bound since the last record.
	untold uint64
}

func newRejects(receiver string, deps Deps, log *slog.Logger, m *metrics) *rejects {
	return &rejects{
		receiver: receiver, kafka: deps.Kafka, topic: deps.Kafka.Topic(topics.Rejected), log: log,
		vault: deps.Vault, nowMS: deps.Appender.NowMS, metrics: m, sources: map[netip.Prefix]int{},
	}
}

// open makes the Kafka client, before anything can be set aside.
func (j *rejects) open() error {
	client, err := kgo.NewClient(append(j.kafka.IngestOpts(j.log), kgo.MaxBufferedRecords(rejectedBuffer))...)
	if err != nil {
		return fmt.Errorf("the Kafka client for %s: %w", j.topic, err)
	}
	j.client = client
	return nil
}

// close waits a little for what has not been written yet.
func (j *rejects) close() {
	flush, cancel := context.WithTimeout(context.Background(), rejectedFlush)
	defer cancel()
	if err := j.client.Flush(flush); err != nil {
		j.log.Warn("some of what was set aside did not reach Kafka", "topic", j.topic, "error", err)
	}
	j.client.Close()
}

// add counts a piece, tells the log once per source and minute, and writes it
// to vigie.rejected within the bounds. It never waits for Kafka.
func (j *rejects) add(o origin, reason, detail string, raw []byte) {
	transport := transportName(o.transport)
	j.metrics.rejected.WithLabelValues(transport, reason).Inc()
	now := j.nowMS()
	tell, write, untold := j.admit(o.remote.Addr(), now)
	if tell {
		j.log.Warn("something that is no message of a panel was set aside", "reason", reason, "detail", detail, "bytes", len(raw), "from", o.remote.Addr(), "transport", transport)
	}
	if !write {
		return
	}
	if untold > 0 {
		detail = fmt.Sprintf("%s; %d more were counted and not kept since the last record", detail, untold)
	}
	if err := j.write(o, reason, detail, raw, now); err != nil {
		j.metrics.rejectedLost.Inc()
		j.log.Debug("a piece set aside was counted only", "error", err)
	}
}

// admit decides what becomes of a piece.
func (j *rejects) admit(from netip.Addr, nowMS int64) (tell, write bool, untold uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if minute := nowMS / time.Minute.Milliseconds(); minute != j.minute {
		j.minute, j.records = minute, 0
		clear(j.sources)
	}
	source := sourceOf(from)
	if _, known := j.sources[source]; !known && len(j.sources) >= sourcesPerMinute {
		source = netip.Prefix{}
	}
	j.sources[source]++
	tell = j.sources[source] == 1
	if j.sources[source] > recordsPerSource || j.records >= recordsInAll {
		j.untold++
		return tell, false, 0
	}
	j.records++
	untold, j.untold = j.untold, 0
	return tell, true, untold
}

// sourceOf takes an IPv6 network of 64 bits as one source: a host has all of it.
func sourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	n := a.BitLen()
	if a.Is6() {
		n = 64
	}
	p, err := a.Prefix(n)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func (j *rejects) write(o origin, reason, detail string, raw []byte, nowMS int64) error {
	kept := raw[:min(len(raw), rejectedBytes)]
	sealed, err := j.vault.Seal(vault.ReceiverKey(j.receiver), kept, vault.AAD(vault.FieldRaw, nil))
	if err != nil {
		return fmt.Errorf("sealing a piece set aside: %w", err)
	}
	class := strings.ToLower(strings.TrimPrefix(addressClass(o.remote.Addr()).String(), "ADDRESS_CLASS_"))
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.Rejected{
		AtMs: nowMS, Stage: "receiver", Source: j.receiver, Reason: reason, Detail: strings.ToValidUTF8(detail, "\uFFFD"),
		Raw: sealed, RawLength: uint64(len(raw)), Remote: class + " " + transportName(o.transport),
	})
	if err != nil {
		return fmt.Errorf("encoding a piece set aside: %w", err)
	}
	key := []byte(j.receiver)
	r := &kgo.Record{Topic: j.topic, Key: key, Value: value, Partition: topics.PartitionOfKey(key, rejectedPartitions)}
	j.client.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			j.metrics.rejectedLost.Inc()
		}
	})
	return nil
}

// rejectedPartitions as the table of topics has it.
var rejectedPartitions = func() int32 {
	for _, t := range topics.Table() {
		if t.Name == topics.Rejected {
			return t.Partitions
		}
	}
	panic("receiver: the table of topics has no " + topics.Rejected)
}()
