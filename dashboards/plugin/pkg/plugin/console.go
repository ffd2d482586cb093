package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// consolePatience bounds a read of the console's API; the live stream has none.
	consolePatience = 10 * time.Second
	// maxPageBytes of one answer: a page of 2,000 sites with many zones in alarm.
	maxPageBytes = 32 << 20
	// maxProblemBytes is what is read of an error.
	maxProblemBytes = 16 << 10
	// pageOfSites is the largest that the console gives.
	pageOfSites = 2_000
)

var (
	errNoConsole = errors.New("live states come from Vigie's console: give its address and a token in the data source")
	// errRefused is in the error of a request whose token the console does not know.
	errRefused = errors.New("the console refuses the token: put its http.token (VIGIE_HTTP_TOKEN) into the data source")
	// errNoSite says that the console has no site of that number.
	errNoSite = errors.New("there is no such site")
)

// console is a client of the API of Vigie's console.
type console struct {
	base  *url.URL
	token string
	http  *http.Client
}

func newConsole(base *url.URL, token string) *console {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = consolePatience
	return &console{base: base, token: token, http: &http.Client{
		Transport: transport,
		// A page to sign in at is no answer, and the token is for this host alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *console) close() { c.http.CloseIdleConnections() }

// check asks for one site: the console answers, and knows the token.
func (c *console) check(ctx context.Context) error {
	_, err := c.page(ctx, 0, 1, false)
	return err
}

// site is a site as the console's API gives it, as far as frames show it.
type site struct {
	Site              uint64   `json:"site"`
	Name              string   `json:"name"`
	Version           uint64   `json:"version"`
	ChangedAtMS       int64    `json:"changed_at_ms"`
	Label             string   `json:"label"`
	Class             string   `json:"class"`
	Account           string   `json:"account"`
	Areas             []area   `json:"areas"`
	OpenZones         []zone   `json:"open_zones"`
	Paths             []path   `json:"paths"`
	CommunicationLost bool     `json:"communication_lost"`
	Closure           string   `json:"closure"`
	Storm             bool     `json:"storm"`
	Degraded          bool     `json:"degraded"`
	OpenIncidents     []string `json:"open_incidents"`
	// Removed says that the site is no more; then only Site is given.
	Removed bool `json:"removed"`
}

type area struct {
	Mode string `json:"mode"`
}

type zone struct {
	Zone string `json:"zone"`
}

type path struct {
	Status string `json:"status"`
}

// sitesPage is a page of sites, ascending by number; Next is 0 on the last one.
type sitesPage struct {
	Sites []site `json:"sites"`
	Next  uint64 `json:"next"`
}

// page gives sites above a number: all of them, or those that ask for a look.
func (c *console) page(ctx context.Context, after uint64, limit int, abnormal bool) (sitesPage, error) {
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(limit)}, "abnormal": {strconv.FormatBool(abnormal)}}
	var p sitesPage
	return p, c.read(ctx, "/api/v1/sites?"+query.Encode(), &p)
}

// one gives a site; the error is errNoSite when there is none.
func (c *console) one(ctx context.Context, number uint64) (site, error) {
	var s site
	return s, c.read(ctx, "/api/v1/sites/"+strconv.FormatUint(number, 10), &s)
}

func (c *console) read(ctx context.Context, what string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, consolePatience)
	defer cancel()
	body, err := c.get(ctx, what, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxPageBytes)).Decode(into); err != nil {
		return fmt.Errorf("read the answer of Vigie's console to %s: %w; is the address that of the console?", what, err)
	}
	return nil
}

// get begins a request; the caller closes what it gives.
func (c *console) get(ctx context.Context, what string, header http.Header) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("/").String()+what[1:], nil)
	if err != nil {
		return nil, fmt.Errorf("ask Vigie's console: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the console does not answer at %s: is it running, and is the address right? (%w)", c.base, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

func refusal(resp *http.Response) error {
	var problem struct{ Title, Detail string }
	_ = json.NewDecoder(io.LimitReader(resp.Body, maxProblemBytes)).Decode(&problem) // a proxy may answer, not the console
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return errRefused
	case resp.StatusCode == http.StatusNotFound && problem.Detail != "":
		return fmt.Errorf("%w: %s", errNoSite, problem.Detail)
	case problem.Title != "":
		return fmt.Errorf("the console answers %d: %s %s", resp.StatusCode, problem.Title, problem.Detail)
	default:
		return fmt.Errorf("what answers at the console's address says %s: is it the address of Vigie's console?", resp.Status)
	}
}
