package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/services/console/transmissions"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

const (
	// maxLookings under way at a time: each reads a part of the log.
	maxLookings = 4
	// sinceDefault and sinceMost bound how far back is looked.
	sinceDefault, sinceMost = time.Hour, 7 * 24 * time.Hour
)

// Sent is what a site, or one account of it, sent lately.
type Sent struct {
	Site          uint64                       `json:"site"`
	Name          string                       `json:"name" doc:"S-<n>, as people say it."`
	Bound         bool                         `json:"bound" doc:"The account is bound to a declared site; for a site: it was declared."`
	FromMS        int64                        `json:"from_ms" doc:"Nothing that came since then is missing below."`
	ToMS          int64                        `json:"to_ms"`
	More          bool                         `json:"more,omitempty" doc:"Before from_ms there may be more within what was asked: ask with until=from_ms."`
	RawShown      bool                         `json:"raw_shown" doc:"Raw frames and texts are in the answer: it went to a person who may see them."`
	Transmissions []transmissions.Transmission `json:"transmissions" doc:"The newest first. A frame that was answered NAK, or not at all for want of room, left no record and is not here: the receiver's metrics count it."`
	Polls         []transmissions.SentPolls    `json:"polls" doc:"Link tests of the site by path, since from_ms."`
}

// SentQuery bounds what is looked at.
type SentQuery struct {
	Since string `query:"since" maxLength:"40" default:"1h" doc:"How far back: a duration (90m, 24h; 168h at most), a time (RFC 3339) or Unix ms."`
	Until string `query:"until" maxLength:"40" doc:"Up to when; now when absent. As since."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Transmissions at most, the newest."`
}

func (c *Console) registerTransmissions(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "account-transmissions", Method: http.MethodGet, Path: "/api/v1/accounts/{account}/transmissions", Summary: "What an account sent lately, raw and decoded",
		Description: "For those who commission a panel. Raw frames and texts are shown to people only, and each look leaves a line in the log of the console.",
		Errors:      []int{401, 404, 422, 503}, Tags: []string{"sites"},
	}, func(ctx context.Context, in *struct {
		Account string `path:"account" minLength:"1" maxLength:"16" pattern:"^[0-9A-Za-z]+$" doc:"In any case, without #."`
		Line    uint32 `query:"line" maximum:"16777215" doc:"Line (account prefix L), in decimal; 0 when absent."`
		SentQuery
	}) (*struct{ Body *Sent }, error) {
		if !c.accounts.known() {
			return nil, problem.New(problem.ReadModelBehind, "the accounts are not read to their end yet")
		}
		site, bound := c.accounts.site(in.Line, in.Account)
		out, err := c.sent(ctx, in.SentQuery, transmissions.Question{Site: site, Line: in.Line, Account: in.Account})
		if err != nil {
			return nil, err
		}
		out.Bound = bound
		if _, _, _, known := c.model.site(site); !known && !bound && len(out.Transmissions)+len(out.Polls) == 0 {
			return nil, problem.New(problem.NoSuchAccount, c.unknownAccount(in.Line, in.Account))
		}
		return &struct{ Body *Sent }{out}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "site-transmissions", Method: http.MethodGet, Path: "/api/v1/sites/{site}/transmissions", Summary: "What the panels of a site sent lately, raw and decoded",
		Description: "As for an account, for all of the site's; pieces that were rejected name an account and no site: they are only in the answer for the account.",
		Errors:      []int{401, 404, 422, 503}, Tags: []string{"sites"},
	}, func(ctx context.Context, in *struct {
		Site uint64 `path:"site" maximum:"9007199254740991"`
		SentQuery
	}) (*struct{ Body *Sent }, error) {
		s, _, _, ok := c.model.site(in.Site)
		if !ok {
			return nil, problem.New(problem.NotFound, fmt.Sprintf("no site has the number %d", in.Site))
		}
		out, err := c.sent(ctx, in.SentQuery, transmissions.Question{Site: in.Site})
		if err != nil {
			return nil, err
		}
		out.Bound = !s.Undeclared
		return &struct{ Body *Sent }{out}, nil
	})
}

// unknownAccount says what to look at.
func (c *Console) unknownAccount(line uint32, account string) string {
	said := fmt.Sprintf("no site has the account %s on line %d, and nothing came from it in that time", account, line)
	if others := c.accounts.lines(account); len(others) > 0 {
		return said + "; it is bound on line " + strings.Join(others, ", ") + ": ask with line="
	}
	return said + ": does the panel have this account, this receiver's address and port? `vigie receiver send poll --account " + account + "` shows whether the receiver answers"
}

// sent answers a question for who asks it, and leaves a trace of it.
func (c *Console) sent(ctx context.Context, in SentQuery, q transmissions.Question) (*Sent, error) {
	now := c.deps.Now()
	var err error
	if q.To, err = moment(in.Until, now, now); err != nil {
		return nil, problem.New(problem.Invalid, "until: "+err.Error())
	}
	if q.From, err = moment(in.Since, now, now.Add(-sinceDefault)); err != nil {
		return nil, problem.New(problem.Invalid, "since: "+err.Error())
	}
	if now.Sub(q.From) > sinceMost || !q.From.Before(q.To) {
		return nil, problem.New(problem.Invalid, fmt.Sprintf("since is before until, and %s back at most", sinceMost))
	}
	who := auth.UserOf(ctx)
	q.Limit, q.Open = in.Limit, who.IsPerson()
	select {
	case c.lookings <- struct{}{}:
		defer func() { <-c.lookings }()
	default:
		return nil, problem.New(problem.Busy, fmt.Sprintf("%d others look at what panels sent; ask again in a few seconds", maxLookings))
	}
	began := time.Now()
	found, err := c.sender.Read(ctx, q)
	if err != nil {
		c.deps.Log.Warn("what a panel sent could not be read", "site", q.Site, "error", err)
		if errors.Is(err, transmissions.ErrSlow) {
			return nil, problem.New(problem.LogSlow, err.Error())
		}
		return nil, problem.New(problem.LogSlow, "the log does not answer")
	}
	c.metrics.lookings.Observe(time.Since(began).Seconds())
	c.deps.Log.Info("what a panel sent was looked at", "user", who.Name, "role", who.Role, "site", q.Site, "raw", q.Open,
		"since", q.From.UTC().Format(time.RFC3339), "transmissions", len(found.Transmissions))
	out := &Sent{
		Site: q.Site, Name: ids.Site(q.Site), FromMS: found.From.UnixMilli(), ToMS: q.To.UnixMilli(), More: found.More, RawShown: q.Open,
		Transmissions: found.Transmissions, Polls: found.Polls,
	}
	if out.Transmissions == nil {
		out.Transmissions = []transmissions.Transmission{}
	}
	if out.Polls == nil {
		out.Polls = []transmissions.SentPolls{}
	}
	return out, nil
}

// moment reads a time, Unix ms, or how long ago.
func moment(text string, now, absent time.Time) (time.Time, error) {
	if text == "" {
		return absent, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 {
		return time.UnixMilli(ms), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is no duration (90m), no time (2026-11-23T13:45:12Z) and no Unix ms", text)
}
