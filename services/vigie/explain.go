package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/explain"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/panel"
)

// explainQuestion is the command line of `vigie explain`.
type explainQuestion struct {
	lang, site string
	json       bool
}

func explainCommand() *cobra.Command {
	q := &explainQuestion{}
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "From an incident, a detection or a site back to what the panel sent",
		Long: `Tells why: the history of an incident, the detections of it and what they were
judged by, and each event that is evidence, with its place in the log, when it was
received, and the frame that the panel sent, decoded. ID is an incident
(7-0123456789ABC), a detection (26 characters) or a site (S-7, or 7).

Frames are sealed: they are opened with the keys of --data. It reads the log only,
and may run beside everything else.`,
		Example: `  vigie explain 7-03G5T8Y0QZ1KM
  vigie explain S-7 --lang fr
  vigie explain 5ZQ0V8K3N1C7R2M4T6W9X0A1BC --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.explain(cmd, q, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.lang, "lang", language(), "language of the explanation: fr or en")
	f.StringVar(&q.site, "site", "", "site of a detection, which is then found sooner")
	f.BoolVar(&q.json, "json", false, "as JSON, for a program")
	clusterFlags(cmd)
	return cmd
}

func parseSite(text string) (uint64, error) {
	site, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(text), "S-"), 10, 64)
	if err != nil || site >= 1<<53 {
		return 0, fmt.Errorf("%q is no site: S-7 or 7 is expected", text)
	}
	return site, nil
}

func (s *settings) explain(cmd *cobra.Command, q *explainQuestion, id string) error {
	ask, err := q.asking(id)
	if err != nil {
		return usageError{err}
	}
	if err := s.findKafka(); err != nil {
		return err
	}
	ctx := cmd.Context()
	x, err := explain.New(ctx, s.kafka, s.log)
	if err != nil {
		return err
	}
	defer x.Close()
	begun := time.Now()
	story, err := ask(ctx, x)
	if err != nil {
		return err
	}
	frames, err := s.frames()
	if err != nil {
		return err
	}
	defer frames.close()
	t := telling{story: story, frames: frames, lang: q.lang, words: tellingWords(q.lang), took: time.Since(begun)}
	if q.json {
		return t.json(cmd.OutOrStdout())
	}
	t.text(cmd.OutOrStdout())
	return nil
}

// asking finds out what an id is the id of.
func (q *explainQuestion) asking(id string) (func(context.Context, *explain.Explainer) (*explain.Story, error), error) {
	var at uint64
	if q.site != "" {
		var err error
		if at, err = parseSite(q.site); err != nil {
			return nil, fmt.Errorf("--site: %w", err)
		}
	}
	if _, err := ids.IncidentSite(id); err == nil {
		return func(ctx context.Context, x *explain.Explainer) (*explain.Story, error) { return x.Incident(ctx, id) }, nil
	}
	if detection, err := ids.Parse(id); err == nil {
		return func(ctx context.Context, x *explain.Explainer) (*explain.Story, error) {
			return x.Detection(ctx, detection, at)
		}, nil
	}
	if site, err := parseSite(id); err == nil {
		return func(ctx context.Context, x *explain.Explainer) (*explain.Story, error) { return x.Site(ctx, site) }, nil
	}
	return nil, fmt.Errorf("%q is neither an incident (7-0123456789ABC), nor a detection (26 characters), nor a site (S-7)", id)
}

// frames opens what panels sent.
type frames struct {
	keys *vault.Vault
	// why says why nothing can be opened; nil when keys are there.
	why error
}

// frames takes the keys of the data directory, beside whoever else has them.
func (s *settings) frames() (*frames, error) {
	keys, err := vault.Peek(s.path("keys"))
	if errors.Is(err, vault.ErrNoKeys) {
		return &frames{why: err}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	return &frames{keys: keys}, nil
}

func (f *frames) close() {
	if f.keys != nil {
		_ = f.keys.Close() // It was only read.
	}
}

// errNoFrame: an act of a person has none.
var errNoFrame = errors.New("no frame")

// open returns the frame of an event as it was received.
func (f *frames) open(e *vigiev1.Event) ([]byte, error) {
	switch {
	case e.GetRaw() == nil:
		return nil, errNoFrame
	case f.keys == nil:
		return nil, f.why
	}
	return f.keys.Unseal(e.GetRaw(), vault.AAD(vault.FieldRaw, e.GetFingerprint()))
}

// decoded says what a frame means; what is not DC-09 is shown as it is.
func decoded(e *vigiev1.Event, raw []byte, lang string) string {
	if by := e.GetSource().GetPanel().GetTransport(); by == vigiev1.Transport_TRANSPORT_HTTP || by == vigiev1.Transport_TRANSPORT_SURGARD {
		return ""
	}
	return strings.TrimRight(panel.Decode(raw, lang), "\n")
}

func indent(out io.Writer, by, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprint(out, by+strings.TrimRight(line, "\n")+"\n")
	}
}
