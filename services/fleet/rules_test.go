package fleet

import (
	"slices"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func mains(g *vigiev1.FleetGroup)   { g.MainsLosses++ }
func alarms(g *vigiev1.FleetGroup)  { g.Alarms++ }
func closing(g *vigiev1.FleetGroup) { g.Closures++ }

func TestSurgesOfGroups(t *testing.T) {
	t.Parallel()
	gardien := groupKey{kindInstaller, "gardien"}
	for name, play := range map[string]func(a *axis){
		"trade 6: the mains of 20 sites of a region within 10 min": func(a *axis) {
			a.happen(10, paca, mains).at(5*second).at(9*minute).happen(10, paca, mains).at(9*minute + 5*second).expect("opened mass-mains-loss region/paca 20 of 400")
		},
		"19 are too few":                      func(a *axis) { a.happen(19, paca, mains).at(minute).expect() },
		"mains of a carrier's sites are none": func(a *axis) { a.happen(100, orange, mains).at(minute).expect() },
		"it closes when fewer than half came within the window": func(a *axis) {
			a.happen(20, paca, mains).at(5 * second).expect("opened mass-mains-loss region/paca 20 of 400")
			a.at(10 * minute).expect().at(10*minute + 5*second).expect("closed mass-mains-loss region/paca 20 of 400")
		},
		"20 alarms of an installer's sites within 10 min are a storm": func(a *axis) {
			a.happen(20, gardien, alarms).at(5 * second).expect("opened group-alarm-storm installer/gardien 20 of 100")
		},
		"19 alarms are none": func(a *axis) { a.happen(19, gardien, alarms).at(minute).expect() },
		"a wave of closures is 3 % of a region within the hour": func(a *axis) {
			a.happen(20, paca, closing).at(5 * second).expect("opened closure-wave region/paca 20 of 400")
		},
		"19 closures are none": func(a *axis) { a.happen(19, paca, closing).at(minute).expect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(newAxis(t, map[groupKey]uint64{orange: 200, paca: 400, gardien: 100}))
		})
	}
}

func TestOnboardingSurge(t *testing.T) {
	t.Parallel()
	a := newAxis(t, nil)
	a.next[0].ConnectionsRequested = 60
	a.at(5 * second).expect("opened onboarding-surge 60 of 0")
	if want := []string{"backlog-60", "clears-never"}; !slices.Equal(a.facts(), want) {
		t.Errorf("%v", a.facts())
	}
	// In the next 24 h 30 more are asked for and 40 completed: 50 wait, 10 a day fewer.
	a.at(hour)
	a.next[1].ConnectionsRequested = 30
	a.at(hour + 5*second)
	a.next[1].ConnectionsCompleted = 40
	a.at(day + 5*second)
	if want := []string{"backlog-50", "clears-5"}; !slices.Equal(a.facts(), want) {
		t.Errorf("%v", a.facts())
	}
}

func TestCallSurge(t *testing.T) {
	t.Parallel()
	a := newAxis(t, nil)
	a.next[0].Calls, a.next[1].Calls = &vigiev1.FleetCalls{Offered: 5}, &vigiev1.FleetCalls{Offered: 4}
	a.at(5 * second).expect()
	a.next[0].Calls = &vigiev1.FleetCalls{Offered: 1}
	a.at(10 * second).expect("opened call-surge 10 of 0")
	a.at(15*minute + 10*second).expect("closed call-surge 10 of 0")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(a *axis){
		"trade 12: fewer than two present is told at once": func(a *axis) {
			a.present(true, "anna", "bob").at(5 * second).expect()
			a.present(false, "bob").at(10 * second).expect("opened under-staffed-shift 1 of 2")
			a.present(true, "carl").at(15 * second).expect("closed under-staffed-shift 2 of 2")
		},
		"where nobody ever said who is there it is not judged": func(a *axis) { a.at(hour).expect() },
		"ISA-18.2: more than 10 alarms of one person in 10 min": func(a *axis) {
			a.present(true, "anna", "bob").claim("anna", 10, 0).at(5 * second).expect()
			a.claim("anna", 1, 0).at(10 * second).expect("opened alarm-flood person/anna 11 of 0")
			a.at(11 * minute).expect("closed alarm-flood person/anna 11 of 0")
		},
		"trade 12: a life alarm past its first figure is an overload at once": func(a *axis) {
			a.present(true, "anna", "bob").at(5 * second)
			a.next[1].Queues = []*vigiev1.FleetQueue{{ClassGroup: "life", Waiting: 1, Late: 1}}
			a.at(10 * second).expect("opened overload 0 of 2")
			a.next[1].Queues = []*vigiev1.FleetQueue{{ClassGroup: "life"}}
			a.at(15 * second).expect("closed overload 0 of 2")
		},
		"trade 12: busy for 15 min is an overload": func(a *axis) {
			a.present(true, "anna", "bob").claim("anna", 1, 1).claim("bob", 1, 1).at(15*minute - 10*second).expect()
			a.at(15*minute - 5*second).expect("opened overload 2 of 2")
		},
		"trade 9: who ends their shift is named to every partition, once": func(a *axis) {
			a.present(true, "anna", "bob", "carl").at(5 * second)
			a.present(false, "carl").at(10 * second)
			a.next[0].Operators = []*vigiev1.FleetOperator{{User: "bob", Presence: 3}}
			a.at(15 * second).expect("opened under-staffed-shift 1 of 2")
			a.at(minute)
			if len(a.casts) != 1 || a.casts[0].GetOperatorLeft().GetUser() != "bob" || a.casts[0].GetAtMs() != axisStart+15*second {
				a.t.Fatalf("said is %v", a.casts)
			}
		},
		"one of two busy is none": func(a *axis) { a.present(true, "anna", "bob").claim("anna", 1, 1).at(hour).expect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(newAxis(t, nil))
		})
	}
}

// 15 calls in a quarter of an hour are a load of 3 too; with patience of 120 s the
// tables give 0.330 waiting at four, 0.174 at five.
func TestCallsNeedStaff(t *testing.T) {
	t.Parallel()
	a := newAxis(t, nil).present(true, "anna", "bob").at(5 * second)
	a.next[0].Calls = &vigiev1.FleetCalls{Offered: 15}
	a.at(5*minute+10*second).expect("opened call-surge 15 of 0", "opened staff-needed 2 of 5")
}

// 15 alarms in a quarter of an hour are a load of 3 at 3 min each: domain tables give
// Erlang C at four servers 0.509 waiting, thus 69 % within 90 s, at five 0.236: 91 %.
func TestStaffNeeded(t *testing.T) {
	t.Parallel()
	a := newAxis(t, nil).present(true, "anna", "bob").at(5 * second)
	a.next[0].Queues = []*vigiev1.FleetQueue{{ClassGroup: "intrusion", Opened: 15}}
	a.at(5 * minute).expect()
	a.at(5*minute + 10*second).expect("opened staff-needed 2 of 5")
	if a.facts()[0] != "now-5" || a.facts()[1] != "hour-1-2" {
		t.Errorf("%v", a.facts())
	}
	a.present(true, "carl", "dora", "emil").at(6 * minute).expect("closed staff-needed 5 of 5")
}
