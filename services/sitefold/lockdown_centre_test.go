package sitefold

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/processor"
)

const centreParts = 2

// centre is the log of a centre with both folds on it, without a broker: what the
// folds of sites tell goes to the fold of the fleet, and what that says to all goes
// back into every partition, as in the engine.
type centre struct {
	t       *testing.T
	parts   [centreParts]*processor.Replayer
	offsets [centreParts]int64
	fleet   *processor.Replayer
	told    int64

	sites map[string]counted
	// rows are the openings and closings of the fleet, in order.
	rows []string
	// ours is what was found of our own outages.
	ours []*vigiev1.Detection
	// losses are the incidents of lost communications, by their number.
	losses map[uint64]*vigiev1.Incident
}

// counted is how often something was said.
type counted struct{ opened, closed int }

func newCentre(t *testing.T) *centre {
	c := &centre{t: t, sites: map[string]counted{}, losses: map[uint64]*vigiev1.Incident{}}
	for p := range c.parts {
		c.parts[p] = processor.NewReplayer(int32(p), New(slog.New(slog.DiscardHandler))())
	}
	c.fleet = processor.NewReplayer(0, fleetfold.New(centreParts)())
	return c
}

// live plays a history between the beats of one receiver, which carry the polls.
func (c *centre) live(h *history) {
	for p := range int32(centreParts) {
		c.append(p, 0, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: alarm.Stamped(alarm.DefaultPolicy(), 1, monday)}})
	}
	for at, n := int64(0), uint64(0); at <= ends; at += beatEvery {
		for ; len(h.deeds) > 0 && h.deeds[0].at <= at; h.deeds = h.deeds[1:] {
			d := h.deeds[0]
			h.deeds[0] = deed{} // Nobody reads it again.
			c.append(topics.PartitionOf(d.ev.GetSite(), centreParts), d.at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: d.ev}})
		}
		if at >= receiverFails && at < receiverOK {
			continue
		}
		for p, b := range beats(at, n) {
			c.append(int32(p), at, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
		}
		n++
	}
}

// beats are those of one moment, one a partition.
func beats(at int64, sequence uint64) (all [centreParts]*vigiev1.Beat) {
	for p := range all {
		all[p] = &vigiev1.Beat{
			Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g",
			Sequence: sequence, TMs: monday + at, BaseMs: monday + at,
		}
	}
	for phase := (at - beatEvery + pollApart) / pollApart * pollApart; phase <= at && at > 52*minute; phase += pollApart {
		site := uint64(phase%pollEvery/pollApart)*10 + 10
		if silentSite(site, at) {
			continue
		}
		b := all[topics.PartitionOf(site, centreParts)]
		b.Site, b.Path, b.ReceivedDeltaMs = append(b.Site, site), append(b.Path, 1), append(b.ReceivedDeltaMs, 0)
	}
	return all
}

func (c *centre) append(p int32, at int64, rec *vigiev1.LogRecord) {
	value, err := proto.Marshal(rec)
	if err != nil {
		c.t.Fatal(err)
	}
	c.offsets[p]++ // Before what the fleet says to all comes back.
	c.take(c.apply(c.parts[p], c.offsets[p]-1, at, value), at)
}

func (c *centre) apply(to *processor.Replayer, offset, at int64, value []byte) []*kgo.Record {
	if err := to.Apply(&kgo.Record{Offset: offset, Timestamp: time.UnixMilli(monday + at), Value: value}); err != nil {
		c.t.Fatal(err)
	}
	return to.Take()
}

// take counts what a partition says, and hands on what it tells the fleet.
func (c *centre) take(outputs []*kgo.Record, at int64) {
	for _, out := range outputs {
		switch out.Topic {
		case topics.Detections:
			d := decoded(c.t, out, &vigiev1.Detection{})
			n := c.sites[kindOf(d)]
			switch d.GetStatus() {
			case vigiev1.DetectionStatus_DETECTION_STATUS_OPENED:
				n.opened++
			case vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED:
				n.closed++
			}
			c.sites[kindOf(d)] = n
		case topics.Incidents:
			if inc := decoded(c.t, out, &vigiev1.Incident{}); inc.GetClass() == vigiev1.EventClass_EVENT_CLASS_COMMUNICATION {
				c.losses[inc.GetSite()] = inc
			}
		case topics.Fleet:
			c.told++
			c.takeFleet(c.apply(c.fleet, c.told-1, at, out.Value), at)
		}
	}
}

func (c *centre) takeFleet(outputs []*kgo.Record, at int64) {
	for _, out := range outputs {
		if out.Topic == topics.Events {
			for p := range int32(centreParts) {
				c.append(p, at, decoded(c.t, out, &vigiev1.LogRecord{}))
			}
			continue
		}
		d := decoded(c.t, out, &vigiev1.Detection{})
		when := time.UnixMilli(d.GetAtMs()).UTC().Add(time.Hour).Format("Mon 15:04:05")
		what := kindOf(d)
		if d.GetKind() == vigiev1.DetectionKind_DETECTION_KIND_RECEIVERS_SILENT {
			c.ours = append(c.ours, d)
		}
		if d.GetGroup() != "" {
			what += " " + d.GetGroupKind() + "/" + d.GetGroup()
		}
		switch d.GetStatus() {
		case vigiev1.DetectionStatus_DETECTION_STATUS_OPENED:
			c.rows = append(c.rows, fmt.Sprintf("%s opened %s: %d of %d", when, what, d.GetCount(), d.GetOf()))
		case vigiev1.DetectionStatus_DETECTION_STATUS_CLOSED:
			c.rows = append(c.rows, fmt.Sprintf("%s closed %s", when, what))
		}
	}
}

func decoded[M proto.Message](t *testing.T, r *kgo.Record, m M) M {
	if err := proto.Unmarshal(r.Value, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// expectSites compares how often each kind was opened and closed.
func (c *centre) expectSites(want map[string]counted) {
	for kind, n := range want {
		if c.sites[kind] != n {
			c.t.Errorf("%s: opened and closed %v times, want %v", kind, c.sites[kind], n)
		}
	}
	for kind, n := range c.sites {
		if _, known := want[kind]; !known {
			c.t.Errorf("%s: opened and closed %v times, want none", kind, n)
		}
	}
}
