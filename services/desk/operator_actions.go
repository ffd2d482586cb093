package desk

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

const (
	// defaultWait is how long an answer waits for the outcome, unless Prefer says otherwise.
	defaultWait = 2 * time.Second
	// maxWait stays below the server's write time-out.
	maxWait = 30 * time.Second
)

// OperatorAction is what a person does to an incident.
type OperatorAction struct {
	Act              string `json:"act" enum:"claim,release,hand-over,verify,close,note,park,contact,guard,police,installer,customer-decision,consigne-applied,report-sent" doc:"What is done."`
	Incident         string `json:"incident" maxLength:"40" example:"4711-0K3VJ2R9YQX4T" doc:"<site>-<13 characters>."`
	Means            string `json:"means,omitempty" enum:"call-with-code-word,video,listening-in,guard-on-site" doc:"verify: how it was checked."`
	Result           string `json:"result,omitempty" enum:"negative,positive,inconclusive,impossible" doc:"verify: what was found."`
	Outcome          string `json:"outcome,omitempty" enum:"burglary,attempt,hold-up,fire,user-error,technical-fault,works-or-visit,animal-or-weather,unannounced-test,power-cut,undetermined,on-test" doc:"close: what it was."`
	Reason           string `json:"reason,omitempty" maxLength:"2000" doc:"close: why without a verification; park, consigne-applied: why. Sealed in the log."`
	Note             string `json:"note,omitempty" maxLength:"2000" doc:"note, verify: free text. Sealed in the log."`
	ToUser           string `json:"to_user,omitempty" maxLength:"64" doc:"hand-over: who takes it."`
	WakeUpAtMS       int64  `json:"wake_up_at_ms,omitempty" minimum:"0" doc:"park: when it comes back, Unix ms UTC; within 30 min for an intrusion, 24 h for a technical one."`
	Contact          string `json:"contact,omitempty" maxLength:"64" example:"contact-1" doc:"contact, customer-decision: a reference into the call list, never a name or number."`
	CallResult       string `json:"call_result,omitempty" enum:"reached,no-answer,unreachable" doc:"contact: what came of the call."`
	Passcode         string `json:"passcode,omitempty" enum:"ok,wrong,duress" doc:"contact: what the person said when asked for it; never the passcode itself."`
	Firm             string `json:"firm,omitempty" maxLength:"64" doc:"guard: the company."`
	GuardStep        string `json:"guard_step,omitempty" enum:"requested,accepted,refused,arrived,left" doc:"guard: how far it is."`
	Ground           string `json:"ground,omitempty" enum:"property-verified,persons,fire-or-rescue,missing" doc:"police: why they were called (motif d'appel). A call without one is recorded, and detected."`
	Element          string `json:"element,omitempty" maxLength:"2000" doc:"police, persons: the concrete element. Sealed in the log."`
	Arrived          bool   `json:"arrived,omitempty" doc:"police: they came; the call itself when absent."`
	Installer        string `json:"installer,omitempty" maxLength:"64" doc:"installer: who was rung."`
	InstallerResult  string `json:"installer_result,omitempty" enum:"rung,answered,refused,unreachable" doc:"installer: what came of it."`
	AuthenticatedHow string `json:"authenticated_how,omitempty" enum:"passcode,call-back,portal,letter,in-person" doc:"customer-decision: how the customer was authenticated."`
	Analysis         string `json:"analysis,omitempty" maxLength:"2000" doc:"customer-decision: what the operator told the customer. Sealed in the log."`
	Choice           string `json:"choice,omitempty" enum:"guard,wait,refuse,isolate-zone,come" doc:"customer-decision: what the customer decided."`
	Consigne         string `json:"consigne,omitempty" maxLength:"64" doc:"consigne-applied: its name, as the incident pins it."`
	NotApplicable    bool   `json:"not_applicable,omitempty" doc:"consigne-applied: it could not be applied; reason says why."`
	Channel          string `json:"channel,omitempty" enum:"phone,email,sms,portal,letter" doc:"report-sent: how the report went to the customer."`
	RestoreOwner     string `json:"restore_owner,omitempty" maxLength:"64" doc:"close: who brings the protection back, where it is not whole."`
	RestoreByMS      int64  `json:"restore_by_ms,omitempty" minimum:"0" doc:"close: until when, Unix ms UTC; 24 h when absent."`
}

