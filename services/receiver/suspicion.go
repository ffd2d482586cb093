package receiver

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

const (
	// maxAnswered encrypted frames that are recognised when they come again, about
	// 60 bytes each, for as long as their stamp may be good.
	maxAnswered  = 1 << 20
	answeredKept = stampLate + stampEarly
	// retransmission: the same frame from the same source that long after its answer
	// is a lost answer; later it is a replay.
	retransmission = 20 * time.Second
	// maxSightings of declared accounts' paths, 50 to 85 bytes each.
	maxSightings = 1 << 22
	// inTurn: a source that comes back within that time of another one's frame.
	inTurn = 10 * time.Minute
	// maxTold suspicions whose repeats are counted instead of told.
	maxTold = 200_000
	// suspicionRate a second and suspicionBurst bound what a flood of forged frames
	// can make of the log: past them suspicions are counted only.
	suspicionRate, suspicionBurst = 50, 500
)

// quietFor is how long a suspicion of an account is counted before it is told again.
// A panel that was never set to encrypt is a task, not an alarm a minute.
func quietFor(s vigiev1.Suspicion) time.Duration {
	switch s {
	case vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED:
		return 24 * time.Hour
	case vigiev1.Suspicion_SUSPICION_OLD_KEY, vigiev1.Suspicion_SUSPICION_OTHER_SOURCE:
		return time.Hour
	default:
		return time.Minute
	}
}

// watch notices what makes a transmission suspect. It judges by what this process
// heard since it began, within its bounds. Safe for concurrent use.
type watch struct {
	seed maphash.Seed

	mu       sync.Mutex
	answered *generations[uint64, reply]
	heard    *generations[uint64, sighting]
	told     *generations[suspect, telling]
	rate     *rate.Limiter
}

// reply is an encrypted frame that was answered.
type reply struct {
	at   time.Time
	from netip.Prefix
}

// sighting is where an account's path was heard from: 24 bytes.
type sighting struct {
	// now and before are the hashes of the last two networks, with the Unix seconds
	// of their last frames.
	now, before     uint32
	nowAt, beforeAt uint32
	// classes of addresses, a bit each.
	classes uint8
	// pairTold: that now and before come in turn was told.
	pairTold bool
	// next: the next key of the account was heard.
	next bool
}

type suspect struct {
	site uint64
	kind vigiev1.Suspicion
}

type telling struct {
	at       time.Time
	repeated uint32
}

func newWatch() *watch {
	return &watch{
		seed:     maphash.MakeSeed(),
		answered: newGenerations[uint64, reply](maxAnswered, answeredKept),
		heard:    newGenerations[uint64, sighting](maxSightings, 0),
		told:     newGenerations[suspect, telling](maxTold, 0),
		rate:     rate.NewLimiter(suspicionRate, suspicionBurst),
	}
}

// cipherHash names an encrypted frame by its ciphertext alone: the header in clear
// is anyone's to change.
func (w *watch) cipherHash(ciphertext []byte) uint64 { return maphash.Bytes(w.seed, ciphertext) }

// replayed tells whether a frame that was answered comes again otherwise than a panel
// sends it again whose answer was lost. One that was never answered is no replay:
// the panel has every reason to repeat it, by whatever path.
func (w *watch) replayed(frame uint64, from netip.Addr, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.answered.get(frame)
	return ok && (r.from != sourceOf(from) || now.Sub(r.at) > retransmission)
}

// wasAnswered remembers an encrypted frame; the first answer counts.
func (w *watch) wasAnswered(frame uint64, from netip.Addr, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.answered.get(frame); !ok {
		w.answered.put(frame, reply{now, sourceOf(from)}, now)
	}
}

