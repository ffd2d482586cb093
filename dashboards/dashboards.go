// Package dashboards holds Vigie's dashboards as Grafana's classic JSON, as
// command generate writes them. It imports nothing of Vigie, so that the console
// serves the very files that Grafana is provisioned with.
package dashboards

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"
)

//go:embed centre-now.json closed-around-the-clock.json
var files embed.FS

// Dashboard is one of them.
type Dashboard struct {
	UID   string
	Title string
	Tags  []string
	// JSON is the classic model, byte for byte as committed.
	JSON []byte
}

// All lists the dashboards by title.
func All() []Dashboard {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	var all []Dashboard
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err) // the file is part of the program
		}
		var head struct {
			UID, Title string
			Tags       []string
		}
		if err := json.Unmarshal(text, &head); err != nil {
			panic("dashboards: " + e.Name() + ": " + err.Error()) // a test reads each of them
		}
		all = append(all, Dashboard{UID: head.UID, Title: head.Title, Tags: head.Tags, JSON: text})
	}
	slices.SortFunc(all, func(a, b Dashboard) int { return strings.Compare(a.Title, b.Title) })
	return all
}

// Named returns the dashboard of a uid, and whether there is one.
func Named(uid string) (Dashboard, bool) {
	for _, d := range All() {
		if d.UID == uid {
			return d, true
		}
	}
	return Dashboard{}, false
}
