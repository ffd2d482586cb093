package alarm

import (
	"slices"
	"strconv"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Commissioning test of a raccordement. A site that was installed must show, while
// it is on test, an alarm of each declared zone, a tamper, an arming, a disarming
// and a poll (or any message) on each declared path. What was seen adds up over
// several tests, from the move to "installed" on.
//
// "Commissioning incomplete" opens when the connection moves to tested or in
// service while something is missing; its facts are what. It never blocks the move.
// Updated as the rest is seen in a later test; closes when nothing is missing,
// when the connection goes back, is suspended or resigned. A site that was never
// "installed" here (it came with an import) owes nothing. Nothing silences it.
// Parameters: none.

// commissioning is what was seen so far. A value is replaced whole, never changed.
type commissioning struct {
	seen []string
}

const (
	signalTamper    = "tamper"
	signalArming    = "arming"
	signalDisarming = "disarming"
)

func signalZone(zone string) string   { return "zone-" + zone }
func signalPath(number uint32) string { return "path-" + strconv.FormatUint(uint64(number), 10) }

// commissionSees crosses off what a panel's event shows while the site is on test.
func (w *work) commissionSees(ev *vigiev1.Event) {
	c := w.cold()
	if c.commission == nil || c.test == nil {
		return
	}
	names := []string{signalPath(max(ev.GetSource().GetPanel().GetPath(), 1))}
	switch b := ev.GetBody().(type) {
	case *vigiev1.Event_AlarmRaised:
		names = append(names, signalZone(signalOf(b.AlarmRaised.GetSignal()).point.zone))
	case *vigiev1.Event_Tamper:
		names = append(names, signalTamper)
	case *vigiev1.Event_Armed:
		names = append(names, signalArming)
	case *vigiev1.Event_Disarmed:
		names = append(names, signalDisarming)
	}
	w.commissionAdd(names...)
}

// commissionPaths crosses off the paths that polled since the test began: polls
// touch nothing but their path, so they are looked at when the test ends.
func (w *work) commissionPaths(t *testMode) {
	var names []string
	w.s.eachPath(func(p *path) {
		if p.heardAt >= t.since {
			names = append(names, signalPath(p.number))
		}
	})
	w.commissionAdd(names...)
}

func (w *work) commissionAdd(names ...string) {
	c := w.cold()
	if c.commission == nil {
		return
	}
	expected := w.signalsExpected()
	seen := c.commission.seen
	for _, name := range names {
		if slices.Contains(expected, name) && !slices.Contains(seen, name) {
			seen = append(slices.Clip(seen), name)
		}
	}
	if len(seen) == len(c.commission.seen) {
		return
	}
	c.commission = &commissioning{seen: seen}
	w.judgeCommissioning()
	w.changed()
}

// commissionStage begins, judges or forgets with a move of the connection.
func (w *work) commissionStage() {
	c := w.cold()
	switch c.stage {
	case vigiev1.ConnectionStage_STAGE_TESTED, vigiev1.ConnectionStage_STAGE_IN_SERVICE:
	case vigiev1.ConnectionStage_STAGE_INSTALLED:
		c.commission = &commissioning{}
	default:
		c.commission = nil
	}
	w.judgeCommissioning()
}

func (w *work) judgeCommissioning() {
	c := w.cold()
	var missing []string
	due := c.stage == vigiev1.ConnectionStage_STAGE_TESTED || c.stage == vigiev1.ConnectionStage_STAGE_IN_SERVICE
	if c.commission != nil && due {
		missing = w.signalsMissing()
	}
	reason := closedComplete
	if !due {
		reason = closedNotDue
	}
	w.judge(vigiev1.DetectionKind_DETECTION_KIND_COMMISSIONING_INCOMPLETE, len(missing) > 0, reason, missing...)
	if c.commission != nil && due && len(missing) == 0 && c.stage == vigiev1.ConnectionStage_STAGE_IN_SERVICE {
		c.commission = nil // Done: an in-service site carries no list.
	}
}

// signalsExpected of the declared site, in the order of its declaration.
func (w *work) signalsExpected() []string {
	var out []string
	for _, z := range w.cold().zoneFacts {
		if name := signalZone(z.point.zone); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	out = append(out, signalTamper, signalArming, signalDisarming)
	w.s.eachPath(func(p *path) {
		if p.declared {
			out = append(out, signalPath(p.number))
		}
	})
	return out
}

func (w *work) signalsMissing() []string {
	seen := w.cold().commission.seen
	return slices.DeleteFunc(w.signalsExpected(), func(name string) bool { return slices.Contains(seen, name) })
}
