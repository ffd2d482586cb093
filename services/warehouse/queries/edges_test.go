package queries_test

import (
	"context"
	"reflect"
	"strconv"
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
		for _, at := range []*time.Time{&s.ClosedSince, &s.ClosureChangedAt} {
			if at.IsZero() {
				*at = seed.Never
			}
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
		if x.ReceivedAt.IsZero() {
			x.ReceivedAt = x.OpenedAt
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
		// Called before it was claimed: answered when both are done, at 91, past
		// the first figure.
		version("1-C", 0, 91, 91, 30, 0, 180),
		// At 180 it is within the second figure, at 90 within the first.
		version("1-D", 0, 180, 20, 180, 0, 180), version("1-J", 0, 90, 20, 90, 0, 180),
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
	want := queries.Attainment{Class: "intrusion", Incidents: 8, Answered: 6, WithinFirst: 2, WithinSecond: 4,
		ShareFirst: 2.0 / 8, ShareSecond: 4.0 / 8, Misses: 4}
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

// What happens in the very millisecond in which a closure begins or ends, told by records
// that name their closure's last change and by those of before that was told.
func TestClosuresThatChangeAtTheVeryTime(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run("told "+strconv.FormatBool(told), func(t *testing.T) { closuresThatChange(t, told) })
	}
}

func closuresThatChange(t *testing.T, told bool) {
	state := func(site uint64, at int, closure string) seed.SiteState {
		s := seed.SiteState{Site: site, ReceivedAt: sec(at), Closure: closure, Groups: []string{"g"}}
		if told {
			s.ClosureChangedAt = s.ReceivedAt
		}
		return s
	}
	alarm := func(site uint64, at int) seed.Event {
		return seed.Event{Site: site, ReceivedAt: sec(at), Kind: "alarm_raised", Class: "intrusion", Origin: "panel"}
	}
	disarm := func(site uint64, at int) seed.Event {
		return seed.Event{Site: site, ReceivedAt: sec(at), Kind: "disarmed", Origin: "panel"}
	}
	h := &seed.History{End: to,
		Events: []seed.Event{disarm(1, 200), disarm(1, 201),
			alarm(1, 99), alarm(1, 100), alarm(1, 100), alarm(1, 300), alarm(2, 200), alarm(3, 250), alarm(4, 10),
			disarm(1, 100), disarm(1, 300), disarm(2, 200), disarm(3, 600)},
		SiteStates: []seed.SiteState{
			state(1, -10, "none"), state(1, 100, "declared"), state(1, 300, "none"),
			// Closed and open again at once: the later word counts.
			state(2, 200, "detected"), state(2, 200, "none"),
			// A tombstone ends a closure, and the site, whatever else it says.
			state(3, -10, "declared"), {Site: 3, ReceivedAt: sec(240), Deleted: true, Closure: "declared", Groups: []string{"g"}},
			// Changes of a closed site that leave it closed, before the range.
			state(4, -100, "detected"), state(4, -50, "declared"),
		},
	}
	if told {
		// A record that changes something else, in the range and past its end, still names the change.
		for _, at := range []int{400, 599, 700} {
			later := state(4, -50, "declared")
			later.ReceivedAt = sec(at)
			h.SiteStates = append(h.SiteStates, later)
		}
	}
	db := loaded(t, h)
	heard := seed.History{End: to.Add(1), Outcomes: []seed.Outcome{
		{EventID: h.Events[0].ID, Site: 1, ReceivedAt: sec(200), Status: "heard_again"}, {EventID: h.Events[1].ID, Site: 1, ReceivedAt: sec(201), Status: "accepted"}}}
	if err := heard.Load(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	days := func(seconds int) float64 { return float64(seconds) / 86_400 }
	share := one(t, db, queries.ClosedShare(from, to))
	closedDays, otherDays := days(200+240+600), days(100+300+400)
	rate, others := 100*3/closedDays, 100*4/otherDays
	want := queries.ClosedShareOf{ClosedSites: 1, AllSites: 3, ShareOfSites: 1.0 / 3, AlarmsClosed: 3, AlarmsAll: 7, ShareOfAlarms: 3.0 / 7,
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
	same(t, ask(t, db, queries.ClosedGroups(from, to)), []queries.ClosedGroup{{SiteGroup: "g", ClosedSites: 1, Sites: 3, Alarms: 3}})
	membersAndClosures(t, db)
}

func membersAndClosures(t *testing.T, db *warehouse.DB) {
	t.Helper()
	// Closed and open again at once is no closure; who is gone is no member, but known.
	same(t, ask(t, db, queries.ClosuresInRange(from, to, 9)), []queries.SiteClosure{
		{Site: 3, Closure: "declared", BeganAt: from, EndedAt: sec(240), BeganBefore: true},
		{Site: 4, Closure: "declared", BeganAt: from, EndedAt: to, BeganBefore: true, Lasts: true},
		{Site: 1, Closure: "declared", BeganAt: sec(100), EndedAt: sec(300)}})
	same(t, ask(t, db, queries.SitesOfGroup("g", to)), []queries.KnownSite{{Site: 1}, {Site: 2}, {Site: 4}})
	same(t, ask(t, db, queries.SiteKnown(3, to)), []queries.KnownSite{{Site: 3}})
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

// Each site counts once, under its gravest reason; who is no customer's site
// counts nowhere.
func TestWhyASiteIsNotProtected(t *testing.T) {
	areas := func(modes ...string) (all []seed.Area) {
		for _, m := range modes {
			all = append(all, seed.Area{Name: "1", Mode: m, Since: seed.Never})
		}
		return all
	}
	paths := func(statuses ...string) (all []seed.Path) {
		for i, s := range statuses {
			all = append(all, seed.Path{Number: uint8(i + 1), Status: s, LastHeard: seed.Never})
		}
		return all
	}
	cases := []struct {
		why   string
		state seed.SiteState
	}{
		{"", seed.SiteState{Areas: areas("disarmed"), Paths: paths("ok", "late")}},
		{"", seed.SiteState{Closure: "declared", Areas: areas("armed_full", "armed_full"), Paths: paths("ok", "never_heard")}},
		{"", seed.SiteState{}},
		{"communication_lost", seed.SiteState{CommunicationLost: true, Closure: "detected", Areas: areas("disarmed"), Degraded: true}},
		{"closed_not_armed", seed.SiteState{Closure: "detected", Areas: areas("armed_full", "disarmed"), Degraded: true}},
		{"closed_not_armed", seed.SiteState{Closure: "end_to_confirm", Areas: areas("armed_inhibited")}},
		{"closed_not_armed", seed.SiteState{Closure: "declared"}},
		{"degraded", seed.SiteState{Degraded: true, Areas: areas("armed_inhibited")}},
		{"inhibited", seed.SiteState{Areas: areas("armed_full", "armed_inhibited"), Paths: paths("never_heard")}},
		{"never_heard", seed.SiteState{Paths: paths("never_heard", "never_heard")}},
		{"path_lost", seed.SiteState{Paths: paths("lost", "ok")}},
		{"path_lost", seed.SiteState{Closure: "declared", Areas: areas("armed_full"), Paths: paths("never_heard", "lost")}},
		{"nobody's", seed.SiteState{Undeclared: true, CommunicationLost: true}},
		{"nobody's", seed.SiteState{Deleted: true, CommunicationLost: true}},
	}
	h := &seed.History{End: to}
	want := []queries.NotProtected{{Reason: "communication_lost"}, {Reason: "closed_not_armed"}, {Reason: "degraded"}, {Reason: "inhibited"}, {Reason: "never_heard"}, {Reason: "path_lost"}}
	for i, c := range cases {
		earlier := seed.SiteState{Site: uint64(i + 1), ReceivedAt: sec(-1), Areas: areas("armed_full"), CommunicationLost: true}
		later := earlier
		later.ReceivedAt = to
		c.state.Site, c.state.ReceivedAt = earlier.Site, sec(1)
		h.SiteStates = append(h.SiteStates, earlier, c.state, later)
		for k := range want {
			if want[k].Reason == c.why {
				want[k].Sites++
			}
		}
	}
	db := loaded(t, h)
	same(t, ask(t, db, queries.SitesNotProtected(to)), want)
	listed := ask(t, db, queries.SitesClosedAroundTheClock(to))
	if len(listed) != 6 {
		t.Fatalf("%d sites are listed as closed instead of 6: %+v", len(listed), listed)
	}
	for i, s := range listed {
		if why := cases[s.Site-1].why; s.NotProtected != why || s.Protected != (why == "") || s.Protected != (i == 5) {
			t.Errorf("row %d: site %d is not protected because of %q instead of %q", i, s.Site, s.NotProtected, why)
		}
	}
}

// The second figure is reached in its own millisecond; released incidents wait,
// parked and forgotten ones do not; what comes at the time itself is not known.
func TestWhoWaitsInTheQueue(t *testing.T) {
	incident := func(id, status, by string, at, missed int) seed.Incident {
		return seed.Incident{ID: id, Class: "fire", Status: status, ClaimedBy: by, OpenedAt: sec(at), ReceivedAt: sec(at), AtRiskAt: sec(missed), MissedAt: sec(missed)}
	}
	taken := incident("f", "claimed", "a", 0, 900)
	taken.ReceivedAt = to
	db := loaded(t, &seed.History{End: to, Incidents: []seed.Incident{
		incident("a", "open", "", 10, 600), incident("b", "open", "", 5, 601),
		incident("c", "claimed", "a", 1, 60), incident("d", "parked", "", 1, 60),
		incident("e", "claimed", "a", 1, 60), incident("e", "verified", "", 1, 60),
		incident("f", "open", "", 0, 900), taken,
		incident("g", "open", "", 1, 60), {ID: "g", ReceivedAt: sec(2), Deleted: true},
	}})
	same(t, ask(t, db, queries.QueueNow(to)), []queries.ClassQueue{{Class: "fire", Waiting: 4, OldestMS: 600_000, Missed: 2}})
	late := map[string]string{}
	for _, i := range ask(t, db, queries.IncidentsWaiting(to, 10)) {
		late[i.Incident] = i.Late
	}
	if want := map[string]string{"a": "missed", "b": "in time", "e": "missed", "f": "in time"}; !reflect.DeepEqual(late, want) {
		t.Errorf("waiting: %v instead of %v", late, want)
	}
}
