// Package oracle judges a run from outside, one partition at a time:
//
//	in the log   each message that a panel got an ACK for stands in vigie.events
//	             and has one effect: what more there is of it was recognised as
//	             heard again; nothing stands there that no panel sent; each poll
//	             that got an ACK is in a beat.
//	derived      what stands on the output topics is, byte for byte and in order,
//	             what a single-threaded fold of the log gives; all of it that the
//	             processor has said to be done.
//
// An oracle that folds by the same code proves the engine, not the rules: those
// are judged in story.go against what the generator injected.
package oracle

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/sitefold"
)

// Outputs are the topics that the oracle derives anew.
var Outputs = []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts}

// Partition is all that the oracle sees of one partition.
type Partition struct {
	Number int32
	// Log is vigie.events from its first record on, read last.
	Log []*kgo.Record
	// RunFrom is the first offset of the log that can belong to the run.
	RunFrom int64
	// Committed is the input offset that the processor had said to be done before
	// the outputs were read.
	Committed int64
	// Outputs by topic, read before the log.
	Outputs map[string][]*kgo.Record
	// Events of the run's panels whose sites live in this partition, polls by site.
	Events []*driver.Event
	Polls  map[uint64]driver.Polls
	// DropEvery treats every N-th event of the run as missing from the log: a
	// lie on purpose, to prove that it is caught. 0 for an honest run.
	DropEvery int
}

// Findings of one partition, or of all together.
type Findings struct {
	// Acknowledged messages looked for, Records of the run found in the log, and
	// HeardAgain those among them that were recognised as repeats.
	Acknowledged int `json:"acknowledged"`
	Records      int `json:"records"`
	HeardAgain   int `json:"heard_again"`
	// Lost got an ACK and are not in the log; Doubled have more than one effect;
	// Foreign stand in the log and no panel sent them so.
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	Foreign int `json:"foreign"`
	// Polls that got an ACK, and those of them that no beat holds; PollsForeign
	// are in a beat and were never sent.
	Polls        int `json:"polls"`
	PollsLost    int `json:"polls_lost"`
	PollsForeign int `json:"polls_foreign"`
	// Outputs compared with the fold; Differ stand where the fold says another;
	// Missing should be there and are not.
	Outputs int `json:"outputs"`
	Differ  int `json:"outputs_differ"`
	Missing int `json:"outputs_missing"`
	// LogRecords folded.
	LogRecords int `json:"log_records"`
	// Examples of what is wrong, at most maxExamples.
	Examples []string `json:"examples,omitempty"`
}

const maxExamples = 10

// Green: nothing is wrong.
func (f *Findings) Green() bool {
	return f.Lost+f.Doubled+f.Foreign+f.PollsLost+f.PollsForeign+f.Differ+f.Missing == 0
}

// Add adds the findings of another partition.
func (f *Findings) Add(o Findings) {
	f.Acknowledged += o.Acknowledged
	f.Records += o.Records
	f.HeardAgain += o.HeardAgain
	f.Lost += o.Lost
	f.Doubled += o.Doubled
	f.Foreign += o.Foreign
	f.Polls += o.Polls
	f.PollsLost += o.PollsLost
	f.PollsForeign += o.PollsForeign
	f.Outputs += o.Outputs
	f.Differ += o.Differ
	f.Missing += o.Missing
	f.LogRecords += o.LogRecords
	f.Examples = append(f.Examples, o.Examples[:min(len(o.Examples), maxExamples-len(f.Examples))]...)
}

func (f *Findings) wrong(count *int, format string, args ...any) {
	*count++
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}

// Appended is an event of the run where it stands in the log.
type Appended struct {
	Offset int64
	// ReceivedMS is when Vigie took it, Unix ms.
	ReceivedMS int64
	Event      *driver.Event
}

// Check judges a partition. It also tells where the run's events stand, for the
// measures. The error says why the log could not be folded.
func Check(p *Partition) (Findings, []Appended, error) {
	f := Findings{LogRecords: len(p.Log)}
	again, err := repeats(p.Outputs[topics.Outcomes])
	if err != nil {
		return f, nil, err
	}
	found, err := p.inTheLog(&f, again)
	if err != nil {
		return f, nil, err
	}
	return f, found, p.derived(&f)
}

// repeats are the ids of events that the processor recognised as heard again.
func repeats(outcomes []*kgo.Record) (map[ids.ID]bool, error) {
	again := map[ids.ID]bool{}
	var outcome vigiev1.EventOutcome
	for _, r := range outcomes {
		if err := proto.Unmarshal(r.Value, &outcome); err != nil {
			return nil, fmt.Errorf("decode %s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		if outcome.Status == vigiev1.OutcomeStatus_OUTCOME_STATUS_HEARD_AGAIN && len(outcome.EventId) == ids.Size {
			again[ids.ID(outcome.EventId)] = true
		}
	}
	return again, nil
}

// inTheLog compares what the panels know with what the log holds.
func (p *Partition) inTheLog(f *Findings, again map[ids.ID]bool) ([]Appended, error) {
	sent := make(map[ids.ID]*driver.Event, len(p.Events))
	for _, e := range p.Events {
		if e.State != driver.NotSent && e.Fingerprint != (ids.ID{}) {
			sent[e.Fingerprint] = e
		}
	}
	c := counting{p: p, f: f, again: again, sent: sent, effects: make(map[ids.ID]int, len(sent)), polls: map[uint64]int{}}
	for _, r := range p.Log {
		if r.Offset < p.RunFrom {
			continue
		}
		var record vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &record); err != nil {
			continue // the processor sets it aside; the fold below says the same
		}
		c.count(r, &record)
	}
	c.judgeEvents()
	c.judgePolls()
	return c.found, nil
}

