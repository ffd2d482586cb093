package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/sitefold"
)

// centreUnderTest is a centre as its log and its warehouse show it, whether its
// roles are one process or many.
type centreUnderTest struct {
	t *testing.T
	endpoints
	// out is what its processes said.
	out fmt.Stringer
}

func (c *centreUnderTest) kafkaConfig() eventlog.Config {
	return eventlog.Config{Brokers: []string{c.Kafka}}
}

// topic reads every committed record of a topic, partition by partition.
func (c *centreUnderTest) topic(name string) map[int32][]*kgo.Record {
	c.t.Helper()
	return c.topicFrom(name, kgo.NewOffset().AtStart())
}

func (c *centreUnderTest) topicFrom(name string, start kgo.Offset) map[int32][]*kgo.Record {
	c.t.Helper()
	cfg := c.kafkaConfig()
	full := cfg.Topic(name)
	cl, err := kgo.NewClient(append(cfg.ReaderOpts(discard()), kgo.KeepControlRecords(), kgo.ConsumeTopics(full), kgo.ConsumeResetOffset(start))...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer cl.Close()
	ctx, done := context.WithTimeout(c.t.Context(), startPatience)
	defer done()
	// A broker on a busy machine may be without a leader for a moment.
	ends, err := eventlog.Listed(ctx, full, func() (kadm.ListedOffsets, error) { return kadm.NewClient(cl).ListCommittedOffsets(ctx, full) })
	if err != nil {
		c.t.Fatal(err)
	}
	records := map[int32][]*kgo.Record{}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			c.t.Fatalf("read %s, %v to go: %v", full, left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, reading := left[r.Partition]
			if reading && !r.Attrs.IsControl() && r.Offset < end {
				records[r.Partition] = append(records[r.Partition], r)
			}
			if r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	return records
}

// wantOneEffectEach compares what the panels counted with the log: a message
// sent again after a lost ACK makes two records and one effect.
func (c *centreUnderTest) wantOneEffectEach(sent map[string]int) {
	c.t.Helper()
	events := c.awaitProcessed()
	repeats := map[string]bool{}
	for _, records := range c.topic(topics.Outcomes) {
		for _, r := range records {
			outcome := &vigiev1.EventOutcome{}
			if err := proto.Unmarshal(r.Value, outcome); err != nil {
				c.t.Fatal(err)
			}
			if outcome.Status == vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN {
				repeats[string(outcome.EventId)] = true
			}
		}
	}
	effects, again := map[string]int{}, 0
	for _, records := range events {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				c.t.Fatal(err)
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
			c.t.Errorf("account %s: %d messages acknowledged, %d effects in the log", account, n, effects[account])
		}
	}
	c.t.Logf("%d messages acknowledged; %d more records were the same heard again", total, again)
}

// awaitProcessed waits until every event in the log has had its effect, and
// returns the log: the progress records stand behind the last of them. (Beats
// never end.)
func (c *centreUnderTest) awaitProcessed() map[int32][]*kgo.Record {
	c.t.Helper()
	events := c.topic(topics.Events)
	last := map[int32]int64{}
	for p, records := range events {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				c.t.Fatal(err)
			}
			if record.GetEvent() != nil {
				last[p] = r.Offset
			}
		}
	}
	settled := eventually(startPatience, func() bool {
		for p, records := range c.topic(topics.Progress) {
			progress := &vigiev1.Progress{}
			if err := proto.Unmarshal(records[len(records)-1].Value, progress); err != nil {
				c.t.Fatal(err)
			}
			if at, waiting := last[p]; waiting && progress.Offset > at {
				delete(last, p)
			}
		}
		return len(last) == 0
	})
	if !settled {
		c.t.Fatalf("these events had no effect yet: %v\n%s", last, c.out)
	}
	return events
}

// wantOracle folds the log in one thread and compares every output topic.
func (c *centreUnderTest) wantOracle() {
	c.t.Helper()
	outputs := []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts}
	got := map[string]map[int32][]*kgo.Record{}
	for _, topic := range outputs {
		got[topic] = c.topic(topic)
		for p, records := range got[topic] {
			got[topic][p] = slices.DeleteFunc(records, topics.OfFleet)
		}
	}
	compared := 0
	for p, records := range c.topic(topics.Events) {
		want, err := processor.Replay(p, sitefold.New(discard())(), records)
		if err != nil {
			c.t.Fatal(err)
		}
		byTopic := map[string][]*kgo.Record{}
		for _, r := range want {
			byTopic[r.Topic] = append(byTopic[r.Topic], r)
		}
		for _, topic := range outputs {
			c.wantPrefix(topic, p, got[topic][p], byTopic[topic])
			compared += len(got[topic][p])
		}
	}
	c.t.Logf("%d outputs equal those of a single-threaded fold", compared)
}

// wantPrefix: what was committed is the oracle's, byte for byte, once each. The
// log goes on while it is read, so the oracle may have a little more.
func (c *centreUnderTest) wantPrefix(topic string, p int32, got, want []*kgo.Record) {
	c.t.Helper()
	if len(got) > len(want) {
		c.t.Errorf("%s partition %d: %d outputs, the oracle has %d", topic, p, len(got), len(want))
		return
	}
	for i := range got {
		if !bytes.Equal(got[i].Key, want[i].Key) || !bytes.Equal(got[i].Value, want[i].Value) {
			c.t.Errorf("%s partition %d: output %d of %d differs from the oracle's", topic, p, i, len(got))
			return
		}
	}
}

var replaced = regexp.MustCompile(`(\d+) rows are of records that newer ones have replaced`)

// wantWarehouse: each record of the log is in ClickHouse exactly once, as `vigie
// verify warehouse` reckons.
func (c *centreUnderTest) wantWarehouse() {
	c.t.Helper()
	var said string
	var records, missing, double, pending, all int // all in the log at the first look: beats never end
	archived := eventually(startPatience, func() bool {
		cmd := vigie(c.t.Context(), c.t, "verify", "warehouse")
		cmd.Env = append(cmd.Env, "VIGIE_KAFKA_BROKERS="+c.Kafka, "VIGIE_CLICKHOUSE_URL="+c.ClickHouse.URL,
			"VIGIE_CLICKHOUSE_USER="+c.ClickHouse.User, "VIGIE_CLICKHOUSE_PASSWORD="+c.ClickHouse.Password)
		out, err := cmd.Output() // progress goes to the other one
		said = string(out)
		if _, unread := fmt.Sscanf(said, verified, &records, &missing, &double, &pending); err != nil || unread != nil {
			c.t.Fatalf("vigie verify warehouse: %v\n%s", err, said)
		}
		kept := 0 // in a long test the log forgets records that newer ones have replaced
		if n := replaced.FindStringSubmatch(said); n != nil {
			kept, _ = strconv.Atoi(n[1])
		}
		if all == 0 {
			all = records + kept + pending
		}
		return records+kept >= all
	})
	if !archived || missing+double > 0 {
		c.t.Errorf("%d records of the log should be in ClickHouse once each, vigie verify warehouse says: %s", all, said)
	}
	c.t.Logf("%d records of the log are in ClickHouse once each", records)
}
