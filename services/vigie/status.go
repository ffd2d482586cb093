package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// How a partition does.
const (
	stateLive = "live"
	// stateStale: time in it lies further back than staleAfter.
	stateStale = "stale"
	// stateRestoring: the group has given it to a member that has committed nothing yet.
	stateRestoring = "restoring"
	// stateStopped: its owner cannot fold the next record.
	stateStopped = "stopped"
	// stateNobody: no member of the group has it.
	stateNobody = "nobody has it"
)

const (
	// staleAfter is the age of a watermark past which the page says "not live", too.
	staleAfter = 5 * time.Second
	// fleetStaleAfter is that of the fleet's time, which goes in ticks of 5 s that all
	// partitions have told.
	fleetStaleAfter = 30 * time.Second
	// watchEvery is the pace of --watch.
	watchEvery = 2 * time.Second
)

// clusterStatus is what `vigie status` shows, and --json prints.
type clusterStatus struct {
	AtMS       int64             `json:"at_ms"`
	OK         bool              `json:"ok"`
	Partitions []partitionStatus `json:"partitions"`
	// Fleet is the fold over many sites; absent where its topic is not there yet.
	Fleet *partitionStatus `json:"fleet,omitempty"`
	// Roles that are members of a group; others write beats, and are seen in W.
	Roles []roleStatus `json:"roles"`
}

type partitionStatus struct {
	Partition  int32  `json:"partition"`
	State      string `json:"state"`
	Owner      string `json:"owner,omitempty"`
	Offset     int64  `json:"offset"`
	End        int64  `json:"end"`
	LagRecords int64  `json:"lag_records"`
	// LagMS is how far what is folded lies behind the youngest record; 0 when all is.
	LagMS          int64            `json:"lag_ms"`
	WatermarkMS    int64            `json:"watermark_ms"`
	WatermarkAgeMS int64            `json:"watermark_age_ms"`
	SupervisionMS  map[string]int64 `json:"supervision_ms"`
	// Degraded are the groups whose receivers come and go too often.
	Degraded       []string        `json:"supervision_degraded,omitempty"`
	FoldVersion    uint32          `json:"fold_version"`
	PolicyVersion  uint64          `json:"policy_version"`
	Sites          uint64          `json:"sites"`
	OpenDetections uint64          `json:"open_detections"`
	Snapshot       *snapshotStatus `json:"snapshot,omitempty"`
	Stopped        *stoppedStatus  `json:"stopped,omitempty"`
}

// snapshotStatus is the newest snapshot that counts.
type snapshotStatus struct {
	Offset int64  `json:"offset"`
	AgeMS  int64  `json:"age_ms"`
	Bytes  uint64 `json:"bytes"`
}

type stoppedStatus struct {
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	SinceMS int64  `json:"since_ms"`
}

type roleStatus struct {
	Role       string `json:"role"`
	Instance   string `json:"instance"`
	Host       string `json:"host"`
	Partitions int    `json:"partitions"`
}

func statusCommand() *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far each partition is, who has it, and what stands still and why",
		Long: `Shows, for each partition of the log, who folds it, how far, how old its time is,
its newest snapshot, and whether it stands still and why; then the same of the fold
of the fleet, which looks at many sites at once. It asks Kafka alone and
changes nothing: it works beside any installation, also when no role answers.

Ends with 1 when one of them is stopped, stale, being restored or in nobody's hands.`,
		Example: "  vigie status\n  vigie status --watch\n  vigie status --json --brokers kafka-1:9092",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := s.findKafka(); err != nil {
				return err
			}
			show := showStatus
			if asJSON {
				show = showJSON
			}
			if watch {
				return s.watchStatus(cmd.Context(), cmd.OutOrStdout(), show)
			}
			now, err := s.status(cmd.Context())
			if err != nil {
				return err
			}
			return errors.Join(show(cmd.OutOrStdout(), now), now.err())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	cmd.Flags().BoolVar(&watch, "watch", false, "look again every 2 s, until Ctrl-C")
	clusterFlags(cmd)
	return cmd
}

// watchStatus shows the status again and again; how it was at the end is the result.
func (s *settings) watchStatus(ctx context.Context, out io.Writer, show func(io.Writer, clusterStatus) error) error {
	var last error
	for {
		now, err := s.status(ctx)
		if ctx.Err() != nil {
			return last
		}
		if last = err; err == nil {
			if out == os.Stdout && isTerminal(os.Stdout) {
				fmt.Fprint(out, "\x1b[H\x1b[2J")
			}
			if err := show(out, now); err != nil {
				return err
			}
			last = now.err()
		} else {
			fmt.Fprintln(os.Stderr, "vigie: "+err.Error())
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(watchEvery):
		}
	}
}

