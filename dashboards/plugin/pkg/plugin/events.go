package plugin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// silence is how long the console may say nothing: it sends a sign of life
	// every 5 s. Then the connection is taken for dead.
	silence = 20 * time.Second
	// maxLineBytes of the live stream: a site with all its zones in alarm.
	maxLineBytes = 1 << 20
)

// errSilence ends a connection on which nothing comes any more.
var errSilence = errors.New("the console has said nothing for " + silence.String())

// event is one server-sent event.
type event struct {
	name, id string
	data     []byte
}

// follow hands each event of the console's live stream to take, from after the
// id of an earlier one, until take or the connection fails, or ctx ends. Its
// error is never nil.
func (c *console) follow(ctx context.Context, id string, take func(context.Context, event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"text/event-stream"}}
	if id != "" {
		header.Set("Last-Event-ID", id)
	}
	body, err := c.get(ctx, "/api/v1/stream", header)
	if err != nil {
		return err
	}
	defer body.Close()
	alarm := time.AfterFunc(silence, func() { cancel(errSilence) })
	defer alarm.Stop()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLineBytes)
	var e event
	for lines.Scan() {
		alarm.Reset(silence)
		if len(lines.Bytes()) > 0 {
			e.add(lines.Bytes())
			continue
		}
		if e.name != "" {
			if err := take(ctx, e); err != nil {
				return err
			}
			alarm.Reset(silence) // a slow reader is not a silent console
		}
		e = event{}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the live stream of Vigie's console: %w", err)
	}
	return fmt.Errorf("the console ended the live stream: %w", io.EOF)
}

// add takes one line of an event. Comments and fields that nobody needs fall away.
func (e *event) add(line []byte) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.name = string(value)
	case "id":
		e.id = string(value)
	case "data":
		e.data = append(e.data, value...)
	}
}
