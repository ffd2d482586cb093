package fleetfold

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/foldtest"
)

const start = int64(1_795_392_000_000) // Monday 2026-11-23 00:00 UTC

// history draws records of vigie.fleet: ticks of two partitions, one of which may
// fall behind, and bytes that nobody can read.
func history(t *rapid.T) []*kgo.Record {
	var records []*kgo.Record
	at := [2]int64{start, start}
	n := rapid.IntRange(1, 60).Draw(t, "records")
	for i := range n {
		p := rapid.IntRange(0, 1).Draw(t, "partition")
		at[p] += rapid.SampledFrom([]int64{0, 5_000, 5_000, 60_000, 300_000}).Draw(t, "step")
		tick := &vigiev1.FleetTick{Partition: uint32(p), TickMs: at[p], Groups: []*vigiev1.FleetGroup{{
			Kind: rapid.SampledFrom([]string{"carrier", "region"}).Draw(t, "kind"), Group: "a", Sites: 100,
			Lost: rapid.Uint64Range(0, 60).Draw(t, "lost"), Losses: rapid.Uint32Range(0, 60).Draw(t, "losses"), MainsLosses: rapid.Uint32Range(0, 30).Draw(t, "mains"),
		}}}
		if rapid.IntRange(0, 3).Draw(t, "listens") == 0 {
			tick.Groups = append(tick.Groups, &vigiev1.FleetGroup{Kind: "receiver", Group: "g", Sites: 10})
			tick.Listening = []*vigiev1.FleetListening{{Group: "g", SilentSinceMs: at[p] - 20_000, Lost: []string{"b"}, Receivers: 2}}
		}
		if i < 4 {
			tick.PolicyVersion, tick.Policy = 1, &vigiev1.FleetPolicy{
				Communication: &vigiev1.FleetSurge{Least: 20, SharePermille: 30, Factor: 5, WindowMs: 300_000},
				Mains:         &vigiev1.FleetSurge{Least: 20, Factor: 5, WindowMs: 600_000},
			}
		}
		value, err := proto.Marshal(&vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_FleetTick{FleetTick: tick}})
		if err != nil {
			t.Fatal(err)
		}
		if rapid.IntRange(0, 19).Draw(t, "rotten") == 0 {
			value = []byte{0xff, 0xff}
		}
		records = append(records, &kgo.Record{Topic: topics.Fleet, Offset: int64(i), Timestamp: time.UnixMilli(at[p]), Value: value})
	}
	return records
}

func TestTheFoldOfTheFleetConforms(t *testing.T) {
	foldtest.Conform(t, New(2), history)
}

// The histories are worth something only while they reach the rules.
func TestHistoriesReachTheRules(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		outputs, err := processor.Replay(0, New(2)(), history(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outputs {
			reached[o.Topic]++
		}
	})
	for _, topic := range []string{topics.Detections, topics.Events, topics.Rejected} {
		if reached[topic] == 0 {
			t.Errorf("no history puts anything out on %s", topic)
		}
	}
}
