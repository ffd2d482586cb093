package chain

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Checkpoint says what the chain of a partition was at an offset that a
// transaction has confirmed.
type Checkpoint struct {
	Partition int32
	// TopicID is Kafka's id of the vigie.events that it is about, 16 bytes.
	TopicID []byte
	// Offset is the one after the last record covered, Ordinal how many those are.
	Offset  int64
	Ordinal uint64
	Hash    [Size]byte
	// At is when it was signed, by the owner's clock, ms resolution, UTC.
	At time.Time
	// WatermarkMS is W of the partition, Unix ms UTC; 0 before the first beat.
	WatermarkMS int64
	FoldVersion uint32
	// Baseline is that of a log's first checkpoint when it began with one: the
	// SHA-256 of its signed note, in hex. "" else.
	Baseline string
}

// OfProgress is the checkpoint of what a progress record says.
func OfProgress(p *vigiev1.Progress, topicID []byte, at time.Time) (Checkpoint, error) {
	if len(p.GetChainHash()) != Size {
		return Checkpoint{}, fmt.Errorf("the progress record of partition %d has a chain hash of %d bytes", p.GetPartition(), len(p.GetChainHash()))
	}
	return Checkpoint{
		Partition: int32(p.GetPartition()), TopicID: topicID, Offset: p.GetOffset(), Ordinal: p.GetChainOrdinal(),
		Hash: [Size]byte(p.GetChainHash()), At: time.UnixMilli(at.UnixMilli()).UTC(), WatermarkMS: p.GetWatermarkMs(), FoldVersion: p.GetFoldVersion(),
	}, nil
}

// origin is the first line of a checkpoint: what it is about, whatever the prefix
// of the topics.
const origin = "vigie/" + topics.Events + "/"

// text is the note that is signed: origin, ordinal and hash as checkpoints of
// transparency logs have them, then lines of our own.
func (c Checkpoint) text() string {
	text := fmt.Sprintf("%s%d\n%d\n%s\ntopic-id %s\noffset %d\nat %s\nwatermark-ms %d\nfold %d\n",
		origin, c.Partition, c.Ordinal, base64.StdEncoding.EncodeToString(c.Hash[:]),
		hex.EncodeToString(c.TopicID), c.Offset, c.At.UTC().Format(stampForm), c.WatermarkMS, c.FoldVersion)
	if c.Baseline != "" {
		text += "baseline " + c.Baseline + "\n"
	}
	return text
}

const stampForm = "2006-01-02T15:04:05.000Z"

// Sign makes the signed note that stands on vigie.checkpoints.
func (c Checkpoint) Sign(by note.Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: c.text()}, by)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint of partition %d: %w", c.Partition, err)
	}
	return b, nil
}

// Errors of OpenCheckpoint.
var (
	// ErrUnknownKey: none of the keys trusted here has signed it.
	ErrUnknownKey = errors.New("no key trusted here has signed it")
	// ErrForged: it bears the name of a trusted key, and not its signature.
	ErrForged = errors.New("its signature is not that of the key it names: it was forged or altered")
)

// OpenCheckpoint reads a signed checkpoint. The error is ErrUnknownKey, ErrForged,
// or says what cannot be read.
func OpenCheckpoint(signed []byte, trusted note.Verifiers) (Checkpoint, error) {
	text, err := OpenNote(signed, trusted)
	if err != nil {
		return Checkpoint{}, err
	}
	return parseCheckpoint(text)
}

// OpenNote returns the text of a signed note. The error is ErrUnknownKey, ErrForged,
// or says that it is none.
func OpenNote(signed []byte, trusted note.Verifiers) (string, error) {
	n, err := note.Open(signed, trusted)
	var unknown *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unknown):
		var names []string
		for _, s := range unknown.Note.UnverifiedSigs {
			names = append(names, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
		}
		return "", fmt.Errorf("%w: it names %s", ErrUnknownKey, strings.Join(names, ", "))
	case errors.As(err, &invalid):
		return "", fmt.Errorf("%w (%s+%08x)", ErrForged, invalid.Name, invalid.Hash)
	case err != nil:
		return "", fmt.Errorf("it is no signed note: %w", err)
	}
	return n.Text, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	const fixed = 3
	if len(lines) < fixed {
		return c, fmt.Errorf("it has %d lines", len(lines))
	}
	number, ours := strings.CutPrefix(lines[0], origin)
	partition, err := strconv.ParseInt(number, 10, 32)
	if !ours || err != nil {
		return c, fmt.Errorf("it is about %q, not a partition of %s", lines[0], origin)
	}
	c.Partition = int32(partition)
	var errs []error
	c.Ordinal, err = strconv.ParseUint(lines[1], 10, 64)
	errs = append(errs, err)
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	errs = append(errs, err)
	if copy(c.Hash[:], hash) != Size || len(hash) != Size {
		errs = append(errs, fmt.Errorf("its hash has %d bytes", len(hash)))
	}
	for _, line := range lines[fixed:] {
		errs = append(errs, c.field(line))
	}
	return c, errors.Join(errs...)
}

// field reads a line of our own; one that a later release adds is passed over.
func (c *Checkpoint) field(line string) (err error) {
	name, value, _ := strings.Cut(line, " ")
	switch name {
	case "topic-id":
		c.TopicID, err = hex.DecodeString(value)
	case "offset":
		c.Offset, err = strconv.ParseInt(value, 10, 64)
	case "baseline":
		c.Baseline = value
	case "at":
		c.At, err = time.Parse(stampForm, value)
	case "watermark-ms":
		c.WatermarkMS, err = strconv.ParseInt(value, 10, 64)
	case "fold":
		var v uint64
		v, err = strconv.ParseUint(value, 10, 32)
		c.FoldVersion = uint32(v)
	}
	return err
}
