package chain

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// A digest is for a witness outside: the newest checkpoint of each partition before
// the end of a day, and one short line over them all that can be kept on paper.
// Who keeps it needs no trust in the key, in Kafka or in us: a past written anew,
// even by who holds the key, no longer gives it.

// Digest is what stood signed at the end of a day.
type Digest struct {
	// Day is its first moment, UTC.
	Day         time.Time
	Checkpoints []Checkpoint
}

const digestHead = "vigie daily digest "

// digestForm is that of the day in a digest.
const digestForm = time.DateOnly

// Text is the digest as it is printed; ParseDigest reads it back.
func (d Digest) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", digestHead, d.Day.UTC().Format(digestForm))
	for _, c := range d.Checkpoints {
		fmt.Fprintf(&b, "%d offset %d records %d hash %s topic-id %s at %s\n", c.Partition, c.Offset, c.Ordinal,
			base64.StdEncoding.EncodeToString(c.Hash[:]), hex.EncodeToString(c.TopicID), c.At.UTC().Format(stampForm))
	}
	fmt.Fprintf(&b, "fingerprint %s\n", fingerprint(b.String()))
	return b.String()
}

// fingerprint is SHA-256 of the lines before it, in groups that a person can compare.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	shown := strings.ToUpper(hex.EncodeToString(sum[:]))
	var groups []string
	for len(shown) > 0 {
		groups, shown = append(groups, shown[:8]), shown[8:]
	}
	return strings.Join(groups, " ")
}

// ParseDigest reads what Text gave. The error says which line cannot be read; a
// fingerprint that is not that of the lines is an error too.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, rest, _ := strings.Cut(text, "\n")
	day, ours := strings.CutPrefix(head, digestHead)
	if !ours {
		return d, fmt.Errorf("it is no digest: its first line is %q", head)
	}
	var err error
	if d.Day, err = time.Parse(digestForm, day); err != nil {
		return d, fmt.Errorf("the day of the digest: %w", err)
	}
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if sum, last := strings.CutPrefix(line, "fingerprint "); last {
			if body := text[:strings.Index(text, line)]; fingerprint(body) != sum {
				return d, fmt.Errorf("the fingerprint is not that of the lines above it: the digest was altered")
			}
			return d, nil
		}
		c, err := digestLine(line)
		if err != nil {
			return d, fmt.Errorf("line %q: %w", line, err)
		}
		d.Checkpoints = append(d.Checkpoints, c)
	}
	return d, fmt.Errorf("the digest is cut off: it has no fingerprint")
}

func digestLine(line string) (c Checkpoint, err error) {
	f := strings.Fields(line)
	const fields = 11
	if len(f) != fields {
		return c, fmt.Errorf("it has %d words, not %d", len(f), fields)
	}
	number, err := strconv.ParseInt(f[0], 10, 32)
	if err != nil {
		return c, err
	}
	hash, err := base64.StdEncoding.DecodeString(f[6])
	if err != nil || len(hash) != Size {
		return c, fmt.Errorf("its hash cannot be read")
	}
	c.Partition, c.Hash = int32(number), [Size]byte(hash)
	for _, field := range []string{"offset " + f[2], "topic-id " + f[8], "at " + f[10]} {
		if err := c.field(field); err != nil {
			return c, err
		}
	}
	c.Ordinal, err = strconv.ParseUint(f[4], 10, 64)
	return c, err
}

// DigestOf makes the digest of a day from the checkpoints of the log. A partition
// that has none by then has no line; bad ones are passed over, Verify names them.
func DigestOf(ctx context.Context, opts Options, day time.Time) (Digest, error) {
	cl, err := kgo.NewClient(opts.Kafka.ReaderOpts(opts.Log)...)
	if err != nil {
		return Digest{}, fmt.Errorf("make a digest: %w", err)
	}
	defer cl.Close()
	d := Digest{Day: day.UTC().Truncate(24 * time.Hour)}
	full := opts.Kafka.Topic(topics.Checkpoints)
	adm := kadm.NewClient(cl)
	starts, err := adm.ListStartOffsets(ctx, full)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return d, fmt.Errorf("make a digest: %s: %w", full, err)
	}
	for number := range int32(len(starts[full])) {
		c, found, err := newest(ctx, opts, adm, number, d.Day.Add(24*time.Hour))
		if err != nil {
			return d, fmt.Errorf("make a digest: %s partition %d: %w", full, number, err)
		}
		if found {
			d.Checkpoints = append(d.Checkpoints, c)
		}
	}
	return d, nil
}

// newest is the last checkpoint of a partition that was signed before a moment.
func newest(ctx context.Context, opts Options, adm *kadm.Client, number int32, before time.Time) (last Checkpoint, found bool, err error) {
	full := opts.Kafka.Topic(topics.Checkpoints)
	start, end, err := eventlog.Bounds(ctx, adm, full, number)
	if err != nil {
		return last, false, err
	}
	err = eventlog.ReadRange(ctx, opts.Kafka.ReaderOpts(opts.Log), full, number, start, end, func(r *kgo.Record) error {
		c, bad := OpenCheckpoint(r.Value, opts.Trusted)
		if bad == nil && c.Partition == number && c.At.Before(before) {
			last, found = c, true
		}
		return nil
	})
	return last, found, err
}

// ReadKept reads what a person kept: a digest, or one signed checkpoint. A digest
// is believed as it is: it is the witness.
func ReadKept(text []byte, trusted note.Verifiers) ([]Checkpoint, error) {
	if strings.HasPrefix(string(text), digestHead) {
		d, err := ParseDigest(string(text))
		return d.Checkpoints, err
	}
	c, err := OpenCheckpoint(text, trusted)
	if err != nil {
		return nil, fmt.Errorf("neither a digest nor a checkpoint: %w", err)
	}
	return []Checkpoint{c}, nil
}
