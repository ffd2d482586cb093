package httpin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
	"github.com/open-vigie/vigie/services/receiver"
)

// EventOutcome is what became of one event.
type EventOutcome struct {
	ID      string   `json:"id,omitempty"`
	Source  string   `json:"source,omitempty"`
	Status  string   `json:"status" enum:"taken,refused" doc:"taken: the log has it."`
	Site    uint64   `json:"site,omitempty" doc:"The site of the account."`
	Receipt string   `json:"receipt,omitempty" doc:"Equal when the same event is sent again; in the log it is the fingerprint."`
	Ignored []string `json:"ignored,omitempty" doc:"Members of the data that mean nothing here. They are kept with the event."`
	Reason  string   `json:"reason,omitempty" enum:"invalid,unknown-account,new-account" doc:"Why it was refused."`
	Detail  string   `json:"detail,omitempty"`
}

// Outcomes answers a request, in the order sent.
type Outcomes struct {
	Taken   int            `json:"taken"`
	Refused int            `json:"refused"`
	Events  []EventOutcome `json:"events"`
}

type response struct {
	Status int
	Body   Outcomes
}

// Reasons for which an event is refused, and set aside.
const (
	reasonInvalid = "invalid"
	reasonUnknown = "unknown-account"
	reasonNew     = "new-account"
)

const (
	taken   = "taken"
	refused = "refused"
)

// post takes the events of a request, waits for the log, and says what became of each.
func (d *Door) post(ctx context.Context, in *request) (*response, error) {
	items, err := in.items()
	if err != nil {
		return nil, d.unreadable(in, err)
	}
	answers := newAnswers(len(items))
	out := make([]EventOutcome, len(items))
	for i, it := range items {
		out[i] = d.take(auth.UserOf(ctx).Name, in, it, func(err error) { answers.give(i, err) })
		if out[i].Status == refused {
			answers.give(i, nil)
		}
	}
	unsure := answers.await(ctx, d.within)
	return d.conclude(out, unsure)
}

// unreadable keeps a body in which no event could be found.
func (d *Door) unreadable(in *request, err error) error {
	if in.failed == nil {
		d.deps.Receiver.SetAside(in.from, vigiev1.Transport_TRANSPORT_HTTP, reasonInvalid, err.Error(), in.body)
		d.events.WithLabelValues(refused).Inc()
	}
	return err
}

// take hands one event to the receiver. It calls done once unless it refuses.
func (d *Door) take(gateway string, in *request, it item, done func(error)) EventOutcome {
	e, err := d.read(it)
	out := EventOutcome{ID: e.ID, Source: e.Source, Status: taken}
	refuse := func(reason string, err error) EventOutcome {
		d.deps.Receiver.SetAside(in.from, vigiev1.Transport_TRANSPORT_HTTP, reason, err.Error(), it.raw)
		out.Status, out.Reason, out.Detail = refused, reason, err.Error()
		return out
	}
	if err != nil {
		return refuse(reasonInvalid, err)
	}
	m, err := e.message(it.event["data"])
	if err != nil {
		return refuse(reasonInvalid, err)
	}
	m.From, m.Gateway, m.Raw = in.from, gateway, it.raw
	receipt, err := d.deps.Receiver.Take(m, done)
	switch {
	case errors.Is(err, receiver.ErrUnknownAccount):
		return refuse(reasonUnknown, err)
	case errors.Is(err, receiver.ErrNewAccount):
		return refuse(reasonNew, err)
	case err != nil:
		done(err)
	}
	out.Site, out.Receipt, out.Ignored = receipt.Site, receipt.Fingerprint.String(), ignored(it.event["data"])
	return out
}

// read checks an event against the description of the API. What it returns beside an
// error names the event as far as it can be read.
func (d *Door) read(it item) (CloudEvent, error) {
	var e CloudEvent
	if it.unread != nil {
		return e, it.unread
	}
	e.ID, _ = it.event["id"].(string)
	e.Source, _ = it.event["source"].(string)
	var res huma.ValidateResult
	huma.Validate(d.schemas, d.schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, it.event, &res)
	if len(res.Errors) > 0 {
		return e, faults(res.Errors)
	}
	whole, err := json.Marshal(it.event)
	if err != nil {
		return e, err
	}
	var read CloudEvent
	if err := json.Unmarshal(whole, &read); err != nil {
		return e, err
	}
	return read, nil
}

// faults names the members that are wrong, and never shows them: they may hold a
// person's name, and what is wrong is told to the log.
func faults(errs []error) error {
	var list []string
	for _, err := range errs {
		text := "not valid"
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			text = strings.TrimPrefix(d.ErrorDetail().Location+": "+d.ErrorDetail().Message, ": ")
		}
		list = append(list, text)
	}
	return errors.New(strings.Join(list, "; "))
}

// answers collects what the log says of each event of a request.
type answers struct {
	left  int
	given chan answer
}

type answer struct {
	place int
	err   error
}

func newAnswers(n int) *answers { return &answers{left: n, given: make(chan answer, n)} }

// give never blocks: each event has one answer.
func (a *answers) give(place int, err error) { a.given <- answer{place, err} }

// await returns what is not known to be durable, by place.
func (a *answers) await(ctx context.Context, patience time.Duration) map[int]error {
	unsure := map[int]error{}
	late := time.NewTimer(patience)
	defer late.Stop()
	answered := make([]bool, a.left)
	give := func(err error) map[int]error {
		for i, ok := range answered {
			if !ok {
				unsure[i] = err
			}
		}
		return unsure
	}
	for ; a.left > 0; a.left-- {
		select {
		case got := <-a.given:
			answered[got.place] = true
			if got.err != nil {
				unsure[got.place] = got.err
			}
		case <-late.C:
			return give(fmt.Errorf("the log has not confirmed it within %s", patience))
		case <-ctx.Done():
			return give(ctx.Err())
		}
	}
	return unsure
}

// conclude makes the answer, and counts. One event that is not durable makes the
// sender try all again.
func (d *Door) conclude(out []EventOutcome, unsure map[int]error) (*response, error) {
	r := &response{Status: http.StatusCreated, Body: Outcomes{Events: out}}
	for i, o := range out {
		switch {
		case unsure[i] != nil:
			d.events.WithLabelValues("unconfirmed").Inc()
		case o.Status == refused:
			r.Body.Refused++
			d.events.WithLabelValues(refused).Inc()
		default:
			r.Body.Taken++
			d.events.WithLabelValues(taken).Inc()
		}
	}
	switch {
	case len(unsure) > 0:
		p := problem.New(problem.EventsUnsure, fmt.Sprintf("%d of %d events are not known to be in the log", len(unsure), len(out)))
		p.Errors = details(out, unsure)
		return nil, huma.ErrorWithHeaders(p, http.Header{"Retry-After": {retryAfter}})
	case r.Body.Taken == 0 && r.Body.Refused > 0:
		p := problem.New(problem.EventsRefused, fmt.Sprintf("%d events, none of which can be taken", len(out)))
		p.Errors = details(out, nil)
		return nil, p
	case r.Body.Refused > 0:
		r.Status = http.StatusAccepted
	}
	return r, nil
}

// details are the events that an answer is about, by place and reason.
func details(out []EventOutcome, unsure map[int]error) []*huma.ErrorDetail {
	var list []*huma.ErrorDetail
	for i, o := range out {
		why := o.Detail
		if err := unsure[i]; err != nil {
			why = err.Error()
		}
		if why != "" {
			list = append(list, &huma.ErrorDetail{Location: fmt.Sprintf("events[%d]", i), Message: why, Value: o.ID})
		}
	}
	return list
}
