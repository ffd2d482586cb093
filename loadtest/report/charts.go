package report

import (
	"html/template"
	"math"
)

// Charts of the page, in the order shown.

func (v view) curve(name string, value func(Point) float64) series {
	s := series{name: name}
	for _, p := range v.Curve {
		s.at = append(s.at, p.AtMS)
		s.values = append(s.values, value(p))
	}
	return s
}

func (v view) sampled(name string, value func(Sample) float64) series {
	s := series{name: name}
	for _, p := range v.Samples {
		s.at = append(s.at, p.AtMS)
		s.values = append(s.values, value(p))
	}
	return s
}

func (v view) word(en, fr string) string {
	return Text{en, fr}.In(v.Lang)
}

// LatencyChart: alarms and polls over time, by their intended moment.
func (v view) LatencyChart() template.HTML {
	gap := func(x float64) float64 { // nothing of the class was due there
		if x == 0 {
			return math.NaN()
		}
		return x
	}
	return chart{
		title: v.word("Latency over time", "Latence dans le temps"), logarithmic: true, unit: func(x float64) string { return ms(x, v.Lang) },
		lines: []series{
			v.curve(v.word("alarms 99 %", "alarmes 99 %"), func(p Point) float64 { return gap(p.AlarmP99) }),
			v.curve(v.word("alarms 50 %", "alarmes 50 %"), func(p Point) float64 { return gap(p.AlarmP50) }),
			v.curve(v.word("polls 99 %", "liaison 99 %"), func(p Point) float64 { return gap(p.PollP99) }),
		},
	}.svg()
}

// ThroughputChart: messages due and messages acknowledged per second.
func (v view) ThroughputChart() template.HTML {
	return chart{
		title: v.word("Messages per second", "Messages par seconde"), unit: func(x float64) string { return rate(x, v.Lang) },
		lines: []series{
			v.curve(v.word("offered", "présentés"), func(p Point) float64 { return p.OfferedRate }),
			v.curve(v.word("acknowledged", "acquittés"), func(p Point) float64 { return p.AchievedRate }),
		},
	}.svg()
}

// LagChart: records that the stages have before them.
func (v view) LagChart() template.HTML {
	return chart{
		title: v.word("Records behind the log", "Retard sur le journal, en enregistrements"), unit: func(x float64) string { return rate(x, v.Lang) },
		lines: []series{
			v.sampled(v.word("processor", "traitement"), func(s Sample) float64 { return float64(s.ProcessorRecords) }),
			v.sampled(v.word("archiver", "archivage"), func(s Sample) float64 { return float64(s.ArchiverRecords) }),
		},
	}.svg()
}

// MemoryChart: resident memory of each process.
func (v view) MemoryChart() template.HTML {
	c := chart{title: v.word("Memory", "Mémoire"), unit: func(x float64) string { return bytesOf(int64(x), v.Lang) }}
	for i, p := range v.Processes {
		c.lines = append(c.lines, v.sampled(p.Name, func(s Sample) float64 {
			if i >= len(s.Resident) || s.Resident[i] == 0 {
				return math.NaN()
			}
			return float64(s.Resident[i])
		}))
	}
	return c.svg()
}

// CPUChart: share of the whole machine.
func (v view) CPUChart() template.HTML {
	return chart{
		title: v.word("CPU, share of the machine", "Processeur, part de la machine"), unit: func(x float64) string { return percent(x, v.Lang) },
		lines: []series{
			v.sampled("Vigie", func(s Sample) float64 { return s.CPUShare }),
			v.sampled(v.word("generator", "générateur"), func(s Sample) float64 { return s.GeneratorShare }),
		},
	}.svg()
}
