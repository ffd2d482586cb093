package desk

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// BulkAction is what a person arranges with many sites at once.
type BulkAction struct {
	SiteAction
	Sites []uint64 `json:"sites,omitempty" maxItems:"100000" doc:"The sites, by number; or group."`
	Group string   `json:"group,omitempty" maxLength:"64" doc:"All sites that are declared to be in this group; sent again, also those that have joined meanwhile."`
}

type bulkInput struct {
	Key    string `header:"Idempotency-Key" doc:"Required: 1 to 128 visible characters; the same key goes on where the act stopped."`
	Prefer string `header:"Prefer" doc:"wait=N: seconds to wait until every site has decided, 1 to 30; 10 unless given."`
	Body   BulkAction
}

type bulkOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     SitesActed
}

// minBulkWait is given to each request, or one that waits for nothing would append nothing.
const minBulkWait = time.Second

var groupForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$`)

func (d *Desk) registerBulk(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "act-on-sites", Method: http.MethodPost, Path: "/api/v1/site-acts", Summary: "Arrange the same with many sites",
		Description: "A list of sites, or a whole group. One event per site, under an id of act and site. 201 when every site has decided; 202 with the progress when that takes longer than Prefer: wait: send it again with the same key, it goes on where it stopped.",
		Errors:      []int{400, 401, 413, 422, 503}, Tags: []string{"sites"}, DefaultStatus: http.StatusCreated, MaxBodyBytes: maxImportBytes,
	}, d.actOnSites)
	huma.Register(api, huma.Operation{
		OperationID: "get-site-acts", Method: http.MethodGet, Path: "/api/v1/site-acts/{id}", Summary: "How far an act on many sites is",
		Errors: []int{401, 404, 422}, Tags: []string{"sites"},
	}, d.getBulk)
}

func (d *Desk) actOnSites(ctx context.Context, in *bulkInput) (*bulkOutput, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	wait, err := waitOf(in.Prefer, importWait)
	if err != nil {
		return nil, err
	}
	user := auth.UserOf(ctx)
	if err := in.Body.check(&in.Body); err != nil {
		return nil, err
	}
	sites, err := d.targets(&in.Body)
	if err != nil {
		return nil, err
	}
	if d.acts.sameRequest(user.Name+"\x00"+in.Key, digest(in.Body)) != nil {
		return nil, problem.New(problem.KeyReused, "the key "+strconv.Quote(in.Key)+" came with another request before")
	}
	a := in.Body.SiteAction
	named := a.nameIt(user.Name, in.Key)
	a.begin(d.deps.Now().UnixMilli())
	b := d.bulks.begin(ids.Act(user.Name, in.Key, "sites/"+a.Act), a.Act, named)
	b.add(sites)
	return d.carryOut(ctx, b, &a, sites, wait, user, in.Key)
}

// targets are the sites that the act is for, each once, ascending.
func (d *Desk) targets(in *BulkAction) ([]uint64, error) {
	switch {
	case (len(in.Sites) > 0) == (in.Group != ""):
		return nil, invalid("body.sites", "name either sites or a group", nil)
	case in.Group == "":
		for i, s := range in.Sites {
			if s == 0 || s >= ids.FirstUndeclared {
				return nil, invalid(fmt.Sprintf("body.sites[%d]", i), "a declared site's number is expected, 1 to 4503599627370495", s)
			}
		}
		return slices.Compact(slices.Sorted(slices.Values(in.Sites))), nil
	case !groupForm.MatchString(in.Group):
		return nil, invalid("body.group", "the name of a group is expected", in.Group)
	}
	sites, known := d.members.sites(in.Group)
	switch {
	case !known:
		return nil, problem.New(problem.ReadModelBehind, "the directory is not read to its end yet")
	case len(sites) == 0:
		return nil, invalid("body.group", "no declared site is in this group", in.Group)
	case len(sites) > maxBulkSites:
		return nil, invalid("body.group", fmt.Sprintf("%d sites are in this group: at most %d are taken at once; send lists of sites", len(sites), maxBulkSites), in.Group)
	}
	if in.Act == "consigne-set" && in.Scope == "" {
		in.Scope = "group"
	}
	return sites, nil
}

// carryOut appends what is not in the log yet and waits until every site has decided.
func (d *Desk) carryOut(ctx context.Context, b *bulk, a *SiteAction, sites []uint64, wait time.Duration, user auth.User, key string) (*bulkOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, minBulkWait))
	defer cancel()
	out := &bulkOutput{Status: http.StatusAccepted, Location: "/api/v1/site-acts/" + b.id.String()}
	select {
	case b.working <- struct{}{}:
		err := d.appendBulk(ctx, b, a, sites, d.source(user, key), user.Name, key)
		<-b.working
		if err != nil && ctx.Err() == nil {
			x := b.show()
			return nil, problem.New(problem.NotDurable, fmt.Sprintf("%d of %d events are in the log: %v", x.Durable, x.Sites, err))
		}
	case <-ctx.Done():
	}
	select {
	case <-b.done:
		out.Status = http.StatusCreated
		d.metrics.acts.WithLabelValues(a.Act, "bulk").Inc()
		d.complete(b, user, key)
	case <-ctx.Done():
	}
	out.Body = b.show()
	return out, nil
}

// appendBulk appends the events of the sites that wait, and returns when the log
// has confirmed each, when ctx ended, or when one failed for good.
func (d *Desk) appendBulk(ctx context.Context, b *bulk, a *SiteAction, sites []uint64, source *vigiev1.Source, user, key string) error {
	slots := make(chan struct{}, maxAppends)
	failed := make(chan error, 1)
	for _, site := range sites {
		if !b.waits(site) {
			continue
		}
		id := siteActID(user, key, site, "act/"+a.Act)
		e, err := d.event(id, site, source, a.fill)
		if err != nil {
			return err
		}
		e.Correlation = b.id.String()
		d.bulks.expect(id, b, site)
		err = d.appendOne(ctx, e, slots, func(err error) {
			if err == nil {
				b.confirmed(site)
			} else {
				select {
				case failed <- err:
				default:
				}
			}
			<-slots
		})
		if err != nil {
			return err
		}
	}
	for range cap(slots) { // every slot is free again: each event was confirmed, or failed
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// complete notes in the log that the act has ended; a repeat is the same event.
// It is for those who read the log: nobody waits for it.
func (d *Desk) complete(b *bulk, user auth.User, key string) {
	id := ids.Act(user.Name, key, "completed/"+b.act)
	e := &vigiev1.Event{
		Id: id[:], Site: centreSite, Correlation: b.id.String(), Source: d.source(user, key),
		Body: &vigiev1.Event_ActCompleted{ActCompleted: &vigiev1.ActCompleted{Act: b.act, Sites: uint64(b.show().Sites)}},
	}
	err := d.deps.Appender.Append(centreSite, record(e, id), func(err error) {
		if err != nil {
			d.deps.Log.Warn("the end of an act on many sites is not in the log; sent again with its key it will be", "act", b.id, "error", err)
		}
	})
	if err != nil {
		d.deps.Log.Warn("the end of an act on many sites found no room in the log", "act", b.id, "error", err)
	}
}

func (d *Desk) getBulk(_ context.Context, in *struct {
	ID string `path:"id" doc:"As the act's answer gave it."`
}) (*struct{ Body SitesActed }, error) {
	id, err := ids.Parse(in.ID)
	if err != nil {
		return nil, problem.New(problem.Invalid, err.Error())
	}
	b, ok := d.bulks.find(id)
	if !ok {
		return nil, problem.New(problem.NoSuchAct, "no act "+in.ID+" on many sites is remembered; send it again with its key")
	}
	return &struct{ Body SitesActed }{b.show()}, nil
}
