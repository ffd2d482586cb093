package driver

import (
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/open-vigie/vigie/loadtest/scenario"
)

// Range of the histograms, in microseconds, and their significant digits: whole
// run, and each point of a curve.
const (
	lowest, highest = 1, int64(10 * time.Minute / time.Microsecond)
	digits          = 3
	pointDigits     = 2
	// points of a curve at most, so that its histograms stay below 20 MB.
	points = 120
)

// Recorder takes latencies. Safe for concurrent use.
type Recorder struct {
	mu sync.Mutex
	// latency counts from the intended time, service from the first try.
	latency, service [scenario.Classes]*hdr.Histogram
	acknowledged     [scenario.Classes]int
	width            time.Duration
	curve            []point
}

type point struct {
	latency  [scenario.Classes]*hdr.Histogram
	offered  int
	answered int
}

// NewRecorder makes a recorder whose curves cover a run of the duration.
func NewRecorder(duration time.Duration) *Recorder {
	r := &Recorder{width: max(time.Second, (duration/points).Truncate(time.Second)+time.Second)}
	for c := range r.latency {
		r.latency[c] = hdr.New(lowest, highest, digits)
		r.service[c] = hdr.New(lowest, highest, digits)
	}
	return r
}

// Answered takes a message that was due at due, first sent at first, and answered
// (or given up) at answered, all from the start. What got no ACK counts with the
// time until it was given up: leaving it out would flatter.
func (r *Recorder) Answered(c scenario.Class, due, first, answered time.Duration, acknowledged bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record(r.latency[c], answered-due)
	record(r.service[c], answered-first)
	p := r.point(due)
	if p.latency[c] == nil {
		p.latency[c] = hdr.New(lowest, highest, pointDigits)
	}
	record(p.latency[c], answered-due)
	p.offered++
	if acknowledged {
		r.acknowledged[c]++
		r.point(answered).answered++
	}
}

func (r *Recorder) point(at time.Duration) *point {
	i := max(0, int(at/r.width))
	for len(r.curve) <= i {
		r.curve = append(r.curve, point{})
	}
	return &r.curve[i]
}

// record clamps to the range: a value past 10 min counts as 10 min.
func record(h *hdr.Histogram, d time.Duration) {
	us := min(max(d.Microseconds(), lowest), highest)
	if err := h.RecordValue(us); err != nil {
		panic("driver: a clamped value is in range: " + err.Error())
	}
}

// Percentiles of a class, from the intended time and from the first try.
type Percentiles struct {
	Count                    int64
	P50, P90, P99, P999, Max time.Duration
}

// Latency of a class from the intended time.
func (r *Recorder) Latency(c scenario.Class) Percentiles { return r.read(r.latency[c]) }

// Service time of a class, from the first try: what a closed loop would report.
func (r *Recorder) Service(c scenario.Class) Percentiles { return r.read(r.service[c]) }

func (r *Recorder) read(h *hdr.Histogram) Percentiles {
	r.mu.Lock()
	defer r.mu.Unlock()
	return percentiles(h)
}

func percentiles(h *hdr.Histogram) Percentiles {
	at := func(q float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
	}
	return Percentiles{Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()) * time.Microsecond}
}

// Summarize gives the percentiles of any durations.
func Summarize(list []time.Duration) Percentiles {
	h := hdr.New(lowest, highest, digits)
	for _, d := range list {
		record(h, d)
	}
	return percentiles(h)
}

// Point of the curves over time.
type Point struct {
	// From is when it begins, Width how long it is.
	From, Width time.Duration
	// Offered were due in it, Acknowledged answered in it.
	Offered, Acknowledged int
	// Latency by class, of messages due in it.
	Latency [scenario.Classes]Percentiles
}

// Curve of the run, point after point.
func (r *Recorder) Curve() []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Point, len(r.curve))
	for i, p := range r.curve {
		list[i] = Point{From: time.Duration(i) * r.width, Width: r.width, Offered: p.offered, Acknowledged: p.answered}
		for c, h := range p.latency {
			if h != nil {
				list[i].Latency[c] = percentiles(h)
			}
		}
	}
	return list
}
