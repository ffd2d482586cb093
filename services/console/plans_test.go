package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// arranged is a site with which everything is arranged.
func (h *heard) arranged() *vigiev1.SiteState {
	event := ids.Event([]byte("consigne"), 0, 1)
	return &vigiev1.SiteState{
		Site: 7, Version: 1, Groups: []string{"chaine"}, Closure: vigiev1.ClosureStatus_CLOSURE_STATUS_DECLARED,
		DeclaredClosure: &vigiev1.DeclaredClosure{Closure: "ete", FromMs: 1, ToMs: 2},
		Consignes: []*vigiev1.ConsigneState{{
			Consigne: "nuit", EventId: event[:], Scope: "group", FromMs: 3, UntilMs: 4, Priority: 5, Text: h.seal(7, vault.FieldNote, event[:], "appeler Mme Martin"),
			Steps: []*vigiev1.ConsigneStep{{Kind: vigiev1.ConsigneStep_KIND_SEND_GUARD, LifeSafety: true}},
		}, {Consigne: "sans-texte", EventId: event[:], Scope: "site", Permanent: true}},
		Visits:       []*vigiev1.VisitState{{Visit: "v", AnnouncedBy: "contact-1", UserCode: "12", FromMs: 6, ToMs: 7}},
		Reopening:    &vigiev1.ReopeningState{Reopening: "r", FromMs: 8, ToMs: 9},
		Test:         &vigiev1.TestState{SinceMs: 10, UntilMs: 11, Zones: []string{"1"}, Unseen: []string{"1"}},
		StageSinceMs: 12, StageDueMs: 13,
		Commissioning: &vigiev1.CommissioningState{Seen: []string{"tamper"}, Missing: []string{"zone-1"}},
	}
}

func TestASiteShowsWhatPeopleArranged(t *testing.T) {
	h := newHeard(t)
	h.state(h.arranged())
	h.run(h.console)
	s, _, _, _ := h.console.model.site(7)
	want := Plans{
		DeclaredClosure: &DeclaredClosure{"ete", 1, 2},
		Consignes: []Consigne{
			{Consigne: "nuit", Scope: "group", FromMS: 3, UntilMS: 4, Priority: 5, Steps: []Step{{"send-guard", true}}, HasText: true},
			{Consigne: "sans-texte", Scope: "site", Permanent: true},
		},
		Visits: []Visit{{"v", "contact-1", "12", nil, 6, 7}}, Reopening: &Reopening{"r", 8, 9}, Test: &Test{10, 11, []string{"1"}, []string{"1"}},
		StageSinceMS: 12, StageDueMS: 13, Commissioning: &Commissioning{[]string{"tamper"}, []string{"zone-1"}},
	}
	if !reflect.DeepEqual(s.Plans, want) || len(s.Groups) != 1 {
		t.Errorf("shown %+v\nwant  %+v", s.Plans, want)
	}
	if raw, err := json.Marshal(s); err != nil || strings.Contains(string(raw), "ciphertext") || !strings.Contains(string(raw), `"has_text":true`) {
		t.Errorf("%v: %s", err, raw)
	}
}

func texts(t *testing.T, s *httptest.Server) (int, []ConsigneText) {
	t.Helper()
	res, err := s.Client().Get(s.URL + "/api/v1/sites/7/consignes")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out []ConsigneText
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode, out
}

