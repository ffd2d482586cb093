package replay

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Row compares what was said then of one kind of thing with what is said now.
type Row struct {
	// Kind is a detection's ("alarm storm"), "incident <class group>" or "outcome <status>".
	Kind string
	// Then and Now count the things that began in the range.
	Then, Now int
	// Added are there now and were not, Missing were and are not, Changed are in
	// both and differ.
	Added, Missing, Changed int
}

// Same says that nothing differs.
func (r Row) Same() bool { return r.Added == 0 && r.Missing == 0 && r.Changed == 0 }

// entry is an output as it is compared.
type entry struct {
	id, kind string
	// first says that the thing begins with it.
	first  bool
	digest [sha256.Size]byte
}

// difference is what is left of a thing when equal outputs were struck out.
type difference struct {
	kind                string
	then, now           bool
	thenFirst, nowFirst bool
}

// comparison of one partition. Outputs of one input that are equal cancel each
// other out at once, so that only what differs is held.
type comparison struct {
	// tried: another policy; its number alone makes no difference.
	tried     bool
	counts    map[string]*Row
	left      map[string]*difference
	incidents map[string]incidentEnd
	unclear   int
}

// incidentEnd is the last that is said of an incident now.
type incidentEnd struct {
	kind   string
	digest [sha256.Size]byte
}

func newComparison(tried bool) *comparison {
	return &comparison{tried: tried, counts: map[string]*Row{}, left: map[string]*difference{}, incidents: map[string]incidentEnd{}}
}

func (c *comparison) row(kind string) *Row {
	r := c.counts[kind]
	if r == nil {
		r = &Row{Kind: kind}
		c.counts[kind] = r
	}
	return r
}

// step compares the outputs of one input.
func (c *comparison) step(_ int64, then, now []*kgo.Record) error {
	was, err := c.entries(then)
	if err != nil {
		return err
	}
	is, err := c.entries(now)
	if err != nil {
		return err
	}
	for _, e := range was {
		if e.first {
			c.row(e.kind).Then++
		}
		if i := slices.Index(is, e); i >= 0 {
			if e.first {
				c.row(e.kind).Now++
			}
			is = slices.Delete(is, i, i+1)
			continue
		}
		d := c.differing(e)
		d.then, d.thenFirst = true, d.thenFirst || e.first
	}
	for _, e := range is {
		if e.first {
			c.row(e.kind).Now++
		}
		d := c.differing(e)
		d.now, d.nowFirst = true, d.nowFirst || e.first
	}
	return nil
}

func (c *comparison) differing(e entry) *difference {
	d := c.left[e.id]
	if d == nil {
		d = &difference{kind: e.kind}
		c.left[e.id] = d
	}
	return d
}

