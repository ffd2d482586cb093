// Package plugin is Grafana's data source for Vigie.
package plugin

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
)

// ID is the plugin's, as in plugin.json.
const ID = "openvigie-vigie-datasource"

// New opens a data source.
func New(context.Context, backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	return nil, nil
}
