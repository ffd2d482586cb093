package transmissions

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// Transmission is one receipt: a frame, or what a gateway relayed.
type Transmission struct {
	ReceivedAtMS int64       `json:"received_at_ms"`
	Receiver     string      `json:"receiver"`
	Transport    string      `json:"transport" example:"udp"`
	AddressClass string      `json:"address_class,omitempty" doc:"What kind of address it came from: loopback, private, public. The address itself is not kept."`
	Gateway      string      `json:"gateway,omitempty" doc:"Who relayed it."`
	Line         uint32      `json:"line"`
	Account      string      `json:"account,omitempty" doc:"As it was sent."`
	Path         uint32      `json:"path,omitempty"`
	Sequence     uint32      `json:"sequence"`
	Token        string      `json:"token,omitempty" doc:"The format." example:"SIA-DCS"`
	Encrypted    bool        `json:"encrypted,omitempty"`
	SentAtMS     int64       `json:"sent_at_ms,omitempty" doc:"The frame's own stamp."`
	Raw          string      `json:"raw,omitempty" doc:"The frame as received, printable, without keys; for people only."`
	RawMissing   string      `json:"raw_missing,omitempty" enum:"not-shown,shredded,unreadable" doc:"Why there is no raw."`
	Explanation  *Bilingual  `json:"explanation,omitempty" doc:"What the frame says, part by part."`
	Events       []SentEvent `json:"events,omitempty" doc:"What became of it."`
	Rejected     *Rejection  `json:"rejected,omitempty" doc:"It became no event, and got no ACK."`

	boot         string
	fingerprints [][]byte
	raw          *vigiev1.Sealed
	// rawOf is the fingerprint that raw is bound to.
	rawOf []byte
}

// Bilingual is a sentence in the languages of the page.
type Bilingual struct {
	FR string `json:"fr"`
	EN string `json:"en"`
}

// SentEvent is an event that a receipt became.
type SentEvent struct {
	ID            string     `json:"id"`
	Kind          string     `json:"kind" example:"alarm-raised"`
	Class         string     `json:"class,omitempty" example:"intrusion"`
	Format        string     `json:"format,omitempty" example:"SIA"`
	Code          string     `json:"code,omitempty" example:"BA"`
	Meaning       *Bilingual `json:"meaning,omitempty"`
	Area          string     `json:"area,omitempty"`
	Zone          string     `json:"zone,omitempty"`
	User          string     `json:"user,omitempty"`
	Text          string     `json:"text,omitempty" doc:"The panel's own text; for people only."`
	Mode          string     `json:"mode,omitempty" example:"armed-full"`
	Restored      bool       `json:"restored,omitempty"`
	Suspicion     string     `json:"suspicion,omitempty" doc:"Why the transmission is suspect; the event that it reported stands beside."`
	OccurredAtMS  int64      `json:"occurred_at_ms,omitempty"`
	Outcome       string     `json:"outcome,omitempty" doc:"What became of it where it had no effect of its own: heard-again, refused. Absent: accepted, or not folded yet."`
	OutcomeReason string     `json:"outcome_reason,omitempty"`

	id []byte
}

// Rejection is why a receipt became no event.
type Rejection struct {
	Reason string `json:"reason" example:"bad-crc"`
	Detail string `json:"detail,omitempty"`
	Bytes  uint64 `json:"bytes"`
}

// window takes the records of one reading.
type window struct {
	*looking
	from, to int64
	receipts []Transmission // oldest first
	polls    map[uint32]*polled
}

func (w *window) within(ms int64) bool { return ms >= w.from && ms < w.to }

