package plugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// defaultTimeout of a query, the wait for its turn included: longer than the
	// refresh of a dashboard helps nobody.
	defaultTimeout = 30 * time.Second
	maxTimeout     = 5 * time.Minute
)

// settings of a data source. Passwords stand in no error and no log.
type settings struct {
	url, user, password, database string
	// consoleURL is nil where no console is configured.
	consoleURL   *url.URL
	consoleToken string
	timeout      time.Duration
}

// read takes the settings apart; its error names the first that cannot be.
func read(in backend.DataSourceInstanceSettings) (settings, error) {
	var more struct {
		Database       string `json:"database"`
		ConsoleURL     string `json:"consoleUrl"`
		TimeoutSeconds int    `json:"timeoutSeconds"`
	}
	if len(in.JSONData) > 0 {
		if err := json.Unmarshal(in.JSONData, &more); err != nil {
			return settings{}, fmt.Errorf("jsonData of the data source: %w; database and consoleUrl are texts, timeoutSeconds is a number", err)
		}
	}
	if in.URL == "" {
		return settings{}, errors.New("the data source has no address of ClickHouse: give that of its HTTP interface, as http://127.0.0.1:8123")
	}
	s := settings{
		url: in.URL, user: in.User, password: in.DecryptedSecureJSONData["password"],
		database: cmp.Or(more.Database, warehouse.DefaultDatabase), consoleToken: in.DecryptedSecureJSONData["consoleToken"],
		timeout: cmp.Or(time.Duration(more.TimeoutSeconds)*time.Second, defaultTimeout),
	}
	if s.timeout < time.Second || s.timeout > maxTimeout {
		return settings{}, fmt.Errorf("timeoutSeconds %d: 1 to %d is expected", more.TimeoutSeconds, int(maxTimeout.Seconds()))
	}
	if more.ConsoleURL == "" {
		return s, nil
	}
	u, err := url.Parse(more.ConsoleURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return settings{}, errors.New("consoleUrl of the data source: an address as http://127.0.0.1:8080 is expected, without a password in it")
	}
	s.consoleURL = u
	return s, nil
}
