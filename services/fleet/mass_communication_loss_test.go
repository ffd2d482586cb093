package fleet

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

var (
	orange = groupKey{kindCarrier, "orange"}
	sfr    = groupKey{kindCarrier, "sfr"}
	front  = groupKey{kindReceiver, "front"}
	paca   = groupKey{kindRegion, "paca"}
)

func carriers(t *testing.T) *axis {
	return newAxis(t, map[groupKey]uint64{orange: 200, sfr: 1_000, front: 4_000, paca: 400})
}

func TestMassCommunicationLoss(t *testing.T) {
	t.Parallel()
	const opened = "opened mass-communication-loss carrier/orange 20 of 200"
	for name, play := range map[string]func(a *axis){
		"trade 6: 20 sites of a group within 5 min": func(a *axis) { a.lose(20, orange).at(5 * second).expect(opened) },
		"19 are too few": func(a *axis) { a.lose(19, orange).at(minute).expect() },
		"they may come one after the other": func(a *axis) {
			a.lose(10, orange).at(5*second).at(4*minute).lose(10, orange).at(4*minute + 5*second).expect(opened)
		},
		"but not longer apart than 5 min": func(a *axis) {
			a.lose(10, orange).at(5*second).at(5*minute+5*second).lose(10, orange).at(6 * minute).expect()
		},
		"trade 6: 3 % of the group": func(a *axis) {
			a.lose(30, sfr).at(5 * second).expect("opened mass-communication-loss carrier/sfr 30 of 1000")
		},
		"29 of 1,000 are too few": func(a *axis) { a.lose(29, sfr).at(minute).expect() },
		"trade 6: 5 times its own rate, which a hundred in five minutes is not for who loses 25": func(a *axis) {
			for w := int64(0); w < 12; w++ {
				a.lose(8, orange).at(w*5*minute+2*minute).restore(8, orange).at((w + 1) * 5 * minute)
			}
			a.expect().lose(39, orange).at(a.now + 30*second).expect()
			a.lose(1, orange).at(a.now + 5*second).expect("opened mass-communication-loss carrier/orange 40 of 200")
		},
		"the group that explains most opens, the others hold the same sites": func(a *axis) {
			a.lose(190, orange, front, paca).at(minute).expect("opened mass-communication-loss carrier/orange 190 of 200")
		},
		"a receiver that fails takes its carriers with it": func(a *axis) {
			a.lose(190, orange, front).lose(950, sfr, front).lose(2_700, front).at(minute).
				expect("opened mass-communication-loss receiver/front 3840 of 4000")
		},
		"two carriers that fail one after the other are two": func(a *axis) {
			a.lose(150, orange, front).at(minute).expect("opened mass-communication-loss carrier/orange 150 of 200")
			a.lose(900, sfr, front).at(2 * minute).expect("opened mass-communication-loss carrier/sfr 900 of 1000")
		},
		"updated when the lost have doubled": func(a *axis) {
			a.lose(20, orange).at(5 * second).expect(opened)
			a.lose(19, orange).at(10*second).expect().lose(1, orange).at(15 * second).expect("updated mass-communication-loss carrier/orange 40 of 200")
		},
		"closed when they are back": func(a *axis) {
			a.lose(100, orange).at(20 * minute).expect("opened mass-communication-loss carrier/orange 100 of 200")
			a.restore(89, orange).at(30*minute).expect().restore(1, orange).at(30*minute + 5*second).expect("closed mass-communication-loss carrier/orange 10 of 200")
		},
		"those lost before are not waited for": func(a *axis) {
			for w := int64(0); w < 30; w++ {
				a.lose(1, orange).at((w + 1) * 6 * minute)
			}
			a.expect().lose(50, orange).at(a.now + 5*second).expect("opened mass-communication-loss carrier/orange 50 of 200")
			a.restore(50, orange).at(a.now + 6*minute).expect("closed mass-communication-loss carrier/orange 0 of 200")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(carriers(t))
		})
	}
}

