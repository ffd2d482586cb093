package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	firstSite = 5_000
	startMS   = 1_790_000_000_000
	// heardAgain is longer than the window in which an equal message is a repeat.
	heardAgain = 6 * 60_000
)

// history is a partition as a live run leaves it: the log, and what was derived.
type history struct {
	log    []*kgo.Record
	events []*driver.Event
	polls  map[uint64]driver.Polls
	at     int64
}

func newHistory(sites, events int) *history {
	h := &history{polls: map[uint64]driver.Polls{}, at: startMS}
	for s := range sites {
		h.polls[firstSite+uint64(s)] = driver.Polls{}
	}
	for i := range events {
		h.event(i%sites, uint32(1+i))
		if i%5 == 4 {
			h.beat(uint64(firstSite + i%sites))
		}
	}
	h.beat()
	return h
}

func (h *history) append(record *vigiev1.LogRecord, key []byte) {
	value, err := proto.Marshal(record)
	if err != nil {
		panic(err)
	}
	h.log = append(h.log, &kgo.Record{Key: key, Value: value, Offset: int64(len(h.log)), Timestamp: time.UnixMilli(h.at), Partition: 3})
}

// event appends an alarm of a site, and notes that its panel got an ACK.
func (h *history) event(site int, sequence uint32) {
	h.at += 200
	e := &driver.Event{Panel: site, Due: time.Duration(h.at-startMS) * time.Millisecond, Do: scenario.Intrusion, Class: scenario.Alarm, State: driver.Acknowledged, Tries: 1,
		Fingerprint: ids.Fingerprint(firstSite+uint64(site), sequence, "SIA-DCS", fmt.Appendf(nil, "#A|NBA%03d", sequence), nil)}
	h.events = append(h.events, e)
	h.receive(e, sequence)
}

// receive appends the record of an event; done twice, the receiver took it twice.
func (h *history) receive(e *driver.Event, sequence uint32) {
	site := firstSite + uint64(e.Panel)
	id := ids.Event([]byte("boot"), 3, uint64(len(h.log)))
	event := &vigiev1.Event{Id: id[:], Site: site, ReceivedAtMs: h.at, Fingerprint: slices.Clone(e.Fingerprint[:]),
		Source: &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "local", Account: fmt.Sprint(e.Panel), Path: 1, Sequence: sequence, Token: "SIA-DCS"}}},
		Body: &vigiev1.Event_AlarmRaised{AlarmRaised: &vigiev1.AlarmRaised{Signal: &vigiev1.Signal{
			Format: "SIA", Code: "BA", Class: vigiev1.EventClass_EVENT_CLASS_INTRUSION, Zone: fmt.Sprint(sequence % 8)}}}}
	h.append(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: event}}, topics.SiteKey(site))
}

// beat appends a beat with a poll of each site given, which got its ACK.
func (h *history) beat(sites ...uint64) {
	h.at += 250
	b := &vigiev1.Beat{Writer: "local", Boot: []byte("boot"), Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: "default", Sequence: uint64(len(h.log) + 1), TMs: h.at, BaseMs: h.at}
	for _, s := range sites {
		b.Site = append(b.Site, s)
		b.ReceivedDeltaMs = append(b.ReceivedDeltaMs, 0)
		p := h.polls[s]
		p.Acknowledged++
		p.Tries++
		h.polls[s] = p
	}
	h.append(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: b}}, nil)
}

// partition gives what the oracle would read after the processor had done it all.
func (h *history) partition(t interface{ Fatal(...any) }) *Partition {
	outputs, err := replay(3, h.log)
	if err != nil {
		t.Fatal(err)
	}
	p := &Partition{Number: 3, Log: h.log, Committed: int64(len(h.log)), Outputs: map[string][]*kgo.Record{}, Events: h.events, Polls: h.polls}
	for _, r := range outputs {
		p.Outputs[r.Topic] = append(p.Outputs[r.Topic], r)
	}
	return p
}

