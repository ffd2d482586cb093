package archiver

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// position is a unit of a partition: an index within the record at an offset.
type position struct {
	offset int64
	index  uint32
}

func (p position) String() string { return fmt.Sprintf("%d.%d", p.offset, p.index) }

// before says whether p comes earlier in the log than q.
func (p position) before(q position) bool {
	return p.offset < q.offset || p.offset == q.offset && p.index < q.index
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.offset, q.offset), cmp.Compare(p.index, q.index))
}

// plan is a block that was about to be inserted: its exact bounds, inclusive.
type plan struct {
	// log names the partition over all clusters and recreations of the topic:
	// cluster:topicID:partition.
	log         string
	first, last position
	// units is how many there were; decoder is the version that made them.
	units, decoder int
	// split is how far it is in pieces; nil while it goes whole.
	split *split
}

// tokenPrefix begins the tokens of all blocks of a partition.
func tokenPrefix(log string) string { return "v1:" + log + ":" }

// token is what ClickHouse knows the block by.
func (p plan) token() string {
	return fmt.Sprintf("%s%s-%s", tokenPrefix(p.log), p.first, p.last)
}

// piece is the token of the block's n-th piece in a table. The first has that of the
// whole block: only one of the two can land, whichever comes first.
func (p plan) piece(n int) string {
	if n == 0 {
		return p.token()
	}
	return fmt.Sprintf("%s/%d", p.token(), n)
}

// note is what stands beside the committed offset: where in that record the
// archiver is, and the block that may have been inserted already.
type note struct {
	index uint32
	plan  *plan
}

// noteVersion begins each note. A note of another kind is refused: what it would
// say about a block under way would be lost.
const noteVersion = "archiver1"

// String is the note as committed, well below Kafka's 4,096 bytes:
// archiver1 at=<index> [plan=<token> units=<n> decoder=<n> [split=<table>:<number>:<size>]].
func (n note) String() string {
	s := fmt.Sprintf("%s at=%d", noteVersion, n.index)
	if n.plan != nil {
		s += fmt.Sprintf(" plan=%s units=%d decoder=%d", n.plan.token(), n.plan.units, n.plan.decoder)
		if x := n.plan.split; x != nil {
			s += fmt.Sprintf(" split=%s:%d:%d", x.table, x.number, x.size)
		}
	}
	return s
}

// parseNote reads a note. Nothing at all, as provisioning commits it, is the
// beginning of a record.
func parseNote(s string) (note, error) {
	if s == "" {
		return note{}, nil
	}
	fields := strings.Fields(s)
	if len(fields) == 0 || fields[0] != noteVersion {
		return note{}, fmt.Errorf("the note %q beside the committed offset is not of this archiver: use the version that wrote it, or set the offset anew", s)
	}
	var n note
	var p plan
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		var err error
		switch key {
		case "at":
			n.index, err = parse32(value)
		case "plan":
			n.plan = &p
			err = p.parseToken(value)
		case "units":
			p.units, err = strconv.Atoi(value)
		case "decoder":
			p.decoder, err = strconv.Atoi(value)
		case "split":
			p.split, err = parseSplit(value)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return note{}, fmt.Errorf("the note %q beside the committed offset: %w", s, err)
		}
	}
	if n.plan != nil && (p.units < 1 || p.last.before(p.first)) {
		return note{}, fmt.Errorf("the note %q beside the committed offset: the plan is empty", s)
	}
	return n, nil
}

func (p *plan) parseToken(s string) error {
	rest, ok := strings.CutPrefix(s, "v1:")
	cut := strings.LastIndexByte(rest, ':')
	if !ok || cut < 0 {
		return fmt.Errorf("%q is not a token", s)
	}
	first, last, ok := strings.Cut(rest[cut+1:], "-")
	if !ok {
		return fmt.Errorf("%q has no range", s)
	}
	p.log = rest[:cut]
	var err error
	if p.first, err = parsePosition(first); err == nil {
		p.last, err = parsePosition(last)
	}
	return err
}

func parseSplit(s string) (*split, error) {
	fields := strings.Split(s, ":")
	if len(fields) != 3 || fields[0] == "" {
		return nil, fmt.Errorf("%q is not <table>:<number>:<size>", s)
	}
	number, err1 := strconv.Atoi(fields[1])
	size, err2 := strconv.Atoi(fields[2])
	if err1 != nil || err2 != nil || number < 0 || size < 1 {
		return nil, fmt.Errorf("%q is not <table>:<number>:<size>", s)
	}
	return &split{fields[0], number, size}, nil
}

func parsePosition(s string) (position, error) {
	offset, index, ok := strings.Cut(s, ".")
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil || !ok || o < 0 {
		return position{}, fmt.Errorf("%q is not <offset>.<index>", s)
	}
	i, err := parse32(index)
	return position{o, i}, err
}

func parse32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