// take looks at one record. What cannot be read is nobody's here: the processor and
// the archiver tell of it.
func (w *window) take(r *kgo.Record) {
	switch r.Topic {
	case w.topic(topics.Outcomes):
		var o vigiev1.EventOutcome
		if string(r.Key) == w.siteKey && len(w.outcomes) < maxPending && proto.Unmarshal(r.Value, &o) == nil {
			w.outcomes[string(o.EventId)] = &o
		}
	case w.topic(topics.Rejected):
		var x vigiev1.Rejected
		if proto.Unmarshal(r.Value, &x) == nil && x.GetStage() == "receiver" && w.within(x.GetAtMs()) {
			w.rejected(&x)
		}
	default:
		// Only events have a key, which is their site; a beat may hold anybody's polls.
		if len(r.Key) > 0 && string(r.Key) != w.siteKey {
			return
		}
		var l vigiev1.LogRecord
		if proto.Unmarshal(r.Value, &l) != nil {
			return
		}
		if e := l.GetEvent(); e != nil && e.GetSource().GetPanel() != nil && w.within(e.GetReceivedAtMs()) {
			w.event(e)
		}
		w.beat(l.GetBeat())
	}
}

// event adds an event to the receipt that it is of, or begins one: a receipt came in
// by one receiver at one place of its sequence, and none of it comes twice.
func (w *window) event(e *vigiev1.Event) {
	p := e.GetSource().GetPanel()
	if w.q.Account != "" && (p.GetLine() != w.q.Line || !strings.EqualFold(p.GetAccountAsSent(), w.q.Account)) {
		return
	}
	for i := len(w.receipts) - 1; i >= 0 && i >= len(w.receipts)-4; i-- {
		t := &w.receipts[i]
		if t.boot == string(p.GetBoot()) && t.Sequence == p.GetSequence() && t.Token == p.GetToken() && t.SentAtMS == p.GetSentAtMs() &&
			t.Path == p.GetPath() && t.Line == p.GetLine() && e.GetReceivedAtMs()-t.ReceivedAtMS <= slack.Milliseconds() &&
			!slices.ContainsFunc(t.fingerprints, func(f []byte) bool { return bytes.Equal(f, e.GetFingerprint()) }) {
			t.add(w.eventOf(e), e)
			return
		}
	}
	t := Transmission{
		ReceivedAtMS: e.GetReceivedAtMs(), Receiver: p.GetReceiver(), Transport: httpserver.EnumName(p.GetTransport()),
		AddressClass: httpserver.EnumName(p.GetAddressClass()), Gateway: p.GetGateway(), Line: p.GetLine(), Account: p.GetAccountAsSent(),
		Path: p.GetPath(), Sequence: p.GetSequence(), Token: p.GetToken(), Encrypted: p.GetEncrypted(), SentAtMS: p.GetSentAtMs(), boot: string(p.GetBoot()),
	}
	t.add(w.eventOf(e), e)
	w.keep(t)
}

// keep holds a receipt, and lets the oldest go: only the newest are asked for.
func (w *window) keep(t Transmission) {
	w.receipts = append(w.receipts, t)
	if len(w.receipts) > 2*w.q.Limit+8 {
		w.receipts = slices.Delete(w.receipts, 0, len(w.receipts)-w.q.Limit-8)
	}
}

func (t *Transmission) add(view SentEvent, e *vigiev1.Event) {
	t.Events = append(t.Events, view)
	t.fingerprints = append(t.fingerprints, e.GetFingerprint())
	if t.raw == nil {
		t.raw, t.rawOf = e.GetRaw(), e.GetFingerprint()
	}
}

// close adds what a whole window gave to what is newer: of a half one nothing counts.
func (w *window) close() {
	for path, p := range w.polls {
		all := w.looking.polls[path]
		if all == nil {
			all = &polled{}
			w.looking.polls[path] = all
		}
		all.count += p.count
		all.at = append(all.at, p.at[:min(len(p.at), maxPolls-len(all.at))]...)
	}
	slices.SortStableFunc(w.receipts, func(a, b Transmission) int { return int(b.ReceivedAtMS - a.ReceivedAtMS) })
	w.looking.receipts = append(w.looking.receipts, w.receipts...)
}

