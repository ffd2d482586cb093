package desk

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// members knows which sites are in a group, out of vigie.directory. Sites share
// their lists of groups, so that a site costs a map entry. Safe for concurrent use.
type members struct {
	mu    sync.RWMutex
	known bool
	// of is the number of a site's list of groups; sites in no group are left out.
	of    map[uint64]uint32
	lists [][]string
	index map[string]uint32
}

func newMembers() *members {
	return &members{of: map[uint64]uint32{}, index: map[string]uint32{}}
}

// follow keeps the copy until ctx ends; after a failure it is read anew over what
// is at hand.
func (m *members) follow(ctx context.Context, d *Desk) error {
	for ctx.Err() == nil {
		tail := eventlog.NewTail(d.deps.Kafka, eventlog.TailOptions{
			Topic: topics.Directory, From: eventlog.FromStart(),
			Each:     func(r *kgo.Record) error { m.apply(r); return nil },
			CaughtUp: m.caughtUp,
		}, d.deps.Log)
		err := tail.Run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.deps.Log.Warn("the directory is read anew; groups are as they were meanwhile", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rebuildEvery):
		}
	}
	return nil
}

func (m *members) caughtUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = true
}

// apply takes a record over; one that cannot be read changes nothing.
func (m *members) apply(r *kgo.Record) {
	site, err := strconv.ParseUint(string(r.Key), 10, 53)
	if err != nil {
		return
	}
	var d vigiev1.DirectoryRecord
	if r.Value != nil && proto.Unmarshal(r.Value, &d) != nil {
		return
	}
	groups := slices.Sorted(slices.Values(d.GetDeclared().GetGroups()))
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(groups) == 0 {
		delete(m.of, site)
		return
	}
	key := strings.Join(groups, "\x00")
	n, ok := m.index[key]
	if !ok {
		n = uint32(len(m.lists))
		m.lists, m.index[key] = append(m.lists, groups), n
	}
	m.of[site] = n
}

// sites of a group, ascending; false while the directory is still being read.
func (m *members) sites(group string) ([]uint64, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.known {
		return nil, false
	}
	in := make([]bool, len(m.lists))
	for i, list := range m.lists {
		in[i] = slices.Contains(list, group)
	}
	var out []uint64
	for site, n := range m.of {
		if in[n] {
			out = append(out, site)
		}
	}
	slices.Sort(out)
	return out, true
}
