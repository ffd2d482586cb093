package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// Standing is where one partition of vigie.events, or of vigie.fleet, stands, by what its processor
// has committed and by who has it now.
type Standing struct {
	Partition int32
	// End is the offset after the last record.
	End int64
	// Newest is the time of the youngest record; zero when empty.
	Newest time.Time
	// Progress is what was committed last; nil before the first commit.
	Progress *vigiev1.Progress
	// Owner is the instance that the group gives the partition to; "" for nobody.
	Owner string
}

// Member is a member of a consumer group.
type Member struct {
	// Instance is its configured name.
	Instance string
	Host     string
	// Partitions are how many it has, of all topics.
	Partitions int
}

// Cluster is where everything that is folded stands.
type Cluster struct {
	// Sites are the partitions of vigie.events, in order.
	Sites []Standing
	// Fleet is the one of vigie.fleet; nil where that topic is not there yet.
	Fleet *Standing
	// Members are who is in the group of GroupProcessor, GroupFleet, GroupArchiver.
	Members map[string][]Member
}

// Standings says where the partitions stand, and who is in the groups. It changes
// nothing, and asks nobody but Kafka.
func Standings(ctx context.Context, cfg Config, log *slog.Logger) (Cluster, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return Cluster{}, fmt.Errorf("look at the log: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	in, owners, err := members(ctx, cfg, adm)
	if err != nil {
		return Cluster{}, err
	}
	all := Cluster{Members: in}
	if all.Sites, err = standings(ctx, cfg, adm, log, topics.Events, topics.Progress, owners); err != nil {
		return Cluster{}, err
	}
	there, err := adm.ListTopics(ctx, cfg.Topic(topics.Fleet), cfg.Topic(topics.FleetProgress))
	if err != nil {
		return Cluster{}, fmt.Errorf("look for the topics of the fleet: %w", err)
	}
	if there.Error() != nil {
		return all, nil
	}
	fleet, err := standings(ctx, cfg, adm, log, topics.Fleet, topics.FleetProgress, owners)
	if err == nil && len(fleet) > 0 {
		all.Fleet = &fleet[0]
	}
	return all, err
}

// owner is who has a partition of which topic.
type owner struct {
	topic     string
	partition int32
}

func standings(ctx context.Context, cfg Config, adm *kadm.Client, log *slog.Logger, of, progress string, owners map[owner]string) ([]Standing, error) {
	topic := cfg.Topic(of)
	newest, err := adm.ListMaxTimestampOffsets(ctx, topic)
	if err == nil {
		err = newest.Error()
	}
	if fatal := noTopic(err); fatal != nil {
		return nil, fmt.Errorf("%s: %w", topic, fatal)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the youngest records of %s: %w", topic, err)
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("look at the end of %s: %w", topic, err)
	}
	last, err := lastProgress(ctx, cfg, adm, log, progress)
	if err != nil {
		return nil, fmt.Errorf("read how far the processors are: %w", err)
	}
	var all []Standing
	newest.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(topic, o.Partition)
		s := Standing{Partition: o.Partition, End: end.Offset, Progress: last[o.Partition], Owner: owners[owner{topic, o.Partition}]}
		if o.Timestamp > 0 {
			s.Newest = time.UnixMilli(o.Timestamp).UTC()
		}
		all = append(all, s)
	})
	slices.SortFunc(all, func(a, b Standing) int { return int(a.Partition - b.Partition) })
	return all, nil
}

// recentProgress is how far from the end of vigie.progress the last record of a
// partition is looked for before the whole topic is read: each commit leaves two.
const recentProgress = 256

// LastProgress is what each partition's owner has committed last; a partition that
// was never folded is not there.
func LastProgress(ctx context.Context, cfg Config, log *slog.Logger) (map[int32]*vigiev1.Progress, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("read how far the processors are: %w", err)
	}
	defer cl.Close()
	last, err := lastProgress(ctx, cfg, kadm.NewClient(cl), log, topics.Progress)
	if err != nil {
		return nil, fmt.Errorf("read how far the processors are: %w", err)
	}
	return last, nil
}

// LastFleetProgress is what the owner of the fleet has committed last; nil when nobody
// ever folded it.
func LastFleetProgress(ctx context.Context, cfg Config, log *slog.Logger) (*vigiev1.Progress, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("read how far the fleet is: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	there, err := adm.ListTopics(ctx, cfg.Topic(topics.FleetProgress))
	if err != nil {
		return nil, fmt.Errorf("look for the topics of the fleet: %w", err)
	}
	if there.Error() != nil {
		return nil, nil
	}
	last, err := lastProgress(ctx, cfg, adm, log, topics.FleetProgress)
	if err != nil {
		return nil, fmt.Errorf("read how far the fleet is: %w", err)
	}
	return last[0], nil
}

// lastProgress is the newest committed progress record of each partition.
func lastProgress(ctx context.Context, cfg Config, adm *kadm.Client, log *slog.Logger, name string) (map[int32]*vigiev1.Progress, error) {
	topic := cfg.Topic(name)
	starts, err := listed(ctx, log, topic, adm.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	ends, err := listed(ctx, log, topic, adm.ListCommittedOffsets)
	if err != nil {
		return nil, err
	}
	from := map[int32]int64{}
	for p, end := range ends {
		from[p] = max(starts[p], end-recentProgress)
	}
	last, err := progressFrom(ctx, cfg, name, FromOffsets(from), log)
	if err != nil {
		return nil, err
	}
	for p := range ends {
		if last[p] == nil && from[p] > starts[p] {
			return progressFrom(ctx, cfg, name, FromStart(), log)
		}
	}
	return last, nil
}

func progressFrom(ctx context.Context, cfg Config, name string, from From, log *slog.Logger) (map[int32]*vigiev1.Progress, error) {
	last := map[int32]*vigiev1.Progress{}
	return last, readFrom(ctx, cfg, name, from, log, func(r *kgo.Record) (bool, error) {
		progress := &vigiev1.Progress{}
		last[r.Partition] = progress
		return false, proto.Unmarshal(r.Value, progress)
	})
}

// members says who is in the groups, and who has which partition to fold.
func members(ctx context.Context, cfg Config, adm *kadm.Client) (map[string][]Member, map[owner]string, error) {
	roles := []string{GroupProcessor, GroupFleet, GroupArchiver}
	groups := make([]string, len(roles))
	for i, role := range roles {
		groups[i] = cfg.Group(role)
	}
	described, err := adm.DescribeGroups(ctx, groups...)
	if err != nil {
		return nil, nil, fmt.Errorf("look at the members of %v: %w", groups, err)
	}
	in, owners := map[string][]Member{}, map[owner]string{}
	for i, role := range roles {
		for _, m := range described[groups[i]].Members {
			member := Member{Instance: m.ClientID, Host: m.ClientHost}
			if m.InstanceID != nil {
				member.Instance = strings.TrimPrefix(*m.InstanceID, groups[i]+".")
			}
			has, _ := m.Assigned.AsConsumer()
			if has != nil {
				for _, t := range has.Topics {
					member.Partitions += len(t.Partitions)
					for _, p := range t.Partitions {
						if role != GroupArchiver {
							owners[owner{t.Topic, p}] = member.Instance
						}
					}
				}
			}
			in[role] = append(in[role], member)
		}
		slices.SortFunc(in[role], func(a, b Member) int { return strings.Compare(a.Instance, b.Instance) })
	}
	return in, owners, nil
}
