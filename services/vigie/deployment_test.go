package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// deployedPartitions of vigie.events: two for each processor. (Every one has its
// beats, and reading them all again is most of what the checks take.)
const deployedPartitions = 4

// deployment is a centre as it is deployed: Kafka, ClickHouse, and each role a
// process of its own that finds everything by its environment. Only the
// containers are missing.
type deployment struct {
	centreUnderTest
	dir       string
	kafkaPort int
	kafka     *broker.Kafka
	stopKafka func()
	env       []string
	roles     []*roleUnderTest
}

// newDeployment starts ClickHouse and knows where Kafka will be; no role runs.
func newDeployment(t *testing.T) *deployment {
	t.Helper()
	d := newLog(t)
	clickhouse := d.startClickHouse()
	url, user, password := clickhouse.Endpoint()
	d.ClickHouse = clickhouseEndpoint{URL: url, User: user, Password: password, Database: "vigie"}
	return d
}

// newLog is a deployment without a warehouse.
func newLog(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{centreUnderTest: centreUnderTest{t: t}, dir: t.TempDir(), kafkaPort: freePort(t)}
	d.out = d
	d.Kafka = local(d.kafkaPort)
	d.env = []string{
		"VIGIE_DATA=" + filepath.Join(d.dir, "data"), // the keys are shared, as by a volume
		"VIGIE_KAFKA_BROKERS=" + d.Kafka, "VIGIE_KAFKA_PARTITIONS=" + strconv.Itoa(deployedPartitions), "VIGIE_KAFKA_REPLICATION=1",
	}
	return d
}

