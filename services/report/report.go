// Package report makes what a customer or an auditor is handed: the service of a
// centre, or of some of its sites, in a period, out of the named queries of the
// warehouse, as one page that needs nothing but itself, on paper, as JSON or as tables,
// with a signed digest beside it.
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Format names the structure of the JSON; it rises when a field changes its meaning.
const Format = 1

// The shares that the figures of an answer clock ask for (EN 50518 as trade rule 9
// has it: 80 % within the first, 98.5 % within the second).
const (
	shareFirst  = 0.80
	shareSecond = 0.985
)

// Options say what is reported on.
type Options struct {
	// From is part of the period, To is not.
	From, To time.Time
	// Zone is where its days begin.
	Zone *time.Location
	// Group of sites, or Sites by their numbers, at most Few; the whole centre without
	// either.
	Group string
	Sites []uint64
	// Program is the version told in the report.
	Program string
	// Now is when it is asked: a period that still runs is told up to then. The zero
	// time tells every period to its end.
	Now time.Time
}

// SLA is the service of a period. Durations are milliseconds, shares 0 to 1.
type SLA struct {
	Format   int       `json:"format"`
	Program  string    `json:"program"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	TimeZone string    `json:"time_zone"`
	Group    string    `json:"group,omitempty"`
	// SiteCount is how many sites it is about, absent for the whole centre; Sites says
	// which ones when they are few.
	SiteCount uint64 `json:"site_count,omitempty"`
	Sites     []Site `json:"sites,omitempty"`
	// DataUntil is how far the warehouse had come; before To it makes the report
	// provisional.
	DataUntil   time.Time `json:"data_until"`
	Provisional bool      `json:"provisional"`

	Answers    []Answer       `json:"answers"`
	Outcomes   []Outcome      `json:"outcomes,omitempty"`
	Heard      *Communication `json:"communication,omitempty"`
	Closed     *Closed        `json:"closed_around_the_clock,omitempty"`
	Days       []Day          `json:"days,omitempty"`
	Detections []Detected     `json:"detections,omitempty"`

	// What happened, the oldest first, where few sites are reported on. Cut names the
	// lists that hold the first Few of more.
	Incidents []Incident `json:"incidents,omitempty"`
	Losses    []Span     `json:"lost_communications,omitempty"`
	Closures  []Span     `json:"closures,omitempty"`
	Cut       []string   `json:"lists_cut,omitempty"`
}

// Answer is how incidents of a class were answered. An incident counts in the
// period that it was opened in; on test, or closed by the policy, it does not count.
type Answer struct {
	Class        string  `json:"class"`
	Incidents    uint64  `json:"incidents"`
	WithinFirst  uint64  `json:"within_first"`
	WithinSecond uint64  `json:"within_second"`
	ShareFirst   float64 `json:"share_first"`
	ShareSecond  float64 `json:"share_second"`
	Misses       uint64  `json:"misses"`
	// MissesAllowed is what 98.5 % leaves room for: none below 67 incidents.
	MissesAllowed uint64 `json:"misses_allowed"`
	// Met says whether both shares were reached.
	Met bool `json:"met"`
	// Of those answered.
	P50MS  *int64 `json:"p50_ms,omitempty"`
	P95MS  *int64 `json:"p95_ms,omitempty"`
	P985MS *int64 `json:"p98_5_ms,omitempty"`
	MaxMS  *int64 `json:"max_ms,omitempty"`
}

// Outcome is how many incidents of a class, closed in the period, had an outcome.
type Outcome struct {
	Class     string `json:"class" parquet:"class"`
	Outcome   string `json:"outcome" parquet:"outcome"`
	Incidents uint64 `json:"incidents" parquet:"incidents"`
}

// Communication is what part of the time sites could be heard; see the query
// communication_availability.
type Communication struct {
	Outages   uint64 `json:"outages"`
	Sites     uint64 `json:"sites"`
	LostMS    int64  `json:"lost_ms"`
	LongestMS int64  `json:"longest_ms"`
	// Availability is absent when no site lived in the period.
	Availability *float64 `json:"availability,omitempty"`
}

// Closed is about the sites closed around the clock at the end of the period, and
// the alarms of those that were closed when they came.
type Closed struct {
	Sites         uint64  `json:"sites"`
	AllSites      uint64  `json:"all_sites"`
	Alarms        uint64  `json:"alarms"`
	AllAlarms     uint64  `json:"all_alarms"`
	ShareOfSites  float64 `json:"share_of_sites"`
	ShareOfAlarms float64 `json:"share_of_alarms"`
}

// Day is how many alarms were accepted on a day of the period's zone.
type Day struct {
	Date   string `json:"date" parquet:"date"`
	Alarms uint64 `json:"alarms" parquet:"alarms"`
}

// Detected is how often something was detected.
type Detected struct {
	Kind   string `json:"kind" parquet:"kind"`
	Opened uint64 `json:"opened" parquet:"opened"`
}

// freshness is how far before the end of a period its newest beat may stand.
const freshness = 2 * time.Minute

// maker is a report in the making.
type maker struct {
	r  *SLA
	db *warehouse.DB
	o  Options
	// asked are the sites that it is about; nil for the whole centre.
	asked []uint64
}

// about asks the warehouse of the report's sites.
func about[T any](ctx context.Context, m *maker, call queries.Call[T]) ([]T, error) {
	if m.asked != nil {
		call = call.Of(m.asked)
	}
	return warehouse.Select(ctx, m.db, call)
}

// Make asks the warehouse. The error is of the warehouse, of a period that cannot
// be, or ErrNoGroup, ErrNoSite, ErrWhose.
func Make(ctx context.Context, db *warehouse.DB, o Options) (*SLA, error) {
	if !o.From.Before(o.To) {
		return nil, fmt.Errorf("the period ends at %s, before it begins at %s", o.To.Format(time.DateOnly), o.From.Format(time.DateOnly))
	}
	r := &SLA{Format: Format, Program: o.Program, From: o.From.UTC(), To: o.To.UTC(), TimeZone: o.Zone.String(), Group: o.Group}
	if !o.Now.IsZero() && o.Now.Before(o.To) {
		if o.To = o.Now; !o.From.Before(o.To) {
			return nil, fmt.Errorf("the period begins at %s, and that is still to come", o.From.Format(time.DateOnly))
		}
	}
	m := &maker{r: r, db: db, o: o}
	if err := m.whose(ctx); err != nil {
		return nil, err
	}
	fresh, err := warehouse.Select(ctx, db, queries.DataFreshness(o.To))
	if err != nil {
		return nil, err
	}
	if len(fresh) > 0 {
		r.DataUntil = fresh[0].NewestBeat.UTC()
	}
	r.Provisional = r.DataUntil.Before(r.To.Add(-freshness))
	return r, errors.Join(m.answers(ctx), m.service(ctx), m.days(ctx), m.lists(ctx))
}

func answerOf(class string, n, first, second, allowed uint64) Answer {
	a := Answer{Class: class, Incidents: n, WithinFirst: first, WithinSecond: second, Misses: n - second, MissesAllowed: allowed}
	if n > 0 {
		a.ShareFirst, a.ShareSecond = float64(first)/float64(n), float64(second)/float64(n)
	}
	a.Met = a.ShareFirst >= shareFirst && a.ShareSecond >= shareSecond
	return a
}

func (m *maker) answers(ctx context.Context) error {
	classes, err1 := about(ctx, m, queries.AnswerAttainment(m.o.From, m.o.To))
	took, err2 := about(ctx, m, queries.AnswerQuantilesByClass(m.o.From, m.o.To))
	for _, c := range classes {
		a := answerOf(c.Class, c.Incidents, c.WithinFirst, c.WithinSecond, c.MissesAllowed)
		for _, q := range took {
			if q.Class == c.Class {
				a.P50MS, a.P95MS, a.P985MS, a.MaxMS = &q.P50MS, &q.P95MS, &q.P985MS, &q.MaxMS
			}
		}
		m.r.Answers = append(m.r.Answers, a)
	}
	return errors.Join(err1, err2)
}

func (m *maker) service(ctx context.Context) error {
	r, o := m.r, m.o
	outcomes, err1 := about(ctx, m, queries.IncidentOutcomes(o.From, o.To))
	heard, err2 := about(ctx, m, queries.CommunicationAvailability(o.From, o.To))
	closed, err3 := about(ctx, m, queries.ClosedShare(o.From, o.To))
	for _, x := range outcomes {
		r.Outcomes = append(r.Outcomes, Outcome(x))
	}
	for _, x := range heard {
		r.Heard = &Communication{x.Outages, x.Sites, x.LostMS, x.LongestMS, x.Availability}
	}
	for _, x := range closed {
		r.Closed = &Closed{x.ClosedSites, x.AllSites, x.AlarmsClosed, x.AlarmsAll, x.ShareOfSites, x.ShareOfAlarms}
	}
	// One bucket is the whole period.
	kinds, err4 := about(ctx, m, queries.DetectionsOverTime(o.From, o.To, 100*365*24*time.Hour))
	for _, k := range kinds {
		if k.Opened > 0 {
			r.Detections = append(r.Detections, Detected{k.Kind, k.Opened})
		}
	}
	slices.SortFunc(r.Detections, func(a, b Detected) int {
		return cmp.Or(cmp.Compare(b.Opened, a.Opened), cmp.Compare(a.Kind, b.Kind))
	})
	return errors.Join(err1, err2, err3, err4)
}

// days counts by quarters of an hour: at one of them begins each day of any zone,
// and it has 23 to 25 hours.
func (m *maker) days(ctx context.Context) error {
	o := m.o
	const quarter = 15 * time.Minute
	counts := map[string]uint64{}
	for from := o.From; from.Before(o.To); from = from.AddDate(0, 0, 7) {
		to := from.AddDate(0, 0, 7)
		if to.After(o.To) {
			to = o.To
		}
		rows, err := about(ctx, m, queries.AlarmsByClass(from, to, quarter))
		if err != nil {
			return err
		}
		for _, row := range rows {
			counts[row.Time.In(o.Zone).Format(time.DateOnly)] += row.Alarms
		}
	}
	for day := o.From.In(o.Zone); day.Before(o.To); day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		m.r.Days = append(m.r.Days, Day{date, counts[date]})
	}
	return nil
}
