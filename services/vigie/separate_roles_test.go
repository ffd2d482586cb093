package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/eventlog"
)

// centre is a deployment with every role: two receivers, two processors.
type centre struct {
	*deployment
	receivers, processors []*roleUnderTest
	archiver, console     *roleUnderTest
	panels                *traffic
	operator              *operator
}

func newCentre(t *testing.T) *centre {
	d := newDeployment(t)
	c := &centre{deployment: d}
	warehouse := []string{"VIGIE_CLICKHOUSE_URL=" + d.ClickHouse.URL, "VIGIE_CLICKHOUSE_USER=" + d.ClickHouse.User, "VIGIE_CLICKHOUSE_PASSWORD=" + d.ClickHouse.Password}
	for _, name := range []string{"receiver-1", "receiver-2"} {
		r := d.role(name, "receiver", "VIGIE_RECEIVER_ID="+name, "VIGIE_RECEIVER_LISTEN="+local(freePort(t)))
		r.counts = []string{"vigie_receiver_answer_seconds", "vigie_appender_append_seconds", "vigie_appender_records_total", "vigie_kafka_connects_total"}
		c.receivers = append(c.receivers, r)
	}
	for _, name := range []string{"a", "b"} {
		r := d.role("processor "+name, "processor", "VIGIE_PROCESSOR_INSTANCE="+name)
		r.counts = []string{"vigie_processor_records_total", "vigie_processor_commits_total", "vigie_processor_watermark_age_seconds", "vigie_processor_lag_records"}
		c.processors = append(c.processors, r)
	}
	c.archiver = d.role("archiver", "archiver", append(warehouse, "VIGIE_ARCHIVER_INSTANCE=one")...)
	c.archiver.counts = []string{"vigie_archiver_blocks_total", "vigie_archiver_lag_records", "vigie_archiver_insert_seconds"}
	c.console = d.role("console", "console", append(warehouse, "VIGIE_HTTP_LISTEN="+local(freePort(t)), "VIGIE_DESK_NAME=desk-1")...)
	c.console.counts = []string{"vigie_desk_acts_total", "vigie_http_requests_total", "vigie_console_records_total", "vigie_appender_records_total"}
	return c
}

// A deployment without its containers: every role is a process of its own. Each
// in turn, and Kafka, is killed under traffic and started again as a service
// manager would. Nothing that was acknowledged is lost, nothing has effect twice,
// and each role tells the truth about itself.
func TestSeparateRolesLoseAndDoubleNothing(t *testing.T) {
	c := newCentre(t)
	c.waitForKafka()
	c.refuseAnEmptyCluster()
	c.provision()
	for _, r := range c.roles {
		r.launch()
	}
	for _, r := range c.roles {
		r.awaitReady()
	}
	c.panels = send(t, address(c.receivers[0]), address(c.receivers[1]))
	c.operator = work(t, c.console.out.String())
	c.goOn()
	for _, r := range []*roleUnderTest{c.receivers[0], c.archiver, c.receivers[1], c.console} {
		c.killed(r)
	}
	c.takenOver(c.processors[0], c.processors[1])
	c.takenOver(c.processors[1], c.processors[0])
	c.leaves(c.processors[0], c.processors[1])
	c.withoutKafka()
	c.nameTaken(c.processors[0], "processor", "fleet") // whichever of its groups says it first
	c.nameTaken(c.archiver, "archiver")
	c.goOn()
	sent := c.panels.finish()
	c.operator.finish()
	c.wantOneEffectEach(sent)
	c.wantEachActOnce(c.operator)
	c.wantOracle()
	c.wantWarehouse()
	for _, r := range c.roles {
		wantMetrics(t, r.metrics+"/metrics", append(r.counts, "vigie_build_info", "process_cpu_seconds_total")...)
		r.stop()
	}
}

// address is where a receiver listens.
func address(r *roleUnderTest) string {
	for _, kv := range r.env {
		if listen, ok := strings.CutPrefix(kv, "VIGIE_RECEIVER_LISTEN="); ok {
			return listen
		}
	}
	return ""
}

// waitForKafka: roles that were started before Kafka wait for it, say so, and
// end in good order when they are told to.
func (c *centre) waitForKafka() {
	c.t.Helper()
	for _, r := range c.roles {
		r.launch()
	}
	for _, r := range c.roles {
		r.awaitUnready("starting")
	}
	c.console.stop()
	c.console.launch()
}

// refuseAnEmptyCluster: on a cluster that nobody provisioned each role ends with
// one line that says what to do.
func (c *centre) refuseAnEmptyCluster() {
	c.t.Helper()
	c.startKafka()
	for _, r := range c.roles {
		code, last := r.awaitEnd()
		if code != exitFailed || !strings.HasPrefix(last, "vigie: ") || !strings.Contains(last, "`vigie provision`") {
			c.t.Errorf("%s on an empty cluster ended with %d and said: %s", r.name, code, last)
		}
	}
}

