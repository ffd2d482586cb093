package desk

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
)

type siteActInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key and body give the same answer."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait for the outcome, at most 30; 2 unless given."`
	Site   uint64 `path:"site" minimum:"1" maximum:"4503599627370495" doc:"Its number."`
	Body   SiteAction
}

func (d *Desk) registerSiteActs(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "act-on-site", Method: http.MethodPost, Path: "/api/v1/sites/{site}/acts",
		Summary: "Arrange something with a site", DefaultStatus: http.StatusCreated,
		Description: "Consignes, closures, visits, reopenings, tests, stages of the connection, contacts. The answer is the outcome that the log decided: 201 accepted, 409 refused with the reason, or 202 when it has not come within Prefer: wait.",
		Errors:      []int{400, 401, 409, 422, 503}, Tags: []string{"sites"},
	}, d.actOnSite)
	d.registerBulk(api)
}

func (d *Desk) actOnSite(ctx context.Context, in *siteActInput) (*actionOutput, error) {
	a := in.Body
	if err := a.check(&in.Body); err != nil {
		return nil, err
	}
	act, user := a.Act, auth.UserOf(ctx).Name
	return d.take(ctx, request{
		key: in.Key, prefer: in.Prefer, act: act, site: in.Site, named: a.nameIt(user, in.Key),
		body: struct {
			Site uint64
			SiteAction
		}{in.Site, in.Body},
		id: func(user string) ids.ID { return siteActID(user, in.Key, in.Site, "act/"+act) },
		fill: func(e *vigiev1.Event, s *sealing) {
			a.begin(d.deps.Now().UnixMilli())
			a.fill(e, s)
		},
	})
}

// begin sets the start of what begins at once.
func (a *SiteAction) begin(nowMS int64) {
	switch a.Act {
	case "visit-announce", "reopening-plan", "closure-declare":
		if a.FromMS == 0 {
			a.FromMS = nowMS
		}
	}
}

// madeUp is a name for something that was given none: it follows from the act, so
// that a repeat has the same.
func madeUp(user, key, act string) string {
	return strings.ToLower(ids.Hash("vigie name", user, key, act).String()[:10])
}

func eventClasses() []string { return httpserver.EnumNames(vigiev1.EventClass(0).Descriptor()) }