func TestTextsOfConsignesAreOpenedForPeopleAndTheLookIsLogged(t *testing.T) {
	h := newHeard(t)
	h.state(h.arranged())
	h.run(h.console)
	if status, got := texts(t, serve(t, h.console, open{})); status != 200 || len(got) != 1 || got[0] != (ConsigneText{Consigne: "nuit", Text: "appeler Mme Martin"}) {
		t.Fatalf("answer %d %+v", status, got)
	}
	if log := h.said.String(); !strings.Contains(log, "consignes were looked at") || !strings.Contains(log, "user=operator") || strings.Contains(log, "Martin") {
		t.Errorf("the log says %s", log)
	}
	if status, _ := texts(t, serve(t, h.console, as(auth.RoleMachine))); status != 403 {
		t.Errorf("a program is answered %d", status)
	}
	if err := h.vault.Shred(vault.SiteKey(7)); err != nil {
		t.Fatal(err)
	}
	if status, got := texts(t, serve(t, h.console, open{})); status != 200 || len(got) != 1 || !got[0].Shredded || got[0].Text != "" {
		t.Errorf("after shredding: %d %+v", status, got)
	}
}

// ring puts an outcome of a call's step where the processor would.
func (h *heard) ring(at int64, f *vigiev1.CallFacts) {
	h.append(topics.Outcomes, 0, "0", at, &vigiev1.EventOutcome{
		EventId: make([]byte, ids.Size), Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED, AtMs: at, Call: f,
	})
}

func TestCallsOfTheLastHourAreThereAfterARestartAndOneEach(t *testing.T) {
	h := newHeard(t)
	old, began := h.ago(2*time.Hour), h.ago(20*time.Minute)
	h.ring(old, &vigiev1.CallFacts{Call: "gone", Step: vigiev1.CallStep_STEP_OFFERED, OfferedAtMs: old})
	h.ring(began, &vigiev1.CallFacts{Call: "k1", Step: vigiev1.CallStep_STEP_OFFERED, OfferedAtMs: began, AnswerWithinMs: 20_000, AnswerSharePercent: 80})
	h.run(h.console)
	s := serve(t, h.console, open{})
	if got := calls(t, s); len(got) != 1 || got[0].Call != "k1" || got[0].Step != "offered" || got[0].WithinMS != 20_000 {
		t.Fatalf("after the start: %+v", got)
	}
	h.ring(h.ago(0), &vigiev1.CallFacts{Call: "k0", Step: vigiev1.CallStep_STEP_OFFERED, OfferedAtMs: began - 1})
	h.ring(h.ago(0), &vigiev1.CallFacts{Call: "k1", Step: vigiev1.CallStep_STEP_ANSWERED, OfferedAtMs: began, AnsweredAtMs: began + 9_000, AnsweredBy: "anne"})
	for deadline := time.Now().Add(20 * time.Second); ; {
		got := calls(t, s)
		if len(got) == 2 && got[0].Call == "k0" && got[1].AnsweredBy == "anne" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after its answer: %+v", got)
		}
	}
}

func calls(t *testing.T, s *httptest.Server) []*Call {
	t.Helper()
	res, err := s.Client().Get(s.URL + "/api/v1/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out CallPage
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Calls
}

func TestCallsAreKeptForAnHourAfterTheirEndAndBounded(t *testing.T) {
	m := newModel(newRing(4), explainTest)
	hour := callsFor.Milliseconds()
	m.takeCall(&Call{Call: "ended", OfferedAtMS: 1, EndedAtMS: 5, AtMS: 5})
	m.takeCall(&Call{Call: "waits", OfferedAtMS: 2, AtMS: 2})
	m.takeCall(&Call{Call: "next", OfferedAtMS: 5 + hour, AtMS: 5 + hour})
	if n := len(m.listCalls()); n != 3 {
		t.Errorf("%d calls an hour later", n)
	}
	m.takeCall(&Call{Call: "last", OfferedAtMS: 6 + hour, AtMS: 6 + hour})
	if got := m.listCalls(); len(got) != 3 || got[0].Call != "waits" {
		t.Errorf("kept %+v", got)
	}
	for n := range int64(maxCallsKept + 10) {
		m.takeCall(&Call{Call: "k", OfferedAtMS: 10*hour + n, AtMS: 10*hour + n})
	}
	if n := len(m.listCalls()); n != maxCallsKept {
		t.Errorf("%d calls are kept", n)
	}
}
