package fleet

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/packed"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// listens is what the partitions tell of the group "front" from now on, both or one.
func (a *axis) listens(l *vigiev1.FleetListening, partitions ...int) *axis {
	if len(partitions) == 0 {
		partitions = []int{0, 1}
	}
	for _, p := range partitions {
		a.listening[p] = nil
		if l != nil {
			l.Group = "front"
			a.listening[p] = []*vigiev1.FleetListening{l}
		}
	}
	return a
}

func silence(since, back int64) *vigiev1.FleetListening {
	l := &vigiev1.FleetListening{SilentSinceMs: axisStart + since, Receivers: 2}
	if back != 0 {
		l.BackMs = axisStart + back
	}
	return l
}

func TestOurOutage(t *testing.T) {
	t.Parallel()
	const opened = "opened receivers-silent receiver/front 4000 of 4000"
	for name, play := range map[string]func(a *axis){
		"decision 7: silence is told while it lasts, when it ends, and once panels had their time": func(a *axis) {
			a.at(minute).listens(silence(minute, 0)).at(minute + 10*second).expect(opened)
			a.at(5 * minute).expect()
			a.listens(silence(minute, 5*minute)).at(5*minute + 5*second).expect("updated receivers-silent receiver/front 4000 of 4000")
			a.at(9 * minute).expect().listens(nil).at(9*minute + 5*second).expect("closed receivers-silent receiver/front 4000 of 4000")
			last := a.outs[len(a.outs)-1]
			if last.GetLastHeardMs() != axisStart+minute || last.GetWindowMs() != 4*minute || last.GetCloseReason() != closedListening {
				a.t.Errorf("it says from %d for %d ms, ended by %q", last.GetLastHeardMs()-axisStart, last.GetWindowMs(), last.GetCloseReason())
			}
		},
		"when all was dark it is told whole with the first tick after": func(a *axis) {
			a.at(minute).now = 40 * minute
			a.listens(silence(minute, 40*minute)).tell()
			a.expect(opened)
			if d := a.outs[0]; d.GetWindowMs() != 39*minute || !slices.Equal(d.GetFacts(), []string{factBack}) {
				a.t.Errorf("%v", d)
			}
		},
		"a partition whose log could not be reached is one of two": func(a *axis) {
			a.listens(silence(minute, 2*minute), 1).at(2 * minute).expect("opened receivers-silent receiver/front 2000 of 4000")
			a.listens(silence(minute+second, 0), 0).at(2*minute + 5*second).expect("updated receivers-silent receiver/front 4000 of 4000")
		},
		"partitions that tell of different moments tell of one outage": func(a *axis) {
			a.listens(silence(minute+400, 0), 0).listens(silence(minute, 0), 1).at(2 * minute).expect(opened)
			a.listens(silence(minute, 2*minute), 0).at(2*minute + 5*second).expect()
			a.listens(silence(minute+400, 2*minute), 1).at(3 * minute).expect("updated receivers-silent receiver/front 4000 of 4000")
			a.listens(nil, 0).at(4*minute).expect().listens(nil, 1).at(5 * minute).expect("closed receivers-silent receiver/front 4000 of 4000")
		},
		"no site hangs on a group that was taken out of service": func(a *axis) {
			a.listens(silence(minute, 0)).at(2 * minute).expect(opened)
			a.group(0, front).Sites, a.group(1, front).Sites = 0, 0
			a.at(3 * minute).expect("closed receivers-silent receiver/front 4000 of 4000")
			a.at(4 * minute).expect()
		},
		"what nobody hangs on is not told": func(a *axis) {
			a.group(0, front).Sites, a.group(1, front).Sites = 0, 0
			a.listens(silence(minute, 0)).at(2 * minute).expect()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(carriers(t))
		})
	}
}

func TestReceiverLost(t *testing.T) {
	t.Parallel()
	lost := func(names ...string) *vigiev1.FleetListening {
		return &vigiev1.FleetListening{Receivers: 3, Lost: names}
	}
	a := carriers(t).listens(lost("b"), 0).at(minute).expect("opened receiver-lost receiver/front 1 of 3")
	a.listens(lost("b"), 1).at(2 * minute).expect()
	a.listens(lost("a", "b"), 1).at(3 * minute).expect("updated receiver-lost receiver/front 2 of 3")
	if got := strings.Join(a.facts(), " "); got != "a b" {
		t.Errorf("it names %q", got)
	}
	a.listens(lost("a")).at(4 * minute).expect("updated receiver-lost receiver/front 1 of 3")
	a.listens(nil).at(5 * minute).expect("closed receiver-lost receiver/front 1 of 3")
}

func TestIngressBlind(t *testing.T) {
	t.Parallel()
	blind := &vigiev1.FleetListening{Receivers: 1, BlindSinceMs: axisStart + minute}
	a := carriers(t).listens(blind, 0).at(2 * minute).expect("opened ingress-blind receiver/front 2000 of 4000")
	a.listens(blind, 1).at(3 * minute).expect("updated ingress-blind receiver/front 4000 of 4000")
	if d := a.outs[len(a.outs)-1]; d.GetLastHeardMs() != axisStart+minute || d.GetWindowMs() < minute {
		t.Errorf("%v", d)
	}
	a.listens(nil).at(4 * minute).expect("closed ingress-blind receiver/front 4000 of 4000")
}

// A state of the format before is read, and goes on.
func TestStatesBeforeListeningAreRead(t *testing.T) {
	t.Parallel()
	a := carriers(t).lose(40, orange).at(minute)
	old := packed.Writer(nil)
	a.fold.packHeadAs(old, 1)
	f := New(2)
	if err := f.Restore(packed.Reader(old.Written())); err != nil {
		t.Fatal(err)
	}
	if _, open, policy, _ := f.Counts(); open != 1 || policy != 1 {
		t.Errorf("%d detections, policy %d", open, policy)
	}
}
