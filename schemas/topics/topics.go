// Package topics is the one table of Vigie's Kafka topics: names, keys,
// cleanup, partitions, retention. Provisioning, producers and consumers all
// read it; docs and AsyncAPI are generated from it.
package topics

import (
	"strconv"
	"time"
)

// DefaultPrefix stands before every topic name unless configured otherwise.
const DefaultPrefix = "vigie."

// Names of the topics, without the prefix.
const (
	Events      = "events"
	SiteStates  = "site-states"
	Detections  = "detections"
	Incidents   = "incidents"
	Outcomes    = "outcomes"
	Directory   = "directory"
	Accounts    = "accounts"
	Rejected    = "rejected"
	Fleet       = "fleet"
	Progress    = "progress"
	Snapshots   = "snapshots"
	Checkpoints = "checkpoints"
	// The fleet is folded by one owner, whose progress and states are apart.
	FleetProgress  = "fleet-progress"
	FleetSnapshots = "fleet-snapshots"
)

// Cleanup says how Kafka may shorten a topic.
type Cleanup string

// The cleanup policies of Kafka.
const (
	Delete  Cleanup = "delete"
	Compact Cleanup = "compact"
)

// Forever is a retention that never ends.
const Forever time.Duration = -1

// Topic is one row of the table.
type Topic struct {
	// Name without prefix.
	Name string
	// Key in words.
	Key string
	// Content in words.
	Content string
	// Partitions is fixed; 0 means as many as vigie.events has.
	Partitions int32
	Cleanup    Cleanup
	// Retention by time for Delete; Forever when only a person ends it.
	Retention time.Duration
	// LocalRetention holds for the single-node broker of `vigie up`.
	LocalRetention time.Duration
	// MinCompactionLag keeps the recent past of a compacted topic whole.
	MinCompactionLag time.Duration
	// Flushed topics are written through to the disk before the ACK where
	// there is one broker only and durability is "power".
	Flushed bool
	// Internal topics are no contract with others.
	Internal bool
}

const day = 24 * time.Hour

// Table returns every topic, in the order of creation. Events are kept for ever:
// no age of a record says that a baseline stands in its place
// (docs/decisions/0003, 0006 and 0010).
func Table() []Topic {
	return []Topic{
		{Name: Events, Key: "site", Content: "LogRecord: every event, immutable, in one total order per site", Cleanup: Delete, Retention: Forever, LocalRetention: Forever, Flushed: true},
		{Name: SiteStates, Key: "site", Content: "SiteState: the site's public state when it materially changed", Cleanup: Compact, MinCompactionLag: time.Hour},
		{Name: Detections, Key: "site, or kind/group of the fleet's", Content: "Detection: opened, updated, closed, with its evidence", Cleanup: Delete, Retention: 400 * day, LocalRetention: 7 * day},
		{Name: Incidents, Key: "incident", Content: "Incident: as operators see it, with its history", Cleanup: Compact},
		{Name: Outcomes, Key: "site", Content: "EventOutcome: what became of each person's act, and of each panel event not accepted", Cleanup: Delete, Retention: 400 * day, LocalRetention: 7 * day},
		{Name: Directory, Key: "site", Content: "DirectoryRecord: what a site is", Cleanup: Compact},
		{Name: Accounts, Key: "line/account", Content: "AccountBinding: the site of an account", Cleanup: Compact},
		{Name: Rejected, Key: "source", Content: "Rejected: what could not become an event, sealed, with the reason", Partitions: 4, Cleanup: Delete, Retention: 30 * day, LocalRetention: 7 * day},
		{Name: Fleet, Key: "partition", Content: "LogRecord: what happened by group, one a partition and tick", Partitions: 1, Cleanup: Delete, Retention: 7 * day, LocalRetention: 7 * day, Internal: true},
		{Name: Progress, Key: "partition", Content: "Progress: what each partition's owner has committed", Cleanup: Compact, Internal: true},
		{Name: Snapshots, Key: "partition/offset/fold version/id/chunk", Content: "state of the folds, in chunks", Cleanup: Compact, Internal: true},
		{Name: FleetProgress, Key: "partition", Content: "Progress of the fold of the fleet", Partitions: 1, Cleanup: Compact, Internal: true},
		{Name: FleetSnapshots, Key: "partition/offset/fold version/id/chunk", Content: "state of the fold of the fleet, in chunks", Partitions: 1, Cleanup: Compact, Internal: true},
		{Name: Checkpoints, Key: "partition", Content: "signed checkpoints of the chain", Cleanup: Delete, Retention: Forever, LocalRetention: Forever},
	}
}

// SiteKey is the Kafka key of a site: its number in decimal ASCII.
func SiteKey(site uint64) []byte { return strconv.AppendUint(nil, site, 10) }

// PartitionOf returns the partition of a site on every topic keyed by site,
// as any Kafka client's default partitioner finds it (murmur2). partitions > 0.
func PartitionOf(site uint64, partitions int32) int32 {
	var room [20]byte // of the longest number: on the stack
	return PartitionOfKey(strconv.AppendUint(room[:0], site, 10), partitions)
}

// PartitionOfKey returns the partition of a key: murmur2, as the Java client.
func PartitionOfKey(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// Header names of Vigie's records.
const (
	// HeaderKind tells records apart that have a null key: beat, policy, …
	HeaderKind = "vigie-kind"
	// HeaderInPartition and HeaderInOffset name the input record that caused an
	// output, in decimal. They are headers so that values stay equal when the
	// log is copied to another cluster.
	HeaderInPartition = "vigie-in-partition"
	HeaderInOffset    = "vigie-in-offset"
	// HeaderInTopic names the topic of that record, without prefix, where it is not
	// vigie.events: what the fleet says comes from vigie.fleet.
	HeaderInTopic = "vigie-in-topic"
)

// FixedPartitions is the partition count of a topic that does not have as many
// as vigie.events; 0 for the others.
func FixedPartitions(name string) int32 {
	for _, t := range Table() {
		if t.Name == name {
			return t.Partitions
		}
	}
	return 0
}
