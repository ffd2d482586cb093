package alarm

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Consignes (trade rule 4). Temporary before permanent; given for the site before
// its group before its class; then the higher priority, then the newer. A
// temporary one without an end holds for default_ms (30 d), and none longer than
// longest_ms (90 d). The first one in force gives the steps; steps for life safety
// of every other one in force are added, never replaced. No consigne: the class
// default, so that no incident opens on an empty screen.

// consigne is one that was set and not withdrawn.
type consigne struct {
	id        string
	event     ids.ID
	scope     uint8
	permanent bool
	// until is 0 for a permanent one.
	from, until int64
	priority    uint32
	// steps are shared with incidents: never changed in place.
	steps []*vigiev1.ConsigneStep
	// text is the sealed text, encoded; nil for none.
	text []byte
}

func (k consigne) inForce(at int64) bool { return at >= k.from && (k.until == 0 || at < k.until) }

var consigneScopes = map[string]uint8{"": 0, "site": 0, "group": 1, "class": 2}

// sameRank: neither takes precedence but by when it was given.
func sameRank(a, b consigne) bool {
	return a.permanent == b.permanent && a.scope == b.scope && a.priority == b.priority
}

func byPrecedence(a, b consigne) int {
	temporaryFirst := 0
	if a.permanent != b.permanent {
		temporaryFirst = 1
		if b.permanent {
			temporaryFirst = -1
		}
	}
	return cmp.Or(temporaryFirst, cmp.Compare(a.scope, b.scope), cmp.Compare(b.priority, a.priority),
		cmp.Compare(b.from, a.from), cmp.Compare(a.id, b.id))
}

func (w *work) setConsigne(ev *vigiev1.Event, b *vigiev1.ConsigneSet) decided {
	c, fig := w.seldom(), w.figures()
	scope, known := consigneScopes[b.GetScope()]
	from := max(b.GetFromMs(), w.at)
	until := b.GetUntilMs()
	if until == 0 && !b.GetPermanent() {
		until = from + fig.consigneFor
	}
	switch {
	case b.GetConsigne() == "" || len(b.GetConsigne()) > maxText || b.GetConsigne() == defaultConsigne:
		return refused("consigne-id-required")
	case b.GetGivenBy() == "" || b.GetAuthenticatedHow() == "":
		return refused("authentication-required")
	case !known:
		return refused("unknown-scope")
	case len(b.GetSteps()) > maxSteps:
		return refused("too-many-steps")
	case b.GetText() != nil && proto.Size(b.GetText()) > maxConsigneText:
		return refused("text-too-long")
	case b.GetPermanent() && until != 0 || !b.GetPermanent() && until <= from:
		return refused("bad-window")
	case !b.GetPermanent() && until-from > fig.consigneLongest:
		return refused("consigne-too-long")
	}
	k := consigne{
		id: b.GetConsigne(), event: idOf(ev.GetId()), scope: scope, permanent: b.GetPermanent(),
		from: from, until: until, priority: b.GetPriority(), steps: b.GetSteps(),
	}
	if b.GetText() != nil {
		k.text = encode(b.GetText())
	}
	c.consignes = slices.DeleteFunc(c.consignes, func(o consigne) bool { return o.id == k.id })
	if len(c.consignes) == maxConsignes {
		return refused("too-many-consignes")
	}
	c.consignes = append(c.consignes, k)
	w.consignesChanged()
	return accepted("")
}

func (w *work) withdrawConsigne(b *vigiev1.ConsigneWithdrawn) decided {
	c := w.seldom()
	before := len(c.consignes)
	c.consignes = slices.DeleteFunc(c.consignes, func(k consigne) bool { return k.id == b.GetConsigne() })
	if len(c.consignes) == before {
		return refused("no-such-consigne")
	}
	w.consignesChanged()
	return accepted("")
}

// consignesChanged judges anew after one was set, withdrawn, began or ended.
func (w *work) consignesChanged() {
	c := w.seldom()
	c.consignes = slices.DeleteFunc(c.consignes, func(k consigne) bool { return k.until != 0 && k.until <= w.at })
	slices.SortFunc(c.consignes, byPrecedence)
	w.cancelTimer(timerConsigne, 0)
	next := int64(0)
	for _, k := range c.consignes {
		for _, at := range []int64{k.from, k.until - w.figures().consigneExpiring, k.until} {
			if at > w.at && (next == 0 || at < next) {
				next = at
			}
		}
	}
	if next != 0 {
		w.setTimer(timerConsigne, 0, next)
	}
	w.changed()
	w.judgeConflict()
	w.judgeClosure()
	w.judgePinned()
	w.checkReopening()
}

// consigneInForce is the one that gives the steps; nil when there is none.
func (c *cold) consigneInForce(at int64) *consigne {
	for i := range c.consignes {
		if c.consignes[i].inForce(at) {
			return &c.consignes[i]
		}
	}
	return nil
}

// stepsInForce are those of the first consigne and, of the others, those for life
// safety; the class default where none is in force.
func (w *work) stepsInForce(g classGroup) []*vigiev1.ConsigneStep {
	var steps []*vigiev1.ConsigneStep
	first := true
	for _, k := range w.cold().consignes {
		if !k.inForce(w.at) {
			continue
		}
		for _, s := range k.steps {
			known := slices.ContainsFunc(steps, func(o *vigiev1.ConsigneStep) bool { return o.GetKind() == s.GetKind() })
			if (first || s.GetLifeSafety()) && !known {
				steps = append(steps, s)
			}
		}
		first = false
	}
	if len(steps) == 0 {
		return defaultSteps[g]
	}
	return steps
}

// defaultConsigne is the name of the class default.
const defaultConsigne = "default"

// defaultSteps are the class defaults. Without a consigne nobody is sent who has
// not been asked: the customer decides (trade rule 11).
var defaultSteps = [...][]*vigiev1.ConsigneStep{
	groupLife: {
		{Kind: vigiev1.ConsigneStep_KIND_LISTEN_IN, LifeSafety: true}, {Kind: vigiev1.ConsigneStep_KIND_VIDEO, LifeSafety: true},
		{Kind: vigiev1.ConsigneStep_KIND_CALL_POLICE, LifeSafety: true}, {Kind: vigiev1.ConsigneStep_KIND_CALL_FIRE_OR_RESCUE, LifeSafety: true},
		{Kind: vigiev1.ConsigneStep_KIND_CALL_CONTACT},
	},
	groupIntrusion: {
		{Kind: vigiev1.ConsigneStep_KIND_VIDEO}, {Kind: vigiev1.ConsigneStep_KIND_CALL_SITE}, {Kind: vigiev1.ConsigneStep_KIND_CALL_CONTACT},
	},
	groupTechnicalCritical: {{Kind: vigiev1.ConsigneStep_KIND_CALL_SITE}, {Kind: vigiev1.ConsigneStep_KIND_CALL_CONTACT}},
	groupTechnical:         {{Kind: vigiev1.ConsigneStep_KIND_CALL_CONTACT}, {Kind: vigiev1.ConsigneStep_KIND_CALL_INSTALLER}},
	groupNotConfigured:     {{Kind: vigiev1.ConsigneStep_KIND_CALL_SITE}, {Kind: vigiev1.ConsigneStep_KIND_CALL_INSTALLER}},
}