// status looks once.
func (s *settings) status(ctx context.Context) (clusterStatus, error) {
	all, err := eventlog.Standings(ctx, s.kafka, s.log)
	if err != nil {
		return clusterStatus{}, err
	}
	now := clusterStatus{AtMS: time.Now().UnixMilli(), OK: true, Partitions: []partitionStatus{}, Roles: []roleStatus{}}
	ids := func(role string) func(string) string {
		return func(instance string) string { return s.kafka.TransactionalID(role, instance) }
	}
	for _, at := range all.Sites {
		p := statusOf(at, ids(eventlog.GroupProcessor), now.AtMS, staleAfter)
		now.OK = now.OK && p.State == stateLive
		now.Partitions = append(now.Partitions, p)
	}
	if all.Fleet != nil {
		p := statusOf(*all.Fleet, ids(eventlog.GroupFleet), now.AtMS, fleetStaleAfter)
		now.OK, now.Fleet = now.OK && p.State == stateLive, &p
	}
	for _, role := range []string{eventlog.GroupProcessor, eventlog.GroupFleet, eventlog.GroupArchiver} {
		for _, m := range all.Members[role] {
			now.Roles = append(now.Roles, roleStatus{role, m.Instance, m.Host, m.Partitions})
		}
	}
	return now, nil
}

// statusOf judges one partition, whose time is stale past an age. id is the
// transactional id of an instance.
func statusOf(at eventlog.Standing, id func(instance string) string, nowMS int64, stale time.Duration) partitionStatus {
	said := at.Progress
	p := partitionStatus{
		Partition: at.Partition, Owner: at.Owner, Offset: said.GetOffset(), End: at.End, LagRecords: at.End - said.GetOffset(),
		WatermarkMS: said.GetWatermarkMs(), SupervisionMS: map[string]int64{},
		FoldVersion: said.GetFoldVersion(), PolicyVersion: said.GetPolicyVersion(), Sites: said.GetSites(), OpenDetections: said.GetOpenDetections(),
	}
	if p.WatermarkMS > 0 {
		p.WatermarkAgeMS = max(0, nowMS-p.WatermarkMS)
	}
	if p.LagRecords > 0 && !at.Newest.IsZero() && p.WatermarkMS > 0 {
		p.LagMS = max(0, at.Newest.UnixMilli()-p.WatermarkMS)
	}
	for _, c := range said.GetClocks() {
		p.SupervisionMS[c.GetGroup()] = c.GetSMs()
		if c.GetDegraded() {
			p.Degraded = append(p.Degraded, c.GetGroup())
		}
	}
	if named := said.GetSnapshots(); len(named) > 0 {
		p.Snapshot = &snapshotStatus{Offset: named[0].GetOffset(), AgeMS: max(0, nowMS-named[0].GetTakenAtMs()), Bytes: named[0].GetBytes()}
	}
	if stop := said.GetStopped(); stop != nil {
		p.Stopped = &stoppedStatus{Reason: stop.GetReason(), Detail: stop.GetDetail(), SinceMS: stop.GetAtMs()}
	}
	p.State = stateOf(p, said, id, stale)
	return p
}

func stateOf(p partitionStatus, said *vigiev1.Progress, id func(string) string, stale time.Duration) string {
	switch {
	case p.Stopped != nil:
		return stateStopped
	case p.Owner == "":
		return stateNobody
	case said.GetOwner() != id(p.Owner):
		return stateRestoring
	case p.WatermarkMS == 0 || p.WatermarkAgeMS > stale.Milliseconds():
		return stateStale
	}
	return stateLive
}

// err says in one line what does not go on; nil when everything does.
func (c clusterStatus) err() error {
	count := map[string]int{}
	for _, p := range c.Partitions {
		count[p.State]++
	}
	said := ""
	for _, state := range []string{stateStopped, stateNobody, stateRestoring, stateStale} {
		if n := count[state]; n > 0 {
			said += fmt.Sprintf(", %d %s", n, state)
		}
	}
	var all error
	if said != "" {
		all = fmt.Errorf("of %d partitions%s", len(c.Partitions), said)
	}
	if f := c.Fleet; f != nil && f.State != stateLive {
		all = errors.Join(all, fmt.Errorf("the fold of the fleet: %s", f.State))
	}
	return all
}

func showJSON(out io.Writer, c clusterStatus) error { return json.NewEncoder(out).Encode(c) }
