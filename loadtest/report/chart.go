package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// Size of a chart in its own units; the page scales it.
const (
	chartWidth, chartHeight  = 720, 220
	left, right, top, bottom = 62, 96, 14, 26
	plotWidth                = chartWidth - left - right
	plotHeight               = chartHeight - top - bottom
	labelGap                 = 13
	firstDecade              = 1.0
)

// series is one line of a chart; a value below 0 or NaN is a gap.
type series struct {
	name   string
	at     []float64
	values []float64
}

// chart is a line chart over the time of the run.
type chart struct {
	title string
	// logarithmic scale: latencies differ by powers of ten.
	logarithmic bool
	unit        func(float64) string
	lines       []series
}

// svg draws the chart. Colours are the page's: classes line-0, line-1, …
func (c chart) svg() template.HTML {
	var b strings.Builder
	last, low, high := c.bounds()
	x := func(at float64) float64 { return left + plotWidth*at/last }
	y := c.scale(low, high)
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.title))
	for _, tick := range c.ticks(low, high) {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, left, left+plotWidth, y(tick), y(tick))
		fmt.Fprintf(&b, `<text class="axis" x="%d" y="%.1f" text-anchor="end">%s</text>`, left-6, y(tick)+4, c.unit(tick))
	}
	for _, tick := range timeTicks(last) {
		fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x(tick), chartHeight-8, clock(tick))
	}
	for i, s := range c.lines {
		fmt.Fprintf(&b, `<path class="line-%d" d="%s"/>`, i, path(s, x, y))
	}
	for _, l := range c.labels(y) {
		fmt.Fprintf(&b, `<text class="label-%d" x="%d" y="%.1f">%s</text>`, l.line, left+plotWidth+6, l.y+4, template.HTMLEscapeString(c.lines[l.line].name))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // made of numbers and escaped names
}

func missing(v float64) bool { return v < 0 || math.IsNaN(v) }

func (c chart) bounds() (last, low, high float64) {
	last, low, high = 1, math.Inf(1), 0
	for _, s := range c.lines {
		for i, v := range s.values {
			last = max(last, s.at[i])
			if !missing(v) {
				high = max(high, v)
				if v > 0 {
					low = min(low, v)
				}
			}
		}
	}
	if c.logarithmic {
		low = math.Pow(10, math.Floor(math.Log10(max(firstDecade/10, min(low, max(high, firstDecade))))))
		return last, low, max(low*10, math.Pow(10, math.Ceil(math.Log10(max(high, low)))))
	}
	return last, 0, nice(high)
}

// nice is the next round number: 1, 2, 2.5 or 5 times a power of ten.
func nice(x float64) float64 {
	if x <= 0 {
		return 1
	}
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range []float64{1, 2, 2.5, 5} {
		if x <= step*decade {
			return step * decade
		}
	}
	return 10 * decade
}

func (c chart) scale(low, high float64) func(float64) float64 {
	if c.logarithmic {
		span := math.Log10(high / low)
		return func(v float64) float64 {
			return top + plotHeight*(1-math.Log10(max(v, low)/low)/span)
		}
	}
	return func(v float64) float64 { return top + plotHeight*(1-v/high) }
}

func (c chart) ticks(low, high float64) []float64 {
	var list []float64
	if c.logarithmic {
		for v := low; v <= high*1.01; v *= 10 {
			list = append(list, v)
		}
		return list
	}
	const steps = 4
	for i := range steps + 1 {
		list = append(list, high*float64(i)/steps)
	}
	return list
}

// timeTicks are round moments, about six of them. Milliseconds.
func timeTicks(last float64) []float64 {
	const wanted = 6
	steps := []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
		2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if last/float64(s.Milliseconds()) <= wanted {
			step = s
			break
		}
	}
	var list []float64
	for at := 0.0; at <= last; at += float64(step.Milliseconds()) {
		list = append(list, at)
	}
	return list
}

func clock(milliseconds float64) string {
	d := time.Duration(milliseconds) * time.Millisecond
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

func path(s series, x, y func(float64) float64) string {
	var b strings.Builder
	pen := "M"
	for i, v := range s.values {
		if missing(v) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x(s.at[i]), y(v))
		pen = "L"
	}
	return b.String()
}

// placed is a line's name at the height of its end, moved so that none covers another.
type placed struct {
	line int
	y    float64
}

func (c chart) labels(y func(float64) float64) []placed {
	var list []placed
	for i, s := range c.lines {
		for k := len(s.values) - 1; k >= 0; k-- {
			if !missing(s.values[k]) {
				list = append(list, placed{i, y(s.values[k])})
				break
			}
		}
	}
	for i := range list {
		for j := range i {
			if list[j].y > list[i].y {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
	for i := len(list) - 2; i >= 0; i-- {
		list[i].y = min(list[i].y, list[i+1].y-labelGap)
	}
	for i := range list {
		floor := float64(top)
		if i > 0 {
			floor = list[i-1].y + labelGap
		}
		list[i].y = max(list[i].y, floor)
	}
	return list
}
