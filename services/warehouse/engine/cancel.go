package engine

import (
	"context"
	"time"
)

// killAgainAfter is the pause between two attempts to end a statement: the first
// may come before the engine has begun it.
const killAgainAfter = 50 * time.Millisecond

// endWithClient ends the statement when the client goes before it has finished.
// The returned function must be called when it has. It is for statements that
// only read: an INSERT … SELECT that is cut off has written some of its blocks.
func (s *server) endWithClient(ctx context.Context, queryID string) (finished func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		again := time.NewTicker(killAgainAfter)
		defer again.Stop()
		for {
			s.kill(queryID)
			select {
			case <-done:
				return
			case <-again.C:
			}
		}
	}()
	return func() { close(done); <-ended }
}

// kill ends the statement that runs under the id. The library gives statements
// ids of its own; ours goes with them as their comment.
func (s *server) kill(queryID string) {
	c, err := s.connect()
	if err != nil {
		s.cfg.Log.Warn("a statement whose client is gone runs on", "query_id", queryID, "error", err)
		return
	}
	defer c.close()
	if _, _, err := c.query("KILL QUERY WHERE Settings['log_comment'] = "+quoteText(queryID)+" ASYNC", "Null"); err != nil {
		s.cfg.Log.Warn("a statement whose client is gone runs on", "query_id", queryID, "error", err)
	}
}
