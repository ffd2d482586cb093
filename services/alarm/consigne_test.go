package alarm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func steps(kinds ...vigiev1.ConsigneStep_Kind) []*vigiev1.ConsigneStep {
	var out []*vigiev1.ConsigneStep
	for _, k := range kinds {
		out = append(out, &vigiev1.ConsigneStep{Kind: k})
	}
	return out
}

// life is a step for the safety of people.
func life(k vigiev1.ConsigneStep_Kind) *vigiev1.ConsigneStep {
	return &vigiev1.ConsigneStep{Kind: k, LifeSafety: true}
}

// pinned is the consigne of the newest incident and its steps.
func (a *axis) pinned() string {
	inc := a.lastIncident()
	var s []string
	for _, st := range inc.GetSteps() {
		s = append(s, strings.ToLower(strings.TrimPrefix(st.GetKind().String(), "KIND_")))
	}
	return fmt.Sprintf("%s: %s", inc.GetConsigne(), strings.Join(s, " "))
}

func (a *axis) wantPinned(want string) {
	a.t.Helper()
	if got := a.alarm(intrusion, "1").pinned(); got != want {
		a.t.Fatalf("pinned %q, want %q", got, want)
	}
}

func TestConsignes(t *testing.T) {
	t.Parallel()
	const (
		guard   = vigiev1.ConsigneStep_KIND_SEND_GUARD
		wait    = vigiev1.ConsigneStep_KIND_WAIT
		rescue  = vigiev1.ConsigneStep_KIND_CALL_FIRE_OR_RESCUE
		contact = vigiev1.ConsigneStep_KIND_CALL_CONTACT
	)
	set := func(scope string, temporary bool, priority uint32, list ...*vigiev1.ConsigneStep) func(*vigiev1.ConsigneSet) {
		return func(k *vigiev1.ConsigneSet) {
			k.Scope, k.Permanent, k.Priority, k.Steps = scope, !temporary, priority, list
		}
	}
	cases(t, []axisCase{
		{"trade 4: no consigne: the class default, never an empty screen", "shop", func(a *axis) {
			a.wantPinned("default: video call_site call_contact")
		}},
		{"trade 4: a consigne without steps leaves the default on the screen", "shop", func(a *axis) {
			a.consigne("k", permanent).wantPinned("k: video call_site call_contact")
		}},
		{"trade 4: temporary before permanent", "shop", func(a *axis) {
			a.consigne("p", set("site", false, 9, steps(guard)...)).consigne("t", set("class", true, 0, steps(wait)...))
			a.wantPinned("t: wait")
		}},
		{"trade 4: site before group before class", "shop", func(a *axis) {
			a.consigne("c", set("class", false, 9, steps(guard)...)).consigne("g", set("group", false, 5, steps(wait)...))
			a.consigne("s", set("", false, 0, steps(contact)...)).wantPinned("s: call_contact")
			a.close(userError, true).withdraw("s").wantPinned("g: wait")
		}},
		{"trade 4: then the higher priority", "shop", func(a *axis) {
			a.consigne("a", set("", false, 1, steps(guard)...)).consigne("b", set("", false, 2, steps(wait)...)).wantPinned("b: wait")
		}},
		{"trade 4: a bulk consigne adds to the life-safety steps, never replaces them", "shop", func(a *axis) {
			a.consigne("own", set("site", false, 0, life(rescue), steps(guard)[0])).consigne("bulk", set("group", true, 0, steps(wait)...))
			a.wantPinned("bulk: wait call_fire_or_rescue")
		}},
		{"trade 4: a temporary one holds 30 days when nothing is said", "shop", func(a *axis) {
			a.consigne("t", set("", true, 0, steps(wait)...)).at(30*day - 1).wantPinned("t: wait")
			a.close(userError, true).at(30 * day).wantPinned("default: video call_site call_contact")
		}},
		{"trade 4: at most 90 days, by somebody who was authenticated", "shop", func(a *axis) {
			end := func(ms int64) func(*vigiev1.ConsigneSet) {
				return func(k *vigiev1.ConsigneSet) { k.UntilMs = a.now + ms }
			}
			a.consigne("t", end(90*day)).consigne("u", end(90*day+1)).consigne("v", end(-1)).expectAnswers("accepted", "refused: consigne-too-long", "refused: bad-window")
			a.consigne("", permanent).consigne("default", permanent).consigne("w", func(k *vigiev1.ConsigneSet) { k.GivenBy = "" })
			a.expectAnswers("refused: consigne-id-required", "refused: consigne-id-required", "refused: authentication-required")
			a.consigne("x", func(k *vigiev1.ConsigneSet) { k.Scope = "planet" }).withdraw("nobody").expectAnswers("refused: unknown-scope", "refused: no-such-consigne")
		}},
		{"trade 4: one that begins later is not in force yet", "shop", func(a *axis) {
			a.consigne("t", func(k *vigiev1.ConsigneSet) { k.FromMs = a.now + hour; k.Steps = steps(wait) }).wantPinned("default: video call_site call_contact")
			a.close(userError, true).at(hour).wantPinned("t: wait")
		}},
		{"trade 4: set again under its name, it takes the place of the one before", "shop", func(a *axis) {
			a.consigne("k", set("", false, 0, steps(wait)...)).consigne("k", set("", false, 0, steps(guard)...)).wantPinned("k: send_guard")
		}},
	})
}

