package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/explain"
)

// telling is a story being told.
type telling struct {
	story  *explain.Story
	frames *frames
	lang   string
	words  map[string]string
	took   time.Duration
}

// tellingWords are the words around what is told. Names of events, classes and
// states are those of the log in both languages.
func tellingWords(lang string) map[string]string {
	if strings.HasPrefix(lang, "fr") {
		return map[string]string{
			"incident": "Incident", "at": "sur", "opened": "ouvert", "alarms": "alarmes", "priority": "priorité",
			"answer": "à traiter avant", "closed": "clos", "by": "par", "history": "Historique", "detections": "Détections", "policy": "politique",
			"events": "Ce que le journal contient", "offset": "position", "partition": "partition", "received": "reçu", "occurred": "survenu",
			"sealed": "La trame reste scellée", "frame": "Trame", "encrypted": "chiffrée par la transmission : vigie panel decode --key-file l'ouvre",
			"lost": "Le journal ne contient plus", "read": "%d événements et %d sorties lus en %s", "state": "État", "openIncidents": "incidents ouverts", "openDetections": "détections ouvertes",
			"cause": "cause : position", "accepted": "événements retenus",
		}
	}
	return map[string]string{
		"incident": "Incident", "at": "at", "opened": "opened", "alarms": "alarms", "priority": "priority",
		"answer": "to be answered by", "closed": "closed", "by": "by", "history": "History", "detections": "Detections", "policy": "policy",
		"events": "What stands in the log", "offset": "offset", "partition": "partition", "received": "received", "occurred": "occurred",
		"sealed": "The frame stays sealed", "frame": "Frame", "encrypted": "encrypted by the panel: vigie panel decode --key-file opens it",
		"lost": "No more in the log", "read": "%d events and %d outputs read in %s", "state": "State", "openIncidents": "open incidents", "openDetections": "open detections",
		"cause": "caused at offset", "accepted": "accepted events",
	}
}

func ms(at int64) string { return time.UnixMilli(at).UTC().Format("2006-01-02 15:04:05.000 UTC") }

// name makes EVENT_CLASS_HOLD_UP "hold up".
func name(text, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(text, prefix), "_", " "))
}

func (t telling) text(out io.Writer) {
	s, w := t.story, t.words
	if st := s.State; st != nil {
		fmt.Fprintf(out, "%s %s (%s), %s; %d %s, %d %s, %d %s; %s %d\n", ids.Site(s.Site), st.GetLabel(), ms(st.GetChangedAtMs()), t.state(st),
			len(st.GetOpenIncidents()), w["openIncidents"], len(st.GetOpenDetections()), w["openDetections"], st.GetAcceptedEvents(), w["accepted"], w["cause"], s.StatePlace.In)
	}
	if own := alarm.ExplainOwn(s.State.GetFigures(), t.lang); own != "" {
		fmt.Fprintln(out, "  "+own)
	}
	for _, i := range t.lastIncidents() {
		t.incident(out, i)
	}
	t.detections(out)
	if len(s.Events) > 0 {
		fmt.Fprintln(out, w["events"]+":")
	}
	for _, e := range s.Events {
		t.event(out, e)
	}
	for _, id := range s.Lost {
		fmt.Fprintf(out, "%s: %s\n", w["lost"], ids.Show(id))
	}
	fmt.Fprintf(out, w["read"]+"\n", s.EventsRead, s.OutputsRead, t.took.Round(time.Millisecond))
}

// state says the armed areas and what is wrong, in the words of the log.
func (t telling) state(st *vigiev1.SiteState) string {
	var parts []string
	for _, a := range st.GetAreas() {
		parts = append(parts, strings.TrimSpace(a.GetArea()+" "+name(a.GetMode().String(), "AREA_MODE_")))
	}
	for _, p := range st.GetPaths() {
		parts = append(parts, fmt.Sprintf("path %d %s", p.GetPath(), name(p.GetStatus().String(), "PATH_STATUS_")))
	}
	return strings.Join(parts, ", ")
}

// lastIncidents is the last record of each incident, in order.
func (t telling) lastIncidents() []explain.Incident {
	var out []explain.Incident
	at := map[string]int{}
	for _, i := range t.story.Incidents {
		if n, known := at[i.Incident.GetId()]; known {
			out[n] = i
			continue
		}
		at[i.Incident.GetId()] = len(out)
		out = append(out, i)
	}
	return out
}

func (t telling) incident(out io.Writer, i explain.Incident) {
	w, in := t.words, i.Incident
	fmt.Fprintf(out, "%s %s %s %s: %s, %s, %s %d, %d %s\n", w["incident"], in.GetId(), w["at"], ids.Site(in.GetSite()), in.GetClassGroup(),
		name(in.GetStatus().String(), "INCIDENT_STATUS_"), w["priority"], in.GetPriority(), in.GetAlarms(), w["alarms"])
	fmt.Fprintf(out, "  %s %s", w["opened"], ms(in.GetOpenedAtMs()))
	if in.GetMissedAtMs() > 0 {
		fmt.Fprintf(out, ", %s %s", w["answer"], ms(in.GetMissedAtMs()))
	}
	if in.GetClosedAtMs() > 0 {
		fmt.Fprintf(out, ", %s %s %s %s (%s)", w["closed"], ms(in.GetClosedAtMs()), w["by"], in.GetClosedBy(), name(in.GetOutcome().String(), "INCIDENT_OUTCOME_"))
	}
	fmt.Fprintln(out)
	if len(in.GetActs()) > 0 {
		fmt.Fprintln(out, "  "+w["history"]+":")
	}
	for _, act := range in.GetActs() {
		fmt.Fprintf(out, "    %s  %s  %s\n", ms(act.GetAtMs()), act.GetAct(), act.GetBy())
	}
}

