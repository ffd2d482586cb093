// Package plugintest runs the data source's executable in tests as Grafana does:
// it builds it, starts it with the handshake of Grafana, and speaks to it over
// gRPC. It stands for Grafana's server, which tests cannot have.
package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// ID is the plugin's, as in the dashboards.
const ID = "openvigie-vigie-datasource"

// UID is that of the data source in every request.
const UID = "vigie"

// answerPatience bounds a call: the plugin's own bounds are shorter.
const answerPatience = 2 * time.Minute

// Executable is a running gpx_vigie with one data source.
type Executable struct {
	Data        pluginv2.DataClient
	Diagnostics pluginv2.DiagnosticsClient
	Resource    pluginv2.ResourceClient
	Stream      pluginv2.StreamClient
	client      *plugin.Client
}

var built struct {
	once sync.Once
	path string
	err  error
}

// build makes the executable once for all tests of a binary, as `make plugin` does.
func build() (string, error) {
	built.once.Do(func() {
		_, here, _, _ := runtime.Caller(0)
		var dir string
		if dir, built.err = os.MkdirTemp("", "gpx-vigie-"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "gpx_vigie_"+runtime.GOOS+"_"+runtime.GOARCH)
		cmd := exec.Command("go", "build", "-trimpath", "-o", built.path, "./pkg")
		cmd.Dir = filepath.Join(filepath.Dir(here), "..")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build gpx_vigie: %w\n%s", err, out)
		}
	})
	return built.path, built.err
}

// Clean removes what was built; for the end of a TestMain.
func Clean() {
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
}

// Start runs the executable until the test ends.
func Start(t testing.TB) *Executable {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:              exec.Command(path),
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource": &grpcplugin.ResourceGRPCPlugin{}, "stream": &grpcplugin.StreamGRPCPlugin{},
		}},
		Logger: hclog.NewNullLogger(),
	})
	t.Cleanup(client.Kill)
	rpc, err := client.Client()
	if err != nil {
		t.Fatalf("start gpx_vigie: %v", err)
	}
	x := &Executable{client: client}
	x.Data = dispense[pluginv2.DataClient](t, rpc, "data")
	x.Diagnostics = dispense[pluginv2.DiagnosticsClient](t, rpc, "diagnostics")
	x.Resource = dispense[pluginv2.ResourceClient](t, rpc, "resource")
	x.Stream = dispense[pluginv2.StreamClient](t, rpc, "stream")
	return x
}

func dispense[C any](t testing.TB, rpc plugin.ClientProtocol, name string) C {
	t.Helper()
	raw, err := rpc.Dispense(name)
	if err != nil {
		t.Fatalf("gpx_vigie offers no %s: %v", name, err)
	}
	c, ok := raw.(C)
	if !ok {
		t.Fatalf("gpx_vigie's %s is a %T", name, raw)
	}
	return c
}

// Exited says whether the executable has ended.
func (x *Executable) Exited() bool { return x.client.Exited() }

// DataSource is what somebody would enter in Grafana.
type DataSource struct {
	URL, User, Password string
	// JSON holds database, consoleUrl, timeoutSeconds.
	JSON         map[string]any
	ConsoleToken string
	// Updated counts the changes of the settings.
	Updated int
}

