package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/open-vigie/vigie/loadtest/measure"
	"github.com/open-vigie/vigie/loadtest/peers/supervision"
)

// Result of a comparison.
type Result struct {
	At        time.Time       `json:"at"`
	Options   Options         `json:"options"`
	Machine   measure.Machine `json:"machine"`
	Histories []History       `json:"histories"`
	Runs      []Run           `json:"runs"`
}

// History says what was in the log.
type History struct {
	Form     supervision.Form     `json:"form"`
	Injected supervision.Injected `json:"injected"`
	// Bytes of the events on the broker's disk.
	Bytes map[string]int64 `json:"bytes"`
}

// Run is one side, once, from the first record to the last. Events are heartbeats,
// alarms and arming, whatever record they stand in. CPU is the client process's,
// user and system; the broker's stands apart.
type Run struct {
	Side        string           `json:"side"`
	Form        supervision.Form `json:"form"`
	Turn        int              `json:"turn"`
	WallMS      int64            `json:"wall_ms"`
	CPUMS       int64            `json:"cpu_ms"`
	BrokerCPUMS int64            `json:"broker_cpu_ms"`
	// PerCPUSecond is events a CPU-second from the start of the process;
	// WarmPerCPUSecond from when WarmShare of the log was done: the JVM is warm.
	PerCPUSecond     float64          `json:"events_per_cpu_second"`
	WarmPerCPUSecond float64          `json:"warm_events_per_cpu_second"`
	WarmShare        float64          `json:"warm_share"`
	Outputs          int              `json:"outputs"`
	PeakBytes        int64            `json:"peak_memory_bytes"`
	StateBytes       int64            `json:"state_directory_bytes"`
	TopicBytes       map[string]int64 `json:"topic_bytes"`
	// Restore after the last record: so soon after the first that an engine with
	// snapshots has hardly one.
	Restore Restore  `json:"restore"`
	Latency *Latency `json:"latency,omitempty"`
}

// Restore is from the start of a process, after kill -9, until its state stands.
type Restore struct {
	MS    int64 `json:"ms"`
	CPUMS int64 `json:"cpu_ms"`
}

// Latency is from the append of a record to its output, committed, at a reader.
type Latency struct {
	EventsPerSecond float64 `json:"events_per_second"`
	Outputs         int     `json:"outputs"`
	P50MS           int64   `json:"p50_ms"`
	P99MS           int64   `json:"p99_ms"`
	MaxMS           int64   `json:"max_ms"`
	// CPUShare is the client's CPU time over time: 0.1 is a tenth of a core.
	CPUShare float64 `json:"cpu_share"`
	// FeederLateMS is by how much the feeder was behind its plan, at most.
	FeederLateMS int64 `json:"feeder_late_ms"`
	// Restore of the state that stood then.
	Restore Restore `json:"restore"`
}

func newResult(o Options) *Result {
	return &Result{At: time.Now().UTC().Truncate(time.Second), Options: o, Machine: measure.ThisMachine(o.Dir)}
}

func (r *Run) rates(events uint64, atWarm time.Duration) {
	r.PerCPUSecond = float64(events) * 1000 / float64(max(r.CPUMS, 1))
	if r.WarmShare > 0 {
		r.WarmPerCPUSecond = float64(events) * (1 - r.WarmShare) * 1000 / float64(max(r.CPUMS-atWarm.Milliseconds(), 1))
	}
}

// String is one line of progress.
func (r *Run) String() string {
	return fmt.Sprintf("%-8s %-8s turn %d: %.1f s, CPU %.1f s (broker %.1f s), %.0f events/CPU-s, warm %.0f, %d outputs, peak %d MB, restore %.2f s (CPU %.2f s)",
		r.Form, r.Side, r.Turn, seconds(r.WallMS), seconds(r.CPUMS), seconds(r.BrokerCPUMS), r.PerCPUSecond, r.WarmPerCPUSecond, r.Outputs, r.PeakBytes>>20,
		seconds(r.Restore.MS), seconds(r.Restore.CPUMS))
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// write writes the result, and its table beside it; nothing without a path.
func (r *Result) write(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // a report is for everybody
		return err
	}
	return os.WriteFile(strings.TrimSuffix(path, ".json")+".md", []byte(r.table()), 0o644) //nolint:gosec // as above
}

// table shows, for each form, every side beside the first, by medians of the turns.
func (r *Result) table() string {
	var b strings.Builder
	for _, h := range r.Histories {
		fmt.Fprintf(&b, "\n%s: %d sites, %d heartbeats, %d records, %d MB\n\n", h.Form, r.Options.Sites, h.Injected.Heartbeats, h.Injected.Records, total(h.Bytes)>>20)
		b.WriteString("| | events / CPU-s, whole run | … warm | CPU of the client | of the broker | wall | peak memory | state on the broker | state directory | restore | … CPU | live: latency p50 / p99 | CPU | restore | … CPU |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
		for _, side := range r.Options.Sides {
			b.WriteString(r.row(h.Form, side))
		}
	}
	return b.String()
}

func (r *Result) row(form supervision.Form, side string) string {
	var runs []Run
	for _, one := range r.Runs {
		if one.Form == form && one.Side == side {
			runs = append(runs, one)
		}
	}
	if len(runs) == 0 {
		return ""
	}
	mid := func(f func(Run) float64) float64 {
		values := make([]float64, len(runs))
		for i, one := range runs {
			values[i] = f(one)
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	live := "– | – | – | –"
	if l := runs[0].Latency; l != nil {
		live = fmt.Sprintf("%d / %d ms | %.1f %% | %.2f s | %.2f s", l.P50MS, l.P99MS, 100*l.CPUShare, seconds(l.Restore.MS), seconds(l.Restore.CPUMS))
	}
	return fmt.Sprintf("| %s | %.0f | %.0f | %.1f s | %.1f s | %.1f s | %.0f MB | %.0f MB | %.0f MB | %.2f s | %.2f s | %s |\n", side,
		mid(func(r Run) float64 { return r.PerCPUSecond }), mid(func(r Run) float64 { return r.WarmPerCPUSecond }),
		mid(func(r Run) float64 { return seconds(r.CPUMS) }), mid(func(r Run) float64 { return seconds(r.BrokerCPUMS) }),
		mid(func(r Run) float64 { return seconds(r.WallMS) }), mid(func(r Run) float64 { return float64(r.PeakBytes) / (1 << 20) }),
		mid(func(r Run) float64 { return float64(r.kept()) / (1 << 20) }), mid(func(r Run) float64 { return float64(r.StateBytes) / (1 << 20) }),
		mid(func(r Run) float64 { return seconds(r.Restore.MS) }), mid(func(r Run) float64 { return seconds(r.Restore.CPUMS) }), live)
}

// kept is what the state takes on the broker: all topics of the run but its outputs.
func (r *Run) kept() int64 {
	n := int64(0)
	for topic, bytes := range r.TopicBytes {
		if !strings.HasSuffix(topic, "detections") && !strings.HasSuffix(topic, "site-states") {
			n += bytes
		}
	}
	return n
}

func total(bytes map[string]int64) (n int64) {
	for _, b := range bytes {
		n += b
	}
	return n
}
