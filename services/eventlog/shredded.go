package eventlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Shredding is the end of a site's key.
type Shredding struct {
	Site  uint64
	KeyID string
	At    time.Time
	// By is who destroyed it, Reason a reference that names no person.
	By, Reason string
}

// AppendShredded says in the log that a site's key was destroyed.
func AppendShredded(ctx context.Context, cfg Config, log *slog.Logger, s Shredding) error {
	partitions, err := Partitions(ctx, cfg, log)
	if err != nil {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw an id: %w", err)
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&vigiev1.LogRecord{
		Version: 1, Record: &vigiev1.LogRecord_Event{Event: &vigiev1.Event{
			Id: id, Site: s.Site, ReceivedAtMs: s.At.UnixMilli(),
			Source: &vigiev1.Source{Origin: &vigiev1.Source_User{User: &vigiev1.UserSource{User: s.By, Role: "administrator"}}},
			Body:   &vigiev1.Event_KeyShredded{KeyShredded: &vigiev1.KeyShredded{KeyId: s.KeyID, Reason: s.Reason}},
		}},
	})
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	return appendToEach(ctx, cfg, "event", s.At, value, []int32{topics.PartitionOf(s.Site, partitions)})
}
