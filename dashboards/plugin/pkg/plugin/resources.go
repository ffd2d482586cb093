package plugin

import (
	"encoding/json"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// shownQuery is a named query as the query editor shows it.
type shownQuery struct {
	Name       string        `json:"name"`
	Doc        string        `json:"doc"`
	Params     []shownParam  `json:"params"`
	Columns    []shownColumn `json:"columns"`
	TimeSeries bool          `json:"timeSeries"`
}

type shownParam struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Doc  string `json:"doc"`
	// Panel says that the panel gives it; Optional that it may.
	Panel    bool `json:"panel"`
	Optional bool `json:"optional"`
}

type shownColumn struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Doc  string `json:"doc"`
}

// resources are what the query editor asks: GET queries, the list of them.
func resources() backend.CallResourceHandler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /queries", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(shownQueries()) // whoever asked went away
	})
	return httpadapter.New(mux)
}

func shownQueries() []shownQuery {
	panel := map[string]bool{"from": true, "to": true, "bucket_ms": true}
	list := []shownQuery{}
	for _, name := range queries.Names() {
		q, _ := queries.Named(name)
		shown := shownQuery{Name: name, Doc: q.Doc, Params: []shownParam{}, Columns: []shownColumn{}, TimeSeries: q.TimeSeries()}
		for _, p := range q.Params {
			shown.Params = append(shown.Params, shownParam{Name: p.Name, Unit: p.Unit, Doc: p.Doc, Panel: panel[p.Name], Optional: p.Name == "window_ms"})
		}
		for _, c := range q.Columns {
			shown.Columns = append(shown.Columns, shownColumn(c))
		}
		list = append(list, shown)
	}
	return list
}
