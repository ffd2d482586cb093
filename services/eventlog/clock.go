package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// PartitionTime is how far time has come in one partition of vigie.events.
type PartitionTime struct {
	Partition int32
	// Watermark W as its processor committed it last; zero before the first beat.
	Watermark time.Time
	// Newest is the time of the youngest record in the partition; zero when empty.
	Newest time.Time
	// Unfolded records stand behind what the processor has committed.
	Unfolded int64
}

// Behind is how far the watermark lies behind the youngest record.
func (p PartitionTime) Behind() time.Duration {
	if p.Watermark.IsZero() || p.Newest.IsZero() {
		return 0
	}
	return p.Newest.Sub(p.Watermark)
}

// Times tells how far time has come in each partition, in order.
func Times(ctx context.Context, cfg Config, log *slog.Logger) ([]PartitionTime, error) {
	all, err := Standings(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	times := make([]PartitionTime, len(all.Sites))
	for i, s := range all.Sites {
		times[i] = PartitionTime{Partition: s.Partition, Newest: s.Newest, Unfolded: s.End - s.Progress.GetOffset()}
		if w := s.Progress.GetWatermarkMs(); w > 0 {
			times[i].Watermark = time.UnixMilli(w).UTC()
		}
	}
	return times, nil
}

// Adjustment is the word of two people on what time it is.
type Adjustment struct {
	// To is the new watermark.
	To     time.Time
	Reason string
	// By are the two, each by the name under which colleagues know them.
	By [2]string
}

// ErrTwoPeople: an adjustment names fewer than two people, or no reason.
var ErrTwoPeople = errors.New("two different people confirm that the log's time goes on: name both, and the reason")

// AdjustClock appends the adjustment to partitions of vigie.events. Said again it
// has no further effect than to name a later time. ErrTwoPeople when a name or the
// reason is missing.
func AdjustClock(ctx context.Context, cfg Config, a Adjustment, partitions []int32) error {
	if a.By[0] == "" || a.By[1] == "" || a.By[0] == a.By[1] || a.Reason == "" {
		return ErrTwoPeople
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw an id: %w", err)
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.LogRecord{
		Version: 1, Record: &vigiev1.LogRecord_Broadcast{Broadcast: &vigiev1.Broadcast{
			Id: id, AtMs: a.To.UnixMilli(),
			Body: &vigiev1.Broadcast_ClockAdjusted{ClockAdjusted: &vigiev1.ClockAdjusted{
				NewWatermarkMs: a.To.UnixMilli(), Reason: a.Reason, ConfirmedBy: a.By[:],
			}},
		}},
	})
	if err != nil {
		return fmt.Errorf("encode the adjustment: %w", err)
	}
	return appendToEach(ctx, cfg, "broadcast", a.To, value, partitions)
}
