package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

const (
	// maxSites in one request.
	maxSites = 1_000
	// maxImportBytes lets maxSites with a few dozen zones each through.
	maxImportBytes = 8 << 20
	// importWait is how long a request waits for the log, unless Prefer says otherwise.
	importWait = 10 * time.Second
	// maxAppends of one request stand at the appender at once, so that an
	// import leaves room for people's acts.
	maxAppends = 256
	// busyPause is waited before an append that found no room is tried again.
	busyPause = 20 * time.Millisecond
)

// SitesDeclared answers a declaration.
type SitesDeclared struct {
	Sites     []uint64 `json:"sites" doc:"In the order sent."`
	Events    int      `json:"events" doc:"Events that the declaration is made of."`
	Durable   int      `json:"durable" doc:"Those that the log has confirmed."`
	Completed bool     `json:"completed" doc:"All are confirmed."`
}

type sitesOutput struct {
	Status int
	Body   SitesDeclared
}

type siteInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key gives the same events."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the log, at most 30; 10 unless given."`
	Body   SiteDeclaration
}

type sitesInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key gives the same events."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the log, at most 30; 10 unless given."`
	Body   struct {
		Sites []SiteDeclaration `json:"sites" minItems:"1" maxItems:"1000"`
	}
}

func (d *Desk) registerSites(api huma.API) {
	const about = "Becomes the events site declared, schedule set, connection stage and account bound. 201 once the log has them all, 202 when that takes longer than Prefer: wait: send it again with the same key. Of two sites that bind one account, the first in the log keeps it; the other's detection binding-refused says so."
	huma.Register(api, huma.Operation{
		OperationID: "declare-site", Method: http.MethodPost, Path: "/api/v1/sites", Summary: "Declare a site",
		Description: about, DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 422, 503}, Tags: []string{"sites"},
	}, func(ctx context.Context, in *siteInput) (*sitesOutput, error) {
		return d.declare(ctx, in.Key, in.Prefer, []SiteDeclaration{in.Body})
	})
	huma.Register(api, huma.Operation{
		OperationID: "declare-sites", Method: http.MethodPost, Path: "/api/v1/sites/bulk", Summary: "Declare up to 1,000 sites",
		Description: about, DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 413, 422, 503}, Tags: []string{"sites"}, MaxBodyBytes: maxImportBytes,
	}, func(ctx context.Context, in *sitesInput) (*sitesOutput, error) {
		return d.declare(ctx, in.Key, in.Prefer, in.Body.Sites)
	})
}

// declare appends the events of sites, all or as many as the wait allows. The
// ids follow from the key, so a repeat has no second effect.
func (d *Desk) declare(ctx context.Context, key, prefer string, sites []SiteDeclaration) (*sitesOutput, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	wait, err := waitOf(prefer, importWait)
	if err != nil {
		return nil, err
	}
	if err := checkSites(sites); err != nil {
		return nil, err
	}
	user := auth.UserOf(ctx)
	if d.acts.sameRequest(user.Name+"\x00"+key, digest(sites)) != nil {
		return nil, problem.New(problem.KeyReused, "the key "+strconv.Quote(key)+" came with other sites before")
	}
	var events []*vigiev1.Event
	out := &sitesOutput{Status: http.StatusCreated}
	for i := range sites {
		out.Body.Sites = append(out.Body.Sites, sites[i].Site)
		events = append(events, sites[i].events(d.source(user, key), user.Name, key)...)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	durable, err := d.appendAll(ctx, events)
	out.Body.Events, out.Body.Durable, out.Body.Completed = len(events), durable, durable == len(events)
	switch {
	case out.Body.Completed:
		d.metrics.sites.Add(float64(len(sites)))
		return out, nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		out.Status = http.StatusAccepted
		return out, nil
	default:
		return nil, problem.New(problem.NotDurable, fmt.Sprintf("%d of %d events are in the log: %v", durable, len(events), err))
	}
}

// appendAll appends events in order of the list and returns how many the log
// has confirmed when all were, when ctx ended, or when one failed for good.
func (d *Desk) appendAll(ctx context.Context, events []*vigiev1.Event) (int, error) {
	slots := make(chan struct{}, maxAppends)
	var mu sync.Mutex
	var durable int
	var failed error
	done := make(chan struct{}, len(events))
	confirm := func(err error) {
		mu.Lock()
		if err == nil {
			durable++
		} else if failed == nil {
			failed = err
		}
		mu.Unlock()
		<-slots
		done <- struct{}{}
	}
	result := func(err error) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return durable, errors.Join(failed, err)
	}
	for _, e := range events {
		if err := d.appendOne(ctx, e, slots, confirm); err != nil {
			return result(err)
		}
	}
	for range events {
		select {
		case <-done:
		case <-ctx.Done():
			return result(ctx.Err())
		}
	}
	return result(nil)
}

// appendOne waits for a slot, and for room at the appender.
func (d *Desk) appendOne(ctx context.Context, e *vigiev1.Event, slots chan struct{}, confirm func(error)) error {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	id := ids.ID(e.Id)
	for d.deps.Appender.Append(e.Site, record(e, id), confirm) != nil {
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			<-slots
			return ctx.Err()
		}
	}
	return nil
}

// siteActID names the events of a declaration apart (design decision 4).
func siteActID(user, key string, site uint64, what string) ids.ID {
	return ids.Act(user, key, "site/"+strconv.FormatUint(site, 10)+"/"+what)
}
