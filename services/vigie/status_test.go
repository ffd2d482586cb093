package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

func TestStateOfAPartition(t *testing.T) {
	const now = 1_800_000_000_000
	id := func(instance string) string {
		return eventlog.Config{}.TransactionalID(eventlog.GroupProcessor, instance)
	}
	said := func(owner string, age time.Duration) *vigiev1.Progress {
		return &vigiev1.Progress{Offset: 90, WatermarkMs: now - age.Milliseconds(), Owner: id(owner)}
	}
	stopped := said("a", time.Hour)
	stopped.Stopped = &vigiev1.Stopped{Reason: "fold-failed", Detail: "partition 3 stopped at offset 90", AtMs: now - 1}
	for name, test := range map[string]struct {
		at   eventlog.Standing
		want string
	}{
		"its owner goes on":             {eventlog.Standing{Owner: "a", Progress: said("a", time.Second)}, stateLive},
		"its time is old":               {eventlog.Standing{Owner: "a", Progress: said("a", staleAfter+time.Second)}, stateStale},
		"it has no time yet":            {eventlog.Standing{Owner: "a", Progress: &vigiev1.Progress{Owner: id("a")}}, stateStale},
		"another had it":                {eventlog.Standing{Owner: "b", Progress: said("a", time.Second)}, stateRestoring},
		"nobody ever committed":         {eventlog.Standing{Owner: "b"}, stateRestoring},
		"nobody has it":                 {eventlog.Standing{Progress: said("a", time.Second)}, stateNobody},
		"its owner cannot fold":         {eventlog.Standing{Owner: "a", Progress: stopped}, stateStopped},
		"who could not fold it is gone": {eventlog.Standing{Progress: stopped}, stateStopped},
	} {
		test.at.End, test.at.Newest = 100, time.UnixMilli(now)
		p := statusOf(test.at, id, now, staleAfter)
		if p.State != test.want {
			t.Errorf("%s: %s, want %s", name, p.State, test.want)
		}
		if p.LagRecords != 100-test.at.Progress.GetOffset() {
			t.Errorf("%s: %d records behind", name, p.LagRecords)
		}
		c := clusterStatus{Partitions: []partitionStatus{p}}
		if err := c.err(); (err == nil) != (test.want == stateLive) {
			t.Errorf("%s: the result is %v", name, err)
		}
		var text strings.Builder
		if err := showStatus(&text, c); err != nil || !strings.Contains(text.String(), test.want) {
			t.Errorf("%s: %v, it prints\n%s", name, err, &text)
		}
	}
}

// askStatus runs `vigie status --json` beside the cluster.
func (d *deployment) askStatus() (int, clusterStatus) {
	d.t.Helper()
	cmd := vigie(d.t.Context(), d.t, "status", "--json")
	cmd.Dir, cmd.Env = d.dir, append(cmd.Env, d.env...)
	out, _ := cmd.Output()
	var now clusterStatus
	if err := json.Unmarshal(out, &now); err != nil {
		d.t.Fatalf("vigie status --json: %v\n%s", err, out)
	}
	return cmd.ProcessState.ExitCode(), now
}

// awaitStatus waits until every partition is in the state.
func (d *deployment) awaitStatus(code int, states ...string) clusterStatus {
	d.t.Helper()
	var last clusterStatus
	if !eventually(startPatience, func() bool {
		exit, now := d.askStatus()
		var have []string
		for _, p := range now.Partitions {
			have = append(have, p.State)
		}
		last = now
		return exit == code && slices.Equal(have, states)
	}) {
		d.t.Fatalf("the status should be %d %v, it is %+v\n%s", code, states, last, d)
	}
	return last
}

