package vault

import (
	"crypto/cipher"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// readyAfter uses of a key within readyIn its cipher is kept ready, which takes six
// times the key, until one such time passes with fewer. Not for the many that are heard
// of once, or once a minute: each account that an attacker makes up has a key. A cipher
// that is made anew takes 2 µs: that often, all keys that are cached take less than a
// hundredth of a core.
const (
	readyAfter = 8
	readyIn    = time.Minute
)

// ciphers keeps those of keys in use ready. Safe for concurrent use.
type ciphers struct {
	began time.Time
	// limit of keys.
	limit int
	// swept is the last turn of readyIn at whose begin the quiet were let go.
	swept atomic.Int64

	mu   sync.Mutex
	keys []*dataKey
}

// now numbers the turns of readyIn.
func (c *ciphers) now() int64 { return int64(time.Since(c.began) / readyIn) }

// of is the cipher of a key.
func (c *ciphers) of(k *dataKey, now int64) (cipher.AEAD, error) {
	if c.swept.Load() != now {
		c.sweep(now)
	}
	uses := k.use(now)
	if ready := k.ready.Load(); ready != nil {
		return *ready, nil
	}
	aead, err := newAEAD(k.secret[:])
	if err == nil && uses > readyAfter {
		c.keep(k, &aead)
	}
	return aead, err
}

func (c *ciphers) keep(k *dataKey, aead *cipher.AEAD) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) < c.limit && k.ready.CompareAndSwap(nil, aead) {
		c.keys = append(c.keys, k)
	}
}

// sweep lets the ciphers go whose keys were hardly used in the turn that ended.
func (c *ciphers) sweep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.swept.Swap(now) == now {
		return
	}
	c.keys = slices.Clip(slices.DeleteFunc(c.keys, func(k *dataKey) bool {
		quiet := k.quiet(now)
		if quiet {
			k.ready.Store(nil)
		}
		return quiet
	}))
}

func (c *ciphers) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = nil
}

// use counts a use, and says how many there were in this turn. Of uses at the moment at
// which one begins some may be lost.
func (k *dataKey) use(now int64) int32 {
	if turn := int32(now); k.turn.Swap(turn) != turn {
		k.uses.Store(0)
	}
	return k.uses.Add(1)
}

// quiet tells at the begin of a turn that a key was hardly used in the one before.
func (k *dataKey) quiet(now int64) bool {
	turn := k.turn.Load()
	return turn < int32(now)-1 || turn == int32(now)-1 && k.uses.Load() <= readyAfter
}
