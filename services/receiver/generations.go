package receiver

import "time"

// generations is a bounded map that forgets by age: when the young half is full, or
// older than keep, it becomes the old half, and the old half is forgotten. An entry
// is thus kept at least as long as keep or until as many others came as the bound
// has halves, and never more than twice keep. Not safe for concurrent use.
type generations[K comparable, V any] struct {
	// half of the bound.
	half int
	// keep, or 0: forgetting is by number alone.
	keep       time.Duration
	young, old map[K]V
	turned     time.Time
}

func newGenerations[K comparable, V any](bound int, keep time.Duration) *generations[K, V] {
	return &generations[K, V]{half: max(bound/2, 1), keep: keep, young: map[K]V{}, old: map[K]V{}}
}

func (g *generations[K, V]) get(k K) (V, bool) {
	if v, ok := g.young[k]; ok {
		return v, true
	}
	v, ok := g.old[k]
	return v, ok
}

// touch is get for what is in use: it stays.
func (g *generations[K, V]) touch(k K, now time.Time) (V, bool) {
	v, ok := g.young[k]
	if !ok {
		if v, ok = g.old[k]; ok {
			g.put(k, v, now)
		}
	}
	return v, ok
}

func (g *generations[K, V]) put(k K, v V, now time.Time) {
	if g.turned.IsZero() {
		g.turned = now
	}
	_, known := g.young[k]
	if !known && len(g.young) >= g.half || g.keep > 0 && now.Sub(g.turned) > g.keep {
		g.old, g.young, g.turned = g.young, map[K]V{}, now
	}
	g.young[k] = v
}

func (g *generations[K, V]) len() int { return len(g.young) + len(g.old) }