func TestConsigneChanged(t *testing.T) {
	t.Parallel()
	const kind = "consigne-changed"
	cases(t, []axisCase{
		{"trade 4: an incident keeps the version of its opening and alerts when it changes", "shop", func(a *axis) {
			a.consigne("k", permanent).alarm(intrusion, "1").forget()
			a.consigne("t", func(*vigiev1.ConsigneSet) {}).expect("opened consigne-changed", "incident intrusion open, 1 re-alerts", "accepted")
			inc := a.lastIncident()
			if inc.GetConsigne() != "k" || !inc.GetConsigneChanged() || len(inc.GetConsigneEventId()) != 16 {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
		{"trade 4: a consigne that begins changes it too", "shop", func(a *axis) {
			a.consigne("t", func(k *vigiev1.ConsigneSet) { k.FromMs = a.now + hour }).alarm(intrusion, "1").forget()
			a.at(hour).expectKinds(kind, "opened consigne-changed")
		}},
		{"trade 4: and one that ends", "shop", func(a *axis) {
			a.consigne("t", func(k *vigiev1.ConsigneSet) { k.UntilMs = a.now + hour }).alarm(intrusion, "1").forget()
			a.at(hour).expectKinds(kind, "opened consigne-changed")
		}},
		{"the pinned one in force again closes it", "shop", func(a *axis) {
			a.consigne("k", permanent).alarm(intrusion, "1").consigne("t", func(*vigiev1.ConsigneSet) {}).forget()
			a.withdraw("t").expectKinds(kind, "closed consigne-changed: renewed")
		}},
		{"applied to the incident, the new one is pinned", "shop", func(a *axis) {
			a.alarm(intrusion, "1").consigne("t", func(*vigiev1.ConsigneSet) {}).forget()
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ConsigneApplied{ConsigneApplied: &vigiev1.ConsigneApplied{Incident: a.incident(), Consigne: "t", Applicable: true}}})
			a.expectKinds(kind, "closed consigne-changed: applied")
			if inc := a.lastIncident(); inc.GetConsigne() != "t" || inc.GetConsigneChanged() {
				a.t.Fatalf("the incident is %v", inc)
			}
		}},
		{"it closes with the incident", "shop", func(a *axis) {
			a.alarm(intrusion, "1").consigne("t", func(*vigiev1.ConsigneSet) {}).forget()
			a.close(userError, true).expectKinds(kind, "closed consigne-changed: incident closed")
		}},
		{"one of lower precedence changes nothing", "shop", func(a *axis) {
			a.consigne("k", permanent).alarm(intrusion, "1").forget()
			a.consigne("g", func(k *vigiev1.ConsigneSet) { k.Permanent, k.Scope = true, "group" }).expectKinds(kind)
		}},
		{"trade 4: conflicts are shown", "shop", func(a *axis) {
			a.consigne("a", permanent).consigne("b", permanent).expectKinds("consignes-conflict", "opened consignes-conflict")
			if got := a.facts("consignes-conflict"); got != "a b" {
				a.t.Fatalf("in conflict: %q", got)
			}
			a.consigne("b", func(k *vigiev1.ConsigneSet) { k.Permanent, k.Priority = true, 1 }).expectKinds("consignes-conflict", "closed consignes-conflict: resolved")
		}},
	})
}

func TestConsignesOfClosures(t *testing.T) {
	t.Parallel()
	const without, expiring = "closed-without-consigne", "consigne-about-to-expire"
	temporary := func(until int64) func(*vigiev1.ConsigneSet) {
		return func(k *vigiev1.ConsigneSet) { k.UntilMs = axisStart + until }
	}
	cases(t, []axisCase{
		closedSite("trade 3: closed without consigne: a task before the alarm comes", func(a *axis) {
			a.withdraw("k").expectKinds(without, "opened closed-without-consigne")
			a.consigne("n", permanent).expectKinds(without, "closed closed-without-consigne: consigne in force")
		}),
		{"trade 3: from the first moment of the closure", "shop", func(a *axis) {
			a.person(closureBody("c", axisStart+hour, 0)).expectKinds(without)
			a.at(hour).expectKinds(without, "opened closed-without-consigne")
			a.person(liftBody("c")).expectKinds(without, "closed closed-without-consigne: closure ended")
		}},
		closedSite("trade 3: when the last one ends", func(a *axis) {
			a.consigne("t", temporary(5*day)).withdraw("k").expectKinds(without)
			a.at(5*day).expectKinds(without, "opened closed-without-consigne")
		}),
		closedSite("trade 3: a consigne of the group is one", func(a *axis) {
			a.consigne("g", func(k *vigiev1.ConsigneSet) { k.Permanent, k.Scope = true, "group" }).withdraw("k").expectKinds(without)
		}),
		closedSite("trade 3: about to expire less than 48 h before, while the closure runs on", func(a *axis) {
			a.consigne("t", temporary(5*day)).at(3*day - 1).expectKinds(expiring)
			a.at(3*day).expectKinds(expiring, "opened consigne-about-to-expire")
			if d := a.detection(expiring); a.facts(expiring) != "t" || d.GetUntilMs() != axisStart+5*day {
				a.t.Fatalf("the detection is %v", d)
			}
			a.consigne("t", temporary(20*day)).expectKinds(expiring, "closed consigne-about-to-expire: renewed")
		}),
		closedSite("trade 3: not where the closure ends before it", func(a *axis) {
			a.person(closureBody("c", 0, axisStart+4*day)).consigne("t", temporary(5*day)).at(4*day - 1).expectKinds(expiring)
			a.at(4*day).expectKinds(expiring, "opened consigne-about-to-expire") // The end is to be confirmed: it runs on.
		}),
		closedSite("it ends with the consigne", func(a *axis) {
			a.consigne("t", temporary(day)).expectKinds(expiring, "opened consigne-about-to-expire")
			a.at(day).expectKinds(expiring, "closed consigne-about-to-expire: renewed")
		}),
		{"an open site's consigne may expire", "shop", func(a *axis) {
			a.consigne("t", temporary(day)).at(2 * day).expectKinds(expiring)
		}},
	})
}
