package receiver

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// origin is where a frame came from and how to answer it.
type origin struct {
	remote    netip.AddrPort
	transport vigiev1.Transport
	// answer queues an answer; it never blocks, and may come from any goroutine.
	answer func([]byte)
	// settled is called once the frame is answered or will not be.
	settled func()
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

// take handles one frame. Nothing in it waits for Kafka. o.settled is called
// exactly once. The bytes may be reused once take returns.
func (r *Receiver) take(raw []byte, o origin) (bad bool) {
	f, err := r.cfg.Tolerances.parse(raw)
	var fault *dc09.Error
	if errors.As(err, &fault) && fault.Reason != dc09.ReasonEncrypted {
		return r.refuse(o, string(fault.Reason), fault.Error(), raw)
	}
	r.metrics.frames.WithLabelValues(transportName(o.transport), tokenLabel(f.Token)).Inc()
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
			o.settled()
			return true
		}
	} else if w.keyed && r.cfg.EncryptedOnly.Has(f.Line) {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_CLEAR_THOUGH_KEYED)
		return r.refuse(o, reasonClear, "the account has a key, and its line takes such accounts encrypted only", raw)
	}
	if (f.Encrypted || r.cfg.CheckStamp.Has(f.Line)) && f.SentAtMS != 0 && !inWindow(f.SentAtMS, now.UnixMilli()) {
		r.reply(o, dc09.AppendNAK(nil, q.header, now.UnixMilli()), "nak")
		return false
	}
	if !w.known() && !r.letIn(f, w, o, now) {
		return false
	}
	if f.Encrypted && r.watch.replayed(q.cipher, o.remote.Addr(), now) {
		r.suspect(f, raw, w, o, vigiev1.Suspicion_SUSPICION_REPLAYED)
		if dc09.IsPoll(f.Token) {
			r.silent(o, "replay") // it would prove alive what may be cut off
			return false
		}
	} else if w.known() {
		r.judge(f, raw, w, o, now)
	}
	r.metrics.took(f, w.known())
	if dc09.IsPoll(f.Token) {
		r.takePoll(f, w, q, o)
		return false
	}
	return r.takeEvents(f, raw, w, q, o)
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
	o.settled()
	return true
}

// silent leaves a frame without an answer, and counts it.
func (r *Receiver) silent(o origin, reason string) {
	r.metrics.silences.WithLabelValues(reason).Inc()
	o.settled()
}

func inWindow(sentMS, nowMS int64) bool {
	d := time.Duration(sentMS-nowMS) * time.Millisecond
	return d >= -stampLate && d <= stampEarly
}

// reply answers at once.
func (r *Receiver) reply(o origin, answer []byte, kind string) {
	o.answer(answer)
	r.metrics.answers.WithLabelValues(transportName(o.transport), kind).Inc()
	o.settled()
}

// conclude answers a frame once its fate is known: ACK when it is durable,
// silence when it is not, so that the panel sends again or by its other path.
func (r *Receiver) conclude(o origin, q request, tookMS int64, err error) {
	if err != nil {
		r.silent(o, silence(err))
		return
	}
	now := r.appender.NowMS()
	ack, err := q.ack(now)
	if err != nil {
		r.log.Error("an answer could not be encrypted; the panel will send again", "error", err)
		r.silent(o, "vault")
		return
	}
	if q.key != nil {
		r.watch.wasAnswered(q.cipher, o.remote.Addr(), time.UnixMilli(now))
	}
	r.metrics.answerSeconds.Observe(float64(now-tookMS) / 1000)
	r.reply(o, ack, "ack")
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

func (r *Receiver) takePoll(f dc09.Frame, w whereabouts, q request, o origin) {
	took := r.appender.NowMS()
	conclude := func(err error) { r.conclude(o, q, took, err) }
	if err := r.appender.Heartbeat(w.site, f.Path(), conclude); err != nil {
		conclude(err)
	}
}

// takeEvents appends what a frame reports: one record for each event in it. The
// answer leaves when all are durable.
func (r *Receiver) takeEvents(f dc09.Frame, raw []byte, w whereabouts, q request, o origin) (bad bool) {
	same := ids.Fingerprint(w.site, f.Sequence, f.Token, f.Data, f.ExtendedWithoutPath())
	took := r.appender.NowMS()
	conclude := func(err error) { r.conclude(o, q, took, err) }
	switch r.pending.enter(same, o, conclude, time.UnixMilli(took)) {
	case joined:
		r.metrics.joined.Inc()
		return false
	case answered:
		r.metrics.repeated.Inc()
		conclude(nil)
		return false
	case full:
		conclude(appender.ErrBusy)
		return false
	case entered:
	}
	events, err := r.describe(f, raw, w.site, o)
	if err != nil {
		// Nothing of a panel is written unsealed: without keys there is no ACK.
		r.log.Error("sealing what a panel sent; it gets no answer and will send again", "error", err)
		r.pending.settle(same, fmt.Errorf("%w: %w", errSealing, err), time.UnixMilli(took))
		return false
	}
	r.appendAll(events, w.site, w.version, same)
	return false
}

// appendAll hands the events over and settles the frame when the last is answered.
func (r *Receiver) appendAll(events []*vigiev1.Event, site, version uint64, same ids.ID) {
	left := new(atomic.Int32)
	left.Store(int32(len(events)))
	failed := new(atomic.Pointer[error])
	done := func(err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
		if left.Add(-1) > 0 {
			return
		}
		var first error
		if p := failed.Load(); p != nil {
			first = *p
		}
		r.pending.settle(same, first, time.UnixMilli(r.appender.NowMS()))
	}
	for _, e := range events {
		err := r.appender.Append(site, func(id ids.ID, receivedAtMS int64) *vigiev1.LogRecord {
			e.Id, e.ReceivedAtMs = id[:], receivedAtMS
			e.DirectoryVersion = version
			return &vigiev1.LogRecord{Record: &vigiev1.LogRecord_Event{Event: e}}
		}, done)
		if err != nil {
			done(err)
		}
	}
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

// seal seals a field of an event under its site's key; nil for nothing.
func (r *Receiver) seal(site uint64, field string, fingerprint ids.ID, plain []byte) (*vigiev1.Sealed, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	return r.vault.Seal(vault.SiteKey(site), plain, vault.AAD(field, fingerprint[:]))
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

// tokenLabel bounds the values of a metric's label.
func tokenLabel(token string) string {
	switch token {
	case dc09.TokenNull, dc09.TokenXNM, dc09.TokenSIA, dc09.TokenCID:
		return token
	}
	return "other"
}
