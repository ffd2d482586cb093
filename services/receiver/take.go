package receiver

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// origin is where a frame came from and how to answer it.
type origin struct {
	remote    netip.AddrPort
	transport vigiev1.Transport
	door      answerer
	// read is when its last byte was read.
	read instant
}

// answerer is what a frame came in by. settle never blocks, and may be called from
// any goroutine.
type answerer interface {
	// settle ends one frame of a source: with an answer to be queued, or with nil for
	// none. The bytes may be used again once it returns.
	settle(o origin, answer []byte)
}

// The window of the stamp: DC-09 5.5.1.9 as siadc09 1.0.1 has it.
const (
	stampLate  = 40 * time.Second
	stampEarly = 20 * time.Second
)

// Reasons of this package beside those of the codec.
const (
	reasonUnknownToken     = "unknown-token"
	reasonUnexpectedAnswer = "unexpected-answer"
	reasonClear            = "clear-though-keyed"
)

// errSealing marks that the vault could not seal a frame.
var errSealing = errors.New("sealing a frame")

// take handles one frame. Nothing in it waits for Kafka. o.door.settle is called
// exactly once. The bytes may be reused once take returns.
func (r *Receiver) take(raw []byte, o origin) (bad bool) {
	f, err := r.cfg.Tolerances.parse(raw)
	if err != nil {
		var fault *dc09.Error
		if errors.As(err, &fault) && fault.Reason != dc09.ReasonEncrypted {
			return r.refuse(o, string(fault.Reason), fault.Error(), raw)
		}
	}
	r.metrics.frame(o.transport, f.Token)
	now := time.UnixMilli(r.appender.NowMS())
	_, legacy := dc09.LegacyToken(f.Token)
	switch {
	case dc09.IsPoll(f.Token), f.Token == dc09.TokenSIA, f.Token == dc09.TokenCID, legacy:
	case dc09.IsAnswer(f.Token):
		return r.refuse(o, reasonUnexpectedAnswer, "an answer, where panels' messages are expected", raw)
	case !r.limits.frame(o.remote.Addr(), true, now):
		r.silent(o, "rate-other")
		return false
	default:
		r.rejects.add(o, reasonUnknownToken, "a well-formed frame of a format that is not handled: "+dc09.Text([]byte(f.Token)), raw)
		r.reply(o, dc09.AppendDUH(nil, f), "duh")
		return false
	}
	poll := dc09.IsPoll(f.Token)
	if !r.limits.frame(o.remote.Addr(), poll, now) {
		r.silent(o, map[bool]string{true: "rate-poll", false: "rate-event"}[poll])
		return false
	}
	return r.admit(f, raw, o, now)
}

// admit opens what is encrypted, and takes in what its account may send.
func (r *Receiver) admit(f dc09.Frame, raw []byte, o origin, now time.Time) (bad bool) {
	// Some frames name their account in the data alone; encrypted ones never do.
	if f.Account == "" && !f.Encrypted && !dc09.IsPoll(f.Token) {
		f.Account = accountInside(f)
	}
	w := r.whereabouts(f.Line, f.Account)
	q := requestOf(f)
	if f.Encrypted {
		var ok bool
		if f, q, ok = r.unlock(f, raw, w, o); !ok {
			r.metrics.became(kinOf(f.Line, 0, w), outcomeRefused)
			o.door.settle(o, nil)
			return true
		}
	} else if w.keyed && r.cfg.EncryptedOnly.Has(f.Line) {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
		r.metrics.became(kinOf(f.Line, f.Path(), w), outcomeRefused)
		return r.refuse(o, reasonClear, "the account has a key, and its line takes such accounts encrypted only", raw)
	}
	q.kin = kinOf(f.Line, f.Path(), w)
	if (f.Encrypted || r.cfg.CheckStamp.Has(f.Line)) && f.SentAtMS != 0 && !inWindow(f.SentAtMS, now.UnixMilli()) {
		r.metrics.became(q.kin, outcomeNAK)
		r.reply(o, dc09.AppendNAK(nil, q.header, now.UnixMilli()), "nak")
		return false
	}
	if !w.known() && !r.letIn(f, w, o, now) {
		r.metrics.became(q.kin, outcomeSilence)
		return false
	}
	if f.Encrypted && r.watch.replayed(q.cipher, o.remote.Addr(), now) {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_REPLAYED)
		if dc09.IsPoll(f.Token) {
			r.metrics.became(q.kin, outcomeSilence)
			r.silent(o, "replay") // it would prove alive what may be cut off
			return false
		}
	} else if w.known() {
		r.judge(f, raw, w, o, now)
	}
	r.metrics.took(f, w.known())
	owed := r.owe(o, q)
	if dc09.IsPoll(f.Token) {
		if err := r.appender.Heartbeat(w.site, f.Path(), owed.conclude); err != nil {
			owed.conclude(err)
		}
		return false
	}
	r.takeEvents(&f, raw, w, owed, now)
	return false
}

// letIn decides on an account that nobody declared: each makes a site, so who
// reaches the port could make any number.
func (r *Receiver) letIn(f dc09.Frame, w whereabouts, o origin, now time.Time) bool {
	switch {
	case r.cfg.KnownOnly.Has(f.Line):
		r.silent(o, "unknown-account")
	case !r.limits.newAccount(o.remote.Addr(), w.site, now):
		r.silent(o, "new-account")
	default:
		return true
	}
	return false
}