// counting is what was found in the log so far.
type counting struct {
	p       *Partition
	f       *Findings
	again   map[ids.ID]bool
	sent    map[ids.ID]*driver.Event
	effects map[ids.ID]int
	polls   map[uint64]int
	found   []Appended
	n       int
}

func (c *counting) count(r *kgo.Record, record *vigiev1.LogRecord) {
	for _, site := range record.GetBeat().GetSite() {
		if _, ours := c.p.Polls[site]; ours {
			c.polls[site]++
		}
	}
	event := record.GetEvent()
	if _, ours := c.p.Polls[event.GetSite()]; !ours || event.GetSource().GetPanel() == nil || len(event.GetFingerprint()) != ids.Size {
		return
	}
	c.n++
	if c.p.DropEvery > 0 && c.n%c.p.DropEvery == 0 {
		return
	}
	c.f.Records++
	print := ids.ID(event.Fingerprint)
	if len(event.Id) == ids.Size && c.again[ids.ID(event.Id)] {
		c.f.HeardAgain++
		return
	}
	c.effects[print]++
	e, known := c.sent[print]
	if !known {
		c.f.wrong(&c.f.Foreign, "partition %d offset %d: account %s, sequence %d: no panel sent this", r.Partition, r.Offset,
			event.GetSource().GetPanel().GetAccount(), event.GetSource().GetPanel().GetSequence())
		return
	}
	c.found = append(c.found, Appended{Offset: r.Offset, ReceivedMS: event.ReceivedAtMs, Event: e})
}

func (c *counting) judgeEvents() {
	for print, e := range c.sent {
		n := c.effects[print]
		switch {
		case e.State == driver.Acknowledged && n == 0:
			c.f.wrong(&c.f.Lost, "panel %d, due at %s: it got an ACK and is not in the log", e.Panel, e.Due)
		case e.State == driver.Refused && n > 0:
			c.f.wrong(&c.f.Foreign, "panel %d, due at %s: it was refused and is in the log", e.Panel, e.Due)
		case n > 1:
			c.f.wrong(&c.f.Doubled, "panel %d, due at %s: it has %d effects", e.Panel, e.Due, n)
		}
		if e.State == driver.Acknowledged {
			c.f.Acknowledged++
		}
	}
}

func (c *counting) judgePolls() {
	for site, polls := range c.p.Polls {
		c.f.Polls += polls.Acknowledged
		n := c.polls[site]
		if missing := polls.Acknowledged - n; missing > 0 {
			c.f.wrong(&c.f.PollsLost, "site %d: %d polls got an ACK, beats hold %d", site, polls.Acknowledged, n)
			c.f.PollsLost += missing - 1
		}
		if more := n - polls.Tries; more > 0 {
			c.f.wrong(&c.f.PollsForeign, "site %d: %d polls were sent, beats hold %d", site, polls.Tries, n)
			c.f.PollsForeign += more - 1
		}
	}
}

// derived folds the log in one thread and compares every output topic.
func (p *Partition) derived(f *Findings) error {
	want, err := replay(p.Number, p.Log)
	if err != nil {
		return fmt.Errorf("fold partition %d anew: %w", p.Number, err)
	}
	byTopic := map[string][]*kgo.Record{}
	for _, r := range want {
		byTopic[r.Topic] = append(byTopic[r.Topic], r)
	}
	for _, topic := range Outputs {
		said := slices.DeleteFunc(slices.Clone(p.Outputs[topic]), topics.OfFleet)
		p.compare(f, topic, said, byTopic[topic])
	}
	return nil
}

// replay folds a partition anew; a history that contradicts itself is an error.
func replay(number int32, log []*kgo.Record) ([]*kgo.Record, error) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	return processor.Replay(number, sitefold.New(quiet)(), log)
}

// compare walks both lists. What the fold gives and the topic lacks is allowed
// before the run where Kafka may have compacted it (a later record of the key
// follows), and at the end where the processor has not said it done.
func (p *Partition) compare(f *Findings, topic string, got, want []*kgo.Record) {
	i := 0
	last := lastOfKey(want)
	for j, w := range want {
		if i < len(got) && same(got[i], w) {
			i++
			f.Outputs++
			continue
		}
		in := topics.Cause(w)
		switch {
		case compacted(topic) && in < p.RunFrom && last[string(w.Key)] > j:
		case in >= p.Committed && i >= len(got):
			return // the log went on while it was read
		case i < len(got) && topics.Cause(got[i]) <= in:
			f.wrong(&f.Differ, "%s partition %d: output %d, caused by offset %d, is not what the fold gives", topic, p.Number, i, topics.Cause(got[i]))
			return
		default:
			f.wrong(&f.Missing, "%s partition %d: the output caused by offset %d is missing", topic, p.Number, in)
			if f.Missing > maxExamples {
				return
			}
		}
	}
	if i < len(got) {
		f.wrong(&f.Differ, "%s partition %d: %d outputs more than the fold gives", topic, p.Number, len(got)-i)
	}
}

func same(a, b *kgo.Record) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
}

func lastOfKey(records []*kgo.Record) map[string]int {
	last := make(map[string]int, len(records))
	for i, r := range records {
		last[string(r.Key)] = i
	}
	return last
}

func compacted(name string) bool {
	for _, t := range topics.Table() {
		if t.Name == name {
			return t.Cleanup == topics.Compact
		}
	}
	return false
}

// PollsWrong are polls lost or foreign.
func (f *Findings) PollsWrong() int { return f.PollsLost + f.PollsForeign }

// OutputsWrong are derived records that differ or are missing.
func (f *Findings) OutputsWrong() int { return f.Differ + f.Missing }
