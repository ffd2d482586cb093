package transmissions

import (
	"slices"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// SentPolls is how regularly a path was heard, in the time that was read.
type SentPolls struct {
	Path    uint32 `json:"path"`
	Count   int    `json:"count"`
	FirstMS int64  `json:"first_at_ms"`
	LastMS  int64  `json:"last_at_ms"`
	// Of the pauses between polls; 0 while there is none.
	MedianMS   int64 `json:"median_interval_ms,omitempty"`
	ShortestMS int64 `json:"shortest_interval_ms,omitempty"`
	LongestMS  int64 `json:"longest_interval_ms,omitempty"`
}

// polled are the times of a path's polls.
type polled struct {
	at    []int64
	count int
}

// beat takes the site's polls out of a beat.
func (w *window) beat(b *vigiev1.Beat) {
	at := b.GetBaseMs()
	for i, site := range b.GetSite() {
		if i < len(b.GetReceivedDeltaMs()) {
			at += b.GetReceivedDeltaMs()[i]
		}
		if site != w.q.Site || !w.within(at) {
			continue
		}
		path := uint32(1)
		if i < len(b.GetPath()) {
			path = b.GetPath()[i]
		}
		p := w.polls[path]
		if p == nil {
			p = &polled{}
			w.polls[path] = p
		}
		if p.count++; len(p.at) < maxPolls {
			p.at = append(p.at, at)
		}
	}
}

func (p *polled) summary(path uint32) SentPolls {
	slices.Sort(p.at)
	out := SentPolls{Path: path, Count: p.count, FirstMS: p.at[0], LastMS: p.at[len(p.at)-1]}
	var pauses []int64
	for i := 1; i < len(p.at); i++ {
		pauses = append(pauses, p.at[i]-p.at[i-1])
	}
	if len(pauses) == 0 {
		return out
	}
	slices.Sort(pauses)
	out.MedianMS, out.ShortestMS, out.LongestMS = pauses[len(pauses)/2], pauses[0], pauses[len(pauses)-1]
	return out
}
