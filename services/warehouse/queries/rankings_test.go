package queries_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Sites of several groups, of none, gone, and silent for months; alarms of one
// millisecond, heard again, at the ends of the range, of zones of one name in two areas.
func TestWhereAlarmsComeFrom(t *testing.T) {
	alarm := func(site uint64, at int, area, zone string) seed.Event {
		return seed.Event{Site: site, ReceivedAt: sec(at), Kind: "alarm_raised", Class: "fire", Origin: "panel", Area: area, Zone: zone}
	}
	state := func(site uint64, at time.Time, label string, groups ...string) seed.SiteState {
		return seed.SiteState{Site: site, ReceivedAt: at, Label: label, Groups: groups, Closure: "none"}
	}
	incident := func(id string, site uint64, at int, outcome string) seed.Incident {
		return seed.Incident{ID: id, Site: site, Class: "fire", Status: "closed", OpenedAt: sec(at), ClosedAt: sec(at + 5), Outcome: outcome}
	}
	tamper := alarm(2, 30, "1", "3")
	tamper.Kind, tamper.Class = "tamper", ""
	gone := seed.SiteState{Site: 3, ReceivedAt: sec(300), Deleted: true, Label: "left", Groups: []string{"north"}}
	h := &seed.History{End: to,
		Events: []seed.Event{
			alarm(1, 10, "1", "3"), alarm(1, 10, "1", "3"), alarm(1, 10, "2", "3"), alarm(1, 0, "1", ""), alarm(1, 600, "1", "3"), alarm(1, -1, "1", "3"),
			tamper, alarm(2, 40, "1", "3"), alarm(2, 41, "1", "4"), alarm(3, 50, "", ""), alarm(3, 60, "", "9"), alarm(4, 70, "", ""), alarm(5, 70, "", ""), alarm(6, 80, "", ""),
			alarm(6, 81, "", ""),
		},
		SiteStates: []seed.SiteState{
			state(4, from.AddDate(0, -5, 0), "long silent", "north"), state(1, from.AddDate(0, -1, 0), "old name", "south"), state(1, sec(200), "two groups", "north", "east"),
			state(2, sec(-5), "no group"), state(3, sec(-5), "leaves", "north"), gone, state(5, sec(599), "new", "east"), state(6, sec(600), "not yet", "east"),
		},
		Incidents: []seed.Incident{
			incident("a", 1, 10, "user_error"), incident("b", 1, 20, "fire"), incident("c", 1, 600, "user_error"), incident("d", 3, 50, "power_cut"), incident("e", 7, 50, "power_cut"),
			// It was reckoned false first, and real in the end.
			incident("f", 2, 30, "user_error"), incident("f", 2, 30, "burglary"), {ID: "d", Site: 3, ReceivedAt: sec(400), Deleted: true},
		},
	}
	db := loaded(t, h)
	heard := seed.History{End: to.Add(1), Outcomes: []seed.Outcome{{EventID: h.Events[len(h.Events)-1].ID, Site: 6, ReceivedAt: sec(81), Status: "heard_again"}}}
	if err := heard.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	h.Outcomes = heard.Outcomes
	for _, a := range []expect.Args{{From: from, To: to, Limit: 100}, {From: from, To: to, Limit: 1}, {From: from, To: to, Limit: 3}, {From: sec(10), To: sec(11), Limit: 9}, {From: from, To: from, Limit: 9}, {From: sec(-10), To: sec(601), Limit: 2}} {
		for _, name := range []string{"top_sites", "top_zones", "alarms_by_group"} {
			answers(t, t, db, h, name, a)
		}
	}
	same(t, ask(t, db, queries.TopSites(from, to, 3)), []queries.TopSite{
		{Site: 1, Label: "two groups", Groups: "north, east", Alarms: 4, Incidents: 2, FalseAlarms: 1},
		{Site: 2, Label: "no group", Alarms: 3, Incidents: 1}, {Site: 3, Alarms: 2, Incidents: 1, FalseAlarms: 1}})
	same(t, ask(t, db, queries.TopZones(from, to, 2)), []queries.TopZone{
		{Site: 1, Label: "two groups", Area: "1", Zone: "3", Alarms: 2, LastAt: sec(10)}, {Site: 2, Label: "no group", Area: "1", Zone: "3", Alarms: 2, LastAt: sec(40)}})
	same(t, ask(t, db, queries.AlarmsByGroup(from, to)), []queries.GroupAlarms{
		{Group: "east", Class: "fire", Alarms: 5, Sites: 2}, {Group: "north", Class: "fire", Alarms: 5, Sites: 2}})
}

