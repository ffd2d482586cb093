package queries_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// stage is an event of a connection on its way into service.
type stage struct {
	id     uuid.UUID
	site   uint64
	result string
	at     time.Time
	status string
}

func connections() (all []stage) {
	r := rand.New(rand.NewPCG(21, 22))
	for site := range uint64(120) {
		at := from.Add(time.Duration(r.IntN(16*60_000)-10*60_000) * time.Millisecond)
		for _, result := range []string{"requested", "scheduled", "installed", "tested", "in_service", "suspended", "requested"}[:1+r.IntN(7)] {
			s := stage{uuid.New(), site + 1, result, at, "accepted"}
			if r.IntN(8) == 0 {
				s.status = []string{"refused", "repeated"}[r.IntN(2)]
			}
			all = append(all, s)
			at = at.Add(time.Duration(1+r.IntN(150_000)) * time.Millisecond)
		}
		if site%9 == 0 { // some give up before
			all = append(all, stage{uuid.New(), site + 1, "resigned", at, "accepted"})
		}
	}
	return all
}

// plainOnboarding reckons it without SQL; stages are in order of time for each site.
func plainOnboarding(all []stage) queries.Connections {
	asked, served, last := map[uint64]time.Time{}, map[uint64]time.Time{}, map[uint64]string{}
	for _, s := range all {
		if s.status != "accepted" || !s.at.Before(to) {
			continue
		}
		last[s.site] = s.result
		if _, known := asked[s.site]; !known && s.result == "requested" {
			asked[s.site] = s.at
		}
		if _, known := served[s.site]; !known && s.result == "in_service" {
			served[s.site] = s.at
		}
	}
	var want queries.Connections
	var leads []int64
	for site, at := range served {
		if at.Before(from) {
			continue
		}
		want.IntoService++
		if began, known := asked[site]; known {
			leads = append(leads, at.Sub(began).Milliseconds())
		}
	}
	for site, at := range asked {
		if !at.Before(from) {
			want.Requested++
		}
		if _, done := served[site]; !done && last[site] != "suspended" && last[site] != "resigned" {
			want.Backlog++
			want.OldestMS = max(want.OldestMS, to.Sub(at).Milliseconds())
		}
	}
	slices.Sort(leads)
	want.MedianLeadMS, want.P90LeadMS = leads[len(leads)*5/10], leads[len(leads)*9/10]
	want.Pace = float64(want.IntoService*86_400_000) / float64(to.Sub(from).Milliseconds())
	days := float64(want.Backlog) / want.Pace
	want.ForecastDays = &days
	return want
}

func TestOnboarding(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	all := connections()
	insert(t, db, "events",
		col("event_id", "UUID", each(all, func(s stage) uuid.UUID { return s.id })),
		col("site", "UInt64", each(all, func(s stage) uint64 { return s.site })),
		col("received_at", typeTime, each(all, func(s stage) time.Time { return s.at })),
		col("kind", "LowCardinality(String)", each(all, func(stage) string { return "connection_stage" })),
		col("origin", "LowCardinality(String)", each(all, func(stage) string { return "user" })),
		col("result", "LowCardinality(String)", each(all, func(s stage) string { return s.result })))
	insert(t, db, "outcomes",
		col("event_id", "UUID", each(all, func(s stage) uuid.UUID { return s.id })),
		col("received_at", typeTime, each(all, func(s stage) time.Time { return s.at })),
		col("status", "LowCardinality(String)", each(all, func(s stage) string { return s.status })))
	same(t, ask(t, db, queries.Onboarding(from, to)), []queries.Connections{plainOnboarding(all)})
	none := ask(t, db, queries.Onboarding(from.Add(-time.Hour), from.Add(-time.Hour)))[0]
	if none.Pace != 0 || none.ForecastDays != nil || none.OldestMS != 0 {
		t.Errorf("before the first request: %+v", none)
	}
}

func TestDetectionDelay(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	type loss struct {
		kind, status    string
		opened, heard   time.Time
		interval, delay int64
	}
	r := rand.New(rand.NewPCG(23, 24))
	var all []loss
	for i := range 300 {
		x := loss{kind: []string{"path_lost", "communication_lost", "alarm_storm"}[i%3], status: []string{"opened", "opened", "closed"}[r.IntN(3)], interval: 90_000}
		x.opened = from.Add(time.Duration(r.IntN(12*60_000)-60_000) * time.Millisecond)
		x.delay = x.interval + int64(r.IntN(60_000))
		if x.heard = x.opened.Add(-time.Duration(x.delay) * time.Millisecond); x.kind == "alarm_storm" {
			x.heard = time.UnixMilli(0).UTC() // it is about no silence
		}
		all = append(all, x)
	}
	insert(t, db, "detections",
		col("received_at", typeTime, each(all, func(x loss) time.Time { return x.opened })),
		col("opened_at", typeTime, each(all, func(x loss) time.Time { return x.opened })),
		col("kind", "LowCardinality(String)", each(all, func(x loss) string { return x.kind })),
		col("status", "LowCardinality(String)", each(all, func(x loss) string { return x.status })),
		col("last_heard_at", typeTime, each(all, func(x loss) time.Time { return x.heard })),
		col("interval_ms", "Int64", each(all, func(x loss) int64 { return x.interval })))
	var want []queries.KindDelay
	for _, kind := range []string{"communication_lost", "path_lost"} {
		var delays []int64
		for _, x := range all {
			if x.kind == kind && x.status == "opened" && !x.opened.Before(from) && x.opened.Before(to) {
				delays = append(delays, x.delay)
			}
		}
		slices.Sort(delays)
		n := len(delays)
		want = append(want, queries.KindDelay{Kind: kind, Detections: uint64(n), P50MS: delays[n/2], P95MS: delays[n*95/100], MaxMS: delays[n-1], P95BeyondMS: delays[n*95/100] - 90_000})
	}
	same(t, ask(t, db, queries.DetectionDelay(from, to)), want)
}
