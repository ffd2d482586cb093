// Package expect computes what each named query must say of a seeded history,
// with plain loops over its structs: the independent second opinion for tests of
// the queries, the plugin and the console. It knows no SQL.
//
// Answer gives the rows of any query; a case of its own has each query that the
// dashboards ask, in files named after what they are about.
package expect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Args are the parameters of a query, as they were understood.
type Args struct {
	From, To       time.Time
	Bucket, Window time.Duration
	// Limit is limit, or per_operator.
	Limit    int
	Site     uint64
	Operator string
	Group    string
	// Zone is time_zone.
	Zone string
}

// parse reads parameters in their text form.
func parse(args map[string]string) (Args, error) {
	var a Args
	for name, text := range args {
		switch name {
		case "operator":
			a.Operator = text
			continue
		case "time_zone":
			a.Zone = text
			continue
		case "group":
			a.Group = text
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return a, fmt.Errorf("parameter %s: %w", name, err)
		}
		switch name {
		case "from":
			a.From = time.UnixMilli(v).UTC()
		case "to":
			a.To = time.UnixMilli(v).UTC()
		case "bucket_ms":
			a.Bucket = time.Duration(v) * time.Millisecond
		case "window_ms":
			a.Window = time.Duration(v) * time.Millisecond
		case "site":
			a.Site = uint64(v)
		case "limit", "per_operator":
			a.Limit = int(v)
		default:
			return a, fmt.Errorf("no query has a parameter %q", name)
		}
	}
	return a, nil
}

// Answer is what a named query must answer: a slice of the rows that the query's
// typed function gives. The error names a query that this package does not know,
// or a parameter that cannot be read.
func Answer(h *seed.History, name string, args map[string]string) (any, error) {
	a, err := parse(args)
	if err != nil {
		return nil, err
	}
	switch name {
	case "load_against_usual":
		return LoadAgainstUsual(h, a), nil
	case "queue_now":
		return QueueNow(h, a), nil
	case "incidents_waiting":
		return IncidentsWaiting(h, a), nil
	case "incidents_flow":
		return IncidentsFlow(h, a), nil
	case "answer_attainment":
		return AnswerAttainment(h, a), nil
	case "answer_attainment_by_group":
		return AnswerAttainmentByGroup(h, a), nil
	case "answer_quantiles":
		return AnswerQuantiles(h, a), nil
	case "incident_outcomes":
		return IncidentOutcomes(h, a), nil
	case "communication_availability":
		return CommunicationAvailability(h, a), nil
	case "sites_not_protected":
		return SitesNotProtected(h, a), nil
	case "operators_active":
		return OperatorsActive(h, a), nil
	case "data_freshness":
		return DataFreshness(h, a), nil
	case "alarms_by_class":
		return AlarmsByClass(h, a), nil
	case "detections_over_time":
		return DetectionsOverTime(h, a), nil
	case "open_detections_by_kind":
		return OpenDetectionsByKind(h, a), nil
	case "pipeline_flow":
		return PipelineFlow(h, a), nil
	case "sites_in_service":
		return SitesInService(h, a), nil
	case "path_availability":
		return PathAvailability(h, a), nil
	}
	if rows, ok := people(h, name, a); ok {
		return rows, nil
	}
	if rows, ok := customer(h, name, a); ok {
		return rows, nil
	}
	if rows, ok := rankings(h, name, a); ok {
		return rows, nil
	}
	return closures(h, name, a)
}

// closures are the answers about sites closed around the clock.
func closures(h *seed.History, name string, a Args) (any, error) {
	switch name {
	case "closed_sites_over_time":
		return ClosedSitesOverTime(h, a), nil
	case "closed_share":
		return ClosedShare(h, a), nil
	case "alarms_closed_against_others":
		return AlarmsClosedAgainstOthers(h, a), nil
	case "sites_closed_around_the_clock":
		return SitesClosedAroundTheClock(h, a), nil
	case "closed_groups":
		return ClosedGroups(h, a), nil
	case "openings_at_closed_sites":
		return OpeningsAtClosedSites(h, a), nil
	default:
		return nil, fmt.Errorf("there is no plain computation of query %q", name)
	}
}

// inside says whether a time is in the range.
func (a Args) inside(t time.Time) bool { return !t.Before(a.From) && t.Before(a.To) }

// bucketOf is the start of the bucket that a time is in.
func (a Args) bucketOf(t time.Time) time.Time {
	since := time.Duration(t.UnixMilli()) * time.Millisecond
	return time.UnixMilli((since - since%a.Bucket).Milliseconds()).UTC()
}

