package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/queries"
)

// Few is how many sites a report names and lists the incidents of, and how long each
// list is at most: what a person reads.
const Few = 200

// suggested is how many names are told to who asked for one that is none.
const suggested = 5

var (
	// ErrNoGroup says that no site belongs to the group asked for.
	ErrNoGroup = errors.New("no site belongs to this group at the end of the period")
	// ErrNoSite says that nothing is known of a site asked for.
	ErrNoSite = errors.New("no such site is known at the end of the period")
	// ErrWhose says that a report cannot be about the sites asked for together.
	ErrWhose = errors.New("a report is of one group, or of some sites, or of the whole centre")
)

// Site is one that a report is about.
type Site struct {
	Number uint64 `json:"number" parquet:"number"`
	// Label is what it is called at the end of the period, or was called last.
	Label string `json:"label,omitempty" parquet:"label"`
}

// whose finds the sites that the report is about, as of its end: those asked for, those
// of a group, or all of them. Errors are ErrNoGroup, ErrNoSite, ErrWhose, or of the
// warehouse.
func (m *maker) whose(ctx context.Context) error {
	var sites []queries.KnownSite
	var err error
	switch {
	case m.o.Group != "" && len(m.o.Sites) > 0:
		return ErrWhose
	case m.o.Group != "":
		sites, err = m.ofGroup(ctx)
	case len(m.o.Sites) > Few:
		return fmt.Errorf("%w: at most %d sites by number, %d were named; a group has no bound", ErrWhose, Few, len(m.o.Sites))
	case len(m.o.Sites) > 0:
		sites, err = m.byNumber(ctx)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	m.r.SiteCount, m.asked = uint64(len(sites)), make([]uint64, len(sites))
	for i, s := range sites {
		m.asked[i] = s.Site
		if len(sites) <= Few {
			m.r.Sites = append(m.r.Sites, Site{s.Site, s.Label})
		}
	}
	return nil
}

func (m *maker) ofGroup(ctx context.Context) ([]queries.KnownSite, error) {
	sites, err := warehouse.Select(ctx, m.db, queries.SitesOfGroup(m.o.Group, m.o.To))
	if err != nil || len(sites) > 0 {
		return sites, err
	}
	groups, err := warehouse.Select(ctx, m.db, queries.SitesInService(m.o.To))
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("group %q: %w; there is no group yet", m.o.Group, ErrNoGroup)
	}
	slices.SortStableFunc(groups, func(a, b queries.GroupService) int {
		return cmp.Compare(distance(a.Group, m.o.Group), distance(b.Group, m.o.Group))
	})
	var like []string
	for _, g := range groups[:min(len(groups), suggested)] {
		like = append(like, g.Group)
	}
	return nil, fmt.Errorf("group %q: %w; of %d groups the nearest names are %s", m.o.Group, ErrNoGroup, len(groups), strings.Join(like, ", "))
}

func (m *maker) byNumber(ctx context.Context) (sites []queries.KnownSite, err error) {
	numbers := slices.Clone(m.o.Sites)
	slices.Sort(numbers)
	for _, number := range slices.Compact(numbers) {
		known, err := warehouse.Select(ctx, m.db, queries.SiteKnown(number, m.o.To))
		if err != nil {
			return nil, err
		}
		if len(known) == 0 {
			return nil, m.noSite(ctx, number)
		}
		sites = append(sites, known...)
	}
	return sites, nil
}

func (m *maker) noSite(ctx context.Context, number uint64) error {
	near, err := warehouse.Select(ctx, m.db, queries.SitesNear(number, m.o.To, suggested))
	if err != nil {
		return err
	}
	if len(near) == 0 {
		return fmt.Errorf("site %d: %w; there is no site yet", number, ErrNoSite)
	}
	var said []string
	for _, s := range near {
		said = append(said, Site{s.Site, s.Label}.String())
	}
	return fmt.Errorf("site %d: %w; the nearest numbers are %s", number, ErrNoSite, strings.Join(said, "; "))
}

// String is a site as people read it: its label and its number.
func (s Site) String() string {
	if s.Label == "" {
		return fmt.Sprint(s.Number)
	}
	return fmt.Sprintf("%s (%d)", s.Label, s.Number)
}

// distance is how many letters of a, of any case, are changed, put in or left out to
// get b.
func distance(a, b string) int {
	from, to := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range from {
		above := row[0]
		row[0] = i + 1
		for j, y := range to {
			change := above
			if x != y {
				change++
			}
			above = row[j+1]
			row[j+1] = min(change, row[j]+1, above+1)
		}
	}
	return row[len(to)]
}
