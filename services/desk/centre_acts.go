package desk

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
)

// centreSite is the site under which stands what is no site's: calls, shifts, and
// the ends of acts on many sites. So each of them has one order in the whole centre.
const centreSite = 0

// CallAction is a step of a customer's call.
type CallAction struct {
	Call         string `json:"call,omitempty" maxLength:"64" example:"k-20261123-0017" doc:"Its name, as the telephone exchange has it; made up when a call is offered without."`
	Step         string `json:"step" enum:"offered,answered,abandoned,transferred,ended" doc:"What happened."`
	To           string `json:"to,omitempty" maxLength:"64" example:"guard" doc:"transferred: to whom; installer, guard, police, or a reference."`
	Reason       string `json:"reason,omitempty" maxLength:"64" example:"closure" doc:"ended: what it was about, as a name. Not sealed."`
	Satisfaction uint32 `json:"satisfaction,omitempty" maximum:"5" doc:"ended: 1 to 5; absent when not asked."`
	Site         uint64 `json:"site,omitempty" maximum:"9007199254740991" doc:"The site that it is about, once somebody knows."`
	Incident     string `json:"incident,omitempty" maxLength:"40" doc:"The incident that it is about."`
}

var callForms = map[string]form{
	"offered":     {takes: []string{"site"}},
	"answered":    {takes: []string{"site"}},
	"abandoned":   {},
	"transferred": {needs: []string{"to"}, takes: []string{"site"}},
	"ended":       {takes: []string{"reason", "satisfaction", "site"}},
}

func (c *CallAction) check() error {
	if err := callForms[c.Step].check(c.Step, c); err != nil {
		return err
	}
	if c.Call == "" && c.Step != "offered" {
		return invalid("body.call", c.Step+" needs call", nil)
	}
	if c.Incident != "" {
		if _, err := ids.IncidentSite(c.Incident); err != nil {
			return invalid("body.incident", err.Error(), c.Incident)
		}
	}
	for _, x := range []struct{ name, value string }{{"call", c.Call}, {"to", c.To}, {"reason", c.Reason}} {
		if err := checkForm(x.name, x.value, referenceForm, expectedReference); err != nil {
			return err
		}
	}
	return nil
}

func (c *CallAction) fill(e *vigiev1.Event, _ *sealing) {
	e.Body = &vigiev1.Event_CallStep{CallStep: &vigiev1.CallStep{
		Call: c.Call, Step: number[vigiev1.CallStep_Step](c.Step), To: c.To, Reason: c.Reason, Satisfaction: c.Satisfaction,
		AboutSite: c.Site, Incident: c.Incident,
	}}
}

// ShiftAction is what a person says of their own presence.
type ShiftAction struct {
	Act     string `json:"act" enum:"start,end,break,back" doc:"Of the one who asks."`
	Place   string `json:"place,omitempty" maxLength:"64" example:"station-a" doc:"start: the station, or remote."`
	Brigade string `json:"brigade,omitempty" maxLength:"64" doc:"start: brigades that must not mix."`
	Desk    string `json:"desk,omitempty" maxLength:"64" doc:"start: the desk."`
}

var shiftForms = map[string]form{
	"start": {needs: []string{"place"}, takes: []string{"brigade", "desk"}},
	"end":   {}, "break": {}, "back": {},
}

func (s *ShiftAction) check() error {
	if err := shiftForms[s.Act].check(s.Act, s); err != nil {
		return err
	}
	for _, x := range []struct{ name, value string }{{"place", s.Place}, {"brigade", s.Brigade}, {"desk", s.Desk}} {
		if err := checkForm(x.name, x.value, referenceForm, expectedReference); err != nil {
			return err
		}
	}
	return nil
}

func (s *ShiftAction) fill(e *vigiev1.Event, _ *sealing) {
	switch s.Act {
	case "start":
		e.Body = &vigiev1.Event_ShiftStarted{ShiftStarted: &vigiev1.ShiftStarted{Place: s.Place, Brigade: s.Brigade, Desk: s.Desk}}
	case "end":
		e.Body = &vigiev1.Event_ShiftEnded{ShiftEnded: &vigiev1.ShiftEnded{}}
	default:
		e.Body = &vigiev1.Event_BreakTaken{BreakTaken: &vigiev1.BreakTaken{Ended: s.Act == "back"}}
	}
}

type callInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Body   CallAction
}

type shiftInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Body   ShiftAction
}

func (d *Desk) registerCentre(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "step-call", Method: http.MethodPost, Path: "/api/v1/calls", Summary: "A step of a customer's call",
		Description: "By the telephone exchange, or by who takes the call. Of two who answer, the first in the log has it; the other is told who (409).",
		Errors:      []int{400, 401, 409, 422, 503}, Tags: []string{"customers"}, DefaultStatus: http.StatusCreated,
	}, d.stepCall)
	huma.Register(api, huma.Operation{
		OperationID: "move-shift", Method: http.MethodPost, Path: "/api/v1/shifts", Summary: "Start or end one's shift, take a break",
		Errors: []int{400, 401, 422, 503}, Tags: []string{"operators"}, DefaultStatus: http.StatusCreated,
	}, d.moveShift)
}

func (d *Desk) stepCall(ctx context.Context, in *callInput) (*actionOutput, error) {
	c := in.Body
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Call == "" {
		c.Call = madeUp(auth.UserOf(ctx).Name, in.Key, "call")
	}
	return d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, body: in.Body, act: "call-" + c.Step, site: centreSite, incident: c.Incident, named: c.Call,
		id: func(user string) ids.ID { return ids.Act(user, in.Key, "call/"+c.Step) }, fill: c.fill,
	})
}

func (d *Desk) moveShift(ctx context.Context, in *shiftInput) (*actionOutput, error) {
	s := in.Body
	if err := s.check(); err != nil {
		return nil, err
	}
	return d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, body: in.Body, act: "shift-" + s.Act, site: centreSite,
		id: func(user string) ids.ID { return ids.Act(user, in.Key, "shift/"+s.Act) }, fill: s.fill,
	})
}
