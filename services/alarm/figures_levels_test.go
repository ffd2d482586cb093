package alarm

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func stormOf(alarms uint32) *vigiev1.ClassPolicy {
	return &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: alarms}}
}

// groupPolicy is the policy of version 2 with rows of groups.
func groupPolicy(rows ...*vigiev1.GroupPolicy) *vigiev1.Policy {
	p := DefaultPolicy()
	p.Groups = rows
	return Stamped(p, 2, 0)
}

func groupRow(name string, figures *vigiev1.ClassPolicy) *vigiev1.GroupPolicy {
	return &vigiev1.GroupPolicy{Group: name, Figures: figures}
}

func (a *axis) own(figures *vigiev1.ClassPolicy) *axis {
	return a.person(&vigiev1.Event{Body: &vigiev1.Event_FiguresSet{FiguresSet: &vigiev1.FiguresSet{Figures: figures}}})
}

func (a *axis) in(groups ...string) *axis {
	return a.declared(&vigiev1.SiteDeclared{SiteClass: "home", Groups: groups, Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: hour, ReceiverGroup: testGroup}}})
}

// given shows who gave the figures of the detection of a storm.
func (a *axis) given() string {
	var all []string
	for _, g := range a.detection("alarm-storm").GetGiven() {
		level := strings.ToLower(strings.TrimPrefix(g.GetLevel().String(), "LEVEL_"))
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s=%d %s %s", g.GetFigure(), g.GetValue(), level, g.GetOf())))
	}
	return strings.Join(all, "; ")
}

// opensAt says that a storm opens at the n-th alarm and not before, by whose figures.
func (a *axis) opensAt(n int, by string) *axis {
	a.t.Helper()
	a.forget()
	a.storm(1, n-1).expectStorm()
	a.storm(n, 1).expectStorm("opened alarm-storm")
	if got := a.given(); got != by {
		a.t.Fatalf("the figures are given as %q, want %q", got, by)
	}
	return a
}

func TestWhoseFiguresHold(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"the class stands over the default", "home", func(a *axis) { a.opensAt(4, "storm.alarms=4 class home") }},
		{"the default is nobody's", "other", func(a *axis) { a.opensAt(6, "") }},
		{"a group stands over the class", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("chain", stormOf(7))))
			a.in("chain").opensAt(7, "storm.alarms=7 group chain")
		}},
		{"a group is no other site's", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("chain", stormOf(7))))
			a.in("chains").opensAt(4, "storm.alarms=4 class home")
		}},
		{"a group is judged by its row from the policy on", "home", func(a *axis) {
			a.in("chain").policy(groupPolicy(groupRow("chain", stormOf(7))))
			a.opensAt(7, "storm.alarms=7 group chain")
		}},
		{"of two groups the later row of the policy stands over", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("a", stormOf(7)), groupRow("b", stormOf(9))))
			a.in("b", "a").opensAt(9, "storm.alarms=9 group b")
		}},
		{"the site stands over its group", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("chain", stormOf(7))))
			a.in("chain").own(stormOf(10)).opensAt(10, "storm.alarms=10 site")
		}},
		{"what the site does not say is its group's", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("chain", &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 7, WindowMs: 5 * minute}})))
			a.in("chain").own(stormOf(3)).opensAt(3, "storm.alarms=3 site; storm.window_ms=300000 group chain")
		}},
		{"without its own figures the site has its class's again", "home", func(a *axis) {
			a.own(stormOf(10)).own(nil).opensAt(4, "storm.alarms=4 class home")
		}},
		{"out of the group, out of its figures", "home", func(a *axis) {
			a.policy(groupPolicy(groupRow("chain", stormOf(7))))
			a.in("chain").in().opensAt(4, "storm.alarms=4 class home")
		}},
		{"a site's figures outlive a policy", "home", func(a *axis) {
			a.own(stormOf(10)).policy(Stamped(DefaultPolicy(), 2, 0))
			a.opensAt(10, "storm.alarms=10 site")
		}},
		{"the state shows a site's own", "home", func(a *axis) {
			if got := a.own(stormOf(10)).state().GetFigures().GetStorm().GetAlarms(); got != 10 {
				a.t.Fatalf("it shows %d", got)
			}
		}},
	})
}

func TestFiguresOfASiteHoldForWhatRunsAlready(t *testing.T) {
	t.Parallel()
	supervised := func(ms int64) *vigiev1.ClassPolicy {
		return &vigiev1.ClassPolicy{Supervision: &vigiev1.SupervisionPolicy{DefaultIntervalMs: ms}}
	}
	cases(t, []axisCase{
		{"a shorter interval, where none was agreed", "other", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Paths: []*vigiev1.PathDeclared{{Path: 1, ReceiverGroup: testGroup}}})
			a.poll(1, 0).own(supervised(10 * minute)).forget()
			a.at(10*minute - 1).expect().at(10 * minute).expect("opened path-late 1")
		}},
		{"a longer one", "other", func(a *axis) {
			a.declared(&vigiev1.SiteDeclared{Paths: []*vigiev1.PathDeclared{{Path: 1, ReceiverGroup: testGroup}}})
			a.poll(1, 0).own(supervised(2 * day)).forget()
			a.at(2*day - 1).expect().at(2 * day).expect("opened path-late 1")
		}},
		{"a switch can be set back for one site", "other", func(a *axis) {
			p := DefaultPolicy()
			p.Classes[0].Handling.AutoClose = proto.Bool(true)
			a.policy(Stamped(p, 2, 0))
			a.own(&vigiev1.ClassPolicy{Handling: &vigiev1.HandlingPolicy{AutoClose: proto.Bool(false)}})
			if a.fold.figuresOf(a.fold.sites.find(a.site)).autoClose {
				a.t.Fatalf("it closes by itself all the same")
			}
		}},
		{"more than a site can need is refused", "other", func(a *axis) {
			long := &vigiev1.ClassPolicy{SiteClass: strings.Repeat("x", maxOwnFigures)}
			a.own(long).expect("refused: figures-too-large")
			a.site = 0
			a.own(stormOf(3)).expect("refused: not-a-site-number")
		}},
	})
}

