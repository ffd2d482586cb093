package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

const (
	// maxStreams bounds the live streams of one console.
	maxStreams = 1_000
	// writeWithin is what a client has to take one write; then it is dropped.
	writeWithin = 10 * time.Second
	// retryMS is how soon a browser comes back.
	retryMS = 1_000
)

func (c *Console) registerStream(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/api/v1/stream", Summary: "Changes as they happen, by server-sent events",
		Description: "Events: site, detection, incident, outcome (one changed thing each, as the lists give it), pipeline (each second), reset (load the lists again: what came before cannot be resumed). The id is an offset vector; Last-Event-ID resumes after it, over a restart too. A thing may come twice: version and at_ms order it.",
		Errors:      []int{401, 503}, Tags: []string{"stream"},
	}, func(_ context.Context, in *struct {
		LastEventID string `header:"Last-Event-ID" maxLength:"16384"`
	}) (*huma.StreamResponse, error) {
		if !c.isReady() {
			return nil, problem.New(problem.ReadModelBehind, "")
		}
		if c.streams.Add(1) > maxStreams {
			c.streams.Add(-1)
			return nil, problem.New(problem.Busy, fmt.Sprintf("%d live streams are open", maxStreams))
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer c.streams.Add(-1)
			r, w := humago.Unwrap(hc)
			c.metrics.streams.Inc()
			defer c.metrics.streams.Dec()
			s := &stream{c: c, w: w, rc: http.NewResponseController(w), closing: httpserver.Closing(r.Context())}
			if err := s.run(r.Context(), in.LastEventID); err != nil {
				c.metrics.dropped.Inc()
				c.deps.Log.Info("a live stream was dropped", "error", err)
			}
		}}, nil
	})
}

// stream is one client's live stream.
type stream struct {
	c       *Console
	w       http.ResponseWriter
	rc      *http.ResponseController
	closing <-chan struct{}
	buf     bytes.Buffer
	// pipeline is the last one sent.
	pipeline *Pipeline
}

// run sends changes until the client or the server goes. Its error says why the
// client was dropped.
func (s *stream) run(ctx context.Context, lastEventID string) error {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
	fmt.Fprintf(&s.buf, "retry: %d\n\n", retryMS)
	at, resumed := s.c.ring.resume(lastEventID)
	if !resumed {
		at = s.reset()
	}
	keepAlive := time.NewTicker(s.c.cfg.KeepAlive)
	defer keepAlive.Stop()
	for {
		list, more, behind := at.take()
		if behind {
			at = s.reset()
			continue
		}
		for _, ch := range list {
			s.event(ch.event, ch.json())
		}
		if p := s.c.latest.Load(); p != s.pipeline && p != nil {
			s.pipeline = p
			s.eventOf("pipeline", p)
		}
		if s.buf.Len() > 0 {
			fmt.Fprintf(&s.buf, "event: at\nid: %s\ndata: {}\n\n", at.id())
		}
		if err := s.flush(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("it did not read for %s", writeWithin)
			}
			return nil // it went away
		}
		if len(list) == batch {
			continue
		}
		select {
		case <-more:
		case <-keepAlive.C:
			s.buf.WriteString(": alive\n\n")
		case <-ctx.Done():
			return nil
		case <-s.closing:
			return nil
		}
	}
}

// reset tells the client to load everything; changes follow from now.
func (s *stream) reset() *cursor {
	s.c.metrics.resets.Inc()
	s.event("reset", []byte("{}"))
	return s.c.ring.newCursor()
}

func (s *stream) event(name string, data []byte) {
	s.buf.WriteString("event: ")
	s.buf.WriteString(name)
	s.buf.WriteString("\ndata: ")
	s.buf.Write(data)
	s.buf.WriteString("\n\n")
}

func (s *stream) eventOf(name string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("console: %s cannot be encoded: %v", name, err))
	}
	s.event(name, raw)
}

func (s *stream) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	s.buf.Reset()
	return s.rc.Flush()
}
