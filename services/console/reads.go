package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// SitePage is a page of sites, ascending by number.
type SitePage struct {
	Sites []*Site `json:"sites"`
	Total int     `json:"total" doc:"Sites that there are in all."`
	Next  uint64  `json:"next,omitempty" doc:"Send as after for the next page; absent on the last one."`
}

// SiteDetail is a site and what is open on it.
type SiteDetail struct {
	*Site
	Detections []*Detection `json:"detections"`
	Incidents  []*Incident  `json:"incidents"`
}

type sitesQuery struct {
	After    uint64 `query:"after" maximum:"9007199254740991" doc:"Sites above this number."`
	Limit    int    `query:"limit" minimum:"1" maximum:"2000" default:"200"`
	Q        string `query:"q" maxLength:"64" doc:"Part of number, label, account or region."`
	Class    string `query:"class" maxLength:"64"`
	Abnormal bool   `query:"abnormal" doc:"Only sites that ask for a look."`
}

func (q *sitesQuery) match(s *Site) bool {
	if q.Class != "" && s.Class != q.Class {
		return false
	}
	if q.Abnormal && !s.abnormal() {
		return false
	}
	if q.Q == "" {
		return true
	}
	needle := strings.ToLower(q.Q)
	return slices.ContainsFunc([]string{s.Name, s.Label, s.Account, s.Region}, func(field string) bool {
		return strings.Contains(strings.ToLower(field), needle)
	})
}

func (c *Console) registerSites(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-sites", Method: http.MethodGet, Path: "/api/v1/sites", Summary: "Sites and their state",
		Errors: []int{401, 422}, Tags: []string{"sites"},
	}, func(_ context.Context, in *sitesQuery) (*struct{ Body SitePage }, error) {
		sites, total, more := c.model.pageOfSites(in.After, in.Limit, in.match)
		out := SitePage{Sites: sites, Total: total}
		if out.Sites == nil {
			out.Sites = []*Site{}
		}
		if more {
			out.Next = sites[len(sites)-1].Site
		}
		return &struct{ Body SitePage }{out}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-site", Method: http.MethodGet, Path: "/api/v1/sites/{site}", Summary: "One site, and what is open on it",
		Errors: []int{401, 404, 422}, Tags: []string{"sites"},
	}, func(_ context.Context, in *struct {
		Site uint64 `path:"site" maximum:"9007199254740991"`
	}) (*struct{ Body SiteDetail }, error) {
		s, detections, incidents, ok := c.model.site(in.Site)
		if !ok {
			return nil, problem.New(problem.NotFound, fmt.Sprintf("no site has the number %d", in.Site))
		}
		return &struct{ Body SiteDetail }{SiteDetail{s, detections, incidents}}, nil
	})
}

type workQuery struct {
	Open  string `query:"open" enum:"true,false,all" default:"true" doc:"Open ones, the newest closed ones, or both."`
	Site  uint64 `query:"site" maximum:"9007199254740991"`
	Limit int    `query:"limit" minimum:"1" maximum:"5000" default:"1000"`
}

// DetectionPage lists detections, newest change first.
type DetectionPage struct {
	Detections []*Detection `json:"detections"`
	Open       int          `json:"open" doc:"How many are open in all."`
}

// IncidentPage lists incidents, the most urgent first.
type IncidentPage struct {
	Incidents []*Incident `json:"incidents"`
	Open      int         `json:"open" doc:"How many are open in all."`
}

func (c *Console) registerWork(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-detections", Method: http.MethodGet, Path: "/api/v1/detections", Summary: "What was detected",
		Errors: []int{401, 422}, Tags: []string{"work"},
	}, func(_ context.Context, in *workQuery) (*struct{ Body DetectionPage }, error) {
		list, open := c.model.listDetections(in)
		return &struct{ Body DetectionPage }{DetectionPage{list, open}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "list-incidents", Method: http.MethodGet, Path: "/api/v1/incidents", Summary: "What operators handle",
		Errors: []int{401, 422}, Tags: []string{"work"},
	}, func(_ context.Context, in *workQuery) (*struct{ Body IncidentPage }, error) {
		list, open := c.model.listIncidents(in)
		return &struct{ Body IncidentPage }{IncidentPage{list, open}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-incident", Method: http.MethodGet, Path: "/api/v1/incidents/{incident}", Summary: "One incident and its history",
		Errors: []int{401, 404}, Tags: []string{"work"},
	}, func(_ context.Context, in *struct {
		Incident string `path:"incident" maxLength:"40"`
	}) (*struct{ Body *Incident }, error) {
		i, ok := c.model.incident(in.Incident)
		if !ok {
			return nil, problem.New(problem.NoSuchIncident, "no incident "+in.Incident+" is open or among the last 1,000 closed")
		}
		return &struct{ Body *Incident }{i}, nil
	})
}
