package alarm

import (
	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Bindings of accounts to sites (design decision 21). An account is an aggregate
// of its own, the undeclared site of its line and number, so that the log orders
// those who want it: the first wins, another is refused and a detection
// "binding refused" opens. That one closes when the account is unbound, or after
// 24 h. Parameters: none. A bound account is no longer supervised as a site.
const bindingRefusalFolds = 24 * hour

// binding is the site that an account belongs to.
type binding struct {
	to    uint64
	event ids.ID
}

func (w *work) bindAccount(ev *vigiev1.Event, b *vigiev1.AccountBound) decided {
	c := w.cold()
	switch {
	case b.GetAccount() == "" || len(b.GetAccount()) > maxText:
		return refused("account-required")
	case w.s.number != ids.UndeclaredSite(b.GetLine(), b.GetAccount()):
		return refused("wrong-key-for-account")
	case b.GetUnbind():
		return w.unbindAccount(b)
	case b.GetToSite() == 0 || b.GetToSite() >= ids.FirstUndeclared:
		return refused("not-a-declared-site-number")
	case c.binding != nil && c.binding.to == b.GetToSite():
		return accepted("")
	case c.binding != nil:
		w.bindingRefused(ev)
		return decided{status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, reason: "account-already-bound", holder: ids.Site(c.binding.to)}
	}
	c.binding = &binding{to: b.GetToSite(), event: idOf(ev.GetId())}
	c.bindingVersion++
	// It may never have sent anything: what it is called stands in the binding alone.
	c.account = ids.Account(b.GetAccount())
	w.onLine(b.GetLine())
	w.putBinding()
	w.unknownAccountKnown(closedBound)
	w.stopSupervising(func(*path) bool { return false }, closedBound)
	w.changed()
	return accepted("")
}

func (w *work) putBinding() {
	c := w.s.cold
	w.outs = append(w.outs, output{topics.Accounts, []byte(ids.AccountKey(c.line, c.account)), &vigiev1.AccountBinding{
		Line: c.line, Account: c.account, Site: c.binding.to, Version: c.bindingVersion,
	}, true})
}

func (w *work) unbindAccount(b *vigiev1.AccountBound) decided {
	c := w.cold()
	if c.binding == nil {
		return refused("account-not-bound")
	}
	c.binding = nil
	c.bindingVersion++
	w.outs = append(w.outs, output{topics.Accounts, []byte(ids.AccountKey(b.GetLine(), b.GetAccount())), nil, true})
	w.cancelTimer(timerBindingRefused, 0)
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED, 0, ""), closedUnbound)
	w.changed()
	return accepted("")
}

func (w *work) bindingRefused(ev *vigiev1.Event) {
	c := w.cold()
	kind := vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED
	w.setTimer(timerBindingRefused, 0, w.at+bindingRefusalFolds)
	if d := w.detection(kind, 0, ""); d != nil {
		d.prove(idOf(ev.GetId()))
		w.updateDetection(d)
		return
	}
	w.openDetection(&detection{
		id: ids.DetectionOfEvent(kindName(kind), w.s.number, ev.GetId()), kind: kind,
		evidence: []ids.ID{c.binding.event, idOf(ev.GetId())}, windowMS: bindingRefusalFolds,
	})
}

func (w *work) bindingRefusalExpires() {
	w.closeDetection(w.detection(vigiev1.DetectionKind_DETECTION_KIND_BINDING_REFUSED, 0, ""), closedExpired)
}
