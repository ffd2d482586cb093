package receiver

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// Why Take refuses a message that could be read. ErrClosed and ErrRate pass: the
// sender tries again. The other two are about the account.
var (
	// ErrClosed says that the receiver has not read the accounts yet, or is stopping.
	ErrClosed = errors.New("the receiver is not open")
	// ErrRate says that the source has sent more than its share.
	ErrRate = errors.New("the source has sent more than it may")
	// ErrUnknownAccount says that the line takes declared accounts only.
	ErrUnknownAccount = errors.New("nobody declared the account, and its line takes declared ones only")
	// ErrNewAccount says that the source has brought more new accounts than it may.
	ErrNewAccount = errors.New("nobody declared the account, and the source has brought as many new ones as it may")
)

// Message is what a gateway says of a panel, by whatever protocol, in the terms of
// the domain. The account is the same site as by DC-09.
type Message struct {
	// From is where it came from; Gateway names who relayed it.
	From      netip.AddrPort
	Transport vigiev1.Transport
	Gateway   string
	// Listed: the source is one that the administrator named. Neither limits nor
	// lines for declared accounts hold for it: what it relays was taken once already.
	Listed bool
	// ReceiverNumber and Line (below 2^24) as the gateway has them, 0 for none.
	ReceiverNumber, Line uint32
	// Account of 1 to 16 letters and digits.
	Account string
	// Path within the site, 1 to 15; 0 is 1, the primary one.
	Path uint32
	// Format stands in the log in place of DC-09's token.
	Format string
	// Identity is equal when the same message comes again, and only then.
	Identity []byte
	// OccurredAtMS by the sender's clock, Unix ms UTC; 0 when it did not say.
	OccurredAtMS int64
	// Poll: the message says only that the path lives.
	Poll bool
	// Reports are its events. A message that is no poll and has none is kept
	// verbatim, as one event.
	Reports []Report
	// Data is the message without its envelope, Raw with it. Both are sealed.
	Data, Raw []byte
}

// Report is one event of a message.
type Report struct {
	// Format is "SIA", "CID", or "VIGIE" for a class without a code.
	Format, Code     string
	Area, Zone, User string
	Text             string
	Meaning          dc09.Meaning
	// Known: a table has the code. What is not known is kept verbatim.
	Known bool
}

// SIAReport reads an event of a DC-03 block.
func SIAReport(e dc09.SIAEvent) Report { return exported(siaReport(e)) }

// CIDReport reads a Contact ID event.
func CIDReport(e dc09.CIDEvent) Report { return exported(cidReport(e)) }

func exported(r report) Report {
	return Report{Format: r.format, Code: r.code, Area: r.area, Zone: r.zone, User: r.user, Text: dc09.Text(r.text), Meaning: r.meaning, Known: r.known}
}

func (r Report) report() report {
	return report{format: r.Format, code: r.Code, area: r.Area, zone: r.Zone, user: r.User, text: []byte(r.Text), meaning: r.Meaning, known: r.Known}
}

// Fingerprint is equal for a message and its repeat, on whatever receiver.
func (m Message) fingerprint(site uint64, place int) ids.ID {
	identity := m.Identity
	if place > 0 { // events of one message are told apart by their place in it
		identity = append(append([]byte(nil), identity...), byte(place>>8), byte(place))
	}
	return ids.Fingerprint(site, 0, m.Format, identity, nil)
}

// Receipt is what is told of a message that was taken.
type Receipt struct {
	Site uint64
	// Fingerprint is equal when the same message comes again.
	Fingerprint ids.ID
}

// Take takes a message in. When it returns an error, nothing was kept: one of the
// errors above, of the appender, or of the vault. Otherwise done is called exactly
// once: with nil when all that came of the message is durable, or with what went
// wrong. done must not block. Take itself never waits for Kafka. A message that
// meets its own repeat under way joins it: one record, two answers.
func (r *Receiver) Take(m Message, done func(error)) (Receipt, error) {
	if !r.inputs.enter() {
		return Receipt{}, ErrClosed
	}
	receipt, err := r.takeMessage(m, func(err error) {
		done(err)
		r.inputs.leave()
	})
	if err != nil {
		r.inputs.leave()
	}
	return receipt, err
}

