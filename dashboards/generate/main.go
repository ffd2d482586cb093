// Command generate writes the dashboards as Grafana's classic JSON, built with
// Grafana's Foundation SDK:
//
//	go run ./dashboards/generate
//
// A dashboard is one file here (centre_now.go, closed.go), its panels in the
// order in which they are read. What panels have in common stands in panel.go,
// the query of Vigie's data source in query.go, words and colours in words.go.
// The same JSON is provisioned to Grafana and rendered by the console, so that
// only the panel types stat, timeseries, table, bargauge and text are used.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	dir := flag.String("dir", "dashboards", "directory that the JSON files are written to")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := render()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write dashboard %s: %w", name, err)
		}
	}
	return nil
}

// render gives the text of each file, the same at each call.
func render() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, build := range map[string]func() (dashboard.Dashboard, error){
		"centre-now.json":              centreNow,
		"closed-around-the-clock.json": closedAroundTheClock,
	} {
		d, err := build()
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	return files, nil
}
