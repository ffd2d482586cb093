package alarm

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// On test, mise en essai (trade rules 1, 8). A test has a requester who was
// authenticated, zones, areas and classes (none named: all), and always an end:
// default_ms (2 h) when none is given, longest_ms (8 h) for an operator, beyond by
// the shift leader only. What it covers opens an incident "on test", visible,
// without a clock and without sound; a class that is never suppressed is covered
// only when the test names that class and that zone. Supervision of paths stays on.
// At the end those incidents close with the outcome "on test", and what is still in
// alarm opens a live one.
//
//	test incomplete     zones that the test named and that sent nothing; closes
//	                    with the next test
//	left on test        a test ended by its date, not by a person; closes when a
//	                    person ends it, or with the next test
//	frequent tests      more than frequent (3) in frequent_window_ms (7 d); closes
//	                    when they are not any more
//	test at a closed    while such a test runs
//	or high-risk site
//
// Nothing silences these.

// roleShiftLeader may set a test longer than an operator's.
const roleShiftLeader = "shift-leader"

// testMode is the test that runs. A value is replaced whole, never changed.
type testMode struct {
	since, until int64
	zones, areas []string
	classes      []vigiev1.EventClass
	// unseen are the named zones that sent nothing yet.
	unseen []string
}

func (t *testMode) covers(sig signal) bool {
	if t == nil {
		return false
	}
	zone, class := slices.Contains(t.zones, sig.point.zone), slices.Contains(t.classes, sig.class)
	if neverSuppressed(sig.class) {
		return zone && class
	}
	return (len(t.zones) == 0 || zone) && (len(t.areas) == 0 || slices.Contains(t.areas, sig.point.area)) &&
		(len(t.classes) == 0 || class)
}

func (w *work) setTest(ev *vigiev1.Event, b *vigiev1.TestModeSet) decided {
	c, fig := w.cold(), w.figures()
	if !b.GetOn() {
		left := w.detection(vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST, 0, "")
		if c.test == nil && left == nil {
			return refused("not-on-test")
		}
		w.closeDetection(left, closedResolved)
		w.testEnds(true)
		return accepted("")
	}
	until := b.GetUntilMs()
	if until == 0 {
		until = w.at + fig.testFor
	}
	switch {
	case b.GetRequester() == "" || b.GetAuthenticatedHow() == "":
		return refused("authentication-required")
	case until <= w.at:
		return refused("bad-window")
	case until-w.at > fig.testLongest && ev.GetSource().GetUser().GetRole() != roleShiftLeader:
		return refused("test-too-long")
	case len(b.GetZones())+len(b.GetAreas())+len(b.GetClasses()) > maxTested:
		return refused("too-many-zones")
	}
	t := &testMode{since: w.at, until: until, classes: slices.Clone(b.GetClasses())}
	for _, z := range b.GetZones() {
		t.zones = append(t.zones, clip(z))
	}
	for _, a := range b.GetAreas() {
		t.areas = append(t.areas, areaName(a))
	}
	t.unseen = slices.Clone(t.zones)
	w.startTest(t)
	return accepted("")
}

func (w *work) startTest(t *testMode) {
	c := w.seldom()
	c.test = t
	c.tests = appendCapped(c.tests, w.at, maxTests)
	w.setTimer(timerTestEnds, 0, t.until)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST, 0, ""), closedRenewed)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_TEST_INCOMPLETE, 0, ""), closedRenewed)
	w.judgeFrequentTests()
	unusual := vigiev1.DetectionKind_DETECTION_KIND_TEST_AT_CLOSED_OR_HIGH_RISK
	w.closeDetection(w.detection(unusual, 0, ""), closedRenewed)
	switch {
	case c.closure.running():
		w.openUntil(unusual, t.until, "closed")
	case c.highRisk:
		w.openUntil(unusual, t.until, "high-risk")
	}
	w.changed()
}

// testSees crosses a zone off what the test still waits for.
func (w *work) testSees(sig signal) {
	c := w.cold()
	if i := slices.Index(c.test.unseen, sig.point.zone); i >= 0 {
		t := *c.test
		t.unseen = slices.Delete(slices.Clone(t.unseen), i, i+1)
		c.test = &t
		w.changed()
	}
}

// testEnds ends the test that runs, by a person or by its date.
func (w *work) testEnds(byPerson bool) {
	c := w.cold()
	t := c.test
	if t == nil {
		return
	}
	w.commissionPaths(t)
	c.test = nil
	w.cancelTimer(timerTestEnds, 0)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_TEST_AT_CLOSED_OR_HIGH_RISK, 0, ""), closedResolved)
	for _, inc := range slices.Clone(c.incidents) {
		if inc.flavour == onTest {
			w.keep(inc)
			inc.outcome, inc.closedBy, inc.closedAt = vigiev1.IncidentOutcome_INCIDENT_OUTCOME_ON_TEST, closedByPolicy, w.at
			w.endIncident(inc)
		}
	}
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_TEST_INCOMPLETE, len(t.unseen) > 0, "", t.unseen...)
	if !byPerson {
		w.openUntil(vigiev1.DetectionKind_DETECTION_KIND_LEFT_ON_TEST, t.until)
	}
	w.stillInAlarm(t)
	w.changed()
}

// stillInAlarm opens live incidents for what the test had covered and left open.
func (w *work) stillInAlarm(t *testMode) {
	for _, z := range slices.Clone(w.cold().zones) {
		if !t.covers(signal{class: z.class, point: z.point}) || z.since < t.since {
			continue
		}
		kind := z.class.String() + "/" + z.point.area + "/" + z.point.zone
		w.raise(raised{
			id: ids.DetectionOfTimer("still-in-alarm", w.s.number, kind, w.at), class: z.class,
			area: z.point.area, zone: z.point.zone, at: w.at,
		})
	}
}

func (w *work) judgeFrequentTests() {
	c, fig := w.seldom(), w.figures()
	c.tests = slices.DeleteFunc(c.tests, func(at int64) bool { return w.at-at >= fig.frequentTestsWindow })
	many := len(c.tests) > int(fig.frequentTests)
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_FREQUENT_TESTS, many, closedRateFell)
	if len(c.tests) > 0 {
		w.setTimer(timerFrequentTests, 0, c.tests[0]+fig.frequentTestsWindow)
	}
}
