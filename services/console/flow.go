package console

import (
	"slices"
	"sync"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

const (
	// rateWindow is how many samples a rate is taken over.
	rateWindow = 5
	// maxTimed bounds the latencies that percentiles are taken of: the newest ones.
	maxTimed = 512
	// maxMarks bounds, for each partition, the remembered times of records that
	// are not folded yet; markEveryMS spaces them out.
	maxMarks    = 4_096
	markEveryMS = 100
)

// flow measures the stream as it passes: rates, lag, latency. Safe for concurrent use.
type flow struct {
	mu sync.Mutex
	// events and heartbeats read from the end of vigie.events since the start.
	events, heartbeats, records uint64
	parts                       map[int32]*part
	latencies                   []int64
	nextLatency                 int
	samples                     []counts
	policy                      *vigiev1.Policy
}

type counts struct {
	atMS               int64
	events, heartbeats uint64
	records            uint64
}

// part is a partition of vigie.events.
type part struct {
	end      int64 // next offset to be written
	progress *vigiev1.Progress
	marks    []mark // ascending
}

// mark says when the record at an offset was received.
type mark struct{ offset, atMS int64 }

func newFlow() *flow { return &flow{parts: map[int32]*part{}} }

func (f *flow) part(p int32) *part {
	x, ok := f.parts[p]
	if !ok {
		x = &part{}
		f.parts[p] = x
	}
	return x
}

// passed counts a record of vigie.events.
func (f *flow) passed(partition int32, offset, atMS int64, events, heartbeats int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records++
	f.events += uint64(events)
	f.heartbeats += uint64(heartbeats)
	x := f.part(partition)
	x.end = max(x.end, offset+1)
	if n := len(x.marks); n > 0 && atMS-x.marks[n-1].atMS < markEveryMS {
		return
	}
	if len(x.marks) == maxMarks {
		return // far behind: the oldest mark is the one that counts
	}
	x.marks = append(x.marks, mark{offset, atMS})
}

// ended notes the end of a partition.
func (f *flow) ended(partition int32, end int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.part(partition)
	x.end = max(x.end, end)
}

func (f *flow) progressed(p *vigiev1.Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.part(int32(p.Partition))
	x.progress = p
	i := 0
	for i < len(x.marks) && x.marks[i].offset < p.Offset {
		i++
	}
	x.marks = slices.Delete(x.marks, 0, i)
}

func (f *flow) took(ms int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.latencies) < maxTimed {
		f.latencies = append(f.latencies, ms)
		return
	}
	f.latencies[f.nextLatency%maxTimed] = ms
	f.nextLatency++
}

// judgedBy keeps the newest policy.
func (f *flow) judgedBy(p *vigiev1.Policy) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.policy == nil || p.Version >= f.policy.Version {
		f.policy = p
	}
}

func (f *flow) currentPolicy() *vigiev1.Policy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.policy
}

// figures computes the pipeline's figures at a moment; each call is a sample.
func (f *flow) figures(nowMS int64) *Pipeline {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &Pipeline{AtMS: nowMS, Partitions: []Partition{}}
	f.samples = append(f.samples, counts{atMS: nowMS, events: f.events, heartbeats: f.heartbeats, records: f.records})
	if len(f.samples) > rateWindow+1 {
		f.samples = slices.Delete(f.samples, 0, 1)
	}
	first, last := f.samples[0], f.samples[len(f.samples)-1]
	if ms := last.atMS - first.atMS; ms > 0 {
		per := func(a, b uint64) float64 { return float64(b-a) * 1000 / float64(ms) }
		p.HeartbeatsPerSecond = per(first.heartbeats, last.heartbeats)
		p.EventsPerSecond = per(first.events, last.events) + p.HeartbeatsPerSecond
		p.RecordsPerSecond = per(first.records, last.records)
	}
	for n, x := range f.parts {
		p.Partitions = append(p.Partitions, x.figures(n, nowMS))
	}
	slices.SortFunc(p.Partitions, func(a, b Partition) int { return int(a.Partition - b.Partition) })
	p.sum(nowMS)
	p.LatencyP50MS, p.LatencyP99MS = percentiles(f.latencies)
	if f.policy != nil {
		p.PolicyVersion = f.policy.Version
	}
	return p
}

func (x *part) figures(n int32, nowMS int64) Partition {
	v := Partition{Partition: n, End: x.end}
	if x.progress == nil {
		v.LagRecords = x.end
		return v
	}
	v.Offset, v.WatermarkMS, v.Owner = x.progress.Offset, x.progress.WatermarkMs, x.progress.Owner
	v.Sites, v.OpenDetections = x.progress.Sites, x.progress.OpenDetections
	v.LagRecords = max(0, x.end-x.progress.Offset)
	if v.WatermarkMS > 0 {
		v.WatermarkAgeMS = max(0, nowMS-v.WatermarkMS)
	}
	switch {
	case v.LagRecords == 0:
	case len(x.marks) > 0:
		v.LagMS = max(0, nowMS-x.marks[0].atMS)
	default:
		v.LagMS = v.WatermarkAgeMS // older than what was seen passing
	}
	return v
}

func percentiles(values []int64) (p50, p99 *int64) {
	if len(values) == 0 {
		return nil, nil
	}
	sorted := slices.Sorted(slices.Values(values))
	a, b := sorted[len(sorted)/2], sorted[len(sorted)*99/100]
	return &a, &b
}
