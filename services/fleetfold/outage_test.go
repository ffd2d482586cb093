package fleetfold_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/sitefold"
)

// All receivers are silent for longer than every interval: no site is called lost, the
// outage is, once, with its bounds.
func TestOurOutageIsTheOnlyThingFound(t *testing.T) {
	t.Parallel()
	for name, desk := range map[string]bool{"the desk beats": true, "all is dark": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRound(t)
			r.desk = desk
			r.outage()
		})
	}
}

func TestOurOutageOnApacheKafka(t *testing.T) {
	t.Parallel()
	r := newKafkaRound(t)
	r.desk = true
	r.outage()
}

func (r *round) outage() {
	r.t.Helper()
	defer r.start(processor.Config{NewFold: sitefold.New(discard)})()
	defer r.start(processor.Config{Source: processor.OfFleet, NewFold: fleetfold.New(parts)})()
	r.declare()
	r.pass(30, true)
	r.settle()
	silent := r.now
	r.deaf(90) // every interval is 20 s
	if r.desk {
		r.settle()
	}
	back := r.now + 1000
	r.pass(101, true) // as long again, and a tick
	r.settle()
	// A site that is lost in earnest afterwards says that all before it was folded.
	r.pass(30, false)
	var found []string
	r.await(topics.Detections, func(record *kgo.Record) bool {
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(record.Value, d); err != nil {
			r.t.Fatal(err)
		}
		if d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT {
			found = append(found, strings.TrimPrefix(d.GetStatus().String(), "DETECTION_STATUS_"))
			if d.GetLastHeardMs() != silent || d.GetCount() != fleet || d.GetOf() != fleet || d.GetGroup() != "g" {
				r.t.Errorf("%v; the receivers fell silent at %d", d, silent)
			}
			if d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED && d.GetWindowMs() != back-silent {
				r.t.Errorf("it says %d ms, they were %d", d.GetWindowMs(), back-silent)
			}
		} else if d.GetAtMs() < back+101_000 {
			r.t.Errorf("found besides: %v", d)
		}
		return len(found) > 0 && found[len(found)-1] == "CLOSED"
	})
	want := []string{"OPENED", "CLOSED"}
	if r.desk {
		want = []string{"OPENED", "UPDATED", "CLOSED"}
	}
	if !slices.Equal(found, want) {
		r.t.Errorf("it was %v, want %v", found, want)
	}
	r.awaitLost(back + 101_000)
}

// settle waits until both partitions have told all ticks there are: a history that is
// written within a second would else be folded by one while the other has not begun,
// and is set aside for it.
func (r *round) settle() {
	r.t.Helper()
	told := map[uint32]bool{}
	r.await(topics.Fleet, func(record *kgo.Record) bool {
		var rec vigiev1.LogRecord
		if err := proto.Unmarshal(record.Value, &rec); err != nil {
			r.t.Fatal(err)
		}
		if tick := rec.GetFleetTick(); tick.GetTickMs()+5_000 > r.now {
			told[tick.GetPartition()] = true
		}
		return len(told) == parts
	})
}

// awaitLost waits until a site is found lost, and no earlier than may be.
func (r *round) awaitLost(earliest int64) {
	r.t.Helper()
	r.await(topics.Detections, func(record *kgo.Record) bool {
		d := &vigiev1.Detection{}
		if err := proto.Unmarshal(record.Value, d); err != nil {
			r.t.Fatal(err)
		}
		if d.GetKind() != vigiev1.DetectionKind_DETECTION_KIND_COMMUNICATION_LOST {
			return false
		}
		if d.GetAtMs() < earliest {
			r.t.Errorf("a site was called lost at %d, not before %d it could be: %v", d.GetAtMs(), earliest, d)
		}
		return true
	})
}
