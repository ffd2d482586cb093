package desk

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// PolicySet is a policy as `vigie replay --print-policy` prints it.
type PolicySet struct {
	Policy json.RawMessage `json:"policy" doc:"version (one above that of GET /api/v1/policy), classes, groups: all of it, in the words that vigie replay --print-policy prints."`
}

// SiteFigures are the figures of one site.
type SiteFigures struct {
	Figures json.RawMessage `json:"figures" doc:"As one row of classes in the policy, without site_class. Empty: the site has none of its own again."`
	Reason  string          `json:"reason,omitempty" maxLength:"64" doc:"Why; never a person's name."`
}

type policyInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Body   PolicySet
}

type figuresInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Site   uint64 `path:"site" minimum:"1" maximum:"4503599627370495" doc:"Its number."`
	Body   SiteFigures
}

func (d *Desk) registerPolicy(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "set-policy", Method: http.MethodPost, Path: "/api/v1/policy", Summary: "Set the figures of all sites, of classes and of groups",
		Description: "By a shift leader, or a machine of yours. Of two that give the same version the first in the log wins, the other is refused (409). It is in force once every partition of the log has it; where the answer is 202, or says that it was not durable, send it again with the same key.",
		Errors:      []int{400, 401, 403, 409, 422, 503}, Tags: []string{"pipeline"}, DefaultStatus: http.StatusCreated,
	}, d.setPolicy)
	huma.Register(api, huma.Operation{
		OperationID: "set-site-figures", Method: http.MethodPost, Path: "/api/v1/sites/{site}/figures", Summary: "Give one site figures of its own",
		Description: "By a shift leader, or a machine of yours. They stand over those of its groups, of its class, and of all.",
		Errors:      []int{400, 401, 403, 409, 422, 503}, Tags: []string{"sites"}, DefaultStatus: http.StatusCreated,
	}, d.setFigures)
}

// mayJudge: whoever sets what others are judged by answers for the shift.
func mayJudge(ctx context.Context) error {
	if u := auth.UserOf(ctx); u.Role != auth.RoleShiftLeader && u.Role != auth.RoleMachine {
		return problem.New(problem.Forbidden, "only a shift leader sets figures")
	}
	return nil
}

func (d *Desk) setPolicy(ctx context.Context, in *policyInput) (*actionOutput, error) {
	if err := mayJudge(ctx); err != nil {
		return nil, err
	}
	given := &vigiev1.Policy{}
	if err := read("body.policy", in.Body.Policy, given); err != nil {
		return nil, err
	}
	if v := given.GetVersion(); v == 0 || v >= alarm.TriedVersion {
		return nil, invalid("body.policy.version", "a version one above that of GET /api/v1/policy is expected", v)
	}
	if err := alarm.CheckPolicy(given); err != nil {
		return nil, invalid("body.policy", err.Error(), nil)
	}
	policy := alarm.Stamped(&vigiev1.Policy{Author: auth.UserOf(ctx).Name, Classes: given.GetClasses(), Groups: given.GetGroups()}, given.GetVersion(), d.deps.Now().UnixMilli())
	out, err := d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, body: in.Body, act: "policy-set", site: centreSite, named: strconv.FormatUint(policy.GetVersion(), 10),
		id: func(user string) ids.ID { return ids.Act(user, in.Key, "policy-set") },
		fill: func(e *vigiev1.Event, _ *sealing) {
			e.Body = &vigiev1.Event_PolicyProposed{PolicyProposed: &vigiev1.PolicyProposed{Policy: policy}}
		},
	})
	if err != nil || out.Status != http.StatusCreated {
		return out, err
	}
	return out, d.tellPolicy(ctx, policy)
}

// tellPolicy brings an accepted policy into every partition. Said twice it has no
// second effect, so that whoever is not sure sends the act again.
func (d *Desk) tellPolicy(ctx context.Context, policy *vigiev1.Policy) error {
	partitions, err := eventlog.Partitions(ctx, d.deps.Kafka, d.deps.Log)
	if err == nil {
		err = eventlog.EnsurePolicy(ctx, d.deps.Kafka, policy, partitions)
	}
	if err != nil {
		d.deps.Log.Error("an accepted policy is not in every partition", "version", policy.GetVersion(), "error", err)
		return problem.New(problem.NotDurable, "the policy is accepted, but not every partition has it: send it again with the same key")
	}
	return nil
}

func (d *Desk) setFigures(ctx context.Context, in *figuresInput) (*actionOutput, error) {
	if err := mayJudge(ctx); err != nil {
		return nil, err
	}
	if err := checkForm("reason", in.Body.Reason, referenceForm, expectedReference); err != nil {
		return nil, err
	}
	own := &vigiev1.ClassPolicy{}
	if err := read("body.figures", in.Body.Figures, own); err != nil {
		return nil, err
	}
	if err := alarm.CheckFigures(own); err != nil {
		return nil, invalid("body.figures", err.Error(), nil)
	}
	return d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, act: "figures-set", site: in.Site,
		body: struct {
			Site uint64
			SiteFigures
		}{in.Site, in.Body},
		id: func(user string) ids.ID { return siteActID(user, in.Key, in.Site, "act/figures-set") },
		fill: func(e *vigiev1.Event, _ *sealing) {
			e.Body = &vigiev1.Event_FiguresSet{FiguresSet: &vigiev1.FiguresSet{Figures: own, Reason: in.Body.Reason}}
		},
	})
}

// read decodes figures by their names; one that nobody knows is refused.
func read(where string, text json.RawMessage, m proto.Message) error {
	if len(text) == 0 {
		return invalid(where, "figures are expected, as vigie replay --print-policy prints them", nil)
	}
	if err := protojson.Unmarshal(text, m); err != nil {
		// The library varies the space after its name, lest anybody compare its words.
		_, why, _ := strings.Cut(err.Error(), ": ")
		if why == "" {
			why = err.Error()
		}
		return invalid(where, why+"; vigie replay --print-policy prints every name", nil)
	}
	return nil
}
