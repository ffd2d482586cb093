package lab

import (
	"runtime"
	"time"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/measure"
	"github.com/open-vigie/vigie/loadtest/report"
	"github.com/open-vigie/vigie/loadtest/scenario"
)

func milli(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func quantiles(p driver.Percentiles) report.Quantiles {
	return report.Quantiles{Count: p.Count, P50: milli(p.P50), P90: milli(p.P90), P99: milli(p.P99), P999: milli(p.P999), Max: milli(p.Max)}
}

// report puts the figures together; the verdict on them is the report's own.
func (l *Lab) report(v verdict) *report.Report {
	seen := l.watch.Seen()
	r := &report.Report{
		StartedAt: l.start.UTC().Truncate(time.Second), Command: l.Command, Scenario: l.scenario(), Messages: l.messages(),
		EndToEnd: quantiles(driver.Summarize(v.endToEnd)), Rules: v.rules, Machine: measure.ThisMachine(l.DataDir),
		Oracle: report.Oracle{Findings: v.findings, TookMS: milli(v.took)}, Durability: l.Endpoints.Durability,
	}
	if v.failed != nil {
		r.Oracle.Failed = v.failed.Error()
	}
	for c := range scenario.Classes {
		r.Latency = append(r.Latency, report.Latency{Class: c.String(), Intended: quantiles(l.recorder.Latency(c)), Service: quantiles(l.recorder.Service(c))})
	}
	r.Curve = l.curve()
	l.processes(r, seen.Samples)
	l.lag(r, seen.Samples, v.behind)
	r.Generator.CPUSeconds = (l.self[1].CPU - l.self[0].CPU).Seconds()
	r.Generator.CPUShare = l.share(l.self[1].CPU-l.self[0].CPU, l.took)
	for _, what := range []string{"processor", "archiver", "processes"} {
		if err := seen.Failed[what]; err != nil {
			r.NotMeasured = append(r.NotMeasured, report.Missing{What: what, Reason: err.Error()})
		}
	}
	r.Versions = l.versionsOf(v.program)
	return r
}

// share of the whole machine that a CPU time is, over a stretch of time.
func (l *Lab) share(cpu, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return cpu.Seconds() / (over.Seconds() * float64(runtime.NumCPU()))
}

func (l *Lab) scenario() report.Scenario {
	story := l.plan.Story()
	s := report.Scenario{
		Name: string(l.plan.Name), Seed: l.plan.Seed, Sites: len(l.plan.Sites), Rate: l.plan.Rate, DurationMS: milli(l.plan.Duration),
		Pace: l.plan.Pace, PollEveryMS: milli(l.plan.PollEvery), CommissioningMS: milli(l.commissioned),
		ClosedSites: len(story.Closed), Storms: len(story.Storms), SilentSites: len(story.Silent),
	}
	for _, site := range l.plan.Sites {
		if site.Polls {
			s.PollingSites++
		}
	}
	return s
}

func (l *Lab) messages() report.Messages {
	acknowledged := 0
	for _, n := range l.result.Acknowledged {
		acknowledged += n
	}
	// The schedule's length: the last message may be due a moment before its end.
	over := max(l.plan.Duration, l.result.Elapsed).Seconds()
	return report.Messages{
		Offered: l.result.All(), Acknowledged: acknowledged,
		OfferedRate: float64(l.result.All()) / over, AchievedRate: float64(acknowledged) / over,
		Late: l.result.Late, LateShare: l.result.LateShare(), LatestMS: milli(l.result.Latest), LateBoundMS: milli(l.LateBound),
		DrainMS: milli(max(0, l.took-l.plan.Duration)), Queued: l.result.Queued, NotSent: l.result.NotSent, Unanswered: l.result.Unanswered, Refused: l.result.Refused, Repeated: l.result.Repeated,
	}
}

func (l *Lab) curve() []report.Point {
	var list []report.Point
	for _, p := range l.recorder.Curve() {
		if p.From >= l.plan.Duration {
			break // the last answers of what was due before
		}
		alarm, poll := p.Latency[scenario.Alarm], p.Latency[scenario.Poll]
		list = append(list, report.Point{
			AtMS: milli(p.From), OfferedRate: float64(p.Offered) / p.Width.Seconds(), AchievedRate: float64(p.Acknowledged) / p.Width.Seconds(),
			AlarmP50: milli(alarm.P50), AlarmP99: milli(alarm.P99), AlarmMax: milli(alarm.Max),
			PollP50: milli(poll.P50), PollP99: milli(poll.P99),
		})
	}
	return list
}

// processes lists those of the installation and samples their memory and CPU.
func (l *Lab) processes(r *report.Report, samples []measure.Sample) {
	index := map[int]int{}
	var first, last []time.Duration
	for _, s := range samples {
		for _, p := range s.Processes {
			i, known := index[p.PID]
			if !known {
				i = len(r.Processes)
				index[p.PID] = i
				r.Processes = append(r.Processes, report.Process{Name: p.Name})
				first, last = append(first, p.CPU), append(last, p.CPU)
			}
			r.Processes[i].MaxResident = max(r.Processes[i].MaxResident, p.Resident)
			last[i] = p.CPU
		}
	}
	over := time.Duration(0)
	if n := len(samples); n > 1 {
		over = samples[n-1].At - samples[0].At
	}
	for i := range r.Processes {
		r.Processes[i].CPUSeconds = (last[i] - first[i]).Seconds()
		r.Processes[i].CPUShare = l.share(last[i]-first[i], over)
	}
	for i, s := range samples {
		out := report.Sample{
			AtMS: milli(s.At), ProcessorRecords: s.ProcessorLag, ArchiverRecords: s.ArchiverLag, ArchiverBehindMS: milli(s.ArchiverAge),
			Resident: make([]int64, len(r.Processes)), CPUShare: -1, GeneratorShare: -1,
		}
		if s.ArchiverAge < 0 {
			out.ArchiverBehindMS = -1
		}
		for _, p := range s.Processes {
			out.Resident[index[p.PID]] = p.Resident
		}
		if i > 0 {
			before := samples[i-1]
			out.CPUShare = l.share(total(s.Processes)-total(before.Processes), s.At-before.At)
			out.GeneratorShare = l.share(s.Generator-before.Generator, s.At-before.At)
		}
		r.Samples = append(r.Samples, out)
	}
}

func total(processes []measure.Process) time.Duration {
	sum := time.Duration(0)
	for _, p := range processes {
		sum += p.CPU
	}
	return sum
}

func (l *Lab) lag(r *report.Report, samples []measure.Sample, behind []time.Duration) {
	g := &r.Lag
	g.ProcessorBehind = quantiles(driver.Summarize(behind))
	g.ProcessorRecordsMax, g.ProcessorRecordsEnd, g.ArchiverRecordsMax, g.ArchiverRecordsEnd, g.ArchiverBehindMaxMS = -1, -1, -1, -1, -1
	for _, s := range samples {
		g.ProcessorRecordsMax = max(g.ProcessorRecordsMax, s.ProcessorLag)
		g.ArchiverRecordsMax = max(g.ArchiverRecordsMax, s.ArchiverLag)
		if s.ArchiverAge >= 0 {
			g.ArchiverBehindMaxMS = max(g.ArchiverBehindMaxMS, milli(s.ArchiverAge))
		}
		if s.At <= l.plan.Duration+time.Second && s.ProcessorLag >= 0 {
			g.ProcessorRecordsEnd = s.ProcessorLag
		}
		if s.At <= l.plan.Duration+time.Second && s.ArchiverLag >= 0 {
			g.ArchiverRecordsEnd = s.ArchiverLag
		}
	}
}