// ActionOutcome is what became of an act.
type ActionOutcome struct {
	ID       string `json:"id" doc:"The act's event."`
	Status   string `json:"status" enum:"accepted,refused,pending" doc:"Decided by the order of the log; pending until then."`
	Act      string `json:"act,omitempty"`
	Incident string `json:"incident,omitempty"`
	Site     uint64 `json:"site,omitempty" doc:"The site that the act is about."`
	Named    string `json:"named,omitempty" doc:"The name of what was set: consigne, closure, visit, reopening, call."`
	Reason   string `json:"reason,omitempty" doc:"Why it was refused: already-claimed, no-such-incident, …"`
	Holder   string `json:"holder,omitempty" doc:"Who holds the incident."`
	AtMS     int64  `json:"at_ms,omitempty" doc:"When it was decided, on the log's clock."`
}

type actionInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Body   OperatorAction
}

type actionOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     ActionOutcome
}

func (d *Desk) registerActs(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "act", Method: http.MethodPost, Path: "/api/v1/operator-actions",
		Summary: "Do something to an incident", DefaultStatus: http.StatusCreated,
		Description: "The act becomes an event of the log. The answer is the outcome that the log decided: 201 accepted, 409 refused, or 202 when it has not come within Prefer: wait.",
		Errors:      []int{400, 401, 404, 409, 422, 503}, Tags: []string{"operators"},
	}, d.act)
	huma.Register(api, huma.Operation{
		OperationID: "get-act", Method: http.MethodGet, Path: "/api/v1/operator-actions/{id}",
		Summary: "What became of an act", Errors: []int{401, 404, 422}, Tags: []string{"operators"},
	}, d.getAct)
}

// act takes a person's act on an incident.
func (d *Desk) act(ctx context.Context, in *actionInput) (*actionOutput, error) {
	site, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	return d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, body: in.Body, act: in.Body.Act, site: site, incident: in.Body.Incident,
		id:   func(user string) ids.ID { return ids.Act(user, in.Key, in.Body.Act) },
		fill: in.Body.fill,
	})
}

func answerName(out *actionOutput, err error) string {
	if err != nil {
		return "refused"
	}
	return out.Body.Status
}

func (d *Desk) source(user auth.User, key string) *vigiev1.Source {
	return &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{
		User: user.Name, Role: user.Role, Place: d.cfg.Place, IdempotencyKey: key,
	}}}
}

// record stamps an event whose id the act decides, not the appender.
func record(e *vigiev1.Event, id ids.ID) func(ids.ID, int64) *vigiev1.LogRecord {
	return func(_ ids.ID, receivedAtMS int64) *vigiev1.LogRecord {
		e.Id, e.ReceivedAtMs = id[:], receivedAtMS
		return &vigiev1.LogRecord{Version: 1, Record: &vigiev1.LogRecord_Event{Event: e}}
	}
}

func busy(err error) error {
	return huma.ErrorWithHeaders(problem.New(problem.Busy, err.Error()), http.Header{"Retry-After": {"1"}})
}

// await answers with the outcome, or that it is pending when the wait is over.
func (d *Desk) await(ctx context.Context, x *act, wait time.Duration) (*actionOutput, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for _, step := range []<-chan struct{}{x.appended, x.decided} {
		select {
		case <-step:
		case <-timer.C:
			return pending(x), nil
		case <-ctx.Done():
			return pending(x), nil
		}
		if step == x.appended && x.err != nil {
			return nil, problem.New(problem.NotDurable, "the log did not take the act: "+x.err.Error())
		}
	}
	_, o, ok := d.acts.find(x.id)
	if !ok || o == nil {
		return pending(x), nil
	}
	return answer(x, o)
}

