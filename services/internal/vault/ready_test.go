package vault

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A key is kept with its cipher while its account sends much: an attacker's accounts
// are many, and each is heard of once, or again and again but rarely.
func TestKeysThatAreHardlyUsedAreSmall(t *testing.T) {
	const keys, most = 2_048, 256
	for name, uses := range map[string][]int{ // in each turn
		"one event":                 {3},
		"one event a turn":          {3, 3, 3, 3, 3, 3},
		"busy, then silent":         {20, 0},
		"busy, then silent for two": {20, 0, 0},
		"busy, then hardly used":    {20, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			before := held()
			c := newCache(2 * keys)
			for i := range uint64(keys) {
				k := &dataKey{name: SiteKey(1<<63 + i)}
				c.put(k.name, k)
			}
			for turn, n := range uses {
				for _, k := range c.young {
					use(t, c, k, int64(turn), n)
				}
			}
			use(t, c, new(dataKey), int64(len(uses)), 1) // some other account's
			if each := (held() - before) / keys; each > most {
				t.Errorf("a key that is hardly used takes %d bytes, at most %d", each, most)
			}
			if n := len(c.ciphers.keys); n != 0 {
				t.Errorf("%d ciphers are kept", n)
			}
			runtime.KeepAlive(c)
		})
	}
}

// held is what lives on the heap.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func use(t *testing.T, c *cache, k *dataKey, turn int64, times int) {
	t.Helper()
	for range times {
		if _, err := c.ciphers.of(k, turn); err != nil {
			t.Fatal(err)
		}
	}
}

// What is in use stays ready from turn to turn, within the bound.
func TestCiphersInUseAreKeptWithinABound(t *testing.T) {
	const bound = 8
	c := newCache(bound)
	busy := make([]*dataKey, 2*bound)
	for i := range busy {
		busy[i] = &dataKey{name: fmt.Sprint(i)}
	}
	for turn := range int64(3) {
		var all sync.WaitGroup
		for _, k := range busy {
			all.Go(func() { use(t, c, k, turn, 2*readyAfter) })
		}
		all.Wait()
		ready := 0
		for _, k := range busy {
			if k.ready.Load() != nil {
				ready++
			}
		}
		if ready != bound || len(c.ciphers.keys) != bound {
			t.Errorf("turn %d: %d keys have a cipher, %d are known to, want %d", turn, ready, len(c.ciphers.keys), bound)
		}
	}
	c.clear()
	if n := len(c.ciphers.keys); n != 0 {
		t.Errorf("%d keys are kept after all were to be forgotten", n)
	}
}