// Storms that began before the range, last past it, end in its very first millisecond,
// or are of a group.
func TestStormsWithAPartInTheRange(t *testing.T) {
	h := &seed.History{End: to, SiteStates: []seed.SiteState{{Site: 1, ReceivedAt: from.AddDate(0, -2, 0), Label: "one", Closure: "none"}, {Site: 1, ReceivedAt: to, Label: "later", Closure: "none"}}}
	storm := func(d seed.Detection, opened, closed time.Time, more uint64) {
		d.ID, d.OpenedAt, d.ReceivedAt, d.ClosedAt, d.Status, d.Offset = uuid.New(), opened, opened, seed.Never, "opened", uint64(len(h.Detections))
		h.Detections = append(h.Detections, d)
		if !closed.IsZero() {
			d.ReceivedAt, d.ClosedAt, d.Status, d.Offset = closed, closed, "closed", uint64(len(h.Detections))
			d.EvidenceCount += more
			h.Detections = append(h.Detections, d)
		}
	}
	site := seed.Detection{Kind: "alarm_storm", Site: 1, EvidenceCount: 6}
	storm(site, from.AddDate(0, 0, -40), sec(100), 90)
	storm(site, sec(-50), from, 1)
	storm(site, sec(-50), sec(1), 2)
	storm(site, sec(20), to.Add(time.Hour), 3)
	storm(site, sec(30), time.Time{}, 0)
	storm(site, sec(600), time.Time{}, 0)
	storm(site, sec(40), sec(40), 0)
	storm(seed.Detection{Kind: "group_alarm_storm", GroupName: "north", GroupCount: 33, EvidenceCount: 20}, sec(60), sec(300), 0)
	storm(seed.Detection{Kind: "path_lost", Site: 1}, sec(60), sec(300), 0)
	db := loaded(t, h)
	for _, a := range []expect.Args{{From: from, To: to, Limit: 100}, {From: from, To: to, Limit: 2}, {From: sec(-50), To: sec(1), Limit: 9}, {From: sec(50), To: sec(50), Limit: 9}, {From: sec(100), To: sec(700), Limit: 9}} {
		answers(t, t, db, h, "alarm_storms", a)
	}
	all := ask(t, db, queries.AlarmStorms(from, to, 100))
	if len(all) != 5 || all[0].Alarms != 96 || all[1].DurationMS != 580_000 || all[1].Label != "one" || !all[1].ClosedAt.Equal(seed.Never) || all[3].Group != "north" || all[3].Alarms != 33 {
		t.Errorf("storms: %+v", all)
	}
}

// Who claimed it first answers for it, though another took it over; nobody for what
// nobody took. Hours are those on the clock, twice the same as it goes back.
func TestWhoAnsweredAndAtWhatHour(t *testing.T) {
	back := time.Date(2026, 10, 25, 0, 59, 59, 999_000_000, time.UTC)
	h := &seed.History{End: to}
	incident := func(id string, opened time.Time, holders ...string) {
		v := seed.Incident{ID: id, Class: "fire", Status: "open", OpenedAt: opened, ReceivedAt: opened, AtRiskAt: opened.Add(30 * time.Second), MissedAt: opened.Add(time.Minute)}
		h.Incidents = append(h.Incidents, v)
		for i, who := range holders {
			v.ReceivedAt = opened.Add(time.Duration(20*(i+1)) * time.Second)
			v.Status, v.ClaimedBy = "claimed", who
			if v.ClaimedAt.IsZero() && who != "" {
				v.ClaimedAt = v.ReceivedAt
			}
			if i == 1 {
				v.FirstActAt = v.ReceivedAt
			}
			h.Incidents = append(h.Incidents, v)
		}
	}
	incident("a", back, "ann", "bob", "bob")
	incident("b", back.Add(time.Millisecond), "", "bob", "bob")
	incident("c", back.Add(time.Hour), "ann", "ann")
	incident("d", back.Add(time.Hour+time.Millisecond))
	incident("e", back.Add(2*time.Hour), "cy")
	incident("g", back.Add(2*time.Hour), "", "", "gil") // in the last millisecond of its figure
	closed := seed.Incident{ID: "f", Class: "fire", Status: "closed", OpenedAt: back, ReceivedAt: back.Add(time.Second), ClosedAt: back.Add(time.Second), ClosedBy: "dee", AtRiskAt: back.Add(time.Minute), MissedAt: back.Add(time.Minute)}
	h.Incidents = append(h.Incidents, closed)
	db := loaded(t, h)
	a := expect.Args{From: back.Add(-time.Hour), To: back.Add(24 * time.Hour)}
	for _, a.Zone = range []string{"Europe/Paris", "UTC", "Asia/Kathmandu", "Pacific/Auckland"} {
		answers(t, t, db, h, "answer_attainment_by_hour", a)
	}
	answers(t, t, db, h, "answer_attainment_by_operator", a)
	who := map[string]queries.OperatorAttainment{}
	for _, r := range ask(t, db, queries.AnswerAttainmentByOperator(a.From, a.To)) {
		who[r.Operator] = r
	}
	if len(who) != 6 || who["ann"].Incidents != 2 || who["bob"].Incidents != 1 || who[""].Misses != 1 || who["cy"].Misses != 1 || who["dee"].WithinFirst != 1 || who["gil"].WithinSecond != 1 {
		t.Errorf("who answered: %+v", who)
	}
	hours := map[uint64]uint64{}
	for _, r := range ask(t, db, queries.AnswerAttainmentByHour(a.From, a.To, "")) {
		hours[r.Hour] = r.Incidents
	}
	if len(hours) != 2 || hours[2] != 4 || hours[3] != 3 {
		t.Errorf("incidents by hour on a Paris clock that goes back: %v", hours)
	}
}