func check(t interface{ Fatal(...any) }, p *Partition) Findings {
	f, _, err := Check(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestHonestHistoryIsGreen(t *testing.T) {
	h := newHistory(4, 40)
	f, found, err := Check(h.partition(t))
	if err != nil || !f.Green() || f.Acknowledged != 40 || f.Records != 40 || f.Polls != 8 || f.Outputs == 0 || len(found) != 40 {
		t.Errorf("%+v, %d found, %v", f, len(found), err)
	}
}

func TestRepeatThatWasRecognisedIsGreen(t *testing.T) {
	h := newHistory(4, 40)
	h.receive(h.events[39], 40)
	f := check(t, h.partition(t))
	if !f.Green() || f.HeardAgain != 1 || f.Records != 41 {
		t.Errorf("%+v", f)
	}
}

func TestLogThatGoesOnWhileItIsReadIsGreen(t *testing.T) {
	h := newHistory(4, 40)
	early := h.partition(t)
	h.event(1, 90)
	h.beat()
	early.Log, early.Events = h.log, h.events
	if f := check(t, early); !f.Green() || f.Acknowledged != 41 {
		t.Errorf("%+v", f)
	}
}

// faults that a run may have: done to what happened, or late, to what is read of it.
var faults = map[string]struct {
	do   func(t *rapid.T, h *history)
	late func(t *rapid.T, p *Partition)
	want func(Findings) int
}{
	"an acknowledged event is lost": {
		do: func(t *rapid.T, h *history) {
			lost := *h.events[0]
			lost.Fingerprint = ids.Hash("never received", fmt.Sprint(rapid.Int().Draw(t, "which")))
			h.events = append(h.events, &lost)
		},
		want: func(f Findings) int { return f.Lost },
	},
	"an event has two effects": {
		do: func(t *rapid.T, h *history) {
			i := rapid.IntRange(0, len(h.events)-1).Draw(t, "event")
			h.at += heardAgain
			h.receive(h.events[i], uint32(1+i))
		},
		want: func(f Findings) int { return f.Doubled },
	},
	"an event was altered": {
		do: func(t *rapid.T, h *history) {
			h.events[rapid.IntRange(0, len(h.events)-1).Draw(t, "event")].Fingerprint[0] ^= 1
		},
		want: func(f Findings) int { return min(f.Lost, f.Foreign) },
	},
	"an acknowledged poll is in no beat": {
		do: func(_ *rapid.T, h *history) {
			h.polls[firstSite] = driver.Polls{Acknowledged: h.polls[firstSite].Acknowledged + 1, Tries: 100}
		},
		want: func(f Findings) int { return f.PollsLost },
	},
	"a poll was never sent": {
		do:   func(_ *rapid.T, h *history) { h.polls[firstSite] = driver.Polls{} },
		want: func(f Findings) int { return f.PollsForeign },
	},
	"an output is missing": {
		late: func(t *rapid.T, p *Partition) {
			topic := rapid.SampledFrom([]string{topics.SiteStates, topics.Incidents}).Draw(t, "topic")
			i := rapid.IntRange(0, len(p.Outputs[topic])-1).Draw(t, "output")
			p.Outputs[topic] = slices.Delete(slices.Clone(p.Outputs[topic]), i, i+1)
		},
		want: func(f Findings) int { return f.Missing + f.Differ },
	},
	"an output is doubled": {
		late: func(t *rapid.T, p *Partition) {
			list := p.Outputs[topics.Incidents]
			i := rapid.IntRange(0, len(list)-1).Draw(t, "output")
			p.Outputs[topics.Incidents] = slices.Insert(slices.Clone(list), i, list[i])
		},
		want: func(f Findings) int { return f.Differ },
	},
	"an output was altered": {
		late: func(t *rapid.T, p *Partition) {
			list := slices.Clone(p.Outputs[topics.Incidents])
			i := rapid.IntRange(0, len(list)-1).Draw(t, "output")
			other := *list[i]
			other.Value = append(slices.Clone(other.Value), 0x98, 0x06, 1)
			list[i] = &other
			p.Outputs[topics.Incidents] = list
		},
		want: func(f Findings) int { return f.Differ },
	},
	"the reader drops events on purpose": {
		late: func(t *rapid.T, p *Partition) { p.DropEvery = rapid.IntRange(1, 40).Draw(t, "every") },
		want: func(f Findings) int { return f.Lost },
	},
}

// Each fault, at any place, is found and named.
func TestFaultsAreFound(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := newHistory(4, 40)
				if fault.do != nil {
					fault.do(t, h)
				}
				p := h.partition(t)
				if fault.late != nil {
					fault.late(t, p)
				}
				f := check(t, p)
				if f.Green() || fault.want(f) == 0 || len(f.Examples) == 0 {
					t.Fatalf("%+v", f)
				}
			})
		})
	}
}

// Before the run Kafka may have compacted away what a later record of the key replaced.
func TestCompactionBeforeTheRunIsNoLoss(t *testing.T) {
	h := newHistory(1, 20)
	p := h.partition(t)
	p.Outputs[topics.Incidents] = slices.Delete(slices.Clone(p.Outputs[topics.Incidents]), 3, 6)
	if f := check(t, p); f.Green() {
		t.Fatal("an output of the run may not be missing")
	}
	for _, e := range p.Events {
		e.State = driver.NotSent // what came before the run is nobody's
	}
	p.RunFrom = int64(len(p.Log))
	p.Polls = nil
	if f := check(t, p); !f.Green() {
		t.Errorf("%+v", f)
	}
}

func TestContradictoryHistoryIsAnError(t *testing.T) {
	h := newHistory(1, 3)
	for _, hash := range []string{"one", "another"} {
		h.append(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Policy{Policy: &vigiev1.Policy{Version: 7, ContentHash: []byte(hash)}}}, nil)
	}
	if _, _, err := Check(&Partition{Number: 3, Log: h.log}); err == nil || !strings.Contains(err.Error(), "the fold failed") {
		t.Errorf("%v", err)
	}
}

func TestFindingsAddUp(t *testing.T) {
	var all Findings
	for range 3 {
		f := Findings{Lost: 1, Acknowledged: 5}
		for range 7 {
			f.Examples = append(f.Examples, "x")
		}
		all.Add(f)
	}
	if all.Lost != 3 || all.Acknowledged != 15 || len(all.Examples) != maxExamples || all.Green() {
		t.Errorf("%+v", all)
	}
}
