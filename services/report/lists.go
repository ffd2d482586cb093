package report

import (
	"context"
	"errors"
	"time"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Incident is one that was opened in the period.
type Incident struct {
	Incident string    `json:"incident" parquet:"incident"`
	Site     uint64    `json:"site" parquet:"site"`
	Class    string    `json:"class" parquet:"class"`
	OpenedAt time.Time `json:"opened_at" parquet:"opened_at,timestamp"`
	// Answer is within_first, within_second, missed, or not_counted: on test, closed by
	// the policy, or its time still ran at the end.
	Answer string `json:"answer" parquet:"answer"`
	// AnsweredAfterMS is absent when no answer counts.
	AnsweredAfterMS *int64 `json:"answered_after_ms,omitempty" parquet:"answered_after_ms,optional"`
	// Outcome is absent when it was not closed in the period.
	Outcome string `json:"outcome,omitempty" parquet:"outcome"`
}

// Span is what lasted at a site: what of it lies in the period.
type Span struct {
	Site uint64    `json:"site" parquet:"site"`
	From time.Time `json:"from" parquet:"from,timestamp"`
	To   time.Time `json:"to" parquet:"to,timestamp"`
	// BeganBefore and Lasts say that it reaches beyond the period.
	BeganBefore bool `json:"began_before" parquet:"began_before"`
	Lasts       bool `json:"lasts" parquet:"lasts"`
	// Closure is detected, declared or end_to_confirm; absent of a lost communication.
	Closure string `json:"closure,omitempty" parquet:"closure"`
}

// The names of lists in Cut.
const (
	listIncidents = "incidents"
	listLosses    = "lost_communications"
	listClosures  = "closures"
)

// lists are the incidents, the losses and the closures of few sites, the first Few of
// each. One more is asked for, to say what was cut.
func (m *maker) lists(ctx context.Context) error {
	if len(m.r.Sites) == 0 {
		return nil
	}
	incidents, err1 := about(ctx, m, queries.IncidentsOpened(m.o.From, m.o.To, Few+1))
	losses, err2 := about(ctx, m, queries.LostCommunications(m.o.From, m.o.To, Few+1))
	closures, err3 := about(ctx, m, queries.ClosuresInRange(m.o.From, m.o.To, Few+1))
	for _, x := range firstOf(m.r, listIncidents, incidents) {
		i := Incident{x.Incident, x.Site, x.Class, x.OpenedAt.UTC(), x.Answer, nil, x.Outcome}
		if x.AnsweredAfterMS > 0 {
			i.AnsweredAfterMS = &x.AnsweredAfterMS
		}
		m.r.Incidents = append(m.r.Incidents, i)
	}
	for _, x := range firstOf(m.r, listLosses, losses) {
		m.r.Losses = append(m.r.Losses, Span{x.Site, x.BeganAt.UTC(), x.EndedAt.UTC(), x.BeganBefore, x.Lasts, ""})
	}
	for _, x := range firstOf(m.r, listClosures, closures) {
		m.r.Closures = append(m.r.Closures, Span{x.Site, x.BeganAt.UTC(), x.EndedAt.UTC(), x.BeganBefore, x.Lasts, x.Closure})
	}
	return errors.Join(err1, err2, err3)
}

// firstOf is what of a list is told; a longer one is said to be cut.
func firstOf[T any](r *SLA, list string, rows []T) []T {
	if len(rows) <= Few {
		return rows
	}
	r.Cut = append(r.Cut, list)
	return rows[:Few]
}
