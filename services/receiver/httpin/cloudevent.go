package httpin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/netip"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/open-vigie/vigie/services/internal/httpserver/problem"
)

// Media types of CloudEvents' HTTP binding: a structured event, a batch, and the
// data of an event in binary mode.
const (
	typeEvent = "application/cloudevents+json"
	typeBatch = "application/cloudevents-batch+json"
	typeJSON  = "application/json"
)

// EventType is the CloudEvents type of what this door takes.
const EventType = "vigie.v1.PanelEvent"

// CloudEvent is one event with its envelope (CloudEvents 1.0, JSON format).
type CloudEvent struct {
	_               struct{}   `json:"-" additionalProperties:"true"`
	SpecVersion     string     `json:"specversion" enum:"1.0"`
	ID              string     `json:"id" minLength:"1" maxLength:"256" doc:"With source it names the event: the same when it is sent again, new for a new one."`
	Source          string     `json:"source" minLength:"1" maxLength:"512" doc:"The gateway or camera, as a URI reference." example:"/gateways/north"`
	Type            string     `json:"type" enum:"vigie.v1.PanelEvent"`
	Time            string     `json:"time,omitempty" format:"date-time" doc:"When it occurred, unless the data says occurred_at."`
	DataContentType string     `json:"datacontenttype,omitempty" doc:"application/json, also when absent."`
	Data            PanelEvent `json:"data"`
}

// request is one POST, read as it came.
type request struct {
	// ContentType and the attributes are read in Resolve: which of them count
	// depends on the first.
	from        netip.AddrPort
	contentType string
	attributes  map[string]any
	body        []byte
	// failed is why the body could not be read.
	failed error
}

// Resolve takes what the framework does not: the body as bytes, and the headers of
// the binary mode.
func (in *request) Resolve(ctx huma.Context) []error {
	in.from, _ = netip.ParseAddrPort(ctx.RemoteAddr()) // the zero value is told as unspecified
	in.contentType = ctx.Header("Content-Type")
	in.attributes = map[string]any{}
	ctx.EachHeader(func(name, value string) {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			return
		}
		// The binding writes what is not plain ASCII in percent-encoding.
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		in.attributes[attribute] = value
	})
	var err error
	in.body, err = io.ReadAll(io.LimitReader(ctx.BodyReader(), maxBytes+1))
	switch {
	case err != nil:
		in.failed = problem.New(problem.BadRequest, "the body could not be read: "+err.Error())
	case len(in.body) > maxBytes:
		in.failed = problem.New(problem.TooLarge, fmt.Sprintf("a request has at most %d bytes", maxBytes))
	}
	return nil
}

// item is one event of a request: its bytes, and what stands in them.
type item struct {
	raw   []byte
	event map[string]any
	// unread is why the bytes are no event.
	unread error
}

var errNotJSON = errors.New("it is no JSON object")

// items reads the events of a request. The error is about the request as a whole.
func (in *request) items() ([]item, error) {
	if in.failed != nil {
		return nil, in.failed
	}
	kind, _, err := mime.ParseMediaType(in.contentType)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == typeEvent:
		return []item{readItem(in.body)}, nil
	case kind == typeBatch:
		return readBatch(in.body)
	case in.attributes["specversion"] != nil && (kind == typeJSON || in.contentType == ""):
		return []item{in.binary()}, nil
	}
	return nil, problem.New(problem.MediaType, fmt.Sprintf("Content-Type is %q: send %s, %s, or %s with the attributes in ce- headers", in.contentType, typeEvent, typeBatch, typeJSON))
}

func readBatch(body []byte) ([]item, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, problem.New(problem.BadRequest, "the batch is no JSON array: "+err.Error())
	}
	if len(raw) > maxEvents {
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("%d events in a batch of at most %d", len(raw), maxEvents))
	}
	items := make([]item, len(raw))
	for i, r := range raw {
		items[i] = readItem(r)
	}
	return items, nil
}

func readItem(raw []byte) item {
	it := item{raw: raw}
	switch err := json.Unmarshal(raw, &it.event); {
	case len(raw) > maxEventBytes:
		it.unread = fmt.Errorf("it has %d bytes, and an event at most %d", len(raw), maxEventBytes)
	case err != nil:
		it.unread = fmt.Errorf("%w: %w", errNotJSON, err)
	case it.event == nil:
		it.unread = errNotJSON
	default:
		it.unread = decodeData(it.event)
	}
	return it
}

// binary puts an event in binary mode together, as it would be in structured mode.
func (in *request) binary() item {
	it := item{raw: in.body, event: in.attributes}
	var data any
	if err := json.Unmarshal(in.body, &data); err != nil {
		it.unread = fmt.Errorf("its data is no JSON: %w", err)
		return it
	}
	it.event["data"] = data
	// The headers are part of what came.
	if whole, err := json.Marshal(it.event); err == nil {
		it.raw = whole
	}
	if len(it.raw) > maxEventBytes {
		it.unread = fmt.Errorf("it has %d bytes, and an event at most %d", len(it.raw), maxEventBytes)
	}
	return it
}

// decodeData unpacks data_base64, which some libraries write for JSON as well.
func decodeData(event map[string]any) error {
	packed, ok := event["data_base64"].(string)
	if !ok {
		return nil
	}
	plain, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return fmt.Errorf("data_base64: %w", err)
	}
	var data any
	if err := json.Unmarshal(plain, &data); err != nil {
		return fmt.Errorf("data_base64 is no JSON: %w", err)
	}
	event["data"] = data
	delete(event, "data_base64")
	return nil
}
