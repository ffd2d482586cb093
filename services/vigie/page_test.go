package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// firstAlarmWithin is the promise of the README, counted from the end of the build.
const firstAlarmWithin = 60 * time.Second

// From nothing to the first alarm on the page, in a real browser.
func TestFirstAlarmIsOnThePageWithinAMinute(t *testing.T) {
	in := newInstallation(t)
	begin := time.Now()
	in.start()
	ctx := browse(t)
	see(t, ctx, "the page is live", chromedp.Navigate(in.Console.Login), chromedp.WaitVisible(`[data-testid="live-state"]`))
	out, err := vigie(t.Context(), t, "panel", "send", "--data", in.data, "--account", "1234", "--code", "BA").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ACK") {
		t.Fatalf("vigie panel send: %v\n%s", err, out)
	}
	see(t, ctx, "the alarm is on the page", chromedp.WaitVisible(`[data-testid="incident-row"]`), chromedp.WaitVisible(`[data-testid="site-row"]`))
	took := time.Since(begin)
	t.Logf("first alarm on the page %.1f s after the end of the build", took.Seconds())
	if took > firstAlarmWithin {
		t.Errorf("the first alarm was on the page after %s, the README promises %s", took, firstAlarmWithin)
	}
	see(t, ctx, "the page shows the frame of the site", chromedp.Click(`[data-testid="site-sent"]`), chromedp.WaitVisible(`[data-testid="transmission"]`))
	shown, err := chromedp.Run(ctx, chromedp.Text(`[data-testid="transmission"]`))
	if err != nil || !strings.Contains(shown, "#1234|NBA") || !strings.Contains(shown, "udp") {
		t.Errorf("%v: the page shows %q", err, shown)
	}
}

// The demonstration shows every kind of detection of the spine within a minute
// or so, live, without a reload; the page says so when it is not live.
func TestDemonstrationShowsEveryDetection(t *testing.T) {
	in := newInstallation(t, "--demo", "--sites", "60")
	in.start()
	ctx := browse(t)
	see(t, ctx, "the page is live", chromedp.Navigate(in.Console.Login), chromedp.WaitVisible(`[data-testid="live-state"]`))
	kinds := []string{"path-late", "path-lost", "communication-lost", "alarm-storm", "closed-around-the-clock", "unknown-account"}
	see(t, ctx, "a detection is on the page", chromedp.WaitVisible(`[data-testid="detection-row"]`))
	seen := map[string]bool{}
	all := eventually(startPatience, func() bool {
		for _, kind := range in.detectionKinds() {
			seen[kind] = true
		}
		for _, kind := range kinds {
			if !seen[kind] {
				return false
			}
		}
		return true
	})
	if !all {
		t.Errorf("after two minutes the demonstration has shown %v of %v", seen, kinds)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		shoot(t, ctx, filepath.Join(dir, "console.png"))
	}
	in.kill()
	see(t, ctx, "the page says that it is not live", chromedp.WaitVisible(`[data-testid="not-live"]`))
}

// browse starts a Chromium of the test's own.
func browse(t *testing.T) context.Context {
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
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.WindowSize(1600, 1000), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(allocator)
	t.Cleanup(stopTab)
	// The browser lives as long as the context of its first step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

func see(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	step, done := context.WithTimeout(ctx, 90*time.Second)
	defer done()
	if err := chromedp.Do(step, actions...); err != nil {
		page, _ := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		path := filepath.Join(os.TempDir(), "vigie-page.png")
		_ = os.WriteFile(path, page, 0o600)
		t.Fatalf("waiting until %s: %v; the page is in %s", what, err, path)
	}
}

func shoot(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	page, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
}