func (r *Receiver) takeMessage(m Message, done func(error)) (Receipt, error) {
	r.metrics.frame(m.Transport, m.Format)
	took := r.appender.NowMS()
	now := time.UnixMilli(took)
	if !m.Listed && !r.limits.frame(m.From.Addr(), m.Poll, now) {
		return Receipt{}, ErrRate
	}
	m.Path = max(m.Path, 1)
	r.inputs.listener(r.appender, m.Transport).Frame()
	w := r.whereabouts(m.Line, m.Account)
	if !w.known() && !m.Listed {
		switch {
		case r.cfg.KnownOnly.Has(m.Line):
			return Receipt{}, ErrUnknownAccount
		case !r.limits.newAccount(m.From.Addr(), w.site, now):
			return Receipt{}, ErrNewAccount
		}
	}
	r.metrics.tookBy(m.Line, m.Path, w.known(), "gateway")
	of := kinOf(m.Line, m.Path, w)
	receipt := Receipt{Site: w.site, Fingerprint: m.fingerprint(w.site, 0)}
	conclude := func(err error) {
		if err != nil {
			r.metrics.became(of, outcomeSilence)
		} else {
			r.metrics.became(of, outcomeACK)
			r.metrics.answerSeconds.Observe(float64(r.appender.NowMS()-took) / 1000)
		}
		done(err)
	}
	if m.Poll {
		return receipt, r.appender.Heartbeat(w.site, m.Path, conclude)
	}
	return receipt, r.appendMessage(m, w, receipt.Fingerprint, conclude, now)
}

// appendMessage appends the events of a message, or joins the same one under way.
func (r *Receiver) appendMessage(m Message, w whereabouts, same ids.ID, conclude func(error), now time.Time) error {
	d := newDraft()
	defer d.free()
	if err := r.describeMessage(d, m, w, same); err != nil {
		r.log.Error("making events of what a gateway sent; it is refused and will come again", "error", err)
		return err
	}
	flight, entry := r.pending.enter(same, origin{remote: m.From, transport: m.Transport}, conclude, now)
	switch entry {
	case joined:
		r.metrics.joined.Inc()
	case entered:
		r.appendAll(d, w.site, flight)
	case full, answered: // answered is for UDP alone
		return appender.ErrBusy
	}
	return nil
}

// describeMessage makes the events of a message, as describe does those of a frame.
func (r *Receiver) describeMessage(d *draft, m Message, w whereabouts, same ids.ID) error {
	reports := m.Reports
	if len(reports) == 0 {
		reports = []Report{{}}
	}
	r.panelSource(d, &vigiev1.PanelSource{
		ReceiverNumber: m.ReceiverNumber, Line: m.Line, AccountAsSent: m.Account, Path: m.Path,
		Transport: m.Transport, AddressClass: addressClass(m.From.Addr()), Token: m.Format, Gateway: m.Gateway,
	})
	for i, rep := range reports {
		fp := same
		if i > 0 {
			fp = m.fingerprint(w.site, i)
		}
		one := rep.report()
		if err := r.add(d, &dc09.Frame{Token: m.Format, Data: m.Data}, &one, m.Raw, w, fp, m.OccurredAtMS); err != nil {
			return err
		}
	}
	return nil
}

// SetAside keeps what came from a gateway and cannot become an event, sealed, with
// its reason, within the bounds of a source. A receiver that is not open counts it only.
func (r *Receiver) SetAside(from netip.AddrPort, transport vigiev1.Transport, reason, detail string, raw []byte) {
	if !r.inputs.enter() {
		r.metrics.rejected.WithLabelValues(transportName(transport), reason).Inc()
		return
	}
	defer r.inputs.leave()
	r.rejects.add(origin{remote: from, transport: transport}, reason, detail, raw)
}

// inputs lets messages in while the receiver is open, and knows when the last was
// answered.
type inputs struct {
	mu     sync.Mutex
	open   bool
	flying sync.WaitGroup
	// listeners are registered once their first message comes: beats tell of doors
	// that are used.
	listeners map[vigiev1.Transport]*appender.Listener
}

func (i *inputs) listener(a Appender, t vigiev1.Transport) *appender.Listener {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listeners[t] == nil {
		if i.listeners == nil {
			i.listeners = map[vigiev1.Transport]*appender.Listener{}
		}
		i.listeners[t] = a.Listener(transportName(t))
	}
	return i.listeners[t]
}

func (i *inputs) enter() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.open {
		i.flying.Add(1)
	}
	return i.open
}

func (i *inputs) leave() { i.flying.Done() }

func (i *inputs) set(open bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open = open
}

// closeInputs takes no more messages once stop ends, and waits for the last answers.
func (r *Receiver) closeInputs(stop context.Context) {
	<-stop.Done()
	r.inputs.set(false)
	r.drained(&r.inputs.flying)
}

// The formats of messages, as they stand in the log.
const (
	FormatCloudEvent = "CLOUDEVENT"
	FormatSurGardCID = "SURGARD-CID"
	FormatSurGardSIA = "SURGARD-SIA"
	// FormatSurGard is a line of a protocol that is not read further.
	FormatSurGard = "SURGARD"
)
