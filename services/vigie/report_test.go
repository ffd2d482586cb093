package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/services/report"
)

// What cannot be asked of a report is refused before anything is asked of the warehouse,
// with what was wrong.
func TestReportOfWhomIsRefused(t *testing.T) {
	many := make([]string, report.Few+1)
	for i := range many {
		many[i] = strconv.Itoa(i + 1)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--group", "chain-07", "--site", "7"}, "--group and --site exclude each other"},
		{[]string{"--site", "seven"}, `"seven"`},
		{[]string{"--site", "7,,8"}, `""`},
		{[]string{"--site", "-7"}, `"-7"`},
		{[]string{"--site", "7", "--site", "0"}, "--site 0 is none"},
		{[]string{"--site", ""}, "--site names nobody"},
		{[]string{"--group", ""}, "--group names nobody"},
		{[]string{"--site", strings.Join(many, ",")}, "at most 200, 201 are named"},
		{[]string{"--table", "people"}, "answers, outcomes, days, detections, sites, incidents, lost_communications, closures is expected"},
	} {
		root := newRoot()
		var said bytes.Buffer
		root.SetOut(&said)
		root.SetErr(&said)
		root.SetArgs(append([]string{"report", "sla", "--data", t.TempDir(), "--month", "2026-10"}, c.args...))
		err := root.ExecuteContext(t.Context())
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, which is no error of usage that says %q", c.args, err, c.says)
		}
	}
}

// Numbers of sites are taken as people write them: in a list, repeated, with S- or not.
func TestReportOfSitesByNumber(t *testing.T) {
	for _, args := range [][]string{{"--site", "7,S-200123"}, {"--site=7", "--site=S-200123"}, {"--site", "7, 200123"}} {
		q := &slaQuestion{month: "2026-10", zone: "Europe/Paris"}
		cmd := reportSLACommand()
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		q.sites, _ = cmd.Flags().GetStringSlice("site")
		o, err := q.options()
		if err != nil || len(o.Sites) != 2 || o.Sites[0] != 7 || o.Sites[1] != 200_123 {
			t.Errorf("%v: sites %v (%v)", args, o.Sites, err)
		}
	}
}
