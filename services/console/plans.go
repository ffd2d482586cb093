package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// Plans are what people arranged with a site.
type Plans struct {
	DeclaredClosure *DeclaredClosure `json:"declared_closure,omitempty"`
	Consignes       []Consigne       `json:"consignes,omitempty" doc:"The one that gives the steps first; in force or to come."`
	Visits          []Visit          `json:"visits,omitempty"`
	Reopening       *Reopening       `json:"reopening,omitempty"`
	Test            *Test            `json:"test,omitempty" doc:"The test that runs."`
	StageSinceMS    int64            `json:"stage_since_ms,omitempty"`
	StageDueMS      int64            `json:"stage_due_ms,omitempty" doc:"By when the connection must move on."`
	Commissioning   *Commissioning   `json:"commissioning,omitempty"`
}

// DeclaredClosure is a closure that a person declared.
type DeclaredClosure struct {
	Closure string `json:"closure"`
	FromMS  int64  `json:"from_ms,omitempty"`
	UntilMS int64  `json:"until_ms,omitempty"`
}

// Consigne is an order of the customer; its text is asked for apart.
type Consigne struct {
	Consigne  string `json:"consigne"`
	Scope     string `json:"scope" enum:"site,group,class"`
	Permanent bool   `json:"permanent,omitempty"`
	FromMS    int64  `json:"from_ms"`
	UntilMS   int64  `json:"until_ms,omitempty"`
	Priority  uint32 `json:"priority,omitempty"`
	Steps     []Step `json:"steps,omitempty"`
	HasText   bool   `json:"has_text,omitempty" doc:"GET /api/v1/sites/{site}/consignes opens it."`
}

// Step is one thing that a consigne asks for.
type Step struct {
	Kind       string `json:"kind"`
	LifeSafety bool   `json:"life_safety,omitempty"`
}

// Visit is one that was announced.
type Visit struct {
	Visit    string   `json:"visit"`
	By       string   `json:"by,omitempty"`
	UserCode string   `json:"user_code,omitempty" doc:"The code that will disarm; absent for a named person."`
	Areas    []string `json:"areas,omitempty"`
	FromMS   int64    `json:"from_ms"`
	UntilMS  int64    `json:"until_ms"`
}

// Reopening is one that is planned.
type Reopening struct {
	Reopening string `json:"reopening"`
	FromMS    int64  `json:"from_ms"`
	UntilMS   int64  `json:"until_ms"`
}

// Test is what is on test.
type Test struct {
	SinceMS int64    `json:"since_ms"`
	UntilMS int64    `json:"until_ms"`
	Zones   []string `json:"zones,omitempty"`
	Unseen  []string `json:"unseen,omitempty" doc:"Named zones that sent nothing yet."`
}

// Commissioning is what the commissioning test has shown: zone-3, tamper, arming,
// disarming, path-1.
type Commissioning struct {
	Seen    []string `json:"seen"`
	Missing []string `json:"missing"`
}

func plansOf(st *vigiev1.SiteState) Plans {
	p := Plans{StageSinceMS: st.StageSinceMs, StageDueMS: st.StageDueMs}
	if c := st.DeclaredClosure; c != nil {
		p.DeclaredClosure = &DeclaredClosure{c.Closure, c.FromMs, c.ToMs}
	}
	for _, k := range st.Consignes {
		p.Consignes = append(p.Consignes, Consigne{
			Consigne: k.Consigne, Scope: k.Scope, Permanent: k.Permanent, FromMS: k.FromMs, UntilMS: k.UntilMs, Priority: k.Priority,
			Steps: stepsOf(k.Steps), HasText: k.Text != nil,
		})
	}
	for _, v := range st.Visits {
		p.Visits = append(p.Visits, Visit{v.Visit, v.AnnouncedBy, v.UserCode, v.Areas, v.FromMs, v.ToMs})
	}
	if r := st.Reopening; r != nil {
		p.Reopening = &Reopening{r.Reopening, r.FromMs, r.ToMs}
	}
	if t := st.Test; t != nil {
		p.Test = &Test{t.SinceMs, t.UntilMs, t.Zones, t.Unseen}
	}
	if c := st.Commissioning; c != nil {
		p.Commissioning = &Commissioning{Seen: append([]string{}, c.Seen...), Missing: append([]string{}, c.Missing...)}
	}
	return p
}

func stepsOf(list []*vigiev1.ConsigneStep) (out []Step) {
	for _, s := range list {
		out = append(out, Step{httpserver.EnumName(s.Kind), s.LifeSafety})
	}
	return out
}

// ConsigneText is the text of a consigne, opened.
type ConsigneText struct {
	Consigne string `json:"consigne"`
	Text     string `json:"text,omitempty"`
	Shredded bool   `json:"shredded,omitempty" doc:"Its key was destroyed: nobody can read it any more."`
}

func (c *Console) registerConsignes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "site-consignes", Method: http.MethodGet, Path: "/api/v1/sites/{site}/consignes", Summary: "The texts of a site's consignes",
		Description: "Opened for people only; each look leaves a line in the log of the console, without the text.",
		Errors:      []int{401, 403, 404, 422, 503}, Tags: []string{"sites"},
	}, func(ctx context.Context, in *struct {
		Site uint64 `path:"site" maximum:"9007199254740991"`
	}) (*struct{ Body []ConsigneText }, error) {
		st, ok := c.model.state(in.Site)
		if !ok {
			return nil, problem.New(problem.NotFound, fmt.Sprintf("no site has the number %d", in.Site))
		}
		who := auth.UserOf(ctx)
		if !who.IsPerson() {
			return nil, problem.New(problem.Forbidden, "texts of consignes are opened for people only")
		}
		texts, err := c.open(st.GetConsignes())
		if err != nil {
			c.deps.Log.Warn("a consigne cannot be opened", "site", in.Site, "error", err)
			return nil, problem.New(problem.Internal, "a text could not be opened")
		}
		c.deps.Log.Info("consignes were looked at", "user", who.Name, "role", who.Role, "site", in.Site, "texts", len(texts))
		return &struct{ Body []ConsigneText }{texts}, nil
	})
}

func (c *Console) open(list []*vigiev1.ConsigneState) ([]ConsigneText, error) {
	out := []ConsigneText{}
	for _, k := range list {
		if k.Text == nil {
			continue
		}
		text, err := c.deps.Vault.Unseal(k.Text, vault.AAD(vault.FieldNote, k.EventId))
		if err != nil && !errors.Is(err, vault.ErrShredded) {
			return nil, fmt.Errorf("open the text of consigne %s: %w", k.Consigne, err)
		}
		out = append(out, ConsigneText{Consigne: k.Consigne, Text: string(text), Shredded: err != nil})
	}
	return out, nil
}

// state of a site as its topic has it; nil where only its directory record is known.
func (m *model) state(site uint64) (*vigiev1.SiteState, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.sites[site]
	if !ok {
		return nil, false
	}
	return e.state, true
}
