//go:build long

package siege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/internal/ports"
)

const (
	brokers = 3
	// clusterID is any id in Kafka's form.
	clusterID = "c2llZ2Utb2YtdmlnaWUtMQ"
)

// cluster is three brokers of Apache Kafka: three copies, two of which must have a
// record. The first is the controller as well, and is never killed here.
type cluster struct {
	t          testing.TB
	dir        string
	java       string
	libs       string
	listen     [brokers]int
	controller int
	nodes      [brokers]*child.Child
	stops      [brokers]func()
	admin      *kadm.Client
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), java: findJava(t), libs: findLibs(t)}
	for _, port := range []*int{&c.listen[0], &c.listen[1], &c.listen[2], &c.controller} {
		var err error
		if *port, err = ports.Free(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.tell)
	for n := range brokers {
		c.format(n)
		c.start(n)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.config().Brokers...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c.admin = kadm.NewClient(client)
	c.awaitBrokers(brokers)
	provision(t, c.config(), eventlog.Options{Partitions: partitions, Replication: brokers, MinISR: 2, Log: quiet})
	return c
}

// tell says what the brokers said last, when the test failed.
func (c *cluster) tell() {
	const last = 2_000
	for n := range brokers {
		if said, err := os.ReadFile(c.file(n, "out")); err == nil && c.t.Failed() {
			c.t.Logf("broker %d:\n%s", n+1, said[max(0, len(said)-last):])
		}
	}
}

func (c *cluster) config() (cfg eventlog.Config) {
	for _, port := range c.listen {
		cfg.Brokers = append(cfg.Brokers, local(port))
	}
	return cfg
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (c *cluster) file(n int, name string) string {
	return filepath.Join(c.dir, fmt.Sprintf("%d-%s", n+1, name))
}

// format writes a node's settings and storage.
func (c *cluster) format(n int) {
	c.t.Helper()
	roles, listeners := "broker", "BROKER://"+local(c.listen[n])
	if n == 0 {
		roles, listeners = "broker,controller", listeners+",CONTROLLER://"+local(c.controller)
	}
	settings := strings.Join([]string{
		"process.roles=" + roles, fmt.Sprintf("node.id=%d", n+1), "controller.quorum.voters=1@" + local(c.controller),
		"listeners=" + listeners, "advertised.listeners=BROKER://" + local(c.listen[n]), "inter.broker.listener.name=BROKER",
		"controller.listener.names=CONTROLLER", "listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT", "log.dirs=" + c.file(n, "log"),
		"auto.create.topics.enable=false", "unclean.leader.election.enable=false", "auto.leader.rebalance.enable=false",
		"offsets.topic.num.partitions=1", "offsets.topic.replication.factor=3", "broker.heartbeat.interval.ms=500",
		"num.io.threads=4", "num.network.threads=2", "background.threads=2", "log.cleaner.dedupe.buffer.size=16777216",
	}, "\n")
	if err := os.WriteFile(c.file(n, "properties"), []byte(settings), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if n > 0 {
		// All of a formatted storage that one who is no controller needs.
		meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\n", clusterID, n+1)
		if err := errors.Join(os.Mkdir(c.file(n, "log"), 0o700), os.WriteFile(filepath.Join(c.file(n, "log"), "meta.properties"), []byte(meta), 0o600)); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	format := exec.Command(c.java, c.program("kafka.tools.StorageTool", "format", "-t", clusterID, "-c", c.file(n, "properties"))...)
	if out, err := format.CombinedOutput(); err != nil {
		c.t.Fatalf("formatting the storage of broker %d: %v\n%s", n+1, err, out)
	}
}

func (c *cluster) program(main string, args ...string) []string {
	return append([]string{"-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(c.libs, "*"), main}, args...)
}

// start starts a broker on what it left.
func (c *cluster) start(n int) {
	c.t.Helper()
	c.nodes[n] = child.New(child.Spec{
		Name: fmt.Sprintf("broker %d", n+1), Path: c.java, Args: c.program("kafka.Kafka", c.file(n, "properties")), Dir: c.dir,
		PidFile: c.file(n, "pid"), LogFile: c.file(n, "out"), StopSignal: syscall.SIGKILL, Log: quiet,
		Before: func(ctx context.Context) error {
			return ports.Await(ctx, "tcp", local(c.listen[n]))
		},
	})
	c.stops[n] = serve(c.t, c.nodes[n])
}

// kill is kill -9; the broker stays away until it is started again.
func (c *cluster) kill(n int) {
	c.t.Helper()
	if err := child.Signal(c.nodes[n].Pid(), syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	c.stops[n]()
}

// awaitBrokers waits until so many are members.
func (c *cluster) awaitBrokers(n int) {
	c.t.Helper()
	await(c.t, fmt.Sprintf("%d brokers", n), func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		m, err := c.admin.BrokerMetadata(ctx)
		return err == nil && len(m.Brokers) == n && m.Controller > 0
	})
}

// leaders of the partitions of vigie.events; -1 for one without.
func (c *cluster) leaders() (of [partitions]int32) {
	c.t.Helper()
	topic := c.config().Topic(topics.Events)
	await(c.t, "what the cluster says of its partitions", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		m, err := c.admin.Metadata(ctx, topic)
		if err != nil || len(m.Topics[topic].Partitions) != partitions {
			return false
		}
		for p, d := range m.Topics[topic].Partitions {
			of[p] = d.Leader
		}
		return true
	})
	return of
}

// move gives every partition its next replica as leader, as a cluster does that is
// rebalanced, and waits until each has it.
func (c *cluster) move() {
	c.t.Helper()
	topic := c.config().Topic(topics.Events)
	var order kadm.AlterPartitionAssignmentsReq
	var want [partitions]int32
	for p, leader := range c.leaders() {
		next := leader%brokers + 1
		want[p] = next
		order.Assign(topic, int32(p), []int32{next, next%brokers + 1, (next+1)%brokers + 1})
	}
	done, err := c.admin.AlterPartitionAssignments(c.t.Context(), order)
	if err == nil {
		err = done.Error()
	}
	if err == nil {
		_, err = c.admin.ElectLeaders(c.t.Context(), kadm.ElectPreferredReplica, nil)
	}
	if err != nil {
		c.t.Fatalf("moving the leaders: %v", err)
	}
	await(c.t, "the leaders to have moved", func() bool { return c.leaders() == want })
}

// With three brokers the leaders move under load, one broker dies, a second dies, and
// both come back. One gone, panels are acknowledged; two gone, they are not, because
// one copy is not enough; with the second back they are again.
func TestLeadersMove(t *testing.T) {
	c := newCluster(t)
	tr := newTrial(t, c.config())
	tr.flows()
	for range 2 {
		c.move()
		tr.flowsEverywhere()
	}
	first, second := 1, 2
	for c.leaders()[0] != int32(first+1) {
		c.move()
	}
	c.kill(first)
	dead := time.Now()
	tr.flowsEverywhere()
	t.Logf("the leader of all partitions died: each acknowledges after %.1f s", time.Since(dead).Seconds())
	tr.outage("two of three brokers killed", func() { c.kill(second) }, func() { c.start(second) })
	c.start(first)
	c.awaitBrokers(brokers)
	tr.flowsEverywhere()
	tr.finish()
}

// flowsEverywhere waits until every panel, and with them every partition, was
// acknowledged for what it sends from now on.
func (tr *trial) flowsEverywhere() {
	tr.t.Helper()
	since := tr.fleet.sentSoFar()
	var open *message
	if !eventually(func() bool {
		open = tr.fleet.oldestOpen()
		return tr.fleet.sentSoFar() > since+len(tr.fleet.panels) && (open == nil || open.number > since+len(tr.fleet.panels))
	}) {
		tr.t.Fatalf("after %s message %d of panel %s (%s, partition %d, try %d) has no answer; %d was the youngest when the wait began",
			patience, open.number, open.from.account, open.kind(), topics.PartitionOf(site(open.from.n), partitions), open.tries, since)
	}
}
