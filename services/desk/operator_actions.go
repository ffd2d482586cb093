package desk

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
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
	Act      string `json:"act" enum:"claim,release,verify,close,note" doc:"What is done."`
	Incident string `json:"incident" maxLength:"40" example:"4711-0K3VJ2R9YQX4T" doc:"<site>-<13 characters>."`
	Means    string `json:"means,omitempty" enum:"call-with-code-word,video,listening-in,guard-on-site" doc:"verify: how it was checked."`
	Result   string `json:"result,omitempty" enum:"negative,positive,inconclusive,impossible" doc:"verify: what was found."`
	Outcome  string `json:"outcome,omitempty" enum:"burglary,attempt,hold-up,fire,user-error,technical-fault,works-or-visit,animal-or-weather,unannounced-test,power-cut,undetermined,on-test" doc:"close: what it was."`
	Reason   string `json:"reason,omitempty" maxLength:"2000" doc:"close: why without a verification. Sealed in the log."`
	Note     string `json:"note,omitempty" maxLength:"2000" doc:"note, verify: free text. Sealed in the log."`
}

// ActionOutcome is what became of an act.
type ActionOutcome struct {
	ID       string `json:"id" doc:"The act's event."`
	Status   string `json:"status" enum:"accepted,refused,pending" doc:"Decided by the order of the log; pending until then."`
	Act      string `json:"act,omitempty"`
	Incident string `json:"incident,omitempty"`
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

// act takes a person's act into the log and answers with its outcome.
func (d *Desk) act(ctx context.Context, in *actionInput) (*actionOutput, error) {
	user := auth.UserOf(ctx)
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	wait, err := waitOf(in.Prefer, defaultWait)
	if err != nil {
		return nil, err
	}
	site, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	x, fresh, err := d.acts.begin(&act{
		id: ids.Act(user.Name, in.Key, in.Body.Act), key: user.Name + "\x00" + in.Key,
		body: digest(in.Body), name: in.Body.Act, incident: in.Body.Incident,
	})
	if errors.Is(err, errKeyReused) {
		return nil, problem.New(problem.KeyReused, "the key "+strconv.Quote(in.Key)+" came with another body before")
	}
	if fresh {
		if err := d.append(x, site, user, in); err != nil {
			d.metrics.acts.WithLabelValues(in.Body.Act, "busy").Inc()
			return nil, err
		}
	}
	out, err := d.await(ctx, x, wait)
	d.metrics.acts.WithLabelValues(in.Body.Act, answerName(out, err)).Inc()
	return out, err
}

func answerName(out *actionOutput, err error) string {
	if err != nil {
		return "refused"
	}
	return out.Body.Status
}

// append makes the event and hands it to the appender.
func (d *Desk) append(x *act, site uint64, user auth.User, in *actionInput) error {
	e := &vigiev1.Event{Site: site, Correlation: in.Body.Incident, Source: d.source(user, in.Key)}
	if err := d.fill(e, x.id, &in.Body); err != nil {
		d.acts.confirm(x, err)
		d.deps.Log.Error("seal a note", "site", site, "error", err)
		return problem.New(problem.Internal, "the text could not be sealed")
	}
	err := d.deps.Appender.Append(site, record(e, x.id), func(err error) { d.acts.confirm(x, err) })
	if err != nil {
		d.acts.confirm(x, err)
		return busy(err)
	}
	return nil
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
	return &actionOutput{Status: http.StatusAccepted, Location: location(x.id), Body: ActionOutcome{ID: x.id.String(), Status: "pending", Act: x.name, Incident: x.incident}}
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
	return ActionOutcome{ID: x.id.String(), Status: status, Act: x.name, Incident: x.incident, Reason: o.Reason, Holder: o.Holder, AtMS: o.AtMs}
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

// check finds what the schema cannot say: which fields an act needs, and which
// have no meaning for it. It returns the incident's site.
func (o *OperatorAction) check() (uint64, error) {
	site, err := ids.IncidentSite(o.Incident)
	if err != nil {
		return 0, invalid("body.incident", err.Error(), o.Incident)
	}
	given := map[string]string{"means": o.Means, "result": o.Result, "outcome": o.Outcome, "reason": o.Reason, "note": o.Note}
	needs := map[string][]string{"verify": {"means", "result"}, "close": {"outcome"}, "note": {"note"}}[o.Act]
	takes := map[string][]string{"verify": {"note"}, "close": {"reason"}}[o.Act]
	for _, f := range needs {
		if given[f] == "" {
			return 0, invalid("body."+f, o.Act+" needs "+f, nil)
		}
		delete(given, f)
	}
	for _, f := range takes {
		delete(given, f)
	}
	for _, f := range []string{"means", "result", "outcome", "reason", "note"} {
		if given[f] != "" {
			return 0, invalid("body."+f, f+" has no meaning for "+o.Act, nil)
		}
	}
	return site, nil
}

func invalid(location, message string, value any) error {
	p := problem.New(problem.Invalid, message)
	p.Errors = []*huma.ErrorDetail{{Location: location, Message: message, Value: value}}
	return p
}
