package queries_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/open-vigie/vigie/dashboards/seed"
	"github.com/open-vigie/vigie/dashboards/seed/expect"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// narrowed compares what a query says of some sites with the plain loop over a history
// in which there are no others.
func narrowed[T any](t *testing.T, db *warehouse.DB, only *seed.History, sites []uint64, call queries.Call[T], loop func(*seed.History, expect.Args) []T, a expect.Args) {
	t.Helper()
	got, want := ask(t, db, call.Of(sites)), loop(only, a)
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s of %d sites: %d rows, the plain loop has %d; first difference:\n%s", call.Query.Name, len(sites), len(got), len(want), difference(reflect.ValueOf(got), reflect.ValueOf(want)))
	}
}

// What is said of some sites is what would be said if there were no others.
func TestAnswersAboutSomeSites(t *testing.T) {
	h := seed.New(13, weekEnd, 6*24*time.Hour, 200)
	db := seeded(t, h)
	var all []uint64
	for _, s := range h.SiteStates {
		if !slices.Contains(all, s.Site) {
			all = append(all, s.Site)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same sites each time
	for _, size := range []int{0, 1, 3, 40, len(all)} {
		t.Run(fmt.Sprint(size, " sites"), func(t *testing.T) {
			sites := []uint64{999_999_999} // Nobody's: it changes nothing.
			for _, site := range all {
				if rng.IntN(len(all)) < size {
					sites = append(sites, site)
				}
			}
			only := expect.Only(h, sites)
			for _, a := range []expect.Args{{From: h.Start, To: h.End}, {From: h.Start.Add(50 * time.Hour), To: h.End.Add(-20*time.Hour - 1234*time.Millisecond)}} {
				a.Bucket, a.Limit = 15*time.Minute, 50
				someSites(t, db, only, sites, a)
			}
		})
	}
}

func someSites(t *testing.T, db *warehouse.DB, only *seed.History, sites []uint64, a expect.Args) {
	t.Helper()
	narrowed(t, db, only, sites, queries.AnswerAttainment(a.From, a.To), expect.AnswerAttainment, a)
	narrowed(t, db, only, sites, queries.AnswerQuantilesByClass(a.From, a.To), expect.AnswerQuantiles, a)
	narrowed(t, db, only, sites, queries.IncidentOutcomes(a.From, a.To), expect.IncidentOutcomes, a)
	narrowed(t, db, only, sites, queries.CommunicationAvailability(a.From, a.To), expect.CommunicationAvailability, a)
	narrowed(t, db, only, sites, queries.ClosedShare(a.From, a.To), expect.ClosedShare, a)
	narrowed(t, db, only, sites, queries.DetectionsOverTime(a.From, a.To, a.Bucket), expect.DetectionsOverTime, a)
	narrowed(t, db, only, sites, queries.AlarmsByClass(a.From, a.To, a.Bucket), expect.AlarmsByClass, a)
	narrowed(t, db, only, sites, queries.IncidentsOpened(a.From, a.To, uint32(a.Limit)), expect.IncidentsOpened, a)
	narrowed(t, db, only, sites, queries.LostCommunications(a.From, a.To, uint32(a.Limit)), expect.LostCommunications, a)
	narrowed(t, db, only, sites, queries.ClosuresInRange(a.From, a.To, uint32(a.Limit)), expect.ClosuresInRange, a)
}
