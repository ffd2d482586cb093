package supervision

import (
	"bytes"
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

const start = 1_700_000_000_000

// fold gives the outputs of a history, partition by partition.
func fold(t *testing.T, s Spec) ([]*kgo.Record, Injected) {
	t.Helper()
	var engines []*processor.Replayer
	for p := range s.Partitions {
		engines = append(engines, processor.NewReplayer(p, New()))
	}
	next := make([]int64, s.Partitions)
	h := NewHistory(s)
	for step := h.Next(); step != nil; step = h.Next() {
		for _, r := range step {
			r.Offset = next[r.Partition]
			next[r.Partition]++
			if err := engines[r.Partition].Apply(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out []*kgo.Record
	for _, e := range engines {
		out = append(out, e.Take()...)
	}
	return out, h.Injected()
}

func small(seed uint64, form Form) Spec {
	return Spec{Seed: seed, Sites: 500, Partitions: 2, StartMS: start, Duration: 70 * time.Minute, Form: form}
}

type told struct{ lost, restored, opened, closed, modes, inStorms uint64 }

func count(t *testing.T, outputs []*kgo.Record) (n told) {
	t.Helper()
	for _, r := range outputs {
		if r.Topic == topics.SiteStates {
			n.modes++
			continue
		}
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(r.Value, d); err != nil {
			t.Fatal(err)
		}
		storm, opened := d.Kind == vigiev1.DetectionKind_DETECTION_KIND_ALARM_STORM, d.Status == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED
		switch {
		case storm && opened:
			n.opened++
		case storm:
			n.closed++
			n.inStorms += d.EvidenceCount
		case opened:
			n.lost++
		default:
			n.restored++
		}
	}
	return n
}

// The generator knows its gaps and modes without any fold.
func TestOutputsAreWhatTheGeneratorInjected(t *testing.T) {
	for seed := range uint64(3) {
		for _, form := range []Form{Records, Beats} {
			outputs, in := fold(t, small(seed, form))
			n := count(t, outputs)
			if n.lost != in.Lost || n.restored != in.Restored || n.modes != in.ModeChanges {
				t.Errorf("seed %d, %s: %+v, injected %+v", seed, form, n, in)
			}
			if n.lost < 5 || n.opened < 1 || n.closed < 1 || n.inStorms < 10*n.closed {
				t.Errorf("seed %d, %s: too little life to prove a thing: %+v", seed, form, n)
			}
		}
	}
}

// What is said of a heartbeat has the time of its record: the beat's, in beats.
func TestBothFormsGiveTheSameOutputs(t *testing.T) {
	records, _ := fold(t, small(3, Records))
	beats, _ := fold(t, small(3, Beats))
	a, b := Canonical(records), Canonical(beats)
	for _, lines := range []Lines{a, b} {
		for i := range lines {
			lines[i].TimestampMS = 0
		}
	}
	if !bytes.Equal(a.Sum(), b.Sum()) {
		t.Errorf("%d and %d outputs differ: %s", len(records), len(beats), a.Diff(b))
	}
}

func TestFoldKeepsTheContract(t *testing.T) {
	foldtest.Conform(t, New, func(t *rapid.T) []*kgo.Record {
		h := NewHistory(Spec{
			Seed: rapid.Uint64().Draw(t, "seed"), Sites: rapid.IntRange(1, 30).Draw(t, "sites"), Partitions: 1, StartMS: start,
			Duration: time.Duration(rapid.IntRange(1, 1200).Draw(t, "seconds")) * time.Second, Form: Beats,
		})
		var records []*kgo.Record
		for step := h.Next(); step != nil; step = h.Next() {
			for _, r := range step {
				r.Partition, r.Offset = 3, int64(len(records))
				records = append(records, r)
			}
		}
		return records
	})
}
