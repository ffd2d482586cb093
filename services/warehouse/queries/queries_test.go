package queries_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

var (
	from = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	to   = from.Add(10 * time.Minute)
)

const typeTime = "DateTime64(3, 'UTC')"

func insert(t *testing.T, db *warehouse.DB, table string, columns ...warehouse.Column) {
	t.Helper()
	if err := db.Insert(context.Background(), table, uuid.NewString(), columns); err != nil {
		t.Fatal(err)
	}
}

func col[V any](name, kind string, values []V) warehouse.Column {
	return warehouse.Column{Name: name, Type: kind, Values: values}
}

// each takes one figure out of each row.
func each[R, V any](rows []R, value func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out
}

func ask[T any](t *testing.T, db *warehouse.DB, call queries.Call[T]) []T {
	t.Helper()
	rows, err := warehouse.Select(context.Background(), db, call)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func same[T any](t *testing.T, got, want []T) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("the plain computation found nothing: the case tests nothing")
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the query gives\n%+v\nthe plain loop\n%+v", got, want)
	}
}

type event struct {
	id                  uuid.UUID
	kind, origin, class string
	at                  time.Time
	outcome             string
}

// seedEvents fills a window, its edges and its surroundings.
func seedEvents(t *testing.T, db *warehouse.DB) []event {
	r := rand.New(rand.NewPCG(3, 4))
	var all []event
	for i := range 600 {
		e := event{id: uuid.New(), at: from.Add(time.Duration(r.IntN(14*60_000)-2*60_000) * time.Millisecond)}
		switch i {
		case 0:
			e.at = from
		case 1:
			e.at = to
		}
		switch r.IntN(4) {
		case 0:
			e.kind, e.origin, e.outcome = "incident_claimed", "user", []string{"accepted", "refused", "repeated"}[r.IntN(3)]
		case 1:
			e.kind, e.origin = "receiver_life_started", "system"
		default:
			e.kind, e.origin, e.class = "alarm_raised", "panel", []string{"fire", "intrusion"}[r.IntN(2)]
			if r.IntN(5) == 0 {
				e.outcome = "heard_again"
			}
		}
		all = append(all, e)
	}
	insert(t, db, "events",
		col("event_id", "UUID", each(all, func(e event) uuid.UUID { return e.id })),
		col("received_at", typeTime, each(all, func(e event) time.Time { return e.at })),
		col("kind", "LowCardinality(String)", each(all, func(e event) string { return e.kind })),
		col("origin", "LowCardinality(String)", each(all, func(e event) string { return e.origin })),
		col("class", "LowCardinality(String)", each(all, func(e event) string { return e.class })))
	judged := slices.DeleteFunc(slices.Clone(all), func(e event) bool { return e.outcome == "" })
	insert(t, db, "outcomes",
		col("event_id", "UUID", each(judged, func(e event) uuid.UUID { return e.id })),
		col("received_at", typeTime, each(judged, func(e event) time.Time { return e.at })),
		col("status", "LowCardinality(String)", each(judged, func(e event) string { return e.outcome })))
	return slices.DeleteFunc(all, func(e event) bool { return e.at.Before(from) || !e.at.Before(to) })
}

func TestAcceptedEvents(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	counts := map[[2]string]uint64{}
	for _, e := range seedEvents(t, db) {
		if e.origin != "system" && (e.outcome == "" || e.outcome == "accepted") {
			counts[[2]string{e.kind, e.origin}]++
		}
	}
	var want []queries.KindCount
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) }) {
		want = append(want, queries.KindCount{Kind: k[0], Origin: k[1], Events: counts[k]})
	}
	same(t, ask(t, db, queries.AcceptedEvents(from, to)), want)
}

func TestPipelineCounts(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	inside := seedEvents(t, db)
	stamps := []time.Time{from, from.Add(time.Minute), to, to.Add(time.Second), from.Add(-time.Millisecond)}
	at := col("received_at", typeTime, stamps)
	// As seen from within the TTL of these tables, or ClickHouse drops the rows.
	recent := time.Now().UTC().Truncate(time.Second)
	shift := recent.Sub(to)
	insert(t, db, "beats", col("received_at", typeTime, each(stamps, func(x time.Time) time.Time { return x.Add(shift) })))
	insert(t, db, "heartbeats", col("received_at", typeTime, each(stamps, func(x time.Time) time.Time { return x.Add(shift) })))
	insert(t, db, "rejected", at)
	insert(t, db, "undecodable", at)
	insert(t, db, "detections", at, col("status", "LowCardinality(String)", []string{"opened", "closed", "opened", "opened", "opened"}))
	insert(t, db, "incidents", col("opened_at", typeTime, stamps), at, col("incident", "String", []string{"a", "a", "b", "c", "d"}))
	same(t, ask(t, db, queries.PipelineCounts(from, to)), []queries.PipelineCount{{
		Events: uint64(len(inside)), Detections: 1, Incidents: 1, Rejected: 2, Undecodable: 2, NewestBeat: recent.Add(time.Second),
	}})
	got := ask(t, db, queries.PipelineCounts(from.Add(shift), to.Add(shift)))
	if got[0].Beats != 2 || got[0].Heartbeats != 2 {
		t.Errorf("%d beats and %d heartbeats instead of 2", got[0].Beats, got[0].Heartbeats)
	}
}