func (w *window) eventOf(e *vigiev1.Event) SentEvent {
	m := e.ProtoReflect()
	v := SentEvent{ID: ids.Show(e.GetId()), Kind: "unknown", OccurredAtMS: e.GetOccurredAtMs(), id: e.GetId()}
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return v
	}
	v.Kind = strings.ReplaceAll(string(field.Name()), "_", "-")
	body := m.Get(field).Message().Interface()
	if s, ok := body.(interface{ GetSignal() *vigiev1.Signal }); ok {
		w.signal(&v, s.GetSignal(), e.GetFingerprint())
	}
	if x, ok := body.(interface{ GetRestored() bool }); ok {
		v.Restored = x.GetRestored()
	}
	switch b := body.(type) {
	case *vigiev1.Armed:
		v.Mode = httpserver.EnumName(b.GetMode())
	case *vigiev1.DataReceived:
		v.Format, v.Code, v.Area, v.Zone = b.GetFormat(), b.GetCode(), b.GetArea(), b.GetZone()
		v.Class = httpserver.EnumName(vigiev1.EventClass_EVENT_CLASS_NOT_CONFIGURED)
	case *vigiev1.TransmissionSuspect:
		v.Suspicion = httpserver.EnumName(b.GetSuspicion())
	}
	if fr := w.deps.Frames.Meaning(v.Format, v.Code, "fr"); fr != "" {
		v.Meaning = &Bilingual{FR: fr, EN: w.deps.Frames.Meaning(v.Format, v.Code, "en")}
	}
	return v
}

func (w *window) signal(v *SentEvent, s *vigiev1.Signal, fingerprint []byte) {
	v.Class, v.Format, v.Code = httpserver.EnumName(s.GetClass()), s.GetFormat(), s.GetCode()
	v.Area, v.Zone, v.User = s.GetArea(), s.GetZone(), s.GetUser()
	if w.q.Open && s.GetText() != nil {
		text, err := w.deps.Vault.Unseal(s.GetText(), vault.AAD(vault.FieldText, fingerprint))
		if err == nil { // a text that was shredded is gone, as it should be
			v.Text = string(text)
		}
	}
}

// rejected looks whether a piece that was set aside names the account.
func (w *window) rejected(x *vigiev1.Rejected) {
	if w.q.Account == "" {
		return
	}
	raw, err := w.deps.Vault.Unseal(x.GetRaw(), vault.AAD(vault.FieldRaw, nil))
	if err != nil || !bytes.Contains(bytes.ToUpper(raw), []byte("#"+strings.ToUpper(w.q.Account))) {
		return
	}
	line, account, ok := w.deps.Frames.Address(raw)
	if !ok || line != w.q.Line || !strings.EqualFold(account, w.q.Account) {
		return
	}
	class, transport, _ := strings.Cut(x.GetRemote(), " ")
	t := Transmission{
		ReceivedAtMS: x.GetAtMs(), Receiver: x.GetSource(), Transport: transport, AddressClass: class, Line: line, Account: account,
		Rejected: &Rejection{Reason: x.GetReason(), Bytes: x.GetRawLength()},
	}
	if w.q.Open {
		t.Rejected.Detail = x.GetDetail() // it may quote the frame
	}
	w.show(&t, raw)
	w.keep(t)
}

// settle adds what is known only at the end: the frame, and what the fold said.
func (l *looking) settle(t *Transmission) {
	for i := range t.Events {
		if o := l.outcomes[string(t.Events[i].id)]; o != nil {
			t.Events[i].Outcome, t.Events[i].OutcomeReason = httpserver.EnumName(o.GetStatus()), o.GetReason()
		}
	}
	if t.raw == nil {
		return
	}
	if !l.q.Open {
		t.RawMissing = "not-shown"
		return
	}
	raw, err := l.deps.Vault.Unseal(t.raw, vault.AAD(vault.FieldRaw, t.rawOf))
	switch {
	case errors.Is(err, vault.ErrShredded):
		t.RawMissing = "shredded"
	case err != nil:
		t.RawMissing = "unreadable"
	default:
		l.show(t, raw)
	}
}

// show adds a frame and its explanation, for those who may see it.
func (l *looking) show(t *Transmission, raw []byte) {
	if !l.q.Open {
		t.RawMissing = "not-shown"
		return
	}
	at := time.UnixMilli(t.ReceivedAtMS)
	t.Raw = l.deps.Frames.Shown(raw)
	t.Explanation = &Bilingual{FR: l.deps.Frames.Explain(raw, at, "fr"), EN: l.deps.Frames.Explain(raw, at, "en")}
}
