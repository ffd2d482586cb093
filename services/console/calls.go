package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver"
)

const (
	// callsFor is how long a call is kept after its last step, and how far back
	// outcomes are read at a start.
	callsFor = time.Hour
	// maxCallsKept bounds them: beyond, the one offered first goes.
	maxCallsKept = 2_000
)

// Call is a customer's call as of its last step.
type Call struct {
	Call          string `json:"call"`
	Step          string `json:"step" enum:"offered,answered,abandoned,transferred,ended"`
	OfferedAtMS   int64  `json:"offered_at_ms"`
	AnsweredAtMS  int64  `json:"answered_at_ms,omitempty"`
	AnsweredBy    string `json:"answered_by,omitempty"`
	EndedAtMS     int64  `json:"ended_at_ms,omitempty" doc:"Abandoned or ended."`
	TransferredTo string `json:"transferred_to,omitempty"`
	Site          uint64 `json:"site,omitempty"`
	Incident      string `json:"incident,omitempty"`
	Reason        string `json:"reason,omitempty"`
	WithinMS      int64  `json:"within_ms,omitempty" doc:"To be answered within this …"`
	SharePercent  uint32 `json:"share_percent,omitempty" doc:"… in this share of calls."`
	AtMS          int64  `json:"at_ms" doc:"Of the step, on the log's clock."`
}

// CallPage lists calls.
type CallPage struct {
	Calls []*Call `json:"calls"`
}

func (c *Console) registerCalls(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-calls", Method: http.MethodGet, Path: "/api/v1/calls", Summary: "Calls that wait or run, and those of the last hour",
		Description: "In the order in which they were offered. Of the past, the named query calls_answered tells.",
		Errors:      []int{401}, Tags: []string{"customers"},
	}, func(context.Context, *struct{}) (*struct{ Body CallPage }, error) {
		return &struct{ Body CallPage }{CallPage{c.model.listCalls()}}, nil
	})
}

// callView is what an outcome says of a call; nil for one that says nothing.
func callView(o *vigiev1.EventOutcome) *Call {
	f := o.GetCall()
	if f == nil || o.GetStatus() != vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED {
		return nil
	}
	return &Call{
		Call: f.Call, Step: httpserver.EnumName(f.Step), OfferedAtMS: f.OfferedAtMs, AnsweredAtMS: f.AnsweredAtMs, AnsweredBy: f.AnsweredBy,
		EndedAtMS: f.EndedAtMs, TransferredTo: f.TransferredTo, Site: f.AboutSite, Incident: f.Incident, Reason: f.Reason,
		WithinMS: f.AnswerWithinMs, SharePercent: f.AnswerSharePercent, AtMS: o.AtMs,
	}
}

// takeCall puts a call in the place of what it was before.
func (m *model) takeCall(v *Call) {
	if v == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = slices.DeleteFunc(m.calls, func(old *Call) bool {
		same := old.Call == v.Call && old.OfferedAtMS == v.OfferedAtMS
		return same || old.EndedAtMS != 0 && v.AtMS-old.AtMS > callsFor.Milliseconds()
	})
	i, _ := slices.BinarySearchFunc(m.calls, v.OfferedAtMS+1, func(c *Call, at int64) int { return cmp.Compare(c.OfferedAtMS, at) })
	m.calls = slices.Insert(m.calls, i, v)
	if len(m.calls) > maxCallsKept {
		m.calls = slices.Delete(m.calls, 0, 1)
	}
}

func (m *model) listCalls() []*Call {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return append([]*Call{}, m.calls...)
}

// takeOldOutcome reads the calls of before the start; the rest is nobody's news.
func (c *Console) takeOldOutcome(r *kgo.Record) {
	o := &vigiev1.EventOutcome{}
	if !r.Attrs.IsControl() && proto.Unmarshal(r.Value, o) == nil {
		c.model.takeCall(callView(o))
	}
}