// Heartbeats at the ends of hours and days, hours without one within a day and over
// midnight, paths heard once, sites of no group and sites that are gone.
func TestHowRegularlyPathsWereHeard(t *testing.T) {
	midnight := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	h := &seed.History{End: to}
	poll := func(site uint64, path uint8, at ...time.Duration) {
		for _, d := range at {
			h.Heartbeats = append(h.Heartbeats, seed.Heartbeat{Place: seed.Place{Offset: uint64(len(h.Heartbeats))}, Site: site, Path: path, ReceivedAt: midnight.Add(d)})
		}
	}
	const hour, ms = time.Hour, time.Millisecond
	poll(1, 1, 0, hour-ms, hour, 5*hour-ms, 23*hour+30*time.Minute, 24*hour, 24*hour, 30*hour, 71*hour)
	poll(1, 2, -3*hour, 10*hour)
	poll(2, 1, 0, hour, 2*hour, 3*hour, 47*hour, 49*hour)
	poll(3, 1, 12*hour)
	poll(4, 1, 12*hour)
	poll(5, 1, 72*hour-ms)
	for i := range 72 {
		poll(6, 1, time.Duration(i)*hour+time.Minute)
	}
	for site, groups := range map[uint64][]string{1: {"a", "b"}, 2: {"a"}, 3: nil, 4: {"a"}, 5: {"b"}, 6: {"b", "c"}} {
		h.SiteStates = append(h.SiteStates, seed.SiteState{Site: site, ReceivedAt: midnight.Add(-hour), Groups: groups, Closure: "none"})
	}
	h.SiteStates = append(h.SiteStates, seed.SiteState{Site: 4, ReceivedAt: midnight.Add(13 * hour), Deleted: true, Groups: []string{"a"}})
	db := loaded(t, h)
	// The same again, as a repair may write it: no hour is heard twice.
	again := seed.History{End: to.Add(time.Millisecond), Heartbeats: h.Heartbeats}
	if err := again.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]time.Duration{{0, 72 * hour}, {0, hour}, {0, hour - ms}, {-4 * hour, 24 * hour}, {ms, 30 * hour}, {hour, 23*hour + 59*time.Minute}, {5 * hour, 5 * hour}, {23 * hour, 25 * hour}, {30 * time.Minute, 31 * time.Minute}, {70 * hour, 300 * hour}, {6 * hour, 14 * hour}} {
		answers(t, t, db, h, "heartbeat_regularity", expect.Args{From: midnight.Add(r[0]), To: midnight.Add(r[1])})
	}
	same(t, ask(t, db, queries.HeartbeatRegularity(midnight, midnight.Add(72*hour))), []queries.GroupHeartbeats{
		{Group: "a", Path: 1, Paths: 2, Hours: 144, HoursHeard: 7 + 6, ShareHeard: 13.0 / 144, P50SilenceMS: 43 * hour.Milliseconds(), P95SilenceMS: 43 * hour.Milliseconds(), MaxSilenceMS: 43 * hour.Milliseconds()},
		{Group: "a", Path: 2, Paths: 1, Hours: 62, HoursHeard: 1, ShareHeard: 1.0 / 62, P50SilenceMS: 61 * hour.Milliseconds(), P95SilenceMS: 61 * hour.Milliseconds(), MaxSilenceMS: 61 * hour.Milliseconds()},
		{Group: "b", Path: 1, Paths: 3, Hours: 145, HoursHeard: 7 + 1 + 72, ShareHeard: 80.0 / 145, P50SilenceMS: 0, P95SilenceMS: 40 * hour.Milliseconds(), MaxSilenceMS: 40 * hour.Milliseconds()},
		{Group: "b", Path: 2, Paths: 1, Hours: 62, HoursHeard: 1, ShareHeard: 1.0 / 62, P50SilenceMS: 61 * hour.Milliseconds(), P95SilenceMS: 61 * hour.Milliseconds(), MaxSilenceMS: 61 * hour.Milliseconds()},
		{Group: "c", Path: 1, Paths: 1, Hours: 72, HoursHeard: 72, ShareHeard: 1}})
}
