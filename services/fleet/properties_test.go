package fleet

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const drawnParts = 3

// drawn is a history of three partitions, one list of ticks each: small groups, much
// that happens, now and then a jump of time.
func drawn(t *rapid.T) [][]*vigiev1.FleetTick {
	n := rapid.IntRange(1, 25).Draw(t, "ticks")
	all := make([][]*vigiev1.FleetTick, drawnParts)
	at, lost := axisStart, map[string]uint64{}
	count := rapid.Uint32Range(0, 40)
	for range n {
		at += TickMS * rapid.SampledFrom([]int64{1, 1, 1, 1, 12, 20}).Draw(t, "step")
		for p := range all {
			tick := &vigiev1.FleetTick{Partition: uint32(p), TickMs: at}
			if len(all[p]) == 0 {
				tick.Policy, tick.PolicyVersion = figures(), 1
			}
			for _, name := range []string{"a", "b"} {
				key := fmt.Sprint(p, name)
				losses := count.Draw(t, "losses")
				lost[key] += uint64(losses)
				back := rapid.Uint64Range(0, lost[key]).Draw(t, "back")
				lost[key] -= back
				tick.Groups = append(tick.Groups, &vigiev1.FleetGroup{
					Kind: kindCarrier, Group: name, Sites: 300, Lost: lost[key], Losses: losses, Restorals: uint32(back), Alarms: count.Draw(t, "alarms"),
				})
			}
			if rapid.IntRange(0, 3).Draw(t, "listens") == 0 {
				tick.Groups = append(tick.Groups, &vigiev1.FleetGroup{Kind: kindReceiver, Group: "front", Sites: 100})
				tick.Listening = []*vigiev1.FleetListening{{
					Group: "front", SilentSinceMs: at - 60_000, BackMs: rapid.SampledFrom([]int64{0, at}).Draw(t, "back"),
					BlindSinceMs: rapid.SampledFrom([]int64{0, at - 10_000}).Draw(t, "blind"), Receivers: 2, Lost: []string{"b"},
				}}
			}
			tick.Calls = &vigiev1.FleetCalls{Offered: count.Draw(t, "calls")}
			tick.Operators = []*vigiev1.FleetOperator{{User: "anna", Claimed: count.Draw(t, "claimed"), Held: uint32(p)}, {User: "bob", Presence: rapid.Uint32Range(0, 3).Draw(t, "presence")}}
			tick.Queues = []*vigiev1.FleetQueue{{ClassGroup: "life", Late: rapid.Uint64Range(0, 1).Draw(t, "late"), Opened: count.Draw(t, "opened")}}
			all[p] = append(all[p], tick)
		}
	}
	return all
}

// interleaved is one order in which the partitions' records may come, none of them so
// far behind that it would be set aside.
func interleaved(t *rapid.T, all [][]*vigiev1.FleetTick) []*vigiev1.FleetTick {
	next, out := make([]int, len(all)), []*vigiev1.FleetTick{}
	for len(out) < len(all)*len(all[0]) {
		p := rapid.IntRange(0, len(all)-1).Draw(t, "next")
		slowest := slices.Min(next)
		if next[p] == len(all[p]) || next[p] > slowest && all[p][next[p]].GetTickMs()-told(all, next) > asideAfter {
			p = slices.Index(next, slowest)
		}
		out = append(out, all[p][next[p]])
		next[p]++
	}
	return out
}

// told is the last tick that all partitions have told; that before the first one.
func told(all [][]*vigiev1.FleetTick, next []int) int64 {
	if n := slices.Min(next); n > 0 {
		return all[0][n-1].GetTickMs()
	}
	return all[0][0].GetTickMs()
}

// sayings is an Env that keeps what was put out, encoded.
type sayings struct{ said [][]byte }

func (s *sayings) Emit(topic string, key []byte, value proto.Message) {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(value)
	s.said = append(s.said, append([]byte(topic+string(key)), b...))
}

func (s *sayings) Broadcast(b *vigiev1.Broadcast) { s.Emit("", nil, b) }

func fold(f *Fold, ticks []*vigiev1.FleetTick) *sayings {
	s := &sayings{}
	for _, t := range ticks {
		f.Apply(s, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_FleetTick{FleetTick: t}})
	}
	return s
}

func state(f *Fold) (all []byte) {
	z := f.Snapshot()
	for more := true; more; {
		c := packed.Writer(nil)
		more = z.Next(c)
		all = append(append(all, "--"...), c.Written()...)
	}
	return all
}

func TestOrderOfPartitionsNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := drawn(t)
		a, b := New(drawnParts), New(drawnParts)
		one, two := fold(a, interleaved(t, all)), fold(b, interleaved(t, all))
		if !reflect.DeepEqual(one.said, two.said) {
			t.Fatalf("one order gives %d outputs, another %d, or others", len(one.said), len(two.said))
		}
		if !bytes.Equal(state(a), state(b)) {
			t.Fatal("the states differ")
		}
	})
}

func TestDuplicatesNeverMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := interleaved(t, drawn(t))
		var twice []*vigiev1.FleetTick
		for i, tick := range order {
			twice = append(twice, tick)
			if rapid.Bool().Draw(t, "again") {
				twice = append(twice, order[rapid.IntRange(0, i).Draw(t, "which")])
			}
		}
		if one, two := fold(New(drawnParts), order), fold(New(drawnParts), twice); !reflect.DeepEqual(one.said, two.said) {
			t.Fatalf("%d outputs, with duplicates %d, or others", len(one.said), len(two.said))
		}
	})
}

func TestSnapshotAndRestAreTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := interleaved(t, drawn(t))
		cut := rapid.IntRange(0, len(order)).Draw(t, "cut")
		live, restored := New(drawnParts), New(drawnParts)
		fold(live, order[:cut])
		z := live.Snapshot()
		for more := true; more; {
			c := packed.Writer(nil)
			more = z.Next(c)
			if err := restored.Restore(packed.Reader(c.Written())); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(state(live), state(restored)) {
			t.Fatal("a restored state is not the one frozen")
		}
		if one, two := fold(live, order[cut:]), fold(restored, order[cut:]); !reflect.DeepEqual(one.said, two.said) {
			t.Fatal("a restored fold goes on otherwise")
		}
	})
}
