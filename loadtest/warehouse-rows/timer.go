package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// timer asks the named queries as any client over HTTP.
type timer struct {
	url, user, password, database string
	runs                          int
	end                           time.Time
	// pid is the engine's; nil where its CPU is not told.
	pid func() int
}

// cpu is what the engine has taken of the processors so far; 0 when it is not known.
// Of a machine that others use it says more than the clock.
func (t *timer) cpu() time.Duration {
	if t.pid == nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.pid()))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	const user, system, tick = 11, 12, 10 * time.Millisecond
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick
}

// ranges are what is asked: a day for the dashboards, a month for reports. A query
// without a range is asked once.
var ranges = []struct {
	name           string
	length, bucket time.Duration
}{{"day", 24 * time.Hour, 15 * time.Minute}, {"month", 31 * 24 * time.Hour, 6 * time.Hour}}

// all times every query, or only one, and writes a table of them.
func (t *timer) all(ctx context.Context, w io.Writer, only string, n uint64) error {
	fmt.Fprintf(w, "\n%d events, %d warm runs each\n\n| query | range | cold ms | warm ms | CPU ms | rows read | MB read |\n|---|---|---|---|---|---|---|\n", n, t.runs)
	for _, name := range queries.Names() {
		if only != "" && name != only {
			continue
		}
		q, _ := queries.Named(name)
		for i, r := range ranges {
			ranged := slices.ContainsFunc(q.Params, func(p queries.Param) bool { return p.Name == "from" || p.Name == "window_ms" })
			if !ranged && i > 0 {
				break
			}
			said := r.name
			if !ranged {
				said = "now"
			}
			if err := t.one(ctx, w, q, said, t.args(q, r.length, r.bucket)); err != nil {
				return fmt.Errorf("query %s over a %s: %w", name, r.name, err)
			}
		}
	}
	return nil
}

func (t *timer) args(q queries.Query, length, bucket time.Duration) map[string]string {
	known := map[string]any{
		"from": t.end.Add(-length).UnixMilli(), "to": t.end.UnixMilli(), "bucket_ms": bucket.Milliseconds(), "window_ms": length.Milliseconds() / 24,
		"limit": 100, "per_operator": 10, "site": 200_777, "operator": "operateur-07", "group": "region-3", "time_zone": "Europe/Paris",
	}
	out := map[string]string{}
	for _, p := range q.Params {
		out[p.Name] = fmt.Sprint(known[p.Name])
	}
	return out
}

// summary is what a server says of an answer.
type summary struct {
	ReadRows  uint64 `json:"read_rows,string"`
	ReadBytes uint64 `json:"read_bytes,string"`
}

func (t *timer) one(ctx context.Context, w io.Writer, q queries.Query, said string, args map[string]string) error {
	for _, cache := range []string{"MARK", "UNCOMPRESSED"} {
		if _, _, err := t.ask(ctx, "SYSTEM DROP "+cache+" CACHE", nil, nil); err != nil {
			return err
		}
	}
	// Past the page cache, as after a start of the machine.
	cold, read, err := t.ask(ctx, q.SQL(t.database), args, url.Values{"min_bytes_to_use_direct_io": {"1"}})
	if err != nil {
		return err
	}
	if _, _, err := t.ask(ctx, q.SQL(t.database), args, nil); err != nil {
		return err
	}
	before := t.cpu()
	warm := make([]time.Duration, t.runs)
	for i := range warm {
		if warm[i], _, err = t.ask(ctx, q.SQL(t.database), args, nil); err != nil {
			return err
		}
	}
	cpu := (t.cpu() - before) / time.Duration(t.runs)
	slices.Sort(warm)
	_, err = fmt.Fprintf(w, "| %s | %s | %d | %d | %d | %d | %.1f |\n", q.Name, said, cold.Milliseconds(), warm[t.runs/2].Milliseconds(), cpu.Milliseconds(), read.ReadRows, float64(read.ReadBytes)/1e6)
	return err
}

// ask sends one query and reads all of its answer.
func (t *timer) ask(ctx context.Context, sql string, args map[string]string, settings url.Values) (time.Duration, summary, error) {
	values := url.Values{"default_format": {"Native"}, "wait_end_of_query": {"1"}}
	for name, v := range args {
		values.Set("param_"+name, v)
	}
	for name, v := range settings {
		values[name] = v
	}
	var s summary
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"/?"+values.Encode(), strings.NewReader(sql))
	if err != nil {
		return 0, s, fmt.Errorf("ask ClickHouse: %w", err)
	}
	req.SetBasicAuth(t.user, t.password)
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, s, fmt.Errorf("ask ClickHouse: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, s, fmt.Errorf("ClickHouse answers %s: %.400s %w", resp.Status, body, err)
	}
	if said := resp.Header.Get("X-ClickHouse-Summary"); said != "" {
		if err := json.Unmarshal([]byte(said), &s); err != nil {
			return 0, s, fmt.Errorf("the summary of an answer: %w", err)
		}
	}
	return took, s, nil
}