// Everybody hears of it once opened and once closed, under an id that follows from
// group and tick; the incident is where the group's number is.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	a := carriers(t).lose(100, orange).at(20 * minute)
	a.restore(100, orange).at(30 * minute)
	if len(a.casts) != 2 {
		t.Fatalf("%d broadcasts", len(a.casts))
	}
	open, closed := a.casts[0].GetFleetVerdict(), a.casts[1].GetFleetVerdict()
	id := ids.DetectionOfGroup("mass-communication-loss", "carrier", "orange", axisStart+5*second)
	if !open.GetOpen() || closed.GetOpen() || ids.ID(open.GetDetection()) != id || ids.ID(closed.GetDetection()) != id {
		t.Errorf("%v, then %v", open, closed)
	}
	if n := ids.GroupSite("carrier", "orange"); open.GetGroupNumber() != n || open.GetPartition() != uint32(topics.PartitionOf(n, 2)) {
		t.Errorf("the incident goes to number %d of partition %d", open.GetGroupNumber(), open.GetPartition())
	}
	if a.casts[0].GetVersion() >= a.casts[1].GetVersion() || string(a.casts[0].GetId()) == string(a.casts[1].GetId()) {
		t.Error("the two are not told apart")
	}
}

// Sites for the guard rounds: those of high risk first.
func TestExposedSitesAreListedByRisk(t *testing.T) {
	t.Parallel()
	a := carriers(t).lose(20, orange)
	a.group(0, orange).Exposed, a.group(1, orange).ExposedHigh = []uint64{4, 5}, []uint64{9}
	a.at(5 * second)
	if got := a.outs[0].GetExposed(); len(got) != 3 || got[0] != 9 {
		t.Errorf("%v", got)
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	a := carriers(t)
	a.silent[1] = true
	a.lose(40, orange) // 20 of them in the partition that is silent
	a.at(2 * minute).expect()
	a.at(2*minute + 5*second).expect("opened mass-communication-loss carrier/orange 20 of 200")
	if len(a.casts) != 2 || a.casts[0].GetFleetSetAside().GetPartition() != 1 || a.casts[0].GetFleetSetAside().GetBack() {
		t.Fatalf("what was said is %v", a.casts)
	}
	a.silent[1] = false // What it tells late counts where it belongs.
	a.at(3 * minute).expect("updated mass-communication-loss carrier/orange 40 of 200")
	if last := a.casts[len(a.casts)-1].GetFleetSetAside(); !last.GetBack() {
		t.Errorf("that it is back is not said: %v", last)
	}
}

// Set back by an hour the fleet is not blind for it, what it saw in the hour that comes
// again does not count twice, and what is open ends as ever.
func TestTheClocksAreSetBack(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(a *axis){
		"what happens in the hour that comes again is seen": func(a *axis) {
			a.at(2*hour).back(hour).at(hour+10*minute).expect().lose(20, orange).at(hour + 10*minute + 5*second).expect("opened mass-communication-loss carrier/orange 20 of 200")
		},
		"what was lost before does not count with it": func(a *axis) {
			a.lose(15, orange).at(2*hour).lose(15, sfr).at(2*hour+5*second).back(hour).at(hour+minute).lose(15, sfr).at(hour + 2*minute).expect()
		},
		"a mass that stands ends when its sites are back": func(a *axis) {
			a.at(2*hour).lose(100, orange).at(2*hour + 5*second).expect("opened mass-communication-loss carrier/orange 100 of 200")
			a.back(hour).at(hour + 10*minute).expect()
			a.restore(95, orange).at(hour + 10*minute + 5*second).expect("closed mass-communication-loss carrier/orange 5 of 200")
		},
		"partitions say so one after the other": func(a *axis) {
			a.at(2 * hour).back(hour)
			a.silent[1] = true // Nobody waits for it: what it told last lies ahead.
			a.at(hour + minute).expect()
			a.silent[1] = false
			a.lose(40, orange).at(hour + minute + 5*second).expect("opened mass-communication-loss carrier/orange 20 of 200")
			a.at(hour + minute + 10*second).expect("updated mass-communication-loss carrier/orange 40 of 200")
		},
		"who was told nothing is judged on": func(a *axis) {
			a.present(true, "anna", "bob").at(2*hour).back(hour).at(hour+minute).present(false, "bob").at(hour + minute + 5*second).expect("opened under-staffed-shift 1 of 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := carriers(t)
			play(a)
			for _, c := range a.casts {
				if c.GetFleetSetAside() != nil {
					t.Errorf("somebody was set aside: %v", c)
				}
			}
		})
	}
}

func TestATickToldTwiceIsOne(t *testing.T) {
	t.Parallel()
	a := carriers(t).lose(19, orange).at(5 * second)
	for _, tick := range a.ticks[len(a.ticks)-2:] {
		a.apply(tick)
		a.fold.Apply(a, &vigiev1.LogRecord{Record: &vigiev1.LogRecord_FleetTick{FleetTick: &vigiev1.FleetTick{Partition: 9, TickMs: tick.GetTickMs()}}})
	}
	a.at(minute).expect()
}
