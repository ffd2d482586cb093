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
)

// errSealing marks that the vault could not seal a frame.
var errSealing = errors.New("sealing a frame")

// take handles one frame. Nothing in it waits for Kafka. o.settled is called
// exactly once. The bytes may be reused once take returns.
func (r *Receiver) take(raw []byte, o origin) (bad bool) {
	f, err := dc09.Parse(raw, r.cfg.Frames)
	var fault *dc09.Error
	if errors.As(err, &fault) {
		r.rejects.add(o, string(fault.Reason), fault.Error(), raw)
		o.settled()
		return true
	}
	r.metrics.frames.WithLabelValues(transportName(o.transport), tokenLabel(f.Token)).Inc()
	switch f.Token {
	case dc09.TokenNull, dc09.TokenSIA, dc09.TokenCID:
	case dc09.TokenAck, dc09.TokenNak, dc09.TokenDuh:
		r.rejects.add(o, reasonUnexpectedAnswer, "an answer, where panels' messages are expected", raw)
		o.settled()
		return true
	default:
		r.rejects.add(o, reasonUnknownToken, "a well-formed frame of a format that is not handled: "+dc09.Text([]byte(f.Token)), raw)
		r.reply(o, dc09.AppendDUH(nil, f), "duh")
		return false
	}
	now := r.appender.NowMS()
	if r.cfg.CheckStamp && f.SentAtMS != 0 && !inWindow(f.SentAtMS, now) {
		r.reply(o, dc09.AppendNAK(nil, f, now), "nak")
		return false
	}
	if f.Token == dc09.TokenNull {
		r.takePoll(f, o)
		return false
	}
	return r.takeEvents(f, raw, o)
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
func (r *Receiver) conclude(o origin, ack []byte, tookMS int64, err error) {
	if err != nil {
		r.metrics.silences.WithLabelValues(silence(err)).Inc()
		o.settled()
		return
	}
	r.metrics.answerSeconds.Observe(float64(r.appender.NowMS()-tookMS) / 1000)
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

func (r *Receiver) takePoll(f dc09.Frame, o origin) {
	site, _ := r.accounts.site(f.Line, f.Account)
	ack := dc09.AppendACK(nil, f)
	took := r.appender.NowMS()
	conclude := func(err error) { r.conclude(o, ack, took, err) }
	if err := r.appender.Heartbeat(site, f.Path(), conclude); err != nil {
		conclude(err)
	}
}

// takeEvents appends what a frame reports: one record for each event in it. The
// answer leaves when all are durable.
func (r *Receiver) takeEvents(f dc09.Frame, raw []byte, o origin) (bad bool) {
	if f.Account == "" {
		f.Account = accountInside(f)
	}
	site, version := r.accounts.site(f.Line, f.Account)
	same := ids.Fingerprint(site, f.Sequence, f.Token, f.Data, f.ExtendedWithoutPath())
	ack := dc09.AppendACK(nil, f)
	took := r.appender.NowMS()
	conclude := func(err error) { r.conclude(o, ack, took, err) }
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
	events, err := r.describe(f, raw, site, o)
	if err != nil {
		// Nothing of a panel is written unsealed: without keys there is no ACK.
		r.log.Error("sealing what a panel sent; it gets no answer and will send again", "error", err)
		r.pending.settle(same, fmt.Errorf("%w: %w", errSealing, err), time.UnixMilli(took))
		return false
	}
	r.appendAll(events, site, version, same)
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
	if f.Token == dc09.TokenSIA {
		account, _, _ := dc09.ParseSIA(f.Data)
		return account
	}
	account, _, _ := dc09.ParseCID(f.Data)
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
	if t == vigiev1.Transport_TRANSPORT_UDP {
		return "udp"
	}
	return "tcp"
}

// tokenLabel bounds the values of a metric's label.
func tokenLabel(token string) string {
	switch token {
	case dc09.TokenNull, dc09.TokenSIA, dc09.TokenCID:
		return token
	}
	return "other"
}
