package eventlog

import (
	"strconv"
	"time"

	"github.com/open-vigie/vigie/schemas/topics"
)

const (
	// maxMessageBytes is 1 MiB and Kafka's framing: a beat is cut at half of it.
	maxMessageBytes = 1<<20 + 12
	// maxAhead is how far a record's time may be ahead of the broker's: no bad
	// clock may enter the log or keep its segments from ageing.
	maxAhead = 5 * time.Minute
	// maxBehind is how far it may be behind: what a writer kept over an outage
	// must still be taken.
	maxBehind = 7 * 24 * time.Hour
	// compactSegment is the age at which a segment of a compacted topic is
	// closed. The open one is never compacted, and readers read it whole.
	compactSegment = time.Hour
	// compactDirty is the share of a log that is worth compacting again.
	compactDirty = "0.2"
)

// setting is one setting of a topic. An optional one may be unknown to a broker
// that speaks Kafka's protocol and is not Kafka.
type setting struct {
	key, value string
	optional   bool
}

type settings []setting

func (s settings) all() map[string]*string      { return s.pick(true) }
func (s settings) required() map[string]*string { return s.pick(false) }

func (s settings) pick(optional bool) map[string]*string {
	m := map[string]*string{}
	for _, one := range s {
		if optional || !one.optional {
			m[one.key] = &one.value
		}
	}
	return m
}

// settingsOf returns the settings of a row of the table of topics.
func settingsOf(row topics.Topic, opts Options) settings {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	s := settings{
		{key: "cleanup.policy", value: string(row.Cleanup)},
		{key: "max.message.bytes", value: strconv.Itoa(maxMessageBytes)},
		{key: "min.insync.replicas", value: strconv.Itoa(opts.MinISR)},
		// The time of a record is when Vigie took it, and mirroring keeps it.
		{key: "message.timestamp.type", value: "CreateTime"},
		{key: "unclean.leader.election.enable", value: "false", optional: true},
	}
	if row.Cleanup == topics.Compact {
		s = append(s,
			setting{key: "segment.ms", value: ms(compactSegment)},
			setting{key: "min.cleanable.dirty.ratio", value: compactDirty, optional: true},
			setting{key: "min.compaction.lag.ms", value: ms(row.MinCompactionLag), optional: true},
		)
	} else {
		s = append(s, retentionOf(row, opts.Local)...)
	}
	if row.Name == topics.Events {
		s = append(s,
			setting{key: "message.timestamp.after.max.ms", value: ms(maxAhead), optional: true},
			setting{key: "message.timestamp.before.max.ms", value: ms(maxBehind), optional: true},
		)
	}
	// One copy is one machine's memory until it is on the disk.
	if row.Flushed && (opts.Local || opts.Replication == 1) {
		flush := "1"
		if opts.Durability == "process" {
			flush = strconv.FormatInt(1<<63-1, 10)
		}
		s = append(s, setting{key: "flush.messages", value: flush, optional: true})
	}
	return s
}

func retentionOf(row topics.Topic, local bool) settings {
	keep := row.Retention
	if local {
		keep = row.LocalRetention
	}
	ms := int64(-1)
	if keep != topics.Forever {
		ms = keep.Milliseconds()
	}
	return settings{
		{key: "retention.ms", value: strconv.FormatInt(ms, 10)},
		{key: "retention.bytes", value: "-1"},
	}
}
