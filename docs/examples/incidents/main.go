// Incidents follows vigie.incidents and prints each change as one line of JSON:
// the least that a service needs to pass incidents on (to a CRM, a guard's
// dispatch, a wallboard) without losing one, doubling one, or seeing what was
// never committed.
//
//	go run ./docs/examples/incidents --brokers 127.0.0.1:9092 --group my-service
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func main() {
	brokers := flag.String("brokers", "127.0.0.1:9092", "bootstrap brokers, host:port, comma separated")
	prefix := flag.String("topic-prefix", topics.DefaultPrefix, "what stands before each topic's name")
	group := flag.String("group", "example-incidents", "consumer group: each group sees every incident")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := follow(ctx, strings.Split(*brokers, ","), *prefix+topics.Incidents, *group, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// follow prints each version of each incident until ctx ends.
func follow(ctx context.Context, brokers []string, topic, group string, out io.Writer) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		// The processor writes in transactions: what is aborted must not be seen.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// A new group starts with all that the topic still has.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Offsets are committed after the work, below.
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
	)
	if err != nil {
		return fmt.Errorf("connect to %v: %w", brokers, err)
	}
	defer client.CloseAllowingRebalance()
	lines := json.NewEncoder(out)
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			fmt.Fprintf(os.Stderr, "%s/%d: %v (tried again)\n", topic, partition, err)
		})
		for records := fetches.RecordIter(); !records.Done(); {
			if err := show(lines, records.Next()); err != nil {
				return err
			}
		}
		// A crash before this line shows the same lines again at the next start:
		// who cannot bear that keeps the highest (id, version) with his own data.
		// A stop lets this commit end.
		commit, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err := client.CommitUncommittedOffsets(commit)
		done()
		if err != nil {
			return fmt.Errorf("commit the offsets of group %s: %w", group, err)
		}
		client.AllowRebalance()
	}
}

// line is what this service tells of an incident.
type line struct {
	Incident string `json:"incident"`
	// Version counts the changes of one incident from 1: with the id it names this line for ever.
	Version   uint64 `json:"version"`
	Site      uint64 `json:"site"`
	Class     string `json:"class"`
	Status    string `json:"status"`
	Alarms    uint64 `json:"alarms"`
	ClaimedBy string `json:"claimed_by,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
	At        string `json:"at"`
}

func show(lines *json.Encoder, r *kgo.Record) error {
	if r.Value == nil {
		return nil // a tombstone: the incident is forgotten, the topic is compacted
	}
	incident := &vigiev1.Incident{}
	if err := proto.Unmarshal(r.Value, incident); err != nil {
		return fmt.Errorf("%s/%d at offset %d is no vigie.v1.Incident: %w", r.Topic, r.Partition, r.Offset, err)
	}
	l := line{
		Incident: incident.Id, Version: incident.Version, Site: incident.Site,
		Class:  short(incident.Class.String(), "EVENT_CLASS_"),
		Status: short(incident.Status.String(), "INCIDENT_STATUS_"),
		Alarms: incident.Alarms, ClaimedBy: incident.ClaimedBy,
		At: time.UnixMilli(incident.ChangedAtMs).UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if incident.Outcome != vigiev1.IncidentOutcome_INCIDENT_OUTCOME_UNSPECIFIED {
		l.Outcome = short(incident.Outcome.String(), "INCIDENT_OUTCOME_")
	}
	return lines.Encode(l)
}

// short is an enum's name as people say it: EVENT_CLASS_HOLD_UP is "hold up".
func short(name, prefix string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", " ")
}