// see takes a good frame of an account's path into account, and tells whether its
// source is another than it should be. Networks, not addresses, are compared, since
// carriers hand out addresses of one pool; and a first change to a network of the
// same kind is none, since lines are moved and restarted. Suspect is a kind of
// address not seen of this path before, and two networks in turn: two transmitters
// say the same account. A panel with two paths that names none in its frames does
// that too: it is told once.
func (w *watch) see(site uint64, path uint32, from netip.Addr, now time.Time) bool {
	key := site<<4 | uint64(path&0xF)
	network := uint32(maphash.Comparable(w.seed, networkOf(from)))
	class := uint8(1) << addressClass(from)
	at := uint32(now.Unix())
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.heard.touch(key, now)
	suspect := known && s.classes != 0 && s.classes&class == 0
	s.classes |= class
	switch {
	case s.nowAt == 0:
		s.now = network
	case network == s.now:
	case network == s.before && s.beforeAt != 0:
		if at-s.beforeAt < uint32(inTurn/time.Second) && !s.pairTold {
			suspect, s.pairTold = true, true
		}
		s.now, s.before, s.nowAt, s.beforeAt = network, s.now, at, s.nowAt
	default:
		s.before, s.beforeAt, s.pairTold = s.now, s.nowAt, false
		s.now = network
	}
	s.nowAt = at
	w.heard.put(key, s, now)
	return suspect
}

// keyUsed tells what a frame under the key in use or the next one means while a key
// is being changed: first is true at the first of the next key, old at one of the old
// key after it.
func (w *watch) keyUsed(site uint64, next bool, now time.Time) (first, old bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := site << 4 // no path has number 0
	s, _ := w.heard.touch(key, now)
	first, old = next && !s.next, !next && s.next
	if next {
		s.next = true
		w.heard.put(key, s, now)
	}
	return first, old
}

// keySettled forgets, once no change of a key is under way.
func (w *watch) keySettled(site uint64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.heard.get(site << 4); ok && s.next {
		w.heard.put(site<<4, sighting{}, now)
	}
}

// tell decides whether a suspicion becomes an event, and how many were only counted
// since the last.
func (w *watch) tell(site uint64, kind vigiev1.Suspicion, now time.Time) (repeated uint32, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := suspect{site, kind}
	t, known := w.told.touch(key, now)
	if known && now.Sub(t.at) < quietFor(kind) || !w.rate.AllowN(now, 1) {
		t.repeated++
		w.told.put(key, t, now)
		return 0, false
	}
	repeated = t.repeated
	w.told.put(key, telling{at: now}, now)
	return repeated, true
}

// suspect counts a suspicion, and makes an event of it on the account's site.
func (r *Receiver) suspect(f dc09.Frame, raw []byte, w whereabouts, o origin, kind vigiev1.Suspicion) {
	name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(kind.String(), "SUSPICION_")), "_", "-")
	r.metrics.suspicions.WithLabelValues(name).Inc()
	if !w.known() {
		return // forged names must not make sites
	}
	now := r.appender.NowMS()
	repeated, ok := r.watch.tell(w.site, kind, time.UnixMilli(now))
	if !ok {
		r.metrics.suspicionsUntold.Inc()
		return
	}
	r.log.Warn("a transmission is suspect", "suspicion", name, "site", w.site, "line", f.Line, "from", o.remote.Addr(), "repeated", repeated)
	if err := r.appendSuspicion(f, raw, w, o, kind, repeated); err != nil {
		r.metrics.suspicionsUntold.Inc()
		r.log.Error("a suspicion could not be written to the log", "suspicion", name, "site", w.site, "error", err)
	}
}

func (r *Receiver) appendSuspicion(f dc09.Frame, raw []byte, w whereabouts, o origin, kind vigiev1.Suspicion, repeated uint32) error {
	// Its own kind of fingerprint: what the frame reports is another event.
	fp := ids.Fingerprint(w.site, f.Sequence, "suspect/"+kind.String(), f.Data, f.Extended)
	d := newDraft()
	defer d.free()
	sealed, err := r.seal(d, w.site, vault.FieldRaw, fp, raw)
	if err != nil {
		return fmt.Errorf("sealing the frame: %w", err)
	}
	r.source(d, &f, o)
	suspicion(d, w, fp, sealed, kind, repeated)
	return r.appender.AppendEvent(w.site, d.encoded, func(err error) {
		if err != nil {
			r.metrics.suspicionsUntold.Inc()
		}
	})
}

// suspicion encodes the event of a suspicion.
func suspicion(d *draft, w whereabouts, fp ids.ID, raw *vigiev1.Sealed, kind vigiev1.Suspicion, repeated uint32) {
	d.begin(w, fp, 0, raw)
	d.body = d.body[:0].number(suspectSuspicion, uint64(kind)).number(suspectRepeated, uint64(repeated))
	d.end(bodyTransmissionSuspect, d.body)
}