// startClickHouse runs the local engine until the test ends.
func (d *deployment) startClickHouse() *engine.Local {
	d.t.Helper()
	lib, err := engine.FindLib("")
	if err != nil {
		d.t.Fatal(err)
	}
	local, err := engine.NewChild(engine.ChildConfig{
		Executable: binary, Prefix: []string{engineUse}, Lib: lib, Data: filepath.Join(d.dir, "clickhouse"),
		LogFile: filepath.Join(d.dir, "clickhouse.log"), Log: discard(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.run("ClickHouse", local)
	return local
}

// startKafka runs Apache Kafka on the data that it left, and waits until it
// takes records.
func (d *deployment) startKafka() {
	d.t.Helper()
	java, err := broker.FindJava("")
	if err != nil {
		d.t.Fatal(err)
	}
	libs, err := broker.FindLibs(filepath.Join(repo(d.t), "deploy", "local", "libs"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.kafka, err = broker.NewKafka(broker.KafkaConfig{
		Data: filepath.Join(d.dir, "kafka"), Libs: libs, Java: java, Port: d.kafkaPort,
		LogFile: filepath.Join(d.dir, "kafka.log"), Log: discard(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.stopKafka = d.run("Kafka", d.kafka)
}

// killKafka is kill -9; Kafka stays away until it is started again.
func (d *deployment) killKafka() {
	d.t.Helper()
	if err := child.Signal(d.kafka.Pid(), syscall.SIGKILL); err != nil {
		d.t.Fatalf("kill Kafka (pid %d): %v", d.kafka.Pid(), err)
	}
	d.stopKafka()
}

// run starts a store and returns what ends it.
func (d *deployment) run(name string, s lifecycle.Service) (stop func()) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		cancel()
		err := <-ended
		ended <- err
	}
	d.t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-ended:
		ended <- err
		d.t.Fatalf("%s ended before it was ready: %v", name, err)
	}
	return stop
}

// String is what the roles said last.
func (d *deployment) String() string {
	const lines = 15
	var b strings.Builder
	for _, r := range d.roles {
		said := strings.Split(strings.TrimSpace(r.out.String()), "\n")
		fmt.Fprintf(&b, "--- %s\n%s\n", r.name, strings.Join(said[max(0, len(said)-lines):], "\n"))
	}
	return b.String()
}

// progress is the last progress record of each partition.
func (d *deployment) progress() map[int32]*vigiev1.Progress {
	d.t.Helper()
	last := map[int32]*vigiev1.Progress{}
	const recent = 20 // offsets; the last transaction alone takes two
	for p, records := range d.topicFrom(topics.Progress, kgo.NewOffset().AtEnd().Relative(-recent)) {
		last[p] = &vigiev1.Progress{}
		if err := proto.Unmarshal(records[len(records)-1].Value, last[p]); err != nil {
			d.t.Fatal(err)
		}
	}
	return last
}

// roleUnderTest is one role as a service manager runs it: the same command and
// environment at each start.
type roleUnderTest struct {
	d       *deployment
	name    string
	args    []string
	env     []string
	metrics string
	// counts are metrics that the role must serve.
	counts []string
	cmd    *exec.Cmd
	out    *syncBuffer
	ended  chan error
}

// role adds a role: the words of its command, then its environment.
func (d *deployment) role(name string, command string, env ...string) *roleUnderTest {
	listen := local(freePort(d.t))
	r := &roleUnderTest{d: d, name: name, args: strings.Fields(command), metrics: "http://" + listen, out: &syncBuffer{}}
	r.env = append(append(r.env, env...), "VIGIE_METRICS_LISTEN="+listen)
	d.roles = append(d.roles, r)
	d.t.Cleanup(r.kill)
	return r
}

func (r *roleUnderTest) launch() {
	r.d.t.Helper()
	r.cmd = vigie(context.Background(), r.d.t, r.args...)
	r.cmd.Dir = r.d.dir // nothing but its environment tells a role where it is
	r.cmd.Env = append(append(r.cmd.Env, r.d.env...), r.env...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	r.ended = make(chan error, 1)
	if err := r.cmd.Start(); err != nil {
		r.d.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(r.cmd, r.ended)
}

// start runs the role and waits until it says that it is ready.
func (r *roleUnderTest) start() {
	r.d.t.Helper()
	r.launch()
	r.awaitReady()
}

func (r *roleUnderTest) awaitReady() {
	r.d.t.Helper()
	said := ""
	if !eventually(startPatience, func() bool {
		r.wantAlive()
		code, answer := r.ask("/readyz")
		said = answer
		return code == http.StatusOK
	}) {
		r.d.t.Fatalf("%s is not ready after %s: %s\n%s", r.name, startPatience, said, r.d)
	}
}

// awaitUnready waits until the role lives, is not ready, and says why.
func (r *roleUnderTest) awaitUnready(why string) {
	r.d.t.Helper()
	said := ""
	if !eventually(startPatience, func() bool {
		r.wantAlive()
		code, answer := r.ask("/readyz")
		said = answer
		return code == http.StatusServiceUnavailable && strings.Contains(answer, why)
	}) {
		r.d.t.Fatalf("%s should say that it is not ready (%s), it says: %s\n%s", r.name, why, said, r.d)
	}
	if code, answer := r.ask("/healthz"); code != http.StatusOK {
		r.d.t.Errorf("%s lives, and /healthz says %d %s", r.name, code, answer)
	}
}

// ask asks the role's metrics address; 0 when nobody answers.
func (r *roleUnderTest) ask(path string) (int, string) {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(r.metrics + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

// wantAlive: a role that nobody killed runs on.
func (r *roleUnderTest) wantAlive() {
	r.d.t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		r.d.t.Fatalf("%s ended by itself: %v\n%s", r.name, err, r.d)
	default:
	}
}

// kill is kill -9.
func (r *roleUnderTest) kill() {
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	err := <-r.ended
	r.ended <- err
}

// stop is what a service manager does: SIGTERM, and an orderly end in good time.
func (r *roleUnderTest) stop() {
	r.d.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.d.t.Fatal(err)
	}
	if code, last := r.awaitEnd(); code != 0 {
		r.d.t.Errorf("%s ended with %d after SIGTERM: %s", r.name, code, last)
	}
}

// awaitEnd waits until the role ended by itself; it returns its exit code and
// the last line that it said.
func (r *roleUnderTest) awaitEnd() (code int, last string) {
	r.d.t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
	case <-time.After(startPatience):
		r.d.t.Fatalf("%s does not end\n%s", r.name, r.d)
	}
	said := strings.Split(strings.TrimSpace(r.out.String()), "\n")
	return r.cmd.ProcessState.ExitCode(), said[len(said)-1]
}
