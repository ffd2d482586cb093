package seed_test

import (
	"context"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

var end = time.Date(2026, 11, 20, 21, 30, 0, 0, time.UTC)

func TestTheSameArgumentsMakeTheSameHistory(t *testing.T) {
	history := func(n uint64) *seed.History { return seed.New(n, end, 3*24*time.Hour, 200) }
	if !reflect.DeepEqual(history(1), history(1)) {
		t.Error("two histories of one seed differ")
	}
	if reflect.DeepEqual(history(1).Events, history(2).Events) {
		t.Error("two seeds make the same events")
	}
}

// Any size and length is possible, and all of it lies in the time asked for.
func TestHistoriesOfAnySize(t *testing.T) {
	for _, sites := range []int{1, 3, 40} {
		for _, length := range []time.Duration{time.Hour, 26 * time.Hour, 9 * 24 * time.Hour} {
			h := seed.New(5, end, length, sites)
			inside := func(what string, t0 time.Time) {
				if t0.Before(h.Start) || !t0.Before(h.End) {
					t.Errorf("%d sites, %v: %s at %v is outside of %v to %v", sites, length, what, t0, h.Start, h.End)
				}
			}
			for _, e := range h.Events {
				inside(e.Kind, e.ReceivedAt)
			}
			for _, s := range h.SiteStates {
				inside("a state", s.ReceivedAt)
			}
			for _, p := range h.Heartbeats {
				inside("a poll", p.ReceivedAt)
			}
		}
	}
}

// A fleet of a size at which hundreds of things happen in an hour.
func TestAHistoryOfALargeFleet(t *testing.T) {
	if h := seed.New(5, end, 3*time.Hour, 90_000); len(h.Incidents) < 1000 {
		t.Errorf("%d versions of incidents in three hours of 90,000 sites", len(h.Incidents))
	}
}

// The rows are what an archiver could have written: in order of time, versions
// that count up, open things that are listed, nothing done to what is closed.
func TestTheRowsFitEachOther(t *testing.T) {
	h := seed.New(3, end, 7*24*time.Hour, 600)
	ordered(t, "events", h.Events, func(e seed.Event) (seed.Place, time.Time) { return e.Place, e.ReceivedAt })
	ordered(t, "outcomes", h.Outcomes, func(o seed.Outcome) (seed.Place, time.Time) { return o.Place, o.ReceivedAt })
	ordered(t, "states", h.SiteStates, func(s seed.SiteState) (seed.Place, time.Time) { return s.Place, s.ReceivedAt })
	ordered(t, "incidents", h.Incidents, func(i seed.Incident) (seed.Place, time.Time) { return i.Place, i.ReceivedAt })
	ordered(t, "detections", h.Detections, func(d seed.Detection) (seed.Place, time.Time) { return d.Place, d.ReceivedAt })
	events := map[[16]byte]seed.Event{}
	for _, e := range h.Events {
		if _, twice := events[e.ID]; twice {
			t.Fatalf("two events have the id %s", e.ID)
		}
		events[e.ID] = e
	}
	for _, o := range h.Outcomes {
		if e, ok := events[o.EventID]; !ok || !e.ReceivedAt.Equal(o.ReceivedAt) || e.Site != o.Site {
			t.Errorf("the outcome %+v is of no event", o)
		}
	}
	incidentsFit(t, h)
	statesFit(t, h)
	polls := map[seed.Place]bool{}
	carried := 0
	for _, p := range h.Heartbeats {
		if polls[p.Place] {
			t.Fatalf("two polls have the place %+v", p.Place)
		}
		polls[p.Place] = true
	}
	for _, b := range h.Beats {
		carried += int(b.Heartbeats)
	}
	if carried != len(h.Heartbeats) {
		t.Errorf("beats carry %d polls, there are %d", carried, len(h.Heartbeats))
	}
}

func ordered[R any](t *testing.T, what string, rows []R, of func(R) (seed.Place, time.Time)) {
	t.Helper()
	if len(rows) == 0 {
		t.Errorf("there are no %s", what)
	}
	last := map[uint16]seed.Place{}
	var before time.Time
	for _, r := range rows {
		place, at := of(r)
		if at.Before(before) {
			t.Fatalf("%s: %v comes after %v", what, at, before)
		}
		if p, ok := last[place.Partition]; ok && place.Offset <= p.Offset {
			t.Fatalf("%s: offset %d comes after %d", what, place.Offset, p.Offset)
		}
		last[place.Partition], before = place, at
	}
}

func incidentsFit(t *testing.T, h *seed.History) {
	t.Helper()
	last := map[string]seed.Incident{}
	for _, i := range h.Incidents {
		was, known := last[i.ID]
		last[i.ID] = i
		switch {
		case i.Deleted:
		case known && was.Status == "closed":
			t.Errorf("%s changed after it was closed", i.ID)
		case known && i.Version != was.Version+1, !known && i.Version != 1:
			t.Errorf("%s: version %d after %d", i.ID, i.Version, was.Version)
		case i.Status == "claimed" && i.ClaimedBy == "", i.Status == "closed" && i.ClosedBy == "":
			t.Errorf("%s is %s by nobody", i.ID, i.Status)
		case !i.ClosedAt.Equal(seed.Never) && i.ClosedAt.Before(i.ClaimedAt), !i.ClaimedAt.Equal(seed.Never) && i.ClaimedAt.Before(i.OpenedAt):
			t.Errorf("%s: its clocks run backwards: %+v", i.ID, i)
		}
	}
}

func statesFit(t *testing.T, h *seed.History) {
	t.Helper()
	version := map[uint64]uint64{}
	last := map[uint64]seed.SiteState{}
	for _, s := range h.SiteStates {
		if version[s.Site]++; s.Version != version[s.Site] {
			t.Fatalf("site %d: version %d instead of %d", s.Site, s.Version, version[s.Site])
		}
		if last[s.Site].Deleted {
			t.Errorf("site %d lives after it left", s.Site)
		}
		last[s.Site] = s
	}
	open := map[string]bool{}
	for _, i := range h.Incidents {
		open[i.ID] = !i.Deleted && i.Status != "closed"
	}
	for _, s := range last {
		for _, id := range s.OpenIncidents {
			if !open[id] {
				t.Errorf("site %d lists %s, which is not open", s.Site, id)
			}
			delete(open, id)
		}
	}
	for id, is := range open {
		if is {
			t.Errorf("no site lists the open incident %s", id)
		}
	}
}

// A week of two thousand sites: enough for a picture, fast to load, and loaded
// once however often.
func TestLoadIsFastAndRepeatable(t *testing.T) {
	db := enginetest.Open(t, enginetest.Shared(t))
	ctx := context.Background()
	if err := seed.KeepForEver(ctx, db); err != nil {
		t.Fatal(err)
	}
	h := seed.New(1, end, 7*24*time.Hour, 2000)
	start := time.Now()
	for range 2 {
		if err := h.Load(ctx, db); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("two loads took %v", took)
	}
	rows := map[string]int{"events": len(h.Events), "outcomes": len(h.Outcomes), "site_states": len(h.SiteStates), "incidents": len(h.Incidents),
		"detections": len(h.Detections), "beats": len(h.Beats), "heartbeats": len(h.Heartbeats), "rejected": len(h.Rejected)}
	for table, want := range rows {
		var n uint64
		if err := db.Conn().QueryRow(ctx, "SELECT count() FROM "+db.Database()+"."+table).Scan(&n); err != nil || int(n) != want {
			t.Errorf("%s has %d rows instead of %d (%v)", table, n, want, err)
		}
	}
	closures := slices.ContainsFunc(h.SiteStates, func(s seed.SiteState) bool { return s.Closure == "detected" })
	if len(h.Events) < 20_000 || !closures {
		t.Errorf("%d events, closures detected: %v: too little for a picture", len(h.Events), closures)
	}
}
