package desk

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

func (o *office) setPolicy(key, policy string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/policy", PolicySet{Policy: json.RawMessage(policy)}, "Idempotency-Key", key)
}

func (o *office) setFigures(key, figures string) reply {
	o.t.Helper()
	return o.send(http.MethodPost, "/api/v1/sites/4711/figures", SiteFigures{Figures: json.RawMessage(figures), Reason: "contract-7"}, "Idempotency-Key", key)
}

func leader(t *testing.T) *office {
	o := newOffice(t)
	o.role = auth.RoleShiftLeader
	if _, err := eventlog.Provision(t.Context(), o.kafka, eventlog.Options{Partitions: 2, Local: true}); err != nil {
		t.Fatal(err)
	}
	o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED})
	return o
}

// From one request into every partition, under the version that the log gave it.
func TestAPolicyIsProposedThenToldToAll(t *testing.T) {
	o := leader(t)
	defaults, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(alarm.Stamped(alarm.DefaultPolicy(), 4, 1))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(defaults), "{", `{"groups":[{"group":"chain","figures":{"storm":{"alarms":9}}}],`, 1)
	if got := o.setPolicy("k", text); got.status != http.StatusCreated || got.out.Named != "4" {
		t.Fatalf("%d %v %v", got.status, got.out, got.prob)
	}
	proposed := o.last().GetPolicyProposed().GetPolicy()
	if o.last().GetSite() != centreSite || proposed.GetVersion() != 4 || proposed.GetAuthor() != "anne" || proposed.GetGroups()[0].GetFigures().GetStorm().GetAlarms() != 9 {
		t.Errorf("proposed is %v", proposed)
	}
	told, err := eventlog.NewestPolicy(context.Background(), o.kafka, slog.New(slog.DiscardHandler))
	if err != nil || !proto.Equal(told, proposed) {
		t.Errorf("told is %v (%v), proposed was %v", told, err, proposed)
	}
}

// Refused by the log it is told to nobody.
func TestAPolicyThatTheLogRefusesIsNotTold(t *testing.T) {
	o := leader(t)
	o.decides(&vigiev1.EventOutcome{Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED, Reason: "policy-version-taken"})
	if got := o.setPolicy("k", `{"version":1,"classes":[{"storm":{"alarms":5}}]}`); got.status != http.StatusConflict || !strings.Contains(got.prob.Detail, "policy-version-taken") {
		t.Fatalf("%d %v", got.status, got.prob)
	}
	if told, err := eventlog.NewestPolicy(context.Background(), o.kafka, slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("%v was told", told)
	}
}

func TestASiteGetsFiguresOfItsOwn(t *testing.T) {
	o := leader(t)
	if got := o.setFigures("k", `{"storm":{"alarms":9},"handling":{"auto_close":false}}`); got.status != http.StatusCreated {
		t.Fatalf("%d %v", got.status, got.prob)
	}
	set := o.last().GetFiguresSet()
	if o.last().GetSite() != 4711 || set.GetFigures().GetStorm().GetAlarms() != 9 || set.GetFigures().GetHandling().AutoClose == nil || set.GetReason() != "contract-7" {
		t.Errorf("the event is %v", set)
	}
	if got := o.setFigures("k2", `{}`); got.status != http.StatusCreated || proto.Size(o.last().GetFiguresSet().GetFigures()) != 0 {
		t.Errorf("taking them away: %d %v", got.status, got.prob)
	}
}

// Nothing that is wrong comes into the log, and what is wrong is said.
func TestTheDoorOfFigures(t *testing.T) {
	o := leader(t)
	for want, got := range map[string]reply{
		`unknown field "alarmz"`:                               o.setFigures("1", `{"storm":{"alarmz":9}}`),
		"storm.alarms is 65: 2 to 64 are expected":             o.setFigures("2", `{"storm":{"alarms":65}}`),
		"is 600 ms: 1 min to 24 h":                             o.setFigures("3", `{"power":{"trouble_window_ms":600}}`),
		"is one for all sites":                                 o.setFigures("4", `{"contact":{"answer_within_ms":20000}}`),
		`unknown field "supervision_s"`:                        o.setPolicy("5", `{"version":2,"classes":[{"supervision_s":{}}]}`),
		"a version one above":                                  o.setPolicy("6", `{"classes":[{"storm":{"alarms":5}}]}`),
		"neither classes nor groups":                           o.setPolicy("7", `{"version":2}`),
		`class "shop": storm.alarms is 1: 2 to 64`:             o.setPolicy("8", `{"version":2,"classes":[{"site_class":"shop","storm":{"alarms":1}}]}`),
		`group "a": storm.window_ms is 10 ms: 10 s to 24 h`:    o.setPolicy("9", `{"version":2,"groups":[{"group":"a","figures":{"storm":{"window_ms":10}}}]}`),
		"invalid value for uint32 field alarms: \"sometimes\"": o.setFigures("10", `{"storm":{"alarms":"sometimes"}}`),
	} {
		said := got.prob.Detail
		for _, e := range got.prob.Errors {
			said += e.Message
		}
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(strings.ReplaceAll(said, "\u00a0", " "), want) {
			t.Errorf("%d %q\nis not %q", got.status, said, want)
		}
	}
	o.role = auth.RoleOperator
	for _, got := range []reply{o.setFigures("a", `{"storm":{"alarms":9}}`), o.setPolicy("b", `{"version":2,"classes":[{}]}`)} {
		if got.status != http.StatusForbidden || got.prob.Type != problem.New(problem.Forbidden, "").Type {
			t.Errorf("an operator: %d %v", got.status, got.prob)
		}
	}
	if n := len(o.log.taken()); n != 0 {
		t.Errorf("%d events came into the log", n)
	}
}