func pending(x *act) *actionOutput {
	return &actionOutput{Status: http.StatusAccepted, Location: location(x.id), Body: ActionOutcome{ID: x.id.String(), Status: "pending", Act: x.name, Incident: x.incident, Site: x.siteShown(), Named: x.named}}
}

func location(id ids.ID) string { return "/api/v1/operator-actions/" + id.String() }

func answer(x *act, o *vigiev1.EventOutcome) (*actionOutput, error) {
	if !refused(o) {
		return &actionOutput{Status: http.StatusCreated, Location: location(x.id), Body: outcomeOf(x, o)}, nil
	}
	slug := o.Reason
	switch slug {
	case problem.AlreadyClaimed, problem.NoSuchIncident, problem.NeedsReason:
	default:
		slug = problem.Refused
	}
	p := problem.New(slug, refusal(o))
	p.Holder, p.ID = o.Holder, x.id.String()
	return nil, p
}

func refusal(o *vigiev1.EventOutcome) string {
	if o.Holder != "" {
		return o.Reason + ": held by " + o.Holder
	}
	return o.Reason
}

// refused is so for a repeat too when the first was refused: its reason stands in it.
func refused(o *vigiev1.EventOutcome) bool {
	switch o.Status {
	case vigiev1.OutcomeStatus_OUTCOME_STATUS_REFUSED:
		return true
	case vigiev1.OutcomeStatus_OUTCOME_STATUS_REPEATED:
		return o.Reason != ""
	default:
		return false
	}
}

func outcomeOf(x *act, o *vigiev1.EventOutcome) ActionOutcome {
	status := "accepted"
	if refused(o) {
		status = "refused"
	}
	return ActionOutcome{ID: x.id.String(), Status: status, Act: x.name, Incident: x.incident, Site: x.siteShown(), Named: x.named, Reason: o.Reason, Holder: o.Holder, AtMS: o.AtMs}
}

func (d *Desk) getAct(_ context.Context, in *struct {
	ID string `path:"id" doc:"As the act's answer gave it."`
}) (*struct{ Body ActionOutcome }, error) {
	id, err := ids.Parse(in.ID)
	if err != nil {
		return nil, problem.New(problem.Invalid, err.Error())
	}
	x, o, ok := d.acts.find(id)
	if !ok {
		return nil, problem.New(problem.NoSuchAct, "no act "+in.ID+" is remembered")
	}
	if o == nil {
		return &struct{ Body ActionOutcome }{pending(x).Body}, nil
	}
	return &struct{ Body ActionOutcome }{outcomeOf(x, o)}, nil
}

var visibleKey = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

func checkKey(key string) error {
	if key == "" {
		return problem.New(problem.KeyMissing, "")
	}
	if !visibleKey.MatchString(key) {
		return problem.New(problem.KeyMissing, "the key must be 1 to 128 visible ASCII characters")
	}
	return nil
}

// waitOf reads "wait=N" out of a Prefer header (RFC 7240); other preferences are ignored.
func waitOf(prefer string, otherwise time.Duration) (time.Duration, error) {
	for _, p := range strings.Split(prefer, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "wait") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < 0 {
			return 0, problem.New(problem.BadRequest, "Prefer: "+p+": wait is a number of seconds from 0 to 30")
		}
		// Bounded before it is multiplied: a large number would come out negative.
		return time.Duration(min(n, int(maxWait/time.Second))) * time.Second, nil
	}
	return otherwise, nil
}

func digest(v any) [32]byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("desk: a request body cannot be encoded: %v", err)) // it was decoded from JSON
	}
	return sha256.Sum256(raw)
}

func invalid(location, message string, value any) error {
	p := problem.New(problem.Invalid, message)
	p.Errors = []*huma.ErrorDetail{{Location: location, Message: message, Value: value}}
	return p
}
