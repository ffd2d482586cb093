package lab

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/open-vigie/vigie/loadtest/report"
)

// versionsOf asks the parts which version they are; what does not answer is unknown.
func (l *Lab) versionsOf(program string) []report.Version {
	list := []report.Version{{Name: "vigie", Version: program}, {Name: "Kafka", Version: l.log.Version()}, {Name: "ClickHouse", Version: l.clickhouse()}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/twmb/franz-go" {
				list = append(list, report.Version{Name: m.Path, Version: m.Version})
			}
		}
	}
	for i := range list {
		if list[i].Version == "" {
			list[i].Version = "?"
		}
	}
	return list
}

func (l *Lab) clickhouse() string {
	at := l.Endpoints.ClickHouse
	if at.URL == "" {
		return ""
	}
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at.URL, "/")+"/?query="+url.QueryEscape("SELECT version()"), nil)
	if err != nil {
		return ""
	}
	r.SetBasicAuth(at.User, at.Password)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }() // read to what is wanted of it
	b, err := io.ReadAll(io.LimitReader(res.Body, 100))
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return strings.TrimSpace(string(b))
}
