package replay_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/fleetfold"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/replay"
	"github.com/open-vigie/vigie/services/sitefold"
)

const (
	fleetSites = 30
	massKind   = "mass communication loss"
	lossKind   = "incident technical"
	groupKind  = "incident technical-critical"
)

// massFrom is a policy that calls so many losses a mass. Paths are lost 1 s after they
// are late, so that the history is short.
func massFrom(sites uint32) *vigiev1.Policy {
	p := alarm.DefaultPolicy()
	p.Classes[0].Supervision.GraceMs = 1_000
	p.Classes[0].Fleet.Communication.Least, p.Classes[0].Fleet.Communication.Factor = sites, 1
	return alarm.Stamped(p, 1, 1)
}

// live runs both folds beside the log until it is called back.
func (p *past) live() (stop func()) {
	var stops []func()
	for _, cfg := range []processor.Config{
		{Instance: "p", NewFold: sitefold.New(discard), ProgressEvery: 20 * time.Millisecond},
		{Instance: "p", NewFold: fleetfold.New(partitions), Source: processor.OfFleet, ProgressEvery: 20 * time.Millisecond},
	} {
		proc, err := processor.New(cfg, processor.Deps{Log: discard, Kafka: p.cfg})
		if err != nil {
			p.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
		done := make(chan error, 1)
		go func() { done <- proc.Run(ctx) }()
		stops = append(stops, func() {
			cancel()
			if err := <-done; err != nil {
				p.t.Error(err)
			}
		})
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// settled waits until both folds have come to the end: the fleet to the last tick, the
// sites to what it said of it.
func (p *past) settled() {
	p.t.Helper()
	tick := p.now / alarm.TickMS * alarm.TickMS
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		if time.Now().After(end) {
			p.t.Fatal("the folds do not come to the end of the log")
		}
		fleet, err := eventlog.LastFleetProgress(p.t.Context(), p.cfg, discard)
		if err != nil {
			p.t.Fatal(err)
		}
		times, err := eventlog.Times(p.t.Context(), p.cfg, discard)
		if err != nil {
			p.t.Fatal(err)
		}
		if fleet.GetWatermarkMs() >= tick && !slices.ContainsFunc(times, func(t eventlog.PartitionTime) bool { return t.Unfolded > 0 }) {
			return
		}
	}
}

func (p *past) declareFleet() {
	for site := uint64(1); site <= fleetSites; site++ {
		id := ids.Hash("declare", string(topics.SiteKey(site)))
		p.record(site, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: id[:], Site: site, ReceivedAtMs: p.now, Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: "import"}}},
			Body: &vigiev1.Event_SiteDeclared{SiteDeclared: &vigiev1.SiteDeclared{
				Carrier: "orange", Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 20_000, ReceiverGroup: "g"}},
			}},
		}}})
	}
}

// pass lets time pass; the sites after the first so many poll each 5 s.
func (p *past) pass(seconds int, silent uint64) {
	p.t.Helper()
	for range seconds {
		p.seq++
		p.now += 1_000
		for n := range int32(partitions) {
			b := &vigiev1.Beat{Writer: "r", Boot: []byte("1"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "g", Sequence: p.seq, TMs: p.now, BaseMs: p.now}
			for site := silent + 1; site <= fleetSites && p.seq%5 == 0; site++ {
				if topics.PartitionOf(site, partitions) == n {
					b.Site, b.ReceivedDeltaMs = append(b.Site, site), append(b.ReceivedDeltaMs, 0)
				}
			}
			value, err := proto.Marshal(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}})
			if err != nil {
				p.t.Fatal(err)
			}
			r := &kgo.Record{Topic: p.cfg.Topic(topics.Events), Partition: n, Value: value, Timestamp: time.UnixMilli(p.now)}
			if err := p.cl.ProduceSync(p.t.Context(), r).FirstErr(); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// paced is pass, a tick at a time, so that what the fleet says is heard at its time.
func (p *past) paced(seconds int, silent uint64) {
	p.t.Helper()
	for ; seconds > 0; seconds -= 5 {
		p.pass(min(5, seconds), silent)
		p.settled()
	}
}

// Of 30 sites 15 fall silent, come back, and an hour's worth of windows later 25 do.
// 20 are a mass: the second is. What would it have been with 10, and with 50?
//
// Each loss has an incident of its own unless a mass takes it, and a mass has one of its
// group. So the history has 15 and 1. From 10 sites on no site would have one, and the
// second mass would stand in the incident of the first, which nobody closed. With 50
// none is taken: the 25 are the 15 again, in incidents that go on, and 10 more.
func TestAReplayAsksTheFleet(t *testing.T) {
	p := newPast(t)
	p.policy(massFrom(20))
	p.declareFleet()
	stop := p.live()
	p.pass(10, 0)
	p.paced(110, 15)
	p.paced(10, 0)
	p.pass(310, 0)
	p.settled()
	p.paced(110, 25)
	stop()

	same := p.replay(replay.Point{}, replay.Point{}, nil)
	if r := row(same, massKind); r.Then != 1 || r.Now != 1 || slices.ContainsFunc(same.Rows, func(r replay.Row) bool { return !r.Same() }) {
		t.Errorf("the same policy gives what was said then, one mass: %+v", same.Rows)
	}
	ten := p.replay(replay.Point{}, replay.Point{}, func(o *replay.Options) { o.Policy = massFrom(10) })
	if r := row(ten, massKind); r != (replay.Row{Kind: massKind, Then: 1, Now: 2, Added: 1, Changed: 1}) {
		t.Errorf("a mass from 10 sites: %+v", ten.Rows)
	}
	fifty := p.replay(replay.Point{}, replay.Point{}, func(o *replay.Options) { o.Policy = massFrom(50) })
	if r := row(fifty, massKind); r != (replay.Row{Kind: massKind, Then: 1, Missing: 1}) {
		t.Errorf("a mass from 50 sites: %+v", fifty.Rows)
	}
	for _, want := range []replay.Row{{Kind: lossKind, Then: 15, Missing: 15}, {Kind: groupKind, Then: 1, Now: 1, Added: 1, Missing: 1}} {
		if r := row(ten, want.Kind); r != want {
			t.Errorf("a mass from 10 sites: %+v, want %+v", r, want)
		}
	}
	for _, want := range []replay.Row{{Kind: lossKind, Then: 15, Now: 25, Added: 10, Changed: 15}, {Kind: groupKind, Then: 1, Missing: 1}} {
		if r := row(fifty, want.Kind); r != want {
			t.Errorf("a mass from 50 sites: %+v, want %+v", r, want)
		}
	}
}
