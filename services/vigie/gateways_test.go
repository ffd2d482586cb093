package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/broker"
)

// shell are the commands of a section of the documentation.
func shell(t *testing.T, page, section string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo(t), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("docs/%s has no section %q", page, section)
	}
	after, _, _ = strings.Cut(after, "\n## ")
	var out []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(after, -1) {
		out = append(out, m[1])
	}
	return out
}

// What the documentation shows for sending events does what it says, to a whole
// centre: an alarm becomes an incident, and the camera confirms it.
func TestSendEventsAsDocumented(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is not installed: run `make setup`")
	}
	in := newInstallation(t, "--ephemeral")
	in.start()
	commands := shell(t, "integrator.md", "Send events")
	taken := 0
	for _, command := range commands {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Env = append(os.Environ(), "VIGIE="+in.Console.URL, "TOKEN="+in.Console.Token)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		var got struct{ Taken, Refused int }
		if err != nil || json.Unmarshal(out, &got) != nil || got.Taken == 0 || got.Refused != 0 {
			t.Errorf("%s\n%v: %s", command, err, out)
		}
		taken += got.Taken
	}
	if len(commands) != 3 || taken != 4 {
		t.Errorf("%d commands, %d events taken; want 3 and 4", len(commands), taken)
	}
	var answer string
	if !eventually(startPatience, func() bool {
		answer = in.ask(t, "/api/v1/incidents")
		return strings.Contains(answer, `"class":"intrusion-confirmed"`)
	}) {
		t.Errorf("the camera confirms no incident: %s", answer)
	}
}

// ask is a GET with the machine's token.
func (in *installationUnderTest) ask(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.Console.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+in.Console.Token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A receiver that is a process of its own has both doors where they are configured.
func TestGatewaysAtAReceiverOfItsOwn(t *testing.T) {
	t.Parallel()
	kafka, err := broker.NewEphemeral(discard(), localPartitions, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- kafka.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	<-kafka.Ready()
	const token = "0123456789abcdef0123456789abcdef"
	web, lines := local(freePort(t)), local(freePort(t))
	env := []string{"VIGIE_KAFKA_BROKERS=" + kafka.Addr(), "VIGIE_DATA=" + t.TempDir(), "VIGIE_RECEIVER_LISTEN=127.0.0.1:0", "VIGIE_KAFKA_REPLICATION=1",
		"VIGIE_RECEIVER_HTTP_LISTEN=" + web, "VIGIE_RECEIVER_SURGARD_LISTEN=" + lines, "VIGIE_RECEIVER_SURGARD_GATEWAYS=127.0.0.1=1F"}
	if code, said := try(t, env, "provision"); code != 0 {
		t.Fatalf("provision: %d %s", code, said)
	}
	if code, said := try(t, env, "receiver", "--metrics-port", "0"); code != exitUsage || !strings.Contains(said, "receiver.http.token") {
		t.Errorf("without a token: %d %s", code, said)
	}
	cmd := vigie(context.Background(), t, "receiver", "--metrics-port", "0")
	out := &syncBuffer{}
	cmd.Env, cmd.Stderr = append(append(cmd.Env, env...), "VIGIE_RECEIVER_HTTP_TOKEN="+token), out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the receiver ended with %v\n%s", err, out)
		}
	})
	if !eventually(startPatience, func() bool { return strings.Contains(out.String(), `"msg":"ready"`) }) {
		t.Fatalf("the receiver is not ready\n%s", out)
	}
	postAlarm(t, "http://"+web+"/api/v1/events/panel", token)
	sendLine(t, lines, "5011 181234E13001012\x14")
	found := sources(t, kafka.Addr(), 2)
	if found["TRANSPORT_HTTP by gateway"] != ids.UndeclaredSite(0x1F, "1234") || found["TRANSPORT_SURGARD by 127.0.0.1"] != ids.UndeclaredSite(0x1F, "1234") {
		t.Errorf("the log has %v", found)
	}
}

func postAlarm(t *testing.T, url, token string) {
	t.Helper()
	const alarm = `{"specversion":"1.0","type":"vigie.v1.PanelEvent","source":"/x","id":"1","data":{"account":"1234","line":31,"sia":"BA"}}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(alarm))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/cloudevents+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func sendLine(t *testing.T, to, line string) {
	t.Helper()
	conn, err := net.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 1)
	if err := conn.SetDeadline(time.Now().Add(startPatience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(answer); err != nil || answer[0] != 0x06 {
		t.Errorf("answer %#x, %v; want ACK", answer, err)
	}
}

// sources reads n events of the log: how each came in, and its site.
func sources(t *testing.T, kafka string, n int) map[string]uint64 {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.ConsumeTopics("vigie.events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	found := map[string]uint64{}
	for events := 0; events < n; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%v after %v", err, found)
		}
		for _, r := range fetches.Records() {
			var l vigiev1.LogRecord
			if err := proto.Unmarshal(r.Value, &l); err != nil {
				t.Fatal(err)
			}
			if e := l.GetEvent(); e != nil {
				panel := e.GetSource().GetPanel()
				found[panel.GetTransport().String()+" by "+panel.GetGateway()] = e.GetSite()
				events++
			}
		}
	}
	return found
}