// Context is the plugin's context of a request about that data source.
func (d DataSource) Context(t testing.TB) *pluginv2.PluginContext {
	t.Helper()
	more, err := json.Marshal(d.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if d.JSON == nil {
		more = []byte("{}")
	}
	return &pluginv2.PluginContext{
		OrgId: 1, PluginId: ID, PluginVersion: "0.1.0",
		User: &pluginv2.User{Login: "manager", Name: "manager", Role: "Viewer"},
		DataSourceInstanceSettings: &pluginv2.DataSourceInstanceSettings{
			Id: 1, Uid: UID, Name: "Vigie", Url: d.URL, User: d.User, JsonData: more,
			DecryptedSecureJsonData: map[string]string{"password": d.Password, "consoleToken": d.ConsoleToken},
			LastUpdatedMS:           int64(d.Updated),
		},
	}
}

// Query is a question of a panel.
type Query struct {
	// Target is the query as the dashboard's JSON has it.
	Target json.RawMessage
	// MaxDataPoints is that of the panel: 0 is a panel that does not say.
	MaxDataPoints int64
	Interval      time.Duration
	From, To      time.Time
}

// Ask sends one query and gives its frames, or the error of its answer.
func (x *Executable) Ask(t testing.TB, d DataSource, q Query) (data.Frames, *pluginv2.DataResponse) {
	t.Helper()
	var head struct{ RefID, QueryType string }
	if err := json.Unmarshal(q.Target, &head); err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), answerPatience)
	defer done()
	resp, err := x.Data.QueryData(ctx, &pluginv2.QueryDataRequest{
		PluginContext: d.Context(t),
		Queries: []*pluginv2.DataQuery{{
			RefId: head.RefID, QueryType: head.QueryType, Json: q.Target, MaxDataPoints: q.MaxDataPoints, IntervalMS: q.Interval.Milliseconds(),
			TimeRange: &pluginv2.TimeRange{FromEpochMS: q.From.UnixMilli(), ToEpochMS: q.To.UnixMilli()},
		}},
	})
	if err != nil {
		t.Fatalf("QueryData: %v", err)
	}
	answer := resp.Responses[head.RefID]
	if answer == nil {
		t.Fatalf("QueryData answers %v, nothing to %q", resp.Responses, head.RefID)
	}
	frames, err := data.UnmarshalArrowFrames(answer.Frames)
	if err != nil {
		t.Fatalf("QueryData: frames: %v", err)
	}
	return frames, answer
}

// Health is what "Save & test" shows.
func (x *Executable) Health(t testing.TB, d DataSource) *pluginv2.CheckHealthResponse {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), answerPatience)
	defer done()
	resp, err := x.Diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: d.Context(t)})
	if err != nil {
		t.Fatalf("CheckHealth: %v", err)
	}
	return resp
}

// Get asks for a resource as the query editor does.
func (x *Executable) Get(t testing.TB, d DataSource, path string) (status int32, body []byte) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), answerPatience)
	defer done()
	answers, err := x.Resource.CallResource(ctx, &pluginv2.CallResourceRequest{PluginContext: d.Context(t), Path: path, Url: path, Method: http.MethodGet})
	if err != nil {
		t.Fatalf("CallResource %s: %v", path, err)
	}
	answer, err := answers.Recv()
	if err != nil {
		t.Fatalf("CallResource %s: %v", path, err)
	}
	return answer.Code, answer.Body
}

// Subscribe asks to look at a channel; the frame is what the plugin gives at once.
func (x *Executable) Subscribe(t testing.TB, d DataSource, path string) (pluginv2.SubscribeStreamResponse_Status, *data.Frame) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), answerPatience)
	defer done()
	resp, err := x.Stream.SubscribeStream(ctx, &pluginv2.SubscribeStreamRequest{PluginContext: d.Context(t), Path: path})
	if err != nil {
		t.Fatalf("SubscribeStream %s: %v", path, err)
	}
	if len(resp.Data) == 0 {
		return resp.Status, nil
	}
	return resp.Status, frameOf(t, resp.Data)
}

// Run follows a channel until ctx ends; the frames come on what it gives, which
// is closed at the end of the stream.
func (x *Executable) Run(ctx context.Context, t testing.TB, d DataSource, path string) <-chan *data.Frame {
	t.Helper()
	packets, err := x.Stream.RunStream(ctx, &pluginv2.RunStreamRequest{PluginContext: d.Context(t), Path: path})
	if err != nil {
		t.Fatalf("RunStream %s: %v", path, err)
	}
	frames := make(chan *data.Frame)
	go func() {
		defer close(frames)
		for {
			p, err := packets.Recv()
			if err != nil {
				return
			}
			select {
			case frames <- frameOf(t, p.Data):
			case <-ctx.Done():
				return
			}
		}
	}()
	return frames
}

func frameOf(t testing.TB, raw []byte) *data.Frame {
	t.Helper()
	frame := &data.Frame{}
	if err := json.Unmarshal(raw, frame); err != nil {
		t.Errorf("a frame of the stream cannot be read: %v\n%s", err, raw)
	}
	return frame
}

// Source is the origin of an answer's error: "downstream" or "plugin".
func Source(r *pluginv2.DataResponse) backend.ErrorSource { return backend.ErrorSource(r.ErrorSource) }
