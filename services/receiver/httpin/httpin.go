// Package httpin takes what gateways and cameras say of panels over HTTP: one
// CloudEvent or a batch to POST /api/v1/events/panel, answered only after the log
// has all that the answer calls taken. The data of an event is PanelEvent.
package httpin

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/receiver"
)

// Path of the one operation.
const Path = "/api/v1/events/panel"

// Bounds of a request.
const (
	// maxBytes of a request, maxEvents of a batch.
	maxBytes  = 1 << 20
	maxEvents = 1_000
	// maxEventBytes of one event: what every CloudEvents intermediary lets through.
	maxEventBytes = 64 << 10
	// maxRequests under way: with maxBytes they bound the memory.
	maxRequests = 64
	// answerWithin: a request waits so long for the log. Gateways commonly give up
	// after 30 s, and the server after 60.
	answerWithin = 10 * time.Second
	// retryAfter seconds is when a request that passed a bound, or met a log that is
	// away, is worth another try.
	retryAfter = "2"
)

// Receiver takes messages; *receiver.Receiver in the product.
type Receiver interface {
	Take(m receiver.Message, done func(error)) (receiver.Receipt, error)
	SetAside(from netip.AddrPort, transport vigiev1.Transport, reason, detail string, raw []byte)
}

// Deps is what the door is given.
type Deps struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Receiver Receiver
}

// Door is the HTTP door of a receiver.
type Door struct {
	deps   Deps
	events *prometheus.CounterVec
	room   chan struct{}
	// schemas check what comes against the API's own description.
	schemas huma.Registry
	schema  *huma.Schema
	// within is answerWithin but in tests.
	within time.Duration
}

// New makes a door that answers once it is registered with an API.
func New(deps Deps) (*Door, error) {
	d := &Door{deps: deps, room: make(chan struct{}, maxRequests), within: answerWithin}
	var err error
	d.events, err = newMetrics(deps.Metrics)
	return d, err
}

// RegisterMetrics registers what a door counts, for the page that lists it.
func RegisterMetrics(reg prometheus.Registerer) error {
	_, err := newMetrics(reg)
	return err
}

func newMetrics(reg prometheus.Registerer) (*prometheus.CounterVec, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vigie_receiver_http_events_total",
		Help: "Events posted, by outcome: taken, refused (set aside with a reason), or unconfirmed (the sender was told to try again).",
	}, []string{"outcome"})
	if err := reg.Register(events); err != nil {
		return nil, fmt.Errorf("register the metrics of events over HTTP: %w", err)
	}
	return events, nil
}

// Register adds the operation to an API.
func Register(api huma.API, d *Door) {
	d.schemas = api.OpenAPI().Components.Schemas
	huma.Register(api, huma.Operation{
		OperationID: "post-panel-events", Method: http.MethodPost, Path: Path, Summary: "Say what panels reported",
		Description: "For gateways and cameras: one CloudEvent 1.0 (structured or binary mode) or a batch, with the token of a machine. " +
			"201 when the log has all events, 202 when it has some and the others are refused, each with its reason. " +
			"After 503, or no answer, send the same again: an event of the same source, id and data has one effect within the policy's window (5 min). " +
			"What is refused is refused again; it is kept, sealed, for the administrator.",
		DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 403, 413, 415, 422, 503}, Tags: []string{"panels"},
		Middlewares: huma.Middlewares{d.machinesOnly(api), d.withinRoom(api)},
	}, d.post)
	d.describe(api)
}

// describe puts what may be posted into the API's description. The operation reads
// its body itself: which schema holds depends on the media type.
func (d *Door) describe(api huma.API) {
	d.schema = schemaOf[CloudEvent](d.schemas)
	content := func(s *huma.Schema) *huma.MediaType { return &huma.MediaType{Schema: s} }
	most := maxEvents
	post := api.OpenAPI().Paths[Path].Post
	some := *post.Responses["201"]
	some.Description = "The log has some; the others are refused."
	post.Responses["202"] = &some
	post.RequestBody = &huma.RequestBody{
		Required:    true,
		Description: fmt.Sprintf("At most %d kB in all, %d kB an event, %d events a batch. In binary mode the body is the data, and the attributes are headers (ce-id, ce-source, …).", maxBytes>>10, maxEventBytes>>10, maxEvents),
		Content: map[string]*huma.MediaType{
			typeEvent: content(d.schema),
			typeBatch: content(&huma.Schema{Type: huma.TypeArray, Items: d.schema, MaxItems: &most}),
			typeJSON:  content(schemaOf[PanelEvent](d.schemas)),
		},
	}
}

// machinesOnly answers people: an event of a panel is nothing that a browser sends.
func (d *Door) machinesOnly(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if u := auth.UserOf(ctx.Context()); u.Role != auth.RoleMachine {
			d.write(api, ctx, http.StatusForbidden, "events of panels come from machines: send Authorization: Bearer with a token")
			return
		}
		next(ctx)
	}
}

// withinRoom bounds the requests under way, before anything is read of them.
func (d *Door) withinRoom(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		select {
		case d.room <- struct{}{}:
		default:
			ctx.SetHeader("Retry-After", retryAfter)
			d.write(api, ctx, http.StatusServiceUnavailable, fmt.Sprintf("%d requests are under way", maxRequests))
			return
		}
		defer func() { <-d.room }()
		next(ctx)
	}
}

func (d *Door) write(api huma.API, ctx huma.Context, status int, text string) {
	if err := huma.WriteErr(api, ctx, status, text); err != nil {
		d.deps.Log.Debug("an answer was not taken", "error", err)
	}
}