// The status of a running cluster: live, with a record from the future, without
// its processor.
func TestStatusTellsHowEachPartitionDoes(t *testing.T) {
	d := newLog(t)
	receiver := d.role("receiver", "receiver", "VIGIE_RECEIVER_LISTEN="+local(freePort(t)))
	processor := d.role("processor a", "processor", "VIGIE_PROCESSOR_INSTANCE=a", "VIGIE_PROCESSOR_SNAPSHOT_SECONDS=1")
	d.startKafka()
	d.provision()
	receiver.start()
	processor.start()
	all := func(state string) []string { return slices.Repeat([]string{state}, deployedPartitions) }
	now := d.awaitStatus(0, all(stateLive)...)
	for _, p := range now.Partitions {
		if p.Owner != "a" || p.Offset == 0 || p.End < p.Offset || p.FoldVersion == 0 || p.PolicyVersion == 0 || len(p.SupervisionMS) != 1 {
			t.Errorf("%+v", p)
		}
	}
	if want := []roleStatus{{eventlog.GroupProcessor, "a", "", deployedPartitions}, {eventlog.GroupFleet, "a", "", 1}}; !slices.EqualFunc(now.Roles, want, func(have, want roleStatus) bool {
		want.Host = have.Host
		return have == want
	}) {
		t.Errorf("roles: %+v", now.Roles)
	}
	if f := now.Fleet; f == nil || f.Owner != "a" || f.Offset == 0 || f.FoldVersion == 0 || f.PolicyVersion == 0 || f.WatermarkMS == 0 {
		t.Errorf("the fleet: %+v", f)
	}
	if !eventually(startPatience, func() bool { _, now = d.askStatus(); return now.Partitions[0].Snapshot != nil }) {
		t.Error("no snapshot is shown")
	}
	d.watch()
	at := d.fromTheFuture(1)
	want := all(stateLive)
	want[1] = stateStopped
	now = d.awaitStatus(exitFailed, want...)
	if p := now.Partitions[1]; p.Offset != at || p.Stopped.Reason != "newer-envelope" || !strings.Contains(p.Stopped.Detail, "upgrade it") {
		t.Errorf("a record from the future stands at %d, and the status says %+v %+v", at, p, p.Stopped)
	}
	if code, said := processor.ask("/readyz"); code == 200 || !strings.Contains(said, "partition 1 stopped") {
		t.Errorf("a partition stands, and readiness is %d %s", code, said)
	}
	processor.stop()
	want = all(stateNobody)
	want[1] = stateStopped
	d.awaitStatus(exitFailed, want...)
	// The fleet has a group of its own, which Kafka takes away on its own.
	if !eventually(startPatience, func() bool { _, now = d.askStatus(); return now.Fleet != nil && now.Fleet.State == stateNobody }) {
		t.Errorf("nobody folds the fleet, and it is said to be %+v", now.Fleet)
	}
}

// watch looks twice with --watch, then ends it as a person does.
func (d *deployment) watch() {
	d.t.Helper()
	cmd := vigie(context.Background(), d.t, "status", "--watch", "--json")
	cmd.Dir, cmd.Env = d.dir, append(cmd.Env, d.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := range 2 {
		if !lines.Scan() || !json.Valid(lines.Bytes()) {
			d.t.Errorf("look %d gave %q", i, lines.Text())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("Ctrl-C ends the watch of a cluster that does well with %d", code)
	}
}

// fromTheFuture appends a record that only a newer program reads, and says where.
func (d *deployment) fromTheFuture(partition int32) int64 {
	d.t.Helper()
	cfg := eventlog.Config{Brokers: []string{d.Kafka}}
	cl, err := kgo.NewClient(cfg.IngestOpts(discard())...)
	if err != nil {
		d.t.Fatal(err)
	}
	defer cl.Close()
	value, err := proto.Marshal(&vigiev1.LogRecord{Version: 1 << 20, Record: &vigiev1.LogRecord_Broadcast{Broadcast: &vigiev1.Broadcast{}}})
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := cl.ProduceSync(d.t.Context(), &kgo.Record{Topic: cfg.Topic(topics.Events), Partition: partition, Value: value}).First()
	if err != nil {
		d.t.Fatal(err)
	}
	return r.Offset
}
