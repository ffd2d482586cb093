package plugin

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// reload sends the states anew when the console cannot say what was missed: of
// the sites that ask for a look, and of those that a viewer has seen, which may
// be well again or gone. After an error it begins again.
func (r *relay) reload(ctx context.Context) error {
	r.versions = map[uint64]uint64{} // another log counts anew
	if r.only != 0 {
		return r.reloadOne(ctx)
	}
	if err := r.pages(ctx, true, func(site) bool { return true }); err != nil {
		return err
	}
	if !r.anyStale() {
		return nil
	}
	if err := r.pages(ctx, false, func(st site) bool { return r.shown[st.Site] }); err != nil {
		return err
	}
	var gone []site
	for _, number := range slices.Sorted(maps.Keys(r.shown)) {
		if !r.sent(number) {
			gone = append(gone, site{Site: number, Removed: true})
		}
	}
	return r.pass(gone)
}

// sent says whether a site's state was sent since the reload began.
func (r *relay) sent(number uint64) bool {
	_, ok := r.versions[number]
	return ok
}

func (r *relay) anyStale() bool {
	for number := range r.shown {
		if !r.sent(number) {
			return true
		}
	}
	return false
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
