package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/oracle"
	"github.com/open-vigie/vigie/loadtest/reader"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// verdict is what judging gave.
type verdict struct {
	findings oracle.Findings
	failed   error
	took     time.Duration
	rules    []oracle.Rule
	// endToEnd of alarms; behind of commits.
	endToEnd, behind []time.Duration
	program          string
}

// judge goes through the log, one partition in memory at a time: at most
// reader.MaxPartitionBytes of it, and about twice that of what is derived.
func (l *Lab) judge(ctx context.Context) verdict {
	begin := time.Now()
	v := verdict{}
	events := append(slices.Clone(l.first.Events), l.result.Events...)
	detected := oracle.Detected{}
	var figures oracle.Figures
	for _, p := range sortedKeys(l.before) {
		part, err := l.read(ctx, p, events)
		if err == nil && figures == (oracle.Figures{}) {
			figures, _ = oracle.ReadFigures(part.Log, l.fleet.class) // none: the rules are not judged
		}
		if err == nil {
			err = l.judgePartition(&v, part, detected)
		}
		if err != nil {
			v.failed = fmt.Errorf("partition %d: %w", p, err)
			break
		}
	}
	v.rules = oracle.Judge(l.plan, l.result.Events, detected, figures, l.fleet.cycle)
	v.took = time.Since(begin)
	return v
}

// read takes one partition: progress was seen before, outputs come before the log.
func (l *Lab) read(ctx context.Context, number int32, events []*driver.Event) (*oracle.Partition, error) {
	partitions := int32(len(l.before))
	p := &oracle.Partition{
		Number: number, RunFrom: l.before[number], Committed: l.watch.Progress(number),
		Outputs: map[string][]*kgo.Record{}, Polls: map[uint64]driver.Polls{}, DropEvery: l.DropEvery,
	}
	for i, panel := range l.fleet.panels {
		if topics.PartitionOf(panel.Site, partitions) == number {
			p.Polls[panel.Site] = l.result.Polls[i]
		}
	}
	for _, e := range events {
		if _, here := p.Polls[l.fleet.panels[e.Panel].Site]; here {
			p.Events = append(p.Events, e)
		}
	}
	for _, topic := range oracle.Outputs {
		records, err := l.log.Partition(ctx, topic, number)
		if err != nil {
			return nil, err
		}
		p.Outputs[topic] = records
	}
	bounds, err := l.log.Bounds(ctx, topics.Events)
	if err != nil {
		return nil, err
	}
	if bounds[number].First > 0 {
		return nil, reader.ErrCut
	}
	p.Log, err = l.log.Partition(ctx, topics.Events, number)
	return p, err
}

func (l *Lab) judgePartition(v *verdict, p *oracle.Partition, detected oracle.Detected) error {
	findings, found, err := oracle.Check(p)
	v.findings.Add(findings)
	from, to := l.start.UnixMilli(), l.start.Add(l.plan.Duration).UnixMilli()
	for _, r := range p.Outputs[topics.Detections] {
		err = errors.Join(err, detected.Note(r, l.fleet.index, from, to))
	}
	l.latencies(v, p.Number, found)
	if v.program == "" {
		v.program = programOf(p.Log)
	}
	return err
}

// latencies joins what the watch saw with where the run's events stand.
func (l *Lab) latencies(v *verdict, number int32, found []oracle.Appended) {
	seen := l.watch.Seen()
	byOffset := make(map[int64]*driver.Event, len(found))
	inRun := found[:0:0]
	for _, a := range found {
		if a.ReceivedMS >= l.start.UnixMilli() {
			inRun = append(inRun, a)
			byOffset[a.Offset] = a.Event
		}
	}
	for _, a := range seen.Arrivals {
		if e := byOffset[a.InOffset]; a.Partition == number && e != nil && e.Class == 0 {
			v.endToEnd = append(v.endToEnd, a.Seen.Sub(l.start.Add(e.Due)))
			delete(byOffset, a.InOffset) // the first output counts
		}
	}
	at := 0
	for _, c := range seen.Commits {
		if c.Partition != number || at >= len(inRun) || inRun[at].Offset >= c.Offset {
			continue
		}
		v.behind = append(v.behind, c.Seen.Sub(time.UnixMilli(inRun[at].ReceivedMS)))
		for at < len(inRun) && inRun[at].Offset < c.Offset {
			at++
		}
	}
}

// programOf is the version of the receiver that started last.
func programOf(log []*kgo.Record) string {
	program := ""
	for _, r := range log {
		var record vigiev1.LogRecord
		if err := proto.Unmarshal(r.Value, &record); err != nil {
			continue // judged elsewhere
		}
		if life := record.GetReceiverLife(); life.GetChange() == vigiev1.ReceiverLife_CHANGE_STARTED {
			program = life.Program
		}
	}
	return program
}

func sortedKeys(m map[int32]int64) []int32 {
	keys := make([]int32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
