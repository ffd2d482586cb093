package demo

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
	// batch of sites in one request: the desk takes up to 1,000.
	batch = 250
	// declareFor bounds the tries of one batch, known the wait for the derived
	// state to show the sites; again is the pause between two tries.
	declareFor = 2 * time.Minute
	known      = 15 * time.Second
	again      = 500 * time.Millisecond
	// settle gives receivers the time to read the last bindings: they follow the
	// log by milliseconds, and nobody tells when they have.
	settle = time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 4 << 20
)

// declaration is the body of POST /api/v1/sites/bulk.
type declaration struct {
	Sites []siteDeclared `json:"sites"`
}

type siteDeclared struct {
	Site       uint64            `json:"site"`
	Label      string            `json:"label"`
	Class      string            `json:"class"`
	TimeZone   string            `json:"time_zone"`
	Stage      string            `json:"stage"`
	Risk       string            `json:"risk"`
	Installer  string            `json:"installer"`
	PanelModel string            `json:"panel_model"`
	Carrier    string            `json:"carrier"`
	Region     string            `json:"region"`
	Groups     []string          `json:"groups"`
	Accounts   []accountDeclared `json:"accounts"`
	Paths      []pathDeclared    `json:"paths"`
	Zones      []zoneDeclared    `json:"zones"`
	Schedule   scheduleDeclared  `json:"schedule"`
}

type accountDeclared struct {
	Account string `json:"account"`
}

type pathDeclared struct {
	Path uint32 `json:"path"`
	Name string `json:"name"`
}

type zoneDeclared struct {
	Zone       string `json:"zone"`
	Label      string `json:"label"`
	Technology string `json:"technology"`
}

type scheduleDeclared struct {
	CycleMS      int64 `json:"cycle_ms"`
	CycleOpenMS  int64 `json:"cycle_open_ms"`
	CycleEpochMS int64 `json:"cycle_epoch_ms"`
}

const (
	class   = "demo"
	inUse   = "in-service"
	primary = "IP"
	backup  = "4G"
)

// declared is the site as the desk is told; its intervals are the policy's.
func (p *plan) declared(s site) siteDeclared {
	d := siteDeclared{
		Site: s.Number, Label: s.Label, Class: class, TimeZone: "Europe/Paris", Stage: inUse, Risk: s.trade.risk,
		Installer: s.Installer, PanelModel: s.Model, Carrier: s.Carrier, Region: s.town.region,
		Groups: []string{class, strings.ToLower(s.trade.name)}, Accounts: []accountDeclared{{s.Account}},
		Paths: []pathDeclared{{1, primary}},
		Schedule: scheduleDeclared{
			CycleMS: p.scaled(cycle).Milliseconds(), CycleOpenMS: p.scaled(openFor).Milliseconds(), CycleEpochMS: s.PhaseMS,
		},
	}
	if s.SecondPath {
		d.Paths = append(d.Paths, pathDeclared{2, backup})
	}
	for _, z := range zones {
		d.Zones = append(d.Zones, zoneDeclared{z.Number, z.Label, z.Technology})
	}
	return d
}

// declare tells the desk of the fleet's sites and waits until they are known.
// Keys follow from what is said: said again, after a restart, it has no effect.
func (f *Fleet) declare(ctx context.Context, p *plan) error {
	for from := 0; from < p.fleet; from += batch {
		var d declaration
		for _, s := range p.sites[from:min(from+batch, p.fleet)] {
			d.Sites = append(d.Sites, p.declared(s))
		}
		body, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encoding the declaration of the demonstration's sites: %w", err)
		}
		sum := sha256.Sum256(body)
		if err := f.post(ctx, fmt.Sprintf("demo-%d-%x", f.cfg.Seed, sum[:12]), body); err != nil {
			return fmt.Errorf("declaring sites %d to %d at the desk %s: %w", d.Sites[0].Site, d.Sites[len(d.Sites)-1].Site, f.deps.DeskURL, err)
		}
	}
	return f.awaitKnown(ctx, p)
}

// post sends a batch until the log has all of it.
func (f *Fleet) post(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, declareFor)
	defer cancel()
	for {
		status, answer, err := f.ask(ctx, http.MethodPost, "/api/v1/sites/bulk", key, body)
		switch {
		case err != nil:
		case status == http.StatusCreated:
			return nil
		case status == http.StatusAccepted:
			err = errors.New("the log has not confirmed all of it yet")
		case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
			err = fmt.Errorf("the desk answers %d: %.500s", status, answer)
		default:
			return fmt.Errorf("the desk refuses with %d: %.500s", status, answer)
		}
		if pause(ctx, again) != nil {
			return err
		}
	}
}

// awaitKnown waits until every site shows in the derived state, so that panels
// do not speak before their accounts are bound. A desk whose address serves no
// sites is waited for in vain, and then the fleet begins.
func (f *Fleet) awaitKnown(ctx context.Context, p *plan) error {
	wait, cancel := context.WithTimeout(ctx, known)
	defer cancel()
	for {
		n, err := f.countKnown(wait, p)
		if err == nil && n == p.fleet {
			break
		}
		if pause(wait, again) != nil {
			f.deps.Log.Warn("not every demonstration site shows yet; its panels begin all the same", "known", n, "of", p.fleet, "error", err)
			break
		}
	}
	return pause(ctx, settle)
}

func (f *Fleet) countKnown(ctx context.Context, p *plan) (int, error) {
	n, after := 0, uint64(firstSite-1)
	for after != 0 {
		status, answer, err := f.ask(ctx, http.MethodGet, "/api/v1/sites?limit=2000&class="+class+"&after="+strconv.FormatUint(after, 10), "", nil)
		if err != nil {
			return n, err
		}
		if status != http.StatusOK {
			return n, fmt.Errorf("listing sites: %d: %.200s", status, answer)
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
			if s.Site < firstSite+uint64(p.fleet) && s.Stage == inUse {
				n++
			}
		}
		after = page.Next
	}
	return n, nil
}

func (f *Fleet) ask(ctx context.Context, method, path, key string, body []byte) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(f.deps.DeskURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+f.deps.Token)
	if key != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := f.deps.HTTP.Do(r)
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