// entries are the outputs that are compared one by one. Of incidents the topic
// keeps the last record only: they are compared at the end.
func (c *comparison) entries(records []*kgo.Record) ([]entry, error) {
	var out []entry
	for _, r := range records {
		switch r.Topic {
		case topics.Detections:
			d := &vigiev1.Detection{}
			if err := proto.Unmarshal(r.Value, d); err != nil {
				return nil, fmt.Errorf("a detection: %w", err)
			}
			out = append(out, entry{
				id: "d" + string(d.GetId()), kind: detectionName(d.GetKind()),
				first: d.GetStatus() == vigiev1.DetectionStatus_DETECTION_STATUS_OPENED, digest: c.detectionDigest(d),
			})
		case topics.Outcomes:
			o := &vigiev1.EventOutcome{}
			if err := proto.Unmarshal(r.Value, o); err != nil {
				return nil, fmt.Errorf("an outcome: %w", err)
			}
			out = append(out, entry{
				id: "o" + string(o.GetEventId()), kind: "outcome " + shortName(o.GetStatus().String(), "OUTCOME_STATUS_"),
				first: true, digest: sha256.Sum256(r.Value),
			})
		case topics.Incidents:
			if err := c.incidentNow(r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (c *comparison) detectionDigest(d *vigiev1.Detection) [sha256.Size]byte {
	if c.tried {
		d.PolicyVersion = 0
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("replay: encode a detection: %v", err)) // It was just decoded.
	}
	return sha256.Sum256(b)
}

func (c *comparison) incidentNow(r *kgo.Record) error {
	if r.Value == nil {
		delete(c.incidents, string(r.Key))
		return nil
	}
	kind, err := incidentKind(r.Value)
	c.incidents[string(r.Key)] = incidentEnd{kind, sha256.Sum256(r.Value)}
	return err
}

func incidentKind(value []byte) (string, error) {
	i := &vigiev1.Incident{}
	if err := proto.Unmarshal(value, i); err != nil {
		return "", fmt.Errorf("an incident: %w", err)
	}
	return "incident " + i.GetClassGroup(), nil
}

// recorded is the last that was said of an incident then.
type recorded struct {
	in    int64
	value []byte
}

// incidentsThen compares the ends of incidents; untilMS is when the range ends.
func (c *comparison) incidentsThen(last map[string]recorded, in Range, untilMS int64) error {
	for id, then := range last {
		was := &vigiev1.Incident{}
		if err := proto.Unmarshal(then.value, was); err != nil {
			return fmt.Errorf("incident %s: %w", id, err)
		}
		now, is := c.incidents[id]
		delete(c.incidents, id)
		switch {
		case then.in >= in.To && (is || was.GetOpenedAtMs() <= untilMS):
			c.unclear++
			continue
		case then.in >= in.To, then.in < in.From && !is:
			continue // after the range, or before it and untouched in it
		}
		row := c.row("incident " + was.GetClassGroup())
		row.Then++
		switch {
		case !is:
			row.Missing++
		case now.digest != sha256.Sum256(then.value):
			row.Now++
			row.Changed++
		default:
			row.Now++
		}
	}
	for _, now := range c.incidents {
		row := c.row(now.kind)
		row.Now++
		row.Added++
	}
	return nil
}

// table sums the comparisons of partitions.
type table struct {
	sums          map[string]*Row
	notComparable int
}

func newTable() *table { return &table{sums: map[string]*Row{}} }

func (t *table) add(c *comparison) {
	for _, d := range c.left {
		switch row := c.row(d.kind); {
		case d.nowFirst && !d.then:
			row.Added++
		case d.thenFirst && !d.now:
			row.Missing++
		default:
			row.Changed++
		}
	}
	for kind, r := range c.counts {
		sum := t.sums[kind]
		if sum == nil {
			sum = &Row{Kind: kind}
			t.sums[kind] = sum
		}
		sum.Then, sum.Now = sum.Then+r.Then, sum.Now+r.Now
		sum.Added, sum.Missing, sum.Changed = sum.Added+r.Added, sum.Missing+r.Missing, sum.Changed+r.Changed
	}
	t.notComparable += c.unclear
}

func (t *table) rows() []Row {
	rows := []Row{}
	for _, r := range slices.Collect(maps.Values(t.sums)) {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Kind, b.Kind) })
	return rows
}

func detectionName(k vigiev1.DetectionKind) string { return shortName(k.String(), "DETECTION_KIND_") }

// shortName makes DETECTION_KIND_ALARM_STORM "alarm storm".
func shortName(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", " "))
}

// inWords is an output as JSON, and the name of its type; null for a tombstone.
func inWords(r *kgo.Record) (json.RawMessage, string, error) {
	if r.Value == nil {
		return json.RawMessage("null"), "", nil
	}
	m := messageOf(r.Topic)
	if m == nil {
		return nil, "", fmt.Errorf("an output on %s, which has no type", r.Topic)
	}
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return nil, "", fmt.Errorf("an output on %s: %w", r.Topic, err)
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, "", fmt.Errorf("an output on %s: %w", r.Topic, err)
	}
	var tight bytes.Buffer // protojson's spaces differ from build to build
	if err := json.Compact(&tight, b); err != nil {
		return nil, "", err
	}
	return tight.Bytes(), string(m.ProtoReflect().Descriptor().FullName()), nil
}

func messageOf(topic string) proto.Message {
	switch topic {
	case topics.SiteStates:
		return &vigiev1.SiteState{}
	case topics.Detections:
		return &vigiev1.Detection{}
	case topics.Incidents:
		return &vigiev1.Incident{}
	case topics.Outcomes:
		return &vigiev1.EventOutcome{}
	case topics.Directory:
		return &vigiev1.DirectoryRecord{}
	case topics.Accounts:
		return &vigiev1.AccountBinding{}
	case topics.Rejected:
		return &vigiev1.Rejected{}
	case topics.Fleet:
		return &vigiev1.LogRecord{}
	}
	return nil
}
