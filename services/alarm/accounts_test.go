package alarm

import (
	"strconv"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

func bindBody(line uint32, account string, to uint64, unbind bool) *vigiev1.Event {
	return &vigiev1.Event{Body: &vigiev1.Event_AccountBound{AccountBound: &vigiev1.AccountBound{Line: line, Account: account, ToSite: to, Unbind: unbind}}}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"decision 21: the first binding in log order wins, the other is told", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.person(bindBody(0, "1234", 7, false)).expect("account 0/1234 is S-7", "accepted")
			a.person(bindBody(0, "1234", 8, false)).expect("opened binding-refused", "refused: account-already-bound (S-7)")
			a.person(bindBody(0, "1234", 7, false)).expect("accepted")
			a.person(bindBody(0, "1234", 0, true)).expect("account 0/1234 is nobody's", "closed binding-refused: unbound", "accepted")
			a.person(bindBody(0, "1234", 8, false)).expect("account 0/1234 is S-8", "no site any more", "accepted")
		}},
		{"a refusal folds for 24 h", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.person(bindBody(0, "1234", 7, false)).person(bindBody(0, "1234", 8, false)).forget()
			a.at(hour).person(bindBody(0, "1234", 9, false)).forget()
			a.at(day + hour - 1).expect()
			a.at(day+hour).expect("closed binding-refused: expired", "no site any more")
		}},
		{"bindings that cannot be", "shop", func(a *axis) {
			a.person(bindBody(0, "1234", 7, false)).expect("refused: wrong-key-for-account")
			a.site = ids.UndeclaredSite(0, "AB")
			a.person(bindBody(0, "ab", 0, false)).expect("refused: not-a-declared-site-number")
			a.person(bindBody(0, "", 7, false)).expect("refused: account-required")
			a.person(bindBody(0, "AB", 0, true)).expect("refused: account-not-bound")
			a.person(bindBody(0, "ab", 7, false)).expect("account 0/AB is S-7", "accepted")
		}},
		{"trade 5: an unknown account is detected with its first event, and counted", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.alarm(intrusion, "1").expect("opened unknown-account", "incident intrusion open")
			a.at(hour).alarm(intrusion, "1").forget()
			if s := a.state(); !s.GetUndeclared() || s.GetAccount() != "1234" {
				a.t.Fatalf("the state is %v", s)
			}
			a.call().claim().at(day + hour - 1).forget()
			a.at(day+hour).expect("closed unknown-account: silent", "opened path-late 1")
		}},
	})
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"binding ends what stood for the account", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.poll(1, 0).alarm(flood, "1").restore(flood, "1").close(userError, true).forget()
			a.person(bindBody(0, "1234", 7, false)).expect("account 0/1234 is S-7", "closed unknown-account: bound", "no site any more", "accepted")
			a.poll(1, 0).at(10 * day).expect()
			a.person(bindBody(0, "1234", 7, true)).forget()
			if s := a.shown[strconv.FormatUint(a.site, 10)]; s.GetClosureChangedAtMs() != a.now {
				a.t.Fatalf("a number that stands for a site again does so since %d", s.GetClosureChangedAtMs())
			}
		}},
		{"a bound account that never stood as a site is not shown as one", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.person(bindBody(0, "1234", 7, false)).forget()
			for _, o := range a.outs {
				if o.topic == topics.SiteStates && o.key == strconv.FormatUint(a.site, 10) {
					a.t.Fatalf("the account's number has a public state")
				}
			}
		}},
		{"a heartbeat of an unknown account is no event", "shop", func(a *axis) {
			a.site = ids.UndeclaredSite(0, "1234")
			a.poll(1, 0).expect()
		}},
		{"declarations that cannot be", "shop", func(a *axis) {
			try := func(d *vigiev1.SiteDeclared) *axis {
				return a.person(&vigiev1.Event{Body: &vigiev1.Event_SiteDeclared{SiteDeclared: d}})
			}
			try(&vigiev1.SiteDeclared{TimeZone: "Europe/Nowhere"}).expect("refused: unknown-time-zone")
			try(&vigiev1.SiteDeclared{Paths: []*vigiev1.PathDeclared{{Path: 1}, {Path: 1}}}).expect("refused: bad-path-number")
			try(&vigiev1.SiteDeclared{Paths: []*vigiev1.PathDeclared{{Path: 1, IntervalMs: 33 * day}}}).expect("refused: bad-interval")
			try(&vigiev1.SiteDeclared{Label: strings.Repeat("x", maxDeclaration+1)}).expect("refused: declaration-too-large")
			try(&vigiev1.SiteDeclared{Paths: make([]*vigiev1.PathDeclared, maxPaths+1)}).expect("refused: too-many-paths")
			a.site = ids.UndeclaredSite(0, "1")
			try(&vigiev1.SiteDeclared{Label: "x"}).expect("refused: not-a-declared-site-number")
		}},
		{"a connection's stage is in the directory", "shop", func(a *axis) {
			a.person(&vigiev1.Event{Body: &vigiev1.Event_ConnectionStage{ConnectionStage: &vigiev1.ConnectionStage{Stage: vigiev1.ConnectionStage_STAGE_IN_SERVICE}}})
			a.expect("directory v2", "accepted")
		}},
		{"decision 56: a policy gets its version in log order", "shop", func(a *axis) {
			propose := func(version uint64) *axis {
				return a.person(&vigiev1.Event{Body: &vigiev1.Event_PolicyProposed{PolicyProposed: &vigiev1.PolicyProposed{Policy: Stamped(DefaultPolicy(), version, 0)}}})
			}
			propose(2).expect("accepted")
			propose(2).expect("refused: policy-version-taken")
			propose(4).expect("refused: policy-version-skipped")
			propose(3).expect("accepted")
			a.policy(Stamped(DefaultPolicy(), TriedVersion, 0))
			propose(3).expect("refused: policy-version-taken")
			propose(4).expect("accepted")
		}},
	})
}

