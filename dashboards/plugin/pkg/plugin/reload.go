package plugin

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// reload sends the states anew when the console cannot say what was missed: of
// the sites that ask for a look, and of those that a viewer has seen, which may
// be well again or gone.
func (r *relay) reload(ctx context.Context) error {
	seen := r.versions
	r.versions = map[uint64]uint64{} // a new log counts anew
	if r.only != 0 {
		return r.reloadOne(ctx)
	}
	if err := r.pages(ctx, true, func(site) bool { return true }); err != nil {
		return err
	}
	maps.DeleteFunc(seen, func(number, _ uint64) bool { _, sent := r.versions[number]; return sent })
	if len(seen) == 0 {
		return nil
	}
	if err := r.pages(ctx, false, func(st site) bool { _, old := seen[st.Site]; return old }); err != nil {
		return err
	}
	var gone []site
	for _, number := range slices.Sorted(maps.Keys(seen)) {
		if _, sent := r.versions[number]; !sent {
			gone = append(gone, site{Site: number, Removed: true})
		}
	}
	return r.pass(gone)
}

func (r *relay) reloadOne(ctx context.Context) error {
	st, err := r.console.one(ctx, r.only)
	if errors.Is(err, errNoSite) {
		st, err = site{Site: r.only, Removed: true}, nil
	}
	if err != nil {
		return err
	}
	return r.pass([]site{st})
}

// pages sends the sites of all pages that are wanted, a frame a page.
func (r *relay) pages(ctx context.Context, abnormal bool, wanted func(site) bool) error {
	for after := uint64(0); ; {
		p, err := r.console.page(ctx, after, pageOfSites, abnormal)
		if err != nil {
			return err
		}
		if err := r.pass(slices.DeleteFunc(p.Sites, func(st site) bool { return !wanted(st) })); err != nil {
			return err
		}
		if p.Next <= after {
			return nil
		}
		after = p.Next
	}
}