// buckets are the starts of all buckets of the range; an empty one has none.
func (a Args) buckets() []time.Time {
	var all []time.Time
	if !a.From.Before(a.To) {
		return nil
	}
	for t := a.bucketOf(a.From); t.Before(a.To); t = t.Add(a.Bucket) {
		all = append(all, t)
	}
	return all
}

// end is the end of the bucket that starts at t, or of the range.
func (a Args) end(t time.Time) time.Time {
	if end := t.Add(a.Bucket); end.Before(a.To) {
		return end
	}
	return a.To
}

// acceptedAlarms are the alarms that had an effect, of all times.
func acceptedAlarms(h *seed.History) []seed.Event {
	again := heardAgain(h)
	return slices.DeleteFunc(slices.Clone(h.Events), func(e seed.Event) bool { return !isAlarm(e) || again[e.ID] })
}

func heardAgain(h *seed.History) map[[16]byte]bool {
	again := map[[16]byte]bool{}
	for _, o := range h.Outcomes {
		if o.Status == "heard_again" {
			again[o.EventID] = true
		}
	}
	return again
}

// alarmingFaults are the classes of faults that alarm.
var alarmingFaults = []string{"hold_up", "duress", "fire", "sprinkler", "medical", "lone_worker", "gas", "tamper", "jamming", "substitution", "technical_critical"}

func isAlarm(e seed.Event) bool {
	switch e.Kind {
	case "alarm_raised":
		return e.Class != "test" && e.Class != "information"
	case "fault_raised":
		return slices.Contains(alarmingFaults, e.Class)
	case "tamper":
		return !e.Restored
	}
	return e.Kind == "data_received"
}

func classOf(e seed.Event) string {
	switch {
	case e.Class != "":
		return e.Class
	case e.Kind == "tamper":
		return "tamper"
	}
	return "not_configured"
}

// labelled counts things with a label by bucket: a row for each bucket and label.
func labelled[R any](a Args, counts map[time.Time]map[string]uint64, row func(time.Time, string, uint64) R) []R {
	labels := map[string]bool{}
	for _, of := range counts {
		for label := range of {
			labels[label] = true
		}
	}
	rows := []R{}
	for _, t := range a.buckets() {
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			rows = append(rows, row(t, label, counts[t][label]))
		}
	}
	return rows
}

func add(counts map[time.Time]map[string]uint64, t time.Time, label string) {
	if counts[t] == nil {
		counts[t] = map[string]uint64{}
	}
	counts[t][label]++
}

// AlarmsByClass counts accepted alarms.
func AlarmsByClass(h *seed.History, a Args) []queries.ClassBucket {
	counts := map[time.Time]map[string]uint64{}
	for _, e := range acceptedAlarms(h) {
		if a.inside(e.ReceivedAt) {
			add(counts, a.bucketOf(e.ReceivedAt), classOf(e))
		}
	}
	return labelled(a, counts, func(t time.Time, class string, n uint64) queries.ClassBucket {
		return queries.ClassBucket{Time: t, Class: class, Alarms: n}
	})
}

const day = 24 * time.Hour

// LoadAgainstUsual compares a window with earlier ones, one by one.
func LoadAgainstUsual(h *seed.History, a Args) []queries.Load {
	if len(h.Events) == 0 {
		return []queries.Load{{}}
	}
	first := slices.MinFunc(h.Events, func(x, y seed.Event) int { return x.ReceivedAt.Compare(y.ReceivedAt) }).ReceivedAt
	alarms := acceptedAlarms(h)
	in := func(end time.Time) (n uint64) {
		for _, e := range alarms {
			if !e.ReceivedAt.Before(end.Add(-a.Window)) && e.ReceivedAt.Before(end) {
				n++
			}
		}
		return n
	}
	earlier := func(apart time.Duration, most int) (counts []uint64) {
		for k := 1; k <= most; k++ {
			end := a.To.Add(-time.Duration(k) * apart)
			if end.Add(-a.Window).Before(first) {
				break
			}
			counts = append(counts, in(end))
		}
		return counts
	}
	days := (a.Window + day - 1) / day
	usual := earlier(days*day, int(28/days))
	if len(usual) < 3 {
		usual = earlier(a.Window, 24)
	}
	out := queries.Load{Alarms: in(a.To), UsualWindows: uint64(len(usual))}
	slices.Sort(usual)
	if n := len(usual); n > 0 {
		out.Usual = float64(usual[(n-1)/2]+usual[n/2]) / 2
	}
	if len(usual) >= 3 && out.Usual > 0 {
		ratio := float64(out.Alarms) / out.Usual
		out.Ratio = &ratio
	}
	return []queries.Load{out}
}