func TestRetransmission(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"decision 1: an equal fingerprint within 5 min is heard again", "shop", func(a *axis) {
			a.alarm(intrusion, "1").expect("incident intrusion open")
			a.at(5 * minute).forget()
			a.again().expect("heard again")
			if got := a.state().GetAcceptedEvents(); got != 2 { // The declaration and the alarm.
				a.t.Fatalf("%d events accepted", got)
			}
		}},
		{"decision 27: the same frame past the window is another alarm", "shop", func(a *axis) {
			a.alarm(flood, "1").at(5*minute + 1).forget()
			a.again().expect("incident technical-critical open, 2 alarms")
		}},
		{"decision 1: heard again is life of its path", "shop", func(a *axis) {
			a.alarm(flood, "1")
			first := a.last
			a.call().claim().at(4 * minute)
			a.close(userError, true)
			a.last = first
			a.again().forget()
			a.at(hour + 4*minute - 1).expect()
			a.at(hour + 4*minute).expect("opened path-late 1")
		}},
		{"decision 54: a restoral of the point between makes a new alarm in the same incident", "shop", func(a *axis) {
			a.alarm(intrusion, "1")
			first := a.last
			a.restore(intrusion, "1").forget()
			a.last = first
			a.again().expect("incident intrusion open, 2 alarms")
		}},
		{"decision 54: a restoral of another point does not", "shop", func(a *axis) {
			a.alarm(intrusion, "1").alarm(intrusion, "2")
			first := a.last
			a.restore(intrusion, "1").forget()
			a.last = first
			a.again().expect("heard again")
		}},
		{"decision 54: a sequence that started anew makes a new alarm", "shop", func(a *axis) {
			a.sequence = 100
			a.alarm(intrusion, "1")
			first := a.last
			a.sequence = 0
			a.disarm().forget()
			a.last = first
			a.again().expect("incident intrusion open, 2 alarms")
		}},
		{"a sequence that wraps has not started anew", "shop", func(a *axis) {
			a.sequence = 9997
			a.alarm(intrusion, "1")
			first := a.last
			a.disarm().disarm().disarm().forget()
			a.last = first
			a.again().expect("heard again")
		}},
		{"several events of one frame are one sequence, none started anew", "shop", func(a *axis) {
			a.panelAt(alarmBody(intrusion, "", "1"), 5, 1)
			first := a.last
			a.panelAt(alarmBody(intrusion, "", "2"), 5, 1).forget()
			a.last = first
			a.again().expect("heard again")
		}},
	})
}

func TestHeardAgainPastARestoral(t *testing.T) {
	t.Parallel()
	cases(t, []axisCase{
		{"a restoral heard again restores once", "shop", func(a *axis) {
			a.alarm(intrusion, "1").restore(intrusion, "1")
			restoral := a.last
			a.alarm(intrusion, "1").forget()
			a.last = restoral
			a.again().expect("heard again")
			if len(a.state().GetOpenZones()) != 1 {
				a.t.Fatalf("the zone was restored by an old message")
			}
		}},
		{"decision 1: a hold-up heard again updates its incident, counts once", "shop", func(a *axis) {
			a.alarm(holdUp, "1").forget()
			a.again().expect("incident life open", "heard again")
			if got := len(a.lastIncident().GetEvidence()); got != 2 {
				a.t.Fatalf("%d in evidence", got)
			}
		}},
		{"trade 1: a hold-up heard again after its incident closed opens one", "shop", func(a *axis) {
			a.alarm(holdUp, "1")
			first := a.last
			a.close(userError, true).forget()
			a.last = first
			a.again().expect("incident life open")
		}},
		{"two panels of one site have sequences of their own", "shop", func(a *axis) {
			a.sequence = 50
			a.alarm(intrusion, "1")
			first := a.last
			other := alarmBody(intrusion, "", "9")
			other.Fingerprint = []byte("another panel's.")
			other.Source = &vigiev1.Source{Origin: &vigiev1.Source_Panel{Panel: &vigiev1.PanelSource{Receiver: "r", Account: "9999", Sequence: 3, Path: 1}}}
			a.last = other
			a.again().forget()
			a.last = first
			a.again().expect("heard again")
		}},
	})
}
