package alarm

import (
	"slices"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// left says that a user ended their shift at a tick, with the same id each time.
func (a *axis) left(user string, tick int64) *axis {
	a.apply(&vigiev1.LogRecord{Record: &vigiev1.LogRecord_Broadcast{Broadcast: &vigiev1.Broadcast{
		Id: []byte("left-" + user), AtMs: tick, Body: &vigiev1.Broadcast_OperatorLeft{OperatorLeft: &vigiev1.OperatorLeft{User: user}},
	}}})
	return a
}

func TestEndingAShiftReleasesClaims(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"trade 9: what the person holds goes back into the queue", "shop", func(a *axis) {
			a.by("anne").alarm(intrusion, "1").claim().call().at(5 * second).forget()
			a.left("anne", a.now).expect("incident intrusion open")
			if act := a.lastIncident().GetActs(); act[len(act)-1].GetAct() != "released" || act[len(act)-1].GetBy() != "anne" || string(act[len(act)-1].GetEventId()) != "left-anne" {
				a.t.Fatalf("the acts are %v", act)
			}
			a.by("bob").claim().expect("incident intrusion claimed", "accepted")
		}},
		{"trade 9: another's claim stays", "shop", func(a *axis) {
			a.by("anne").alarm(intrusion, "1").claim().forget()
			a.left("bob", a.now).expect()
		}},
		{"heard twice it releases once", "shop", func(a *axis) {
			a.by("anne").alarm(intrusion, "1").claim().forget()
			at := a.now
			a.left("anne", at).expect("incident intrusion open")
			a.at(5*second).claim().expect("incident intrusion claimed", "accepted")
			a.left("anne", at).expect()
		}},
		{"what was acted upon since is of a new shift", "shop", func(a *axis) {
			a.by("anne").alarm(intrusion, "1").claim().at(10 * second).call().forget()
			a.left("anne", a.now-1).expect()
		}},
		{"nobody is not a person", "shop", func(a *axis) {
			a.alarm(intrusion, "1").forget()
			a.left("", a.now).expect()
		}},
	})
}

// The fleet is told once that a shift was ended, a break is no end, and what is told
// goes through a snapshot.
func TestTheFleetHearsOfAnEndedShift(t *testing.T) {
	t.Parallel()
	a := newSite(t, "shop").by("anne")
	var told []uint32
	for _, ev := range []*vigiev1.Event{
		{Body: &vigiev1.Event_ShiftStarted{ShiftStarted: &vigiev1.ShiftStarted{Place: "station"}}},
		{Body: &vigiev1.Event_BreakTaken{BreakTaken: &vigiev1.BreakTaken{}}},
		{Body: &vigiev1.Event_ShiftEnded{ShiftEnded: &vigiev1.ShiftEnded{}}},
	} {
		a.person(ev)
		a.fold = restoredFrom(t, pieces(a.fold.Snapshot()))
		for range 2 {
			a.at(a.now+20*second).beat("r", testGroup)
		}
	}
	for _, tick := range ticksOf(a) {
		for _, p := range tick.GetOperators() {
			told = append(told, p.GetPresence())
		}
	}
	if !slices.Equal(told, []uint32{2, 1, 3}) {
		t.Fatalf("the fleet is told %v, want there, on a break, gone", told)
	}
}