// judge notices what is odd about a frame that is taken all the same: an alarm is
// never lost to a suspicion.
func (r *Receiver) judge(f dc09.Frame, raw []byte, w whereabouts, o origin, now time.Time) {
	if w.keyed && !f.Encrypted {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
	}
	if r.watch.see(w.site, f.Path(), o.remote.Addr(), now) {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_OTHER_SOURCE)
	}
}

// refuse sets aside what gets no answer.
func (r *Receiver) refuse(o origin, reason, detail string, raw []byte) (bad bool) {
	r.rejects.add(o, reason, detail, raw)
	o.door.settle(o, nil)
	return true
}

// silent leaves a frame without an answer, and counts it.
func (r *Receiver) silent(o origin, reason string) {
	r.metrics.silences.WithLabelValues(reason).Inc()
	o.door.settle(o, nil)
}

func inWindow(sentMS, nowMS int64) bool {
	d := time.Duration(sentMS-nowMS) * time.Millisecond
	return d >= -stampLate && d <= stampEarly
}

// reply answers at once.
func (r *Receiver) reply(o origin, answer []byte, kind string) {
	r.metrics.answered(o.transport, kind)
	o.door.settle(o, answer)
}

// owed is an answer that a frame is owed. It is used again once it was given.
type owed struct {
	r *Receiver
	o origin
	q request
	// conclude answers the frame once its fate is known, and is called exactly once:
	// ACK when it is durable, silence when it is not, so that the panel sends again or
	// by its other path.
	conclude func(error)
	room     [maxACK]byte
}

// maxACK has room for the answer to any frame; a longer one would be allocated.
const maxACK = 256

var owing sync.Pool

func (r *Receiver) owe(o origin, q request) *owed {
	x, ok := owing.Get().(*owed)
	if !ok {
		x = new(owed)
		x.conclude = x.settle
	}
	x.r, x.o, x.q = r, o, q
	return x
}

func (x *owed) settle(err error) {
	if err != nil {
		x.r.metrics.became(x.q.kin, outcomeSilence)
		x.r.silent(x.o, silence(err))
	} else {
		x.r.acknowledge(x)
	}
	x.o, x.q = origin{}, request{}
	owing.Put(x)
}

func (r *Receiver) acknowledge(x *owed) {
	now := r.appender.NowMS()
	ack, err := x.q.ack(x.room[:0], now)
	if err != nil {
		r.log.Error("an answer could not be encrypted; the panel will send again", "error", err)
		r.metrics.became(x.q.kin, outcomeSilence)
		r.silent(x.o, "vault")
		return
	}
	if x.q.key != nil {
		r.watch.wasAnswered(x.q.cipher, x.o.remote.Addr(), time.UnixMilli(now))
	}
	r.metrics.became(x.q.kin, outcomeACK)
	r.reply(x.o, ack, "ack")
}

func silence(err error) string {
	switch {
	case errors.Is(err, appender.ErrBusy):
		return "busy"
	case errors.Is(err, appender.ErrNotRunning):
		return "not-running"
	case errors.Is(err, errSealing):
		return "vault"
	}
	return "append-failed"
}

// takeEvents appends what a frame reports: one record for each event in it. The
// answer leaves when all are durable.
func (r *Receiver) takeEvents(f *dc09.Frame, raw []byte, w whereabouts, owed *owed, now time.Time) {
	extended := f.ExtendedWithoutPath()
	same := ids.Fingerprint(w.site, f.Sequence, f.Token, f.Data, extended)
	flight, entry := r.pending.enter(same, owed.o, owed.conclude, now)
	switch entry {
	case joined:
		r.metrics.joined.Inc()
		return
	case answered:
		r.metrics.repeated.Inc()
		owed.conclude(nil)
		return
	case full:
		owed.conclude(appender.ErrBusy)
		return
	case entered:
	}
	d := newDraft()
	defer d.free()
	if err := r.describe(d, f, raw, w, owed.o, same, extended); err != nil {
		// Nothing of a panel is written unsealed: without keys there is no ACK.
		r.log.Error("making events of what a panel sent; it gets no answer and will send again", "error", err)
		flight.settle(err)
		return
	}
	r.appendAll(d, w.site, flight)
}

// accountInside reads the account that stands in the data of a frame without one.
func accountInside(f dc09.Frame) string {
	var account string
	switch f.Token {
	case dc09.TokenSIA:
		account, _, _ = dc09.ParseSIA(f.Data)
	case dc09.TokenCID:
		account, _, _ = dc09.ParseCID(f.Data)
	}
	return account
}

// seal seals a field of an event under its site's key; nil for nothing. It is valid
// until the draft's next one.
func (r *Receiver) seal(d *draft, site uint64, field string, fingerprint ids.ID, plain []byte) (*vigiev1.Sealed, error) {
	sealed, err := r.vault.SealSite(&d.sealing, site, field, fingerprint[:], plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSealing, err)
	}
	return sealed, nil
}

func transportName(t vigiev1.Transport) string {
	switch t {
	case vigiev1.Transport_TRANSPORT_UDP:
		return "udp"
	case vigiev1.Transport_TRANSPORT_TLS:
		return "tls"
	case vigiev1.Transport_TRANSPORT_HTTP:
		return "http"
	case vigiev1.Transport_TRANSPORT_SURGARD:
		return "surgard"
	default:
		return "tcp"
	}
}