// OperatorsActive counts who acted.
func OperatorsActive(h *seed.History, a Args) []queries.Operators {
	who := map[string]bool{}
	for _, e := range h.Events {
		if e.Origin == "user" && e.Operator != "" && !e.ReceivedAt.Before(a.To.Add(-a.Window)) && e.ReceivedAt.Before(a.To) {
			who[e.Operator] = true
		}
	}
	return []queries.Operators{{Operators: uint64(len(who))}}
}

// DataFreshness looks for the partition that lags most.
func DataFreshness(h *seed.History, a Args) []queries.Freshness {
	newest := map[uint16]time.Time{}
	for _, b := range h.Beats {
		if !b.ReceivedAt.Before(a.To.Add(-day)) && b.ReceivedAt.Before(a.To) && b.ReceivedAt.After(newest[b.Partition]) {
			newest[b.Partition] = b.ReceivedAt
		}
	}
	if len(newest) == 0 {
		return []queries.Freshness{}
	}
	slowest := slices.MinFunc(slices.Collect(maps.Values(newest)), time.Time.Compare)
	return []queries.Freshness{{NewestBeat: slowest, AgeMS: a.To.Sub(slowest).Milliseconds()}}
}

// PipelineFlow counts what passed through.
func PipelineFlow(h *seed.History, a Args) []queries.PipelineBucket {
	rows := map[time.Time]*queries.PipelineBucket{}
	out := []queries.PipelineBucket{}
	for _, t := range a.buckets() {
		rows[t] = &queries.PipelineBucket{Time: t}
	}
	count := func(t time.Time, n uint64, of func(*queries.PipelineBucket) *uint64) {
		if a.inside(t) {
			*of(rows[a.bucketOf(t)]) += n
		}
	}
	for _, e := range h.Events {
		count(e.ReceivedAt, 1, func(b *queries.PipelineBucket) *uint64 { return &b.Events })
	}
	for _, x := range h.Beats {
		count(x.ReceivedAt, uint64(x.Heartbeats), func(b *queries.PipelineBucket) *uint64 { return &b.Heartbeats })
	}
	for _, d := range h.Detections {
		if d.Status == "opened" {
			count(d.ReceivedAt, 1, func(b *queries.PipelineBucket) *uint64 { return &b.Detections })
		}
	}
	for _, r := range h.Rejected {
		count(r.ReceivedAt, 1, func(b *queries.PipelineBucket) *uint64 { return &b.Rejected })
	}
	for _, t := range a.buckets() {
		out = append(out, *rows[t])
	}
	return out
}

// DetectionsOverTime counts detections as they open.
func DetectionsOverTime(h *seed.History, a Args) []queries.DetectionsBucket {
	counts := map[time.Time]map[string]uint64{}
	for _, d := range h.Detections {
		if d.Status == "opened" && a.inside(d.ReceivedAt) {
			add(counts, a.bucketOf(d.ReceivedAt), d.Kind)
		}
	}
	return labelled(a, counts, func(t time.Time, kind string, n uint64) queries.DetectionsBucket {
		return queries.DetectionsBucket{Time: t, Kind: kind, Opened: n}
	})
}

// OpenDetectionsByKind takes the last word on each detection.
func OpenDetectionsByKind(h *seed.History, a Args) []queries.OpenKind {
	last := map[[16]byte]seed.Detection{}
	for _, d := range h.Detections {
		if d.ReceivedAt.Before(a.To) {
			last[d.ID] = d
		}
	}
	kinds := map[string]*queries.OpenKind{}
	for _, d := range last {
		if d.Status == "closed" {
			continue
		}
		if kinds[d.Kind] == nil {
			kinds[d.Kind] = &queries.OpenKind{Kind: d.Kind}
		}
		k := kinds[d.Kind]
		k.Open++
		k.OldestMS = max(k.OldestMS, a.To.Sub(d.OpenedAt).Milliseconds())
	}
	return sorted(kinds, func(x, y queries.OpenKind) int { return cmp.Compare(x.Kind, y.Kind) })
}

func sorted[K comparable, R any](rows map[K]*R, order func(x, y R) int) []R {
	out := []R{}
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, order)
	return out
}