func TestOpenDetections(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	type change struct {
		id     uuid.UUID
		offset uint64
		status string
		opened time.Time
	}
	r := rand.New(rand.NewPCG(7, 8))
	var history []change
	last := map[uuid.UUID]change{}
	for i := range 100 {
		id := uuid.New()
		opened := from.Add(time.Duration(i) * time.Second)
		for j, status := range []string{"opened", "updated", "closed"}[:1+r.IntN(3)] {
			c := change{id: id, offset: uint64(10*i + j), status: status, opened: opened}
			history, last[id] = append(history, c), c
		}
	}
	insert(t, db, "detections",
		col("event_id", "UUID", each(history, func(c change) uuid.UUID { return c.id })),
		col("kafka_offset", "UInt64", each(history, func(c change) uint64 { return c.offset })),
		col("status", "LowCardinality(String)", each(history, func(c change) string { return c.status })),
		col("kind", "LowCardinality(String)", each(history, func(change) string { return "alarm_storm" })),
		col("opened_at", typeTime, each(history, func(c change) time.Time { return c.opened })),
		col("received_at", typeTime, each(history, func(c change) time.Time { return c.opened })))
	var want []queries.OpenDetection
	for _, c := range last {
		if c.status != "closed" {
			want = append(want, queries.OpenDetection{Detection: c.id.String(), Kind: "alarm_storm", OpenedAt: c.opened})
		}
	}
	slices.SortFunc(want, func(a, b queries.OpenDetection) int { return a.OpenedAt.Compare(b.OpenedAt) })
	same(t, ask(t, db, queries.OpenDetections()), want)
}

func TestAnswerTimesByClass(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	type incident struct {
		id, class               string
		opened, claimed, missed time.Time
	}
	r := rand.New(rand.NewPCG(9, 10))
	var all []incident
	zero := time.UnixMilli(0).UTC()
	for i := range 200 {
		x := incident{id: fmt.Sprint(i), class: []string{"fire", "intrusion", "mains"}[r.IntN(3)], opened: from.Add(time.Duration(r.IntN(720)) * time.Second), claimed: zero}
		x.missed = x.opened.Add(30 * time.Second)
		if x.class != "mains" && r.IntN(4) > 0 {
			x.claimed = x.opened.Add(time.Duration(r.IntN(60_000)) * time.Millisecond)
		}
		all = append(all, x)
	}
	// Each incident has an earlier version, unclaimed, that must not count.
	insert(t, db, "incidents",
		col("incident", "String", append(each(all, func(x incident) string { return x.id }), each(all, func(x incident) string { return x.id })...)),
		col("kafka_offset", "UInt64", append(slices.Repeat([]uint64{1}, len(all)), slices.Repeat([]uint64{2}, len(all))...)),
		col("class", "LowCardinality(String)", append(each(all, func(x incident) string { return x.class }), each(all, func(x incident) string { return x.class })...)),
		col("opened_at", typeTime, append(each(all, func(x incident) time.Time { return x.opened }), each(all, func(x incident) time.Time { return x.opened })...)),
		col("received_at", typeTime, append(each(all, func(x incident) time.Time { return x.opened }), each(all, func(x incident) time.Time { return x.opened.Add(time.Minute) })...)),
		col("claimed_at", typeTime, append(slices.Repeat([]time.Time{zero}, len(all)), each(all, func(x incident) time.Time { return x.claimed })...)),
		col("missed_at", typeTime, append(slices.Repeat([]time.Time{zero}, len(all)), each(all, func(x incident) time.Time { return x.missed })...)))
	var want []queries.AnswerTimes
	for _, class := range []string{"fire", "intrusion", "mains"} {
		w := queries.AnswerTimes{Class: class}
		var times []int64
		for _, x := range all {
			if x.class != class || x.opened.Before(from) || !x.opened.Before(to) {
				continue
			}
			w.Incidents++
			if x.claimed.Equal(zero) {
				w.Unclaimed++
				continue
			}
			times = append(times, x.claimed.Sub(x.opened).Milliseconds())
			if x.claimed.After(x.missed) {
				w.Missed++
			}
		}
		slices.Sort(times)
		if n := len(times); n > 0 {
			w.MedianMS, w.P90MS, w.MaxMS = times[n*5/10], times[n*9/10], times[n-1]
		}
		want = append(want, w)
	}
	same(t, ask(t, db, queries.AnswerTimesByClass(from, to)), want)
}
