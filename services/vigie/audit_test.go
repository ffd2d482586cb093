package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/baseline"
	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/report"
)

// quickAudit signs and keeps states far more often than in life.
var quickAudit = []string{"VIGIE_PROCESSOR_CHECKPOINT_SECONDS=1", "VIGIE_PROCESSOR_SNAPSHOT_SECONDS=2"}

// tool runs a command of vigie on the installation; it returns what it printed, and
// whether it succeeded.
func (in *installationUnderTest) tool(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	out, err := vigie(t.Context(), t, append(args, "--data", in.data)...).CombinedOutput()
	return string(out), err == nil
}

func (in *installationUnderTest) wantTool(t *testing.T, want string, args ...string) string {
	t.Helper()
	out, ok := in.tool(t, args...)
	if !ok || !strings.Contains(out, want) {
		t.Errorf("vigie %s should say %q:\n%s", strings.Join(args, " "), want, out)
	}
	return out
}

// wantAudit: the log of a running centre is proven, folds again into what was said,
// and tells why, down to what the panel sent.
func (in *installationUnderTest) wantAudit(t *testing.T, site uint64) {
	t.Helper()
	in.awaitProcessed()
	if !eventually(startPatience, func() bool { return len(in.topic(topics.Checkpoints)) == localPartitions }) {
		t.Fatalf("not every partition has a checkpoint\n%s", in.out)
	}
	in.wantReplay(t)
	in.wantExplained(t, site)
	in.wantBaseline(t)
	in.wantProven(t)
	in.wantReport(t, site)
}

