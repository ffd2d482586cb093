package report

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageSource string

// WriteJSON writes the report as JSON.
func (r *SLA) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteHTML writes the report as one page that needs nothing but itself, in French
// for "fr" and in English for any other language.
func (r *SLA) WriteHTML(w io.Writer, lang string) error {
	if lang != "fr" {
		lang = "en"
	}
	v := view{r, lang}
	page, err := template.New("report").Funcs(v.functions()).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// view is the report as the page's template sees it.
type view struct {
	*SLA
	Lang string
}

func (v view) functions() template.FuncMap {
	return template.FuncMap{
		"t":       func(english string) (string, error) { return phrase(english, v.Lang) },
		"class":   func(name string) string { return shown(name, v.Lang, frenchClasses) },
		"outcome": func(name string) string { return shown(name, v.Lang, frenchOutcomes) },
		"kind":    func(name string) string { return shown(name, v.Lang, frenchKinds) },
		"percent": func(share float64) string { return v.decimal(100*share, 1) + "\u202f%" },
		"precise": func(share float64) string { return v.decimal(100*share, 3) + "\u202f%" },
		"count":   v.count,
		"wait":    v.wait,
		"long":    func(ms int64) string { return v.wait(&ms) },
		"answer":  v.answer,
		"closure": func(name string) string { return shown(name, v.Lang, frenchClosures) },
		"site":    v.site,
		"time":    v.minute,
	}
}

// say is a phrase of the report.
func (v view) say(english string) string {
	s, err := phrase(english, v.Lang)
	if err != nil {
		panic(err) // A test writes every report.
	}
	return s
}

func (v view) decimal(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if v.Lang == "fr" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// count groups digits by three.
func (v view) count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	gap := ","
	if v.Lang == "fr" {
		gap = "\u202f"
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + gap + s[i:]
	}
	return s
}

// wait shows a duration in the unit that people would say it in.
func (v view) wait(ms *int64) string {
	switch {
	case ms == nil:
		return "–"
	case *ms < 60_000:
		return v.decimal(float64(*ms)/1000, 1) + " s"
	case *ms < 3_600_000:
		return v.decimal(float64(*ms)/60_000, 1) + " min"
	}
	return v.decimal(float64(*ms)/3_600_000, 1) + " h"
}

// title says whose service the report tells.
func (v view) title() string {
	s := v.say("Service report")
	switch {
	case v.Group != "":
		s += ": " + v.Group
	case len(v.Sites) == 1:
		s += ": " + v.Sites[0].String()
	case v.SiteCount > 0:
		s += ": " + v.sites()
	}
	return s
}

// Title is the title for the page.
func (v view) Title() string { return v.title() }

// sites is how many there are, in words.
func (v view) sites() string {
	if v.SiteCount == 1 {
		return "1 " + v.say("site")
	}
	return v.count(v.SiteCount) + " " + v.say("sites")
}

// About is whose sites they are, of a group; "" where the title says it.
func (v view) About() string {
	if v.Group == "" {
		return ""
	}
	return v.sites()
}

// site is what a site is called beside its number.
func (v view) site(number uint64) string {
	for _, s := range v.Sites {
		if s.Number == number {
			return s.String()
		}
	}
	return strconv.FormatUint(number, 10)
}

// answer is how an incident was answered.
func (v view) answer(name string) string { return v.say(answerPhrases[name]) }

// minute is a time of the period's zone.
func (v view) minute(t time.Time) string { return v.Local(t).Format("2006-01-02 15:04") }

// Began is when a span began, or that it did before the period.
func (v view) Began(s Span) string {
	if s.BeganBefore {
		return v.say("before") + " " + v.minute(v.From)
	}
	return v.minute(s.From)
}

// Ended is when a span ended, or that it lasts.
func (v view) Ended(s Span) string {
	if s.Lasts {
		return v.say("lasts")
	}
	return v.minute(s.To)
}

// Lasted is how long a span was, within the period.
func (v view) Lasted(s Span) string {
	ms := s.To.Sub(s.From).Milliseconds()
	return v.wait(&ms)
}

// CutNote says that a list holds the first of more; "" of a whole one.
func (v view) CutNote(list string) string {
	if !slices.Contains(v.Cut, list) {
		return ""
	}
	return fmt.Sprintf("%s %d %s", v.say("Cut after"), Few, v.say("lines: there are more."))
}

// Last is the last day of the period.
func (v view) Last() time.Time { return v.To.Add(-time.Millisecond) }

// Local is a time in the period's zone.
func (v view) Local(t time.Time) time.Time {
	zone, err := time.LoadLocation(v.TimeZone)
	if err != nil {
		return t.UTC()
	}
	return t.In(zone)
}

// Met counts the classes whose figures were reached.
func (v view) Met() (n int) {
	for _, a := range v.Answers {
		if a.Met {
			n++
		}
	}
	return n
}

// turned is what the incidents of a class turned out to be.
type turned struct {
	Class     string
	Incidents uint64
	Outcomes  []Outcome
}

// Turned groups the outcomes by class, the most frequent first.
func (v view) Turned() (all []turned) {
	for _, o := range v.Outcomes {
		if len(all) == 0 || all[len(all)-1].Class != o.Class {
			all = append(all, turned{Class: o.Class})
		}
		last := &all[len(all)-1]
		last.Incidents += o.Incidents
		last.Outcomes = append(last.Outcomes, o)
	}
	for _, c := range all {
		slices.SortStableFunc(c.Outcomes, func(a, b Outcome) int { return cmp.Compare(b.Incidents, a.Incidents) })
	}
	return all
}

// Until says how far a provisional report goes.
func (v view) Until() string {
	if v.DataUntil.IsZero() {
		return v.say("Provisional: nothing of the period's last day has come yet.")
	}
	return v.say("Provisional: the warehouse had come to") + " " + v.Local(v.DataUntil).Format("2006-01-02 15:04") + v.say(", before the end of the period.")
}

// Quiet: no day has an alarm.
func (v view) Quiet() bool {
	return !slices.ContainsFunc(v.Days, func(d Day) bool { return d.Alarms > 0 })
}

// Chart is the alarms of each day as bars.
func (v view) Chart() template.HTML {
	const width, height, room = 720, 160, 18
	most := uint64(1)
	for _, d := range v.Days {
		most = max(most, d.Alarms)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height+room, v.say("Alarms a day"))
	step := float64(width) / float64(max(len(v.Days), 1))
	for i, d := range v.Days {
		h := float64(height-room) * float64(d.Alarms) / float64(most)
		x := step * float64(i)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %s</title></rect>`, x+step*0.1, float64(height)-h, step*0.8, h, d.Date, v.count(d.Alarms))
		if d.Alarms == most {
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x+step/2, float64(height)-h-4, v.count(d.Alarms))
		}
		if len(v.Days) <= 10 || i%5 == 0 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, max(x+step/2, room), height+room-4, d.Date[len("2006-"):])
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // made of numbers and dates
}
