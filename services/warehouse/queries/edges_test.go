package queries_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// loaded is a warehouse with a history made by hand; the order of the rows is
// the order of the log.
func loaded(t *testing.T, h *seed.History) *warehouse.DB {
	t.Helper()
	db := enginetest.Open(t, enginetest.Shared(t))
	if err := seed.KeepForEver(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	for i := range h.Events {
		h.Events[i].Offset, h.Events[i].ID = uint64(i), uuid.New()
	}
	for i := range h.SiteStates {
		s := &h.SiteStates[i]
		s.Offset = uint64(i)
		if s.ClosedSince.IsZero() {
			s.ClosedSince = seed.Never
		}
	}
	for i := range h.Incidents {
		x := &h.Incidents[i]
		x.Offset = uint64(i)
		for _, at := range []*time.Time{&x.OpenedAt, &x.DisplayedAt, &x.ClaimedAt, &x.FirstActAt, &x.VerifiedAt, &x.ClosedAt, &x.AtRiskAt, &x.MissedAt, &x.LastAlarmAt} {
			if at.IsZero() {
				*at = seed.Never
			}
		}
	}
	if err := h.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func one[T any](t *testing.T, db *warehouse.DB, call queries.Call[T]) T {
	t.Helper()
	rows := ask(t, db, call)
	if len(rows) != 1 {
		t.Fatalf("%s gives %d rows instead of 1: %+v", call.Query.Name, len(rows), rows)
	}
	return rows[0]
}

// sec is that many seconds after the start of the range.
func sec(n int) time.Time { return from.Add(time.Duration(n) * time.Second) }

func TestAttainmentIsOfTheFirstAnswerClock(t *testing.T) {
	version := func(id string, opened, at, claimed, acted, closed, missed int) seed.Incident {
		v := seed.Incident{ID: id, Class: "intrusion", Status: "open", OpenedAt: sec(opened), ReceivedAt: sec(at), MissedAt: sec(missed), AtRiskAt: sec(missed - 90)}
		for at, seconds := range map[*time.Time]int{&v.ClaimedAt: claimed, &v.FirstActAt: acted, &v.ClosedAt: closed} {
			if seconds > 0 {
				*at = sec(seconds)
			}
		}
		return v
	}
	db := loaded(t, &seed.History{End: to, Incidents: []seed.Incident{
		// Missed at 180, then alerted again and answered in time: a miss.
		version("1-A", 0, 0, 0, 0, 0, 180), version("1-A", 0, 200, 0, 0, 0, 400), version("1-A", 0, 300, 250, 260, 0, 400),
		// A higher class shortens the clock to 60: answered at 70 is a miss.
		version("1-B", 0, 0, 0, 0, 0, 180), version("1-B", 0, 1, 0, 0, 0, 60), version("1-B", 0, 70, 65, 70, 0, 60),
		// Called before it was claimed: answered when both are done, at 90, the
		// very end of the first figure.
		version("1-C", 0, 90, 90, 30, 0, 180),
		// At 180 it is within the second figure.
		version("1-D", 0, 180, 20, 180, 0, 180),
		// Claimed without an act, closed: answered by that, at 80.
		version("1-E", 0, 80, 20, 0, 80, 180),
		// Claimed without an act, still open past the figure: a miss.
		version("1-F", 0, 20, 20, 0, 0, 180),
		// Opened at the end of the range, and one whose clock still runs.
		version("1-G", 600, 600, 601, 602, 0, 780), version("1-H", 590, 590, 0, 0, 0, 770),
		// The clock ends exactly with the range.
		version("1-I", 420, 420, 0, 0, 0, 600),
		// A tombstone takes nothing away.
		{ID: "1-C", ReceivedAt: sec(500), Deleted: true},
	}})
	want := queries.Attainment{Class: "intrusion", Incidents: 7, Answered: 5, WithinFirst: 2, WithinSecond: 3,
		ShareFirst: 2.0 / 7, ShareSecond: 3.0 / 7, Misses: 4}
	if got := one(t, db, queries.AnswerAttainment(from, to)); got != want {
		t.Errorf("the query gives\n%+v instead of\n%+v", got, want)
	}
}

func TestMissesAllowedAreRoundedDown(t *testing.T) {
	for incidents, allowed := range map[int]uint64{66: 0, 67: 1, 133: 1, 134: 2} {
		h := &seed.History{End: to}
		for i := range incidents {
			h.Incidents = append(h.Incidents, seed.Incident{ID: uuid.NewString(), Class: "fire", OpenedAt: sec(i), ClosedAt: sec(i + 1), AtRiskAt: sec(i + 2), MissedAt: sec(i + 3)})
		}
		if got := one(t, loaded(t, h), queries.AnswerAttainment(from, to)); got.MissesAllowed != allowed || got.Misses != 0 || got.ShareFirst != 1 {
			t.Errorf("of %d incidents %d may be missed instead of %d: %+v", incidents, got.MissesAllowed, allowed, got)
		}
	}
}

// What happens in the very millisecond in which a closure begins or ends.
func TestClosuresThatChangeAtTheVeryTime(t *testing.T) {
	state := func(site uint64, at int, closure string) seed.SiteState {
		return seed.SiteState{Site: site, ReceivedAt: sec(at), Closure: closure, Groups: []string{"g"}}
	}
	alarm := func(site uint64, at int) seed.Event {
		return seed.Event{Site: site, ReceivedAt: sec(at), Kind: "alarm_raised", Class: "intrusion", Origin: "panel"}
	}
	disarm := func(site uint64, at int) seed.Event {
		return seed.Event{Site: site, ReceivedAt: sec(at), Kind: "disarmed", Origin: "panel"}
	}
	h := &seed.History{End: to,
		Events: []seed.Event{alarm(1, 99), alarm(1, 100), alarm(1, 300), alarm(2, 200), alarm(3, 250), alarm(4, 10),
			disarm(1, 100), disarm(1, 300), disarm(2, 200), disarm(3, 600), disarm(1, 200), disarm(1, 201)},
		SiteStates: []seed.SiteState{
			state(1, -10, "none"), state(1, 100, "declared"), state(1, 300, "none"),
			// Closed and open again at once: the later word counts.
			state(2, 200, "detected"), state(2, 200, "none"),
			// A tombstone ends a closure, and the site.
			state(3, -10, "declared"), {Site: 3, ReceivedAt: sec(240), Deleted: true},
			// Changes of a closed site that leave it closed, before the range.
			state(4, -100, "detected"), state(4, -50, "declared"),
		},
	}
	db := loaded(t, h)
	heard := seed.History{End: to.Add(1), Outcomes: []seed.Outcome{
		{EventID: h.Events[10].ID, Site: 1, ReceivedAt: sec(200), Status: "heard_again"}, {EventID: h.Events[11].ID, Site: 1, ReceivedAt: sec(201), Status: "accepted"}}}
	if err := heard.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	days := func(seconds int) float64 { return float64(seconds) / 86_400 }
	share := one(t, db, queries.ClosedShare(from, to))
	closedDays, otherDays := days(200+240+600), days(100+300+400)
	rate, others := 100*2/closedDays, 100*4/otherDays
	want := queries.ClosedShareOf{ClosedSites: 1, AllSites: 3, ShareOfSites: 1.0 / 3, AlarmsClosed: 2, AlarmsAll: 6, ShareOfAlarms: 2.0 / 6,
		AlarmsPer100Closed: &rate, AlarmsPer100Others: &others, ClosedSiteDays: closedDays, OtherSiteDays: otherDays}
	if !reflect.DeepEqual(share, want) {
		t.Errorf("the share is\n%+v (%v, %v) instead of\n%+v (%v, %v)", share, *share.AlarmsPer100Closed, *share.AlarmsPer100Others, want, rate, others)
	}
	// Site 1 at 300 was closed until then; at 100 it was not yet; at 200 it was
	// heard again; at 201 it counts.
	if got := one(t, db, queries.OpeningsAtClosedSites(from, to)); got != (queries.Openings{Openings: 2, Sites: 1}) {
		t.Errorf("openings: %+v", got)
	}
	over := ask(t, db, queries.ClosedSitesOverTime(from, to, 5*time.Minute))
	wantOver := []queries.ClosedBucket{{Time: from, Closure: "declared", Sites: 2}, {Time: from, Closure: "detected"}, {Time: from, Closure: "end_to_confirm"},
		{Time: sec(300), Closure: "declared", Sites: 1}, {Time: sec(300), Closure: "detected"}, {Time: sec(300), Closure: "end_to_confirm"}}
	same(t, over, wantOver)
	same(t, ask(t, db, queries.ClosedGroups(from, to)), []queries.ClosedGroup{{SiteGroup: "g", ClosedSites: 1, Sites: 3, Alarms: 2}})
}

func TestUsualNeedsThreeWindowsAndSomeAlarms(t *testing.T) {
	alarms := func(at ...time.Duration) *seed.History {
		h := &seed.History{End: to}
		for _, d := range at {
			h.Events = append(h.Events, seed.Event{ReceivedAt: to.Add(-d), Kind: "alarm_raised", Class: "fire"})
		}
		return h
	}
	const ms, minute, day = time.Millisecond, time.Minute, 24 * time.Hour
	ratio := 2.0
	cases := map[string]struct {
		h    *seed.History
		want queries.Load
	}{
		"nothing is known":                    {&seed.History{End: to}, queries.Load{}},
		"two windows are too few":             {alarms(3*minute, minute, ms), queries.Load{Alarms: 2, Usual: 0.5, UsualWindows: 2}},
		"three windows before":                {alarms(4*minute, 3*minute, 2*minute, minute, ms), queries.Load{Alarms: 2, Usual: 1, UsualWindows: 3, Ratio: &ratio}},
		"nothing is usual":                    {alarms(20*minute, ms), queries.Load{Alarms: 1, UsualWindows: 19}},
		"the same minute of three days":       {alarms(3*day+minute, 2*day+ms, 2*day+2*ms, day+minute, ms, 2*ms), queries.Load{Alarms: 2, Usual: 1, UsualWindows: 3, Ratio: &ratio}},
		"a day that is not whole is left out": {alarms(3*day+minute-ms, ms, 2*ms), queries.Load{Alarms: 2, UsualWindows: 24}},
		"29 days are more than 28":            {alarms(29*day+minute, ms), queries.Load{Alarms: 1, UsualWindows: 28}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := one(t, loaded(t, c.h), queries.LoadAgainstUsual(to, minute)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("the load is %+v instead of %+v", got, c.want)
			}
		})
	}
}
