package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// showStatus prints the status as a person reads it.
func showStatus(out io.Writer, c clusterStatus) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "partition\tstate\towner\toffset\tend\tbehind\ttime is\tsupervised for\tsites\trules\tpolicy\tsnapshot")
	for _, p := range c.Partitions {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\tv%d\tv%d\t%s\n", p.Partition, p.State, orDash(p.Owner), p.Offset, p.End,
			p.behind(), p.time(), p.supervised(), p.Sites, p.FoldVersion, p.PolicyVersion, p.Snapshot)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if f := c.Fleet; f != nil {
		fmt.Fprintf(out, "fleet: %s, owner %s, offset %d of %d, behind %s, time is %s, %d detections open, snapshot %s\n",
			f.State, orDash(f.Owner), f.Offset, f.End, f.behind(), f.time(), f.OpenDetections, f.Snapshot)
	}
	for _, r := range c.Roles {
		fmt.Fprintf(out, "%s %s on %s has %d partitions\n", r.Role, orDash(r.Instance), orDash(strings.TrimPrefix(r.Host, "/")), r.Partitions)
	}
	for _, p := range c.Partitions {
		showStop(out, p.Stopped)
	}
	if c.Fleet != nil {
		showStop(out, c.Fleet.Stopped)
	}
	return nil
}

func showStop(out io.Writer, s *stoppedStatus) {
	if s != nil {
		fmt.Fprintf(out, "since %s: %s\n", instant(time.UnixMilli(s.SinceMS).UTC()), s.Detail)
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// span is a duration in one or two units.
func span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f d", d.Hours()/24)
}

func (p partitionStatus) behind() string {
	if p.LagRecords == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", p.LagRecords, span(p.LagMS))
}

func (p partitionStatus) time() string {
	if p.WatermarkMS == 0 {
		return "–"
	}
	return span(p.WatermarkAgeMS) + " old"
}

func (p partitionStatus) supervised() string {
	said := make([]string, 0, len(p.SupervisionMS))
	for _, group := range slices.Sorted(maps.Keys(p.SupervisionMS)) {
		one := group + " " + span(p.SupervisionMS[group])
		if slices.Contains(p.Degraded, group) {
			one += " (degraded)"
		}
		said = append(said, one)
	}
	return orDash(strings.Join(said, ", "))
}

func (s *snapshotStatus) String() string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%d, %s old, %d kB", s.Offset, span(s.AgeMS), (s.Bytes+999)/1000)
}