// provision makes the cluster ready, and may be run again.
func (d *deployment) provision() {
	d.t.Helper()
	for _, want := range []string{"first policy", "everything is as it should be"} {
		cmd := vigie(d.t.Context(), d.t, "provision")
		cmd.Dir, cmd.Env = d.dir, append(cmd.Env, d.env...)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			d.t.Fatalf("vigie provision: %v, it should say %q and says\n%s", err, want, out)
		}
	}
}

// goOn waits until panels were acknowledged and acts decided.
func (c *centre) goOn() {
	c.t.Helper()
	c.panels.awaitMore(c, 50)
	c.operator.awaitMore(c, 3)
}

// killed: without the role the others work on, and with it again everything does.
// The second receiver takes its panels in while the first is dead.
func (c *centre) killed(r *roleUnderTest) {
	c.t.Helper()
	r.kill()
	c.panels.awaitMore(c, 50)
	if r != c.console {
		c.operator.awaitMore(c, 3)
	}
	accepted := c.operator.lastAct()
	r.start()
	c.operator.askAgain(accepted)
	c.goOn()
}

// takenOver: the heir has the dead one's partitions, and their outputs go on,
// before the dead one comes back; then it gets some again.
func (c *centre) takenOver(dead, heir *roleUnderTest) {
	c.t.Helper()
	c.awaitOwner(dead, 1)
	at := time.Now()
	dead.kill()
	c.awaitOwner(heir, deployedPartitions)
	c.t.Logf("%s is dead: %s goes on with all partitions after %.1f s", dead.name, heir.name, time.Since(at).Seconds())
	c.goOn()
	dead.start()
	c.goOn()
}

// leaves: who is told that its stop is for good gives its partitions up at once, ends
// in good order, and may come back all the same.
func (c *centre) leaves(gone, heir *roleUnderTest) {
	c.t.Helper()
	c.awaitOwner(gone, 1)
	at := time.Now()
	if err := gone.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		c.t.Fatal(err)
	}
	if code, last := gone.awaitEnd(); code != 0 || !strings.Contains(gone.out.String(), "left the group for good") {
		c.t.Errorf("%s, stopped for good, ended with %d: %s", gone.name, code, last)
	}
	c.awaitOwner(heir, deployedPartitions)
	c.t.Logf("%s has left: %s goes on with all partitions after %.1f s", gone.name, heir.name, time.Since(at).Seconds())
	c.goOn()
	gone.start()
	c.goOn()
}

// awaitOwner waits until the processor has gone on, from now, with so many
// partitions or more: a progress record stands in the transaction of what it tells.
func (c *centre) awaitOwner(r *roleUnderTest, atLeast int) {
	c.t.Helper()
	instance := strings.TrimPrefix(r.name, "processor ")
	owner := eventlog.Config{}.TransactionalID(eventlog.GroupProcessor, instance)
	before, owned := c.progress(), 0
	if !eventually(startPatience, func() bool {
		owned = 0
		for p, now := range c.progress() {
			if now.Owner == owner && now.Offset > before[p].GetOffset() {
				owned++
			}
		}
		return owned >= atLeast
	}) {
		c.t.Fatalf("%s goes on with %d partitions, %d or more are expected\n%s", r.name, owned, atLeast, c)
	}
}

// nameTaken: of two processes under one name one ends and says why, whichever
// joined last before the other; the work goes on. Put right, all is as before.
func (c *centre) nameTaken(first *roleUnderTest, parts ...string) {
	c.t.Helper()
	second := *first
	second.name, second.out = first.name+" again", &syncBuffer{}
	second.env = append(slices.Clone(first.env), "VIGIE_METRICS_LISTEN=")
	second.launch()
	defer second.kill()
	gone, left := first, &second
	select {
	case err := <-first.ended:
		first.ended <- err
	case err := <-second.ended:
		second.ended <- err
		gone, left = left, gone
	case <-time.After(startPatience):
		c.t.Fatalf("two processes run as %s\n%s%s", first.name, c, second.out)
	}
	code, last := gone.awaitEnd()
	told := slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(last, "vigie: "+part+": ") })
	if code != exitFailed || !told || !strings.Contains(last, "same instance name") {
		c.t.Errorf("%s, whose name another has, ended with %d and said: %s", gone.name, code, last)
	}
	c.goOn()
	left.wantAlive()
	left.stop()
	first.start()
}

// withoutKafka: while Kafka is away every role lives and says that it is not
// ready; once it is back all are, without a start.
func (c *centre) withoutKafka() {
	c.t.Helper()
	c.killKafka()
	for _, r := range c.roles {
		r.awaitUnready("kafka")
	}
	c.startKafka()
	for _, r := range c.roles {
		r.awaitReady()
	}
}
