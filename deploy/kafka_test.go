package deploy_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/services/eventlog/broker"
)

// kafkaPatience is what a start may take on a busy machine.
const kafkaPatience = time.Minute

// home is a KAFKA_HOME made of the jars that `vigie up` uses: the image's scripts
// of the same names start the same classes.
func home(t *testing.T) string {
	t.Helper()
	libs, err := broker.FindLibs(filepath.Join("local", "libs"))
	if err != nil {
		t.Fatal(err)
	}
	java, err := broker.FindJava("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for script, class := range map[string]string{"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"} {
		text := fmt.Sprintf("#!/bin/sh\nexec %q -Xmx384m -cp %q %s \"$@\"\n", java, filepath.Join(libs, "*"), class)
		if err := os.WriteFile(filepath.Join(dir, "bin", script), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startBroker runs start.sh with server.properties as the container does, joined
// by what differs here: the addresses and the directory.
func startBroker(t *testing.T) string {
	t.Helper()
	dir, clients, controller := t.TempDir(), free(t), free(t)
	here := filepath.Join(dir, "here.properties")
	text := fmt.Sprintf("listeners=CLIENTS://%s,CONTROLLER://%s\nadvertised.listeners=CLIENTS://%s\ncontroller.quorum.voters=1@%s\nlog.dirs=%s\n",
		clients, controller, clients, controller, filepath.Join(dir, "data"))
	if err := os.WriteFile(here, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "kafka.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("bash", abs(t, "kafka", "start.sh"), "1", "kafka", abs(t, "kafka", "server.properties"), here)
	cmd.Env = append(os.Environ(), "CLUSTER_ID=4L6g3nShT-eMCtK--X86sw", "KAFKA_HOME="+home(t), "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Log(read(t, log.Name()))
		}
	})
	cl := client(t, clients)
	ctx, cancel := context.WithTimeout(t.Context(), kafkaPatience)
	defer cancel()
	for cl.Ping(ctx) != nil {
		select {
		case <-ended:
			t.Fatal("the broker ended")
		case <-ctx.Done():
			t.Fatal("the broker does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return clients
}

func client(t *testing.T, addr string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// properties are the lines of the files, the later one winning.
func properties(t *testing.T, files ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range files {
		for line := range strings.Lines(read(t, "kafka", file)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
				out[key] = value
			}
		}
	}
	return out
}

// setting reads one of a resource's settings.
func setting(t *testing.T, configs kadm.ResourceConfigs, err error, key string) (string, bool) {
	t.Helper()
	if err != nil || len(configs) != 1 || configs[0].Err != nil {
		t.Fatalf("%v %+v", err, configs)
	}
	for _, c := range configs[0].Configs {
		if c.Key == key {
			return c.MaybeValue(), true
		}
	}
	return "", false
}

// Apache Kafka runs with the settings of the container and knows every one of
// them; provisioned as compose.yml does it, an ACK means on the disk.
func TestKafkaOfComposeIsDurable(t *testing.T) {
	addr := startBroker(t)
	admin := kadm.NewClient(client(t, addr))
	have, err := admin.DescribeBrokerConfigs(t.Context(), 1)
	for key, want := range properties(t, "server.properties") {
		got, known := setting(t, have, err, key)
		if !known || got != want && !strings.ContainsAny(want, "@:/") { // addresses and places differ here
			t.Errorf("Kafka has %s=%q (known: %v), want %q", key, got, known, want)
		}
	}
	for key := range properties(t, "cluster.properties") {
		if _, known := setting(t, have, err, key); !known {
			t.Errorf("Kafka knows no %s", key)
		}
	}
	env := []string{"VIGIE_KAFKA_BROKERS=" + addr, "VIGIE_KAFKA_PARTITIONS=4"}
	for _, e := range environ(installations(t)["one broker"].Services["provision"]) {
		if !strings.HasPrefix(e, "VIGIE_KAFKA_BROKERS=") && !strings.HasPrefix(e, "VIGIE_KAFKA_PARTITIONS=") {
			env = append(env, e)
		}
	}
	if code, said := run(t, env, binary, "provision"); code != 0 || strings.Contains(said, "warning") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if code, said := run(t, env, binary, "provision"); code != 0 || !strings.Contains(said, "as it should be") {
		t.Errorf("a second time: exit code %d\n%s", code, said)
	}
	events, err := admin.DescribeTopicConfigs(t.Context(), "vigie.events")
	for key, want := range map[string]string{"flush.messages": "1", "min.insync.replicas": "1", "unclean.leader.election.enable": "false"} {
		if got, _ := setting(t, events, err, key); got != want {
			t.Errorf("vigie.events has %s=%s, want %s", key, got, want)
		}
	}
}
