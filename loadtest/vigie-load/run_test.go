package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/open-vigie/vigie/loadtest/report"
)

// The programs under test, built once as `make build` builds them.
var vigie, vigieLoad string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vigie-load-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	vigie, vigieLoad = filepath.Join(dir, "vigie"), filepath.Join(dir, "vigie-load")
	for path, from := range map[string]string{vigie: "../../services/vigie", vigieLoad: "."} {
		build := exec.Command("go", "build", "-o", path, from)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", from, err, out)
			os.Exit(1)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// runPatience is what a short run may take on a machine that runs all tests at once.
const runPatience = 5 * time.Minute

// load runs vigie-load against an installation of its own. The bound of lateness
// is wide: a machine that runs all tests at once is no place to judge latency.
func load(t *testing.T, args ...string) (r *report.Report, page, stdout string, exit int) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), runPatience)
	defer done()
	out := t.TempDir()
	cmd := exec.CommandContext(ctx, vigieLoad, append([]string{"run"}, append(args, "--start", vigie, "--scratch", t.TempDir(), "--out", out, "--late-bound", "2s")...)...)
	cmd.Dir = "../.." // so that Kafka's jars and the engine are found
	var said, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &failed
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("no report was written: %v\n%s%s", err, &said, &failed)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	r = &report.Report{}
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", &said)
	return r, strings.TrimSuffix(files[0], "json") + "html", said.String(), cmd.ProcessState.ExitCode()
}

// A small real load against a real installation is green, and its page says so
// at the top.
func TestLockdownOnARealInstallation(t *testing.T) {
	t.Parallel()
	r, page, said, exit := load(t, "lockdown", "--sites", "60", "--rate", "60", "--duration", "12s", "--seed", "5")
	if exit != 0 || !r.Valid {
		t.Fatalf("exit %d: %v %+v", exit, r.Lines("en"), r.Oracle)
	}
	o, m := r.Oracle, r.Messages
	switch {
	case m.Offered < 500 || m.Acknowledged != m.Offered:
		t.Errorf("%+v", m)
	case o.Acknowledged < 400 || o.Polls < 100 || o.Outputs < 300 || o.Records < o.Acknowledged:
		t.Errorf("the oracle looked at too little: %+v", o)
	case r.EndToEnd.Count == 0 || r.Lag.ProcessorBehind.Count == 0 || r.Lag.ProcessorRecordsMax < 0 || r.Lag.ArchiverRecordsMax < 0:
		t.Errorf("not measured: %+v %+v", r.EndToEnd, r.Lag)
	case len(r.Processes) != 3 || len(r.Samples) < 10 || len(r.NotMeasured) != 0:
		t.Errorf("%+v, %d samples, %v", r.Processes, len(r.Samples), r.NotMeasured)
	case r.Rules[0].Injected != 1 || r.Rules[0].Detected != 1:
		t.Errorf("one storm was injected: %+v", r.Rules)
	case !strings.HasPrefix(said, "This installation took "):
		t.Errorf("vigie-load says %q", said)
	}
	if at := seeAnswer(t, page); !strings.HasPrefix(at.Text, "This installation took ") || at.Top > 200 {
		t.Errorf("the answer on the page: %+v", at)
	}
}

func TestNormalDayNeedsNoJava(t *testing.T) {
	t.Parallel()
	r, _, _, exit := load(t, "normal-day", "--sites", "150", "--rate", "60", "--duration", "8s", "--up=--ephemeral")
	if exit != 0 || !r.Valid || r.Rules[0].Detected+r.Rules[1].Detected+r.Rules[2].Detected != 0 || r.Scenario.Pace < 10 {
		t.Errorf("exit %d: %v %+v", exit, r.Lines("en"), r.Rules)
	}
}

// A run that is broken on purpose is INVALID, in the first line of page and output.
func TestBrokenRunsAreInvalid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ flag, want string }{
		"the reader drops events":          {"--drop-every=50", "acknowledged messages are not in the log"},
		"an ACK is counted and not earned": {"--phantom-every=50", "acknowledged messages are not in the log"},
	} {
		t.Run(name, func(t *testing.T) {
			r, page, said, exit := load(t, "lockdown", "--sites", "40", "--rate", "60", "--duration", "8s", "--up=--ephemeral", c.flag)
			if exit != 1 || r.Valid || r.Oracle.Lost == 0 || !strings.HasPrefix(said, "INVALID\n") || !strings.Contains(said, c.want) {
				t.Errorf("exit %d, %d lost: %s", exit, r.Oracle.Lost, said)
			}
			if at := seeAnswer(t, page); at.Text != "INVALID" || at.Top > 200 {
				t.Errorf("the page begins with %+v", at)
			}
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"name one scenario":               {"run"},
		"no scenario":                     {"run", "holiday"},
		"exclude each other":              {"run", "lockdown", "--data", "x", "--start", "y"},
		"no vigie runs on":                {"run", "lockdown", "--data", "/nowhere"},
		"--lang":                          {"run", "lockdown", "--lang", "de"},
		"--dc09 says where":               {"run", "lockdown", "--brokers", "a:1"},
		"does nothing by itself":          {},
		"unknown command":                 {"walk"},
		"the console is not known: give ": {"run", "lockdown", "--brokers", "a:1", "--dc09", "a:2"},
	} {
		out, err := exec.Command(vigieLoad, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// answer is what stands at the top of the page, and how far down, in pixels; very
// far when it cannot be seen.
type answer struct {
	Text string  `json:"text"`
	Top  float64 `json:"top"`
}

// seeAnswer opens a report in Chromium.
func seeAnswer(t *testing.T, page string) answer {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "google-chrome", "chromium-browser"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Fatal("Chromium is not installed: run `make setup`, or name it in CHROMIUM")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("no-first-run", true), chromedp.WindowSize(1300, 900), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, stopTab := chromedp.NewContext(allocator)
	defer stopTab()
	// The browser lives as long as the context of its first step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+page)); err != nil {
		t.Fatalf("open %s: %v", page, err)
	}
	a, err := chromedp.Run(ctx, chromedp.Evaluate[answer](`(() => { const e = document.getElementById("answer"); return {text: e.innerText, top: e.checkVisibility() ? e.getBoundingClientRect().top : 1e6} })()`))
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "load-report.png"), shot, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return a
}
