package main

import (
	"reflect"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// pluginID is the data source of Vigie; which instance of it is asked is the
// dashboard's variable datasource.
const (
	pluginID      = "openvigie-vigie-datasource"
	datasourceUID = "${datasource}"
)

func datasource() common.DataSourceRef {
	kind, uid := pluginID, datasourceUID
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

// Formats of an answer.
const (
	formatTable      = "table"
	formatTimeSeries = "timeseries"
)

// namedQuery asks Vigie's data source for one of the named queries. Its
// parameters from, to and bucket_ms come from the request, the others are fixed.
type namedQuery struct {
	RefID      string               `json:"refId"`
	Datasource common.DataSourceRef `json:"datasource"`
	QueryType  string               `json:"queryType"`
	Query      string               `json:"query"`
	Params     map[string]string    `json:"params"`
	Format     string               `json:"format"`
	// Value and Label name the columns of figures and of their labels, for time series.
	Value []string `json:"value,omitempty"`
	Label []string `json:"label,omitempty"`
}

// ask is a query whose answer is a table; params are names and values in turn.
func ask(query string, params ...string) namedQuery {
	q := namedQuery{RefID: "A", Datasource: datasource(), QueryType: "named", Query: query, Params: map[string]string{}, Format: formatTable}
	for i := 0; i+1 < len(params); i += 2 {
		q.Params[params[i]] = params[i+1]
	}
	return q
}

// over is a query whose answer is time series, one for each label.
func over(query, label string, values ...string) namedQuery {
	q := ask(query)
	q.Format, q.Value = formatTimeSeries, values
	if label != "" {
		q.Label = []string{label}
	}
	return q
}

// ImplementsDataqueryVariant makes namedQuery a query of a panel.
func (q namedQuery) ImplementsDataqueryVariant() {}

// DataqueryType is the data source's.
func (q namedQuery) DataqueryType() string { return pluginID }

// Validate finds nothing: the test of the dashboards checks names and parameters.
func (q namedQuery) Validate() error { return nil }

// Equals compares two queries.
func (q namedQuery) Equals(other variants.Dataquery) bool { return reflect.DeepEqual(q, other) }
