package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// quietFor is how long a warning that was written is not written again: an
	// outage of Kafka makes each client say the same several times a second.
	quietFor = time.Minute
	// maxQuiet bounds the warnings remembered; past it the oldest is forgotten.
	maxQuiet = 1_000
)

// Quiet is a log handler that writes each warning once a minute and then says
// how often it came meanwhile. Other levels pass as they are.
type Quiet struct {
	next slog.Handler
	now  func() time.Time
	seen *seen
}

type seen struct {
	mu   sync.Mutex
	last map[string]repeats
}

type repeats struct {
	since time.Time
	more  int
}

// NewQuiet wraps a handler.
func NewQuiet(next slog.Handler, now func() time.Time) *Quiet {
	return &Quiet{next: next, now: now, seen: &seen{last: map[string]repeats{}}}
}

// Enabled is the wrapped handler's.
func (q *Quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.next.Enabled(ctx, level)
}

// Handle writes the record, unless the same warning was written within a minute.
func (q *Quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level != slog.LevelWarn {
		return q.next.Handle(ctx, r)
	}
	more, write := q.seen.look(r.Message+sourceOf(r), q.now())
	if !write {
		return nil
	}
	if more > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", more))
	}
	return q.next.Handle(ctx, r)
}

// sourceOf tells warnings of the same words apart by what they are about.
func sourceOf(r slog.Record) string {
	source := ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "topic", "what", "group", "service":
			source += "\x00" + a.Value.String()
		}
		return true
	})
	return source
}

func (s *seen) look(key string, now time.Time) (more int, write bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.last[key]
	if known && now.Sub(last.since) < quietFor {
		last.more++
		s.last[key] = last
		return 0, false
	}
	if !known && len(s.last) >= maxQuiet {
		s.forgetOldest()
	}
	s.last[key] = repeats{since: now}
	return last.more, true
}

func (s *seen) forgetOldest() {
	oldest := ""
	for key, r := range s.last {
		if oldest == "" || r.since.Before(s.last[oldest].since) {
			oldest = key
		}
	}
	delete(s.last, oldest)
}

// WithAttrs shares what was seen.
func (q *Quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Quiet{next: q.next.WithAttrs(attrs), now: q.now, seen: q.seen}
}

// WithGroup shares what was seen.
func (q *Quiet) WithGroup(name string) slog.Handler {
	return &Quiet{next: q.next.WithGroup(name), now: q.now, seen: q.seen}
}
