package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// batch of sites in one request; the API takes up to 1,000.
	batch = 500
	// declareFor bounds the tries of one batch, knownFor the wait for the derived
	// state to show the sites; again is the pause between two tries.
	declareFor = 2 * time.Minute
	knownFor   = 2 * time.Minute
	again      = 250 * time.Millisecond
	// settle gives receivers the time to read the last bindings: they follow the
	// log by milliseconds, and nobody tells when they have.
	settle = time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 4 << 20
)

// Site as it is declared.
type Site struct {
	Site      uint64    `json:"site"`
	Label     string    `json:"label"`
	Class     string    `json:"class"`
	TimeZone  string    `json:"time_zone"`
	Stage     string    `json:"stage"`
	Risk      string    `json:"risk"`
	Installer string    `json:"installer"`
	Carrier   string    `json:"carrier"`
	Region    string    `json:"region"`
	Groups    []string  `json:"groups"`
	Accounts  []Account `json:"accounts"`
	Paths     []Path    `json:"paths"`
	Schedule  Schedule  `json:"schedule"`
}

// Account that the site's panel sends under.
type Account struct {
	Account string `json:"account"`
}

// Path of the site's panel; IntervalMS is the supervision interval agreed.
type Path struct {
	Path       uint32 `json:"path"`
	Name       string `json:"name"`
	IntervalMS int64  `json:"interval_ms"`
}

// Schedule of expected openings: none, or one every cycle.
type Schedule struct {
	None         bool  `json:"none,omitempty"`
	CycleMS      int64 `json:"cycle_ms,omitempty"`
	CycleOpenMS  int64 `json:"cycle_open_ms,omitempty"`
	CycleEpochMS int64 `json:"cycle_epoch_ms,omitempty"`
}

// Declare tells the installation of the sites through its HTTP API, and waits
// until the derived state shows each of them in service. run makes the requests
// of this run unlike those of any other.
func Declare(ctx context.Context, e Endpoints, run string, sites []Site) error {
	c := &api{url: strings.TrimSuffix(e.Console.URL, "/"), token: e.Console.Token, http: &http.Client{Timeout: 30 * time.Second}}
	for from := 0; from < len(sites); from += batch {
		some := sites[from:min(from+batch, len(sites))]
		body, err := json.Marshal(struct {
			Sites []Site `json:"sites"`
		}{some})
		if err != nil {
			return fmt.Errorf("encode the declaration of sites: %w", err)
		}
		sum := sha256.Sum256(body)
		if err := c.declare(ctx, fmt.Sprintf("load-%s-%x", run, sum[:12]), body); err != nil {
			return fmt.Errorf("declare sites %d to %d at %s: %w", some[0].Site, some[len(some)-1].Site, c.url, err)
		}
	}
	if err := c.await(ctx, sites); err != nil {
		return err
	}
	return pause(ctx, settle)
}

type api struct {
	url, token string
	http       *http.Client
}

// declare sends a batch until the log has all of it.
func (c *api) declare(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, declareFor)
	defer cancel()
	for {
		status, answer, err := c.ask(ctx, http.MethodPost, "/api/v1/sites/bulk", key, body)
		switch {
		case err != nil:
		case status == http.StatusCreated:
			return nil
		case status == http.StatusAccepted:
			err = errors.New("the log has not confirmed all of it yet")
		case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
			err = fmt.Errorf("it answers %d: %.300s", status, answer)
		default:
			return fmt.Errorf("it refuses with %d: %.300s", status, answer)
		}
		if pause(ctx, again) != nil {
			return err
		}
	}
}

// await returns once every site shows in service.
func (c *api) await(ctx context.Context, sites []Site) error {
	ctx, cancel := context.WithTimeout(ctx, knownFor)
	defer cancel()
	for {
		n, err := c.known(ctx, sites[0].Site, sites[len(sites)-1].Site)
		if err == nil && n >= len(sites) {
			return nil
		}
		if pause(ctx, again) != nil {
			return fmt.Errorf("after %s the installation shows %d of %d declared sites: is its processor running? %w", knownFor, n, len(sites), errors.Join(err, ctx.Err()))
		}
	}
}

// known counts the sites from first to last that are in service.
func (c *api) known(ctx context.Context, first, last uint64) (int, error) {
	n, after := 0, first-1
	for {
		status, answer, err := c.ask(ctx, http.MethodGet, "/api/v1/sites?limit=2000&after="+strconv.FormatUint(after, 10), "", nil)
		if err != nil {
			return n, err
		}
		if status != http.StatusOK {
			return n, fmt.Errorf("listing sites: it answers %d: %.200s", status, answer)
		}
		var page struct {
			Sites []struct {
				Site  uint64 `json:"site"`
				Stage string `json:"stage"`
			} `json:"sites"`
			Next uint64 `json:"next"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return n, fmt.Errorf("reading the list of sites: %w", err)
		}
		for _, s := range page.Sites {
			if s.Site > last {
				return n, nil
			}
			if s.Stage == "in-service" {
				n++
			}
		}
		if page.Next == 0 {
			return n, nil
		}
		after = page.Next
	}
}

func (c *api) ask(ctx context.Context, method, path, key string, body []byte) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if key != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }() // read to what is wanted of it
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, answer, err
}

// pause waits; it returns ctx's error when that ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