// wantReport: a report of these days is written, is proven, and is not when a byte of
// it is another; one of a site tells its incidents.
func (in *installationUnderTest) wantReport(t *testing.T, site uint64) {
	t.Helper()
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	file := filepath.Join(t.TempDir(), "report.html")
	in.wantTool(t, "signed digest", "report", "sla", "--from", day(-1), "--to", day(2), "--lang", "fr", "--out", file)
	in.wantTool(t, "is the report that was signed", "verify", "report", file)
	page, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(page), "<svg") || !strings.Contains(string(page), "Provisoire") {
		t.Errorf("the report tells nothing of the alarms, or is not provisional before its end (%v)", err)
	}
	if err := os.WriteFile(file, append(page, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	of := []string{"report", "sla", "--from", day(-1), "--to", day(2), "--format", "csv", "--table", "incidents", "--site"}
	in.wantTool(t, fmt.Sprintf(",%d,intrusion", site), append(of, ids.Site(site))...)
	if out, ok := in.tool(t, append(of, "77")...); ok || !strings.Contains(out, report.ErrNoSite.Error()) || !strings.Contains(out, "site 77: ") {
		t.Errorf("a site that is none:\n%s", out)
	}
	if out, ok := in.tool(t, "verify", "report", file); ok || !strings.Contains(out, report.ErrChanged.Error()) {
		t.Errorf("a changed report was not found:\n%s", out)
	}
}

const proven = "the log is the one that was signed"

func (in *installationUnderTest) wantProven(t *testing.T) {
	t.Helper()
	in.wantTool(t, proven, "verify", "chain")
	key := strings.TrimSpace(in.wantTool(t, "vigie-checkpoints+", "verify", "key"))
	trusted := filepath.Join(t.TempDir(), "witness.pub")
	digest := trusted + ".digest"
	for path, text := range map[string]string{trusted: key, digest: in.wantTool(t, "fingerprint", "verify", "chain", "--digest", "today")} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in.wantTool(t, proven, "verify", "chain", "--key", trusted, "--against", digest, "--partition", "0")

	cl, err := kgo.NewClient(in.kafkaConfig().IngestOpts(discard())...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	other, err := chain.Signer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := chain.Checkpoint{Partition: 0, Offset: 1, Ordinal: 1}.Sign(other)
	if err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: in.kafkaConfig().Topic(topics.Checkpoints), Partition: 0, Value: forged}
	if err := cl.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if out, ok := in.tool(t, "verify", "chain", "--partition", "0"); ok || !strings.Contains(out, chain.ErrUnknownKey.Error()) {
		t.Errorf("a forged checkpoint was not found:\n%s", out)
	}
}

func (in *installationUnderTest) wantReplay(t *testing.T) {
	t.Helper()
	in.wantTool(t, "it is what was said then", "replay", "--diff")
	policy := in.wantTool(t, `"storm"`, "replay", "--print-policy")
	tried := filepath.Join(t.TempDir(), "policy.json")
	nervous := regexp.MustCompile(`"alarms": +\d+`).ReplaceAllString(policy, `"alarms": 2`)
	if err := os.WriteFile(tried, []byte(nervous), 0o600); err != nil {
		t.Fatal(err)
	}
	out := in.wantTool(t, "alarm storm", "replay", "--policy", tried, "--diff")
	if strings.Contains(out, "it is what was said then") {
		t.Errorf("another policy makes a difference:\n%s", out)
	}
}

// wantExplained: an incident of the site is explained down to a frame, in both
// languages, beside the receiver that holds the keys.
func (in *installationUnderTest) wantExplained(t *testing.T, site uint64) {
	t.Helper()
	incident := ""
	for _, records := range in.topic(topics.Incidents) {
		for _, r := range records {
			if of, err := ids.IncidentSite(string(r.Key)); err == nil && of == site {
				incident = string(r.Key)
			}
		}
	}
	if incident == "" {
		t.Fatalf("no incident at %s", ids.Site(site))
	}
	in.wantTool(t, "account   2101", "explain", incident, "--lang", "en")
	in.wantTool(t, "compte     2101", "explain", ids.Site(site), "--lang", "fr")
	var answer struct {
		Incidents, Events []struct {
			Offset int64
			Frame  string
		}
		Detections []struct {
			Record struct{ ID []byte }
		}
	}
	out, ok := in.tool(t, "explain", incident, "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil || !ok {
		t.Fatalf("explain --json: %v\n%s", err, out)
	}
	if len(answer.Incidents) == 0 || len(answer.Events) == 0 || !strings.Contains(answer.Events[0].Frame, "#2101") {
		t.Errorf("explain --json has no incident, or no event with its frame:\n%s", out)
	}
	for _, d := range answer.Detections {
		in.wantTool(t, ids.Show(d.Record.ID), "explain", ids.Show(d.Record.ID))
	}
}

// wantLoaded: a baseline is not loaded over a log; another log begins with it, and its
// chain goes on from there.
func (in *installationUnderTest) wantLoaded(t *testing.T, dir string) {
	t.Helper()
	if out, ok := in.tool(t, "baseline", "load", dir); ok || !strings.Contains(out, baseline.ErrNotEmpty.Error()) {
		t.Errorf("a baseline was loaded over a log:\n%s", out)
	}
	in.wantTool(t, "the log begins with it", "baseline", "load", dir, "--topic-prefix", "moved.", "--replication", "1")
	in.wantTool(t, "goes on from the baseline", "verify", "chain", "--topic-prefix", "moved.")
}

// wantBaseline: the states are exported and proven; a copy that was touched is not.
func (in *installationUnderTest) wantBaseline(t *testing.T) {
	t.Helper()
	var dir, said string
	if !eventually(startPatience, func() bool {
		dir = filepath.Join(t.TempDir(), "baseline")
		out, ok := in.tool(t, "baseline", "export", dir)
		said = out
		return ok
	}) {
		t.Fatalf("no baseline can be exported:\n%s", said)
	}
	in.wantTool(t, "whole, and signed", "baseline", "verify", dir)
	in.wantLoaded(t, dir)
	in.wantTool(t, "\n0 records are dispensable", "baseline", "allows", dir)
	if out := in.wantTool(t, "records are dispensable", "baseline", "allows", dir, "--keep", "0s"); strings.Contains(out, "\n0 records") {
		t.Errorf("what is older than now and before the baseline is dispensable:\n%s", out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "0", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the baseline of partition 0: %v (%v)", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := in.tool(t, "baseline", "verify", dir); ok {
		t.Errorf("a baseline that was touched is believed:\n%s", out)
	}
}
