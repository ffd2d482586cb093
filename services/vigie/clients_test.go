package main

import (
	"encoding/hex"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// A third party's dialler sends; third parties' clients find what it sent in
// Kafka and in ClickHouse, in order, and what the processor made of it.
func TestThirdPartiesFromPanelToQuery(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.env = quickAudit
	in.start()
	for transport, account := range map[string]string{"TCP": "2101", "UDP": "2102"} {
		t.Run(transport, func(t *testing.T) {
			address := map[string]string{"TCP": in.DC09.TCP, "UDP": in.DC09.UDP}[transport]
			sent := strings.Fields(run(t, python(t), "testdata/dialler.py", address, transport, account))
			site := ids.UndeclaredSite(0, account)
			in.wantEventsInOrder(t, site, sent)
			in.wantDerivedState(t, site)
			in.wantRows(t, site, sent)
		})
	}
	in.wantPolls(t)
	in.wantAudit(t, ids.UndeclaredSite(0, "2101"))
	if said := in.stop(); !strings.Contains(said, "Kept in") {
		t.Errorf("vigie up does not say what was kept:\n%s", said)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, failed.Stderr)
		}
		t.Fatalf("%s: %v; run `make setup`", name, err)
	}
	return string(out)
}

func codeOf(e *vigiev1.Event) string {
	m := e.ProtoReflect()
	body := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if body == nil {
		return ""
	}
	b := m.Get(body).Message()
	field := b.Descriptor().Fields().ByName("signal")
	if field == nil {
		return ""
	}
	return b.Get(field).Message().Interface().(*vigiev1.Signal).GetCode()
}

// kcat reads vigie.events by the site's key.
func (in *installationUnderTest) wantEventsInOrder(t *testing.T, site uint64, sent []string) {
	t.Helper()
	var codes []string
	out := run(t, "kcat", "-b", in.Kafka, "-C", "-e", "-q", "-t", topics.DefaultPrefix+topics.Events,
		"-p", strconv.Itoa(int(topics.PartitionOf(site, localPartitions))), "-f", "%k %S %s\\n")
	for rest := out; rest != ""; {
		key, after, _ := strings.Cut(rest, " ")
		size, value, _ := strings.Cut(after, " ")
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatalf("kcat printed %q", rest[:min(40, len(rest))])
		}
		n = max(n, 0)
		record := &vigiev1.LogRecord{}
		if err := proto.Unmarshal([]byte(value[:n]), record); err != nil {
			t.Fatal(err)
		}
		if key == strconv.FormatUint(site, 10) && record.GetEvent() != nil {
			codes = append(codes, codeOf(record.GetEvent()))
		}
		rest = strings.TrimPrefix(value[n:], "\n")
	}
	if !slices.Equal(normal(codes), normal(sent)) {
		t.Errorf("vigie.events has %v, the dialler sent %v", codes, sent)
	}
}

// normal drops Contact ID's qualifier: "1130" and "3130" are both code 130.
func normal(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = c
		if len(c) == 4 {
			out[i] = c[1:]
		}
	}
	return out
}

// confluent-kafka reads vigie.site-states: the site ends disarmed, no zone open,
// and was armed on the way.
func (in *installationUnderTest) wantDerivedState(t *testing.T, site uint64) {
	t.Helper()
	var modes []vigiev1.AreaMode
	var last *vigiev1.SiteState
	settled := eventually(30*time.Second, func() bool {
		modes, last = nil, nil
		out := run(t, python(t), "testdata/consume.py", in.Kafka, topics.DefaultPrefix+topics.SiteStates, strconv.FormatUint(site, 10))
		for _, line := range strings.Fields(out) {
			b, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			last = &vigiev1.SiteState{}
			if err := proto.Unmarshal(b, last); err != nil {
				t.Fatal(err)
			}
			for _, a := range last.Areas {
				modes = append(modes, a.Mode)
			}
		}
		return last != nil && len(last.OpenZones) == 0 && slices.Contains(modes, vigiev1.AreaMode_AREA_MODE_ARMED_FULL) &&
			modes[len(modes)-1] == vigiev1.AreaMode_AREA_MODE_DISARMED
	})
	if !settled {
		t.Errorf("site %d went through %v and ended as %v", site, modes, last)
	}
}

// clickhouse-connect reads the rows.
func (in *installationUnderTest) wantRows(t *testing.T, site uint64, sent []string) {
	t.Helper()
	var codes []string
	arrived := eventually(startPatience, func() bool {
		codes = nil
		out := run(t, python(t), "testdata/query.py", in.ClickHouse.URL, in.ClickHouse.User, in.ClickHouse.Password, in.ClickHouse.Database, strconv.FormatUint(site, 10))
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if _, code, ok := strings.Cut(line, " "); ok {
				codes = append(codes, code)
			}
		}
		return len(codes) >= len(sent)
	})
	if !arrived || !slices.Equal(normal(codes), normal(sent)) {
		t.Errorf("ClickHouse has %v, the dialler sent %v", codes, sent)
	}
}

// The polls that were acknowledged stand in the log, inside beats.
func (in *installationUnderTest) wantPolls(t *testing.T) {
	t.Helper()
	polls := map[uint64]int{}
	for _, records := range in.topic(topics.Events) {
		for _, r := range records {
			record := &vigiev1.LogRecord{}
			if err := proto.Unmarshal(r.Value, record); err != nil {
				t.Fatal(err)
			}
			for _, site := range record.GetBeat().GetSite() {
				polls[site]++
			}
		}
	}
	for _, account := range []string{"2101", "2102"} {
		if n := polls[ids.UndeclaredSite(0, account)]; n < 2 {
			t.Errorf("account %s polled at least twice and was acknowledged, the log has %d", account, n)
		}
	}
}

// detectionKinds lists what was detected so far, by the kinds' names.
func (in *installationUnderTest) detectionKinds() []string {
	in.t.Helper()
	var kinds []string
	for _, records := range in.topic(topics.Detections) {
		for _, r := range records {
			detection := &vigiev1.Detection{}
			if err := proto.Unmarshal(r.Value, detection); err != nil {
				in.t.Fatal(err)
			}
			name := strings.TrimPrefix(detection.Kind.String(), "DETECTION_KIND_")
			kinds = append(kinds, strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		}
	}
	return kinds
}
