package console

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/dashboards"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// DashboardHead is a dashboard in a list.
type DashboardHead struct {
	UID   string   `json:"uid"`
	Title string   `json:"title"`
	Tags  []string `json:"tags"`
}

func (c *Console) registerDashboards(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-dashboards", Method: http.MethodGet, Path: "/api/v1/dashboards", Summary: "The dashboards",
		Errors: []int{401}, Tags: []string{"dashboards"},
	}, func(context.Context, *struct{}) (*struct{ Body []DashboardHead }, error) {
		list := []DashboardHead{}
		for _, d := range dashboards.All() {
			list = append(list, DashboardHead{UID: d.UID, Title: d.Title, Tags: d.Tags})
		}
		return &struct{ Body []DashboardHead }{list}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-dashboard", Method: http.MethodGet, Path: "/api/v1/dashboards/{uid}",
		Summary:     "One dashboard in Grafana's classic JSON",
		Description: "The file that Grafana is provisioned with, byte for byte.",
		Errors:      []int{401, 404}, Tags: []string{"dashboards"},
	}, func(_ context.Context, in *struct {
		UID string `path:"uid" maxLength:"40"`
	}) (*dashboardOutput, error) {
		d, ok := dashboards.Named(in.UID)
		if !ok {
			return nil, problem.New(problem.NotFound, "no dashboard has the uid "+in.UID)
		}
		return &dashboardOutput{ContentType: "application/json", Body: d.JSON}, nil
	})
}

type dashboardOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}
