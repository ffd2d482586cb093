package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/open-vigie/vigie/dashboards/plugin/plugintest"
)

// framePatience is what a state may take from a panel to Grafana here.
const framePatience = 90 * time.Second

// What Grafana's data source shows of a running installation: healthy with the
// token, states as they change, and again after Vigie was stopped and came back.
func TestPluginRelaysLiveStates(t *testing.T) {
	in := newInstallation(t, "--ephemeral")
	token := strings.Repeat("0123456789abcdef", 2)
	in.env = []string{"VIGIE_HTTP_TOKEN=" + token}
	in.start()
	x := plugintest.Start(t)
	source := plugintest.DataSource{
		URL: in.ClickHouse.URL, User: in.ClickHouse.User, Password: in.ClickHouse.Password, ConsoleToken: token,
		JSON: map[string]any{"database": in.ClickHouse.Database, "consoleUrl": in.Console.URL},
	}
	if h := x.Health(t, source); h.Status != pluginv2.CheckHealthResponse_OK || !strings.Contains(h.Message, "states of sites are live") {
		t.Errorf("health: %s %s", h.Status, h.Message)
	}
	wrong := source
	wrong.ConsoleToken, wrong.Updated = "not the token", 1
	if h := x.Health(t, wrong); h.Status != pluginv2.CheckHealthResponse_ERROR || !strings.Contains(h.Message, "refuses the token") || strings.Contains(h.Message, wrong.ConsoleToken) {
		t.Errorf("health with a wrong token: %s %s", h.Status, h.Message)
	}
	source.Updated = 2
	channelsOf(t, x, source)

	ctx, stop := context.WithCancel(t.Context())
	frames := x.Run(ctx, t, source, "sites")
	in.alarm("1234")
	seen := awaitRow(t, frames, func(r map[string]any) bool { return r["account"] == "1234" && r["open_incidents"] == int64(1) })
	path := fmt.Sprintf("sites/%d", seen["site"])
	if status, first := x.Subscribe(t, source, path); status != pluginv2.SubscribeStreamResponse_OK || len(rowsIn(first)) != 1 || rowsIn(first)[0]["site"] != seen["site"] {
		t.Errorf("the channel of that site begins %s with %v", status, first)
	}
	if status, first := x.Subscribe(t, source, "sites"); status != pluginv2.SubscribeStreamResponse_OK || len(rowsIn(first)) != 1 {
		t.Errorf("a second viewer begins %s with %v", status, first)
	}
	only := x.Run(ctx, t, source, path)
	awaitRow(t, only, func(r map[string]any) bool { return r["site"] == seen["site"] })

	in.stop() // an ephemeral log is gone with it: the console cannot resume
	in.start()
	awaitRow(t, frames, func(r map[string]any) bool { return r["site"] == seen["site"] && r["removed"] == true })
	awaitRow(t, only, func(r map[string]any) bool { return r["site"] == seen["site"] && r["removed"] == true })
	in.alarm("5678")
	awaitRow(t, frames, func(r map[string]any) bool { return r["account"] == "5678" && r["open_incidents"] == int64(1) })
	stop()
	for range frames {
	} // the stream ends with its last viewer
	if x.Exited() {
		t.Error("the executable has ended")
	}
}

// channelsOf: what is none of its channels, or to be written, is refused.
func channelsOf(t *testing.T, x *plugintest.Executable, source plugintest.DataSource) {
	t.Helper()
	for _, path := range []string{"", "incidents", "sites/", "sites/0", "sites/x", "sites/9007199254740992", "sites/77"} {
		if status, _ := x.Subscribe(t, source, path); status != pluginv2.SubscribeStreamResponse_NOT_FOUND {
			t.Errorf("channel %q: %s", path, status)
		}
	}
	if status, first := x.Subscribe(t, source, "sites"); status != pluginv2.SubscribeStreamResponse_OK || len(first.Fields) == 0 {
		t.Errorf("channel sites: %s %v", status, first)
	}
	answer, err := x.Stream.PublishStream(t.Context(), &pluginv2.PublishStreamRequest{PluginContext: source.Context(t), Path: "sites", Data: []byte("{}")})
	if err != nil || answer.Status != pluginv2.PublishStreamResponse_PERMISSION_DENIED {
		t.Errorf("publishing is answered %v %v", answer, err)
	}
	frames, response := x.Ask(t, source, plugintest.Query{Target: []byte(`{"refId":"A","queryType":"sites","site":42}`), From: time.Now(), To: time.Now()})
	if response.Error != "" || len(frames) != 1 || frames[0].Meta.Channel != "ds/"+plugintest.UID+"/sites/42" {
		t.Errorf("a query for live states is answered %v %v", frames, response)
	}
}

// alarm sends a burglary of an account, as an installer would.
func (in *installationUnderTest) alarm(account string) {
	in.t.Helper()
	out, err := vigie(in.t.Context(), in.t, "panel", "send", "--to", in.DC09.UDP, "--account", account, "--code", "BA").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ACK") {
		in.t.Fatalf("vigie panel send: %v\n%s", err, out)
	}
}

func rowsIn(f *data.Frame) []map[string]any {
	var rows []map[string]any
	for i := range f.Rows() {
		row := map[string]any{}
		for _, field := range f.Fields {
			row[field.Name] = field.At(i)
		}
		rows = append(rows, row)
	}
	return rows
}

// awaitRow waits for a row of the stream.
func awaitRow(t *testing.T, frames <-chan *data.Frame, is func(map[string]any) bool) map[string]any {
	t.Helper()
	patience := time.After(framePatience)
	var last []map[string]any
	for {
		select {
		case f, open := <-frames:
			if !open {
				t.Fatalf("the stream ended; its last frame was %v", last)
			}
			last = rowsIn(f)
			for _, row := range last {
				if is(row) {
					return row
				}
			}
		case <-patience:
			t.Fatalf("no such row within %s; the last frame was %v", framePatience, last)
		}
	}
}