func (t telling) detections(out io.Writer) {
	if len(t.story.Detections) > 0 {
		fmt.Fprintln(out, t.words["detections"]+":")
	}
	for _, d := range t.story.Detections {
		fmt.Fprintf(out, "  %s  %s  %s %s\n", ms(d.Detection.GetAtMs()), ids.Show(d.Detection.GetId()), name(d.Detection.GetStatus().String(), "DETECTION_STATUS_"),
			fmt.Sprintf("(%s %d, %s %d)", t.words["policy"], d.Detection.GetPolicyVersion(), t.words["offset"], d.In))
		fmt.Fprintln(out, "    "+alarm.Explain(d.Detection, t.lang))
		if given := alarm.ExplainGiven(d.Detection, t.lang); given != "" {
			fmt.Fprintln(out, "    "+given)
		}
	}
}

// body is the name of what an event says.
func body(e *vigiev1.Event) string {
	m := e.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return "unknown"
	}
	return strings.ReplaceAll(string(field.Name()), "_", " ")
}

func (t telling) event(out io.Writer, e explain.Event) {
	w, ev := t.words, e.Event
	fmt.Fprintf(out, "  %s  %s  %s, %s %d, %s %d\n", ids.Show(ev.GetId()), body(ev), e.Topic, w["partition"], e.Partition, w["offset"], e.Offset)
	fmt.Fprintf(out, "    %s %s", w["received"], ms(ev.GetReceivedAtMs()))
	if ev.GetOccurredAtMs() > 0 {
		fmt.Fprintf(out, ", %s %s", w["occurred"], ms(ev.GetOccurredAtMs()))
	}
	switch p, u := ev.GetSource().GetPanel(), ev.GetSource().GetUser(); {
	case p != nil:
		fmt.Fprintf(out, "; %s L%X #%s, path %d, %s", p.GetReceiver(), p.GetLine(), p.GetAccount(), p.GetPath(), strings.TrimPrefix(p.GetTransport().String(), "TRANSPORT_"))
	case u != nil:
		fmt.Fprintf(out, "; %s (%s)", u.GetUser(), u.GetRole())
	}
	fmt.Fprintln(out)
	raw, err := t.frames.open(ev)
	switch {
	case errors.Is(err, errNoFrame):
	case err != nil:
		fmt.Fprintf(out, "    %s: %v\n", w["sealed"], err)
	default:
		fmt.Fprintf(out, "    %s: %q\n", w["frame"], raw)
		indent(out, "      ", decoded(ev, raw, t.lang))
		if ev.GetSource().GetPanel().GetEncrypted() {
			fmt.Fprintln(out, "      "+w["encrypted"])
		}
	}
}

// told is a record of the story as JSON.
type told struct {
	explain.Place
	Sentence string          `json:"sentence,omitempty"`
	Record   json.RawMessage `json:"record"`
	// Frame is set when it could be opened, FrameError when it could not.
	Frame      string `json:"frame,omitempty"`
	FrameError string `json:"frame_error,omitempty"`
	Decoded    string `json:"decoded,omitempty"`
}

func tell(p explain.Place, m proto.Message) (told, error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return told{}, fmt.Errorf("show a record of %s: %w", p.Topic, err)
	}
	return told{Place: p, Record: b}, nil
}

func (t telling) json(out io.Writer) error {
	s := t.story
	answer := struct {
		Site        string   `json:"site"`
		State       *told    `json:"state,omitempty"`
		Incidents   []told   `json:"incidents"`
		Detections  []told   `json:"detections"`
		Events      []told   `json:"events"`
		Lost        []string `json:"lost,omitempty"`
		EventsRead  int64    `json:"events_read"`
		OutputsRead int64    `json:"outputs_read"`
	}{Site: ids.Site(s.Site), Incidents: []told{}, Detections: []told{}, Events: []told{}, EventsRead: s.EventsRead, OutputsRead: s.OutputsRead}
	var errs []error
	add := func(list *[]told, p explain.Place, m proto.Message, more func(*told)) {
		one, err := tell(p, m)
		more(&one)
		*list, errs = append(*list, one), append(errs, err)
	}
	if s.State != nil {
		one, err := tell(s.StatePlace, s.State)
		answer.State, errs = &one, append(errs, err)
	}
	for _, i := range s.Incidents {
		add(&answer.Incidents, i.Place, i.Incident, func(*told) {})
	}
	for _, d := range s.Detections {
		add(&answer.Detections, d.Place, d.Detection, func(o *told) { o.Sentence = alarm.Explain(d.Detection, t.lang) })
	}
	for _, e := range s.Events {
		add(&answer.Events, e.Place, e.Event, func(o *told) { t.frame(e.Event, o) })
	}
	for _, id := range s.Lost {
		answer.Lost = append(answer.Lost, ids.Show(id))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(answer)
}

func (t telling) frame(e *vigiev1.Event, o *told) {
	raw, err := t.frames.open(e)
	switch {
	case errors.Is(err, errNoFrame):
	case err != nil:
		o.FrameError = err.Error()
	default:
		o.Frame, o.Decoded = string(raw), decoded(e, raw, t.lang)
	}
}