func TestExplainSaysWhoGaveAFigure(t *testing.T) {
	t.Parallel()
	a := newSite(t, "home")
	a.policy(groupPolicy(groupRow("chain", &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: 7, WindowMs: 5 * minute}})))
	a.in("chain").own(stormOf(3)).storm(1, 3)
	d := a.detection("alarm-storm")
	for lang, want := range map[string]string{
		"en": "Figures: storm.alarms 3, by the site itself; storm.window_ms 5 min, by the group chain",
		"fr": "Chiffres : storm.alarms 3, du site lui-même ; storm.window_ms 5 min, du groupe chain",
	} {
		if got := ExplainGiven(d, lang); got != want {
			t.Errorf("%s: %s", lang, got)
		}
	}
	if got := ExplainOwn(a.state().GetFigures(), "en"); got != "Figures: storm.alarms 3, by the site itself" {
		t.Errorf("the site's own: %q", got)
	}
	if got := ExplainOwn(nil, "en"); got != "" {
		t.Errorf("of a site without any: %q", got)
	}
	if got := ExplainGiven(&vigiev1.Detection{}, "en"); got != "" {
		t.Errorf("without any: %q", got)
	}
}

// Sites with the same figures share one computation; the others have none of their own.
func TestEqualFiguresAreHeldOnce(t *testing.T) {
	t.Parallel()
	a := newSite(t, "home")
	for site := uint64(1); site <= 3; site++ {
		a.site = site
		a.in("chain")
	}
	a.site = 1
	a.own(stormOf(9))
	a.site = 2
	a.own(stormOf(9))
	one, two, three := a.fold.sites.find(1).cold, a.fold.sites.find(2).cold, a.fold.sites.find(3).cold
	if one.figures == nil || one.figures != two.figures || one.own != two.own {
		t.Error("equal figures are held twice")
	}
	if three.figures != nil {
		t.Error("a site without figures of its own holds some")
	}
	for n := range maxInterned + 10 {
		a.own(&vigiev1.ClassPolicy{Schedule: &vigiev1.SchedulePolicy{LateToOpenMs: int64(n + 1)}})
	}
	if n := len(a.fold.interned); n > maxInterned {
		t.Errorf("%d computations are held", n)
	}
}

// A heartbeat reads no figure, whoever gave them.
func TestAHeartbeatOfASiteWithFiguresOfItsOwnAllocatesNothing(t *testing.T) {
	a := newSite(t, "home")
	a.own(stormOf(9)).poll(1, 0)
	beat := &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Beat{Beat: &vigiev1.Beat{
		Writer: "r", Group: testGroup, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, BaseMs: a.now, Site: []uint64{7}, ReceivedDeltaMs: []int64{0},
	}}}
	a.fold.Apply(a, 0, 0, beat)
	if n := testing.AllocsPerRun(20, func() { a.fold.Apply(a, 0, 0, beat) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever is set in whatever order: the narrowest level that says a figure gives it,
// and a fold that is restored judges alike.
func TestTheNarrowestLevelGivesTheFigure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) uint32 { return rapid.Uint32Range(0, 20).Draw(t, name) }
		byDefault, class, first, second, own := draw("default"), draw("class"), draw("first"), draw("second"), draw("own")
		p := DefaultPolicy()
		p.Classes = append(p.Classes, &vigiev1.ClassPolicy{Storm: &vigiev1.StormPolicy{Alarms: byDefault}}, &vigiev1.ClassPolicy{SiteClass: "x", Storm: &vigiev1.StormPolicy{Alarms: class}})
		p.Groups = []*vigiev1.GroupPolicy{groupRow("a", stormOf(first)), groupRow("b", stormOf(second))}
		a := newAxis(t)
		steps := []func(){
			func() { a.policy(Stamped(p, 2, 0)) },
			func() { a.declared(&vigiev1.SiteDeclared{SiteClass: "x", Groups: []string{"b", "a"}}) },
			func() { a.own(stormOf(own)) },
		}
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			steps[i]()
			if rapid.Bool().Draw(t, "restored") {
				a.fold = restoredFrom(t, pieces(a.fold.Snapshot()))
			}
		}
		want := uint32(6)
		for _, n := range []uint32{byDefault, class, first, second, own} {
			if n != 0 {
				want = n
			}
		}
		if got := a.fold.figuresOf(a.fold.sites.find(7)).stormAlarms; got != want {
			t.Fatalf("a storm is %d alarms, want %d of %v", got, want, []uint32{byDefault, class, first, second, own})
		}
		again := restoredFrom(t, pieces(a.fold.Snapshot()))
		if !reflect.DeepEqual(again.figuresOf(again.sites.find(7)).given, a.fold.figuresOf(a.fold.sites.find(7)).given) {
			t.Fatal("restored, the figures are given by others")
		}
	})
}
