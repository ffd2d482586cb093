package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a report begins at midnight of its zone, on machines without zones too

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/chain"
	"github.com/open-vigie/vigie/services/report"
	"github.com/open-vigie/vigie/services/warehouse"
)

// slaQuestion is the command line of `vigie report sla`.
type slaQuestion struct {
	month, from, to, zone string
	group, format, lang   string
	table                 string
	sites                 []string
	out                   string
}

func reportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Write what a customer or an auditor is handed"}
	cmd.AddCommand(reportSLACommand())
	return cmd
}

func reportSLACommand() *cobra.Command {
	q := &slaQuestion{}
	cmd := &cobra.Command{
		Use:   "sla",
		Short: "The service of a period: answer times, outcomes, availability, alarms, detections",
		Long: `Writes the service of a centre in a month or any other period, out of the
warehouse: answer times against their figures, what incidents turned out to be, how
long sites could not be heard, sites closed around the clock, alarms of each day,
detections. --group is about one chain's, installer's or region's sites, those that
belong to it at the end of the period; --site about the sites of these numbers, one
customer's. Of up to 200 sites it names each and lists, 200 lines each, the incidents
with their answer and outcome, the lost communications and the closures.

With --out a digest is signed with the key of --data and written beside the report,
as FILE.sig: vigie verify report proves that nobody changed it. A period that the
warehouse has not come to the end of gives a report marked provisional.`,
		Example: `  vigie report sla --month 2026-10 --out october.html
  vigie report sla --month 2026-10 --group chain-07 --lang fr --out chain-07.html
  vigie report sla --month 2026-10 --site 200123,200124 --out customer.pdf
  vigie report sla --from 2026-11-16 --to 2026-11-23 --format csv
  vigie verify report october.html`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"group", "site"} {
				if text := cmd.Flag(flag).Value.String(); cmd.Flag(flag).Changed && (text == "" || text == "[]") {
					return usageError{fmt.Errorf("--%s names nobody: without it the report is of the whole centre", flag)}
				}
			}
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.reportSLA(cmd, q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.month, "month", "", "month of the report, 2026-10")
	f.StringVar(&q.from, "from", "", "first day instead, 2026-11-16")
	f.StringVar(&q.to, "to", "", "day after the last")
	f.StringVar(&q.zone, "time-zone", "Europe/Paris", "where the period's days begin")
	f.StringVar(&q.group, "group", "", "sites of this group only (default: the whole centre)")
	f.StringSliceVar(&q.sites, "site", nil, fmt.Sprintf("sites of these numbers only, 7 or S-7, a list or repeated, at most %d", report.Few))
	f.StringVar(&q.format, "format", "", "html, pdf, json, csv or parquet (default: by the name of --out, else html)")
	f.StringVar(&q.table, "table", report.Tables[0], "what csv and parquet hold: "+strings.Join(report.Tables, ", "))
	f.StringVar(&q.lang, "lang", "en", "en or fr, of html and pdf")
	f.StringVar(&q.out, "out", "", "file to write (default: standard output, unsigned)")
	clusterFlags(cmd)
	return cmd
}

// options reads the period. Errors are of usage.
func (q *slaQuestion) options() (o report.Options, err error) {
	if o.Zone, err = time.LoadLocation(q.zone); err != nil || q.zone == "" || q.zone == "Local" {
		return o, fmt.Errorf("--time-zone %q: a name like Europe/Paris is expected", q.zone)
	}
	day := func(flag, text string) (time.Time, error) {
		at, err := time.ParseInLocation(time.DateOnly, text, o.Zone)
		if err != nil {
			return at, fmt.Errorf("%s %q: a day like 2026-11-16 is expected", flag, text)
		}
		return at, nil
	}
	o.Now = time.Now()
	o.Group, o.Program, o.Now = q.group, version, time.Now()
	if o.Sites, err = q.siteNumbers(); err != nil {
		return o, err
	}
	if q.month != "" {
		if q.from != "" || q.to != "" {
			return o, errors.New("--month and --from, --to exclude each other")
		}
		o.From, err = time.ParseInLocation("2006-01", q.month, o.Zone)
		if err != nil {
			return o, fmt.Errorf("--month %q: a month like 2026-10 is expected", q.month)
		}
		o.To = o.From.AddDate(0, 1, 0)
		return o, nil
	}
	if q.from == "" || q.to == "" {
		return o, errors.New("which period? --month 2026-10, or --from and --to")
	}
	var err1, err2 error
	o.From, err1 = day("--from", q.from)
	o.To, err2 = day("--to", q.to)
	if err := errors.Join(err1, err2); err != nil {
		return o, err
	}
	if !o.From.Before(o.To) {
		return o, fmt.Errorf("--from %s --to %s: the period ends before it begins", q.from, q.to)
	}
	return o, nil
}

// siteNumbers reads --site; who names a group names no sites.
func (q *slaQuestion) siteNumbers() (numbers []uint64, err error) {
	if q.group != "" && len(q.sites) > 0 {
		return nil, errors.New("--group and --site exclude each other")
	}
	if len(q.sites) > report.Few {
		return nil, fmt.Errorf("--site: at most %d, %d are named; a group has no bound", report.Few, len(q.sites))
	}
	for _, text := range q.sites {
		number, err := parseSite(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--site: %w", err)
		}
		if number == 0 {
			return nil, errors.New("--site 0 is none: there stand the calls and shifts of the centre")
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// writer is how the report is written.
func (q *slaQuestion) writer() (func(*report.SLA, *bytes.Buffer) error, error) {
	format := q.format
	if format == "" {
		format = "html"
		for _, known := range []string{"json", "csv", "pdf", "parquet"} {
			if strings.HasSuffix(q.out, "."+known) {
				format = known
			}
		}
		if ext := filepath.Ext(q.out); format == "html" && ext != "" && ext != ".html" && ext != ".htm" {
			return nil, fmt.Errorf("--out %s: no form of the report is called %s; say which one with --format", q.out, ext)
		}
	}
	if q.lang != "en" && q.lang != "fr" {
		return nil, fmt.Errorf("--lang %q: en or fr is expected", q.lang)
	}
	if !slices.Contains(report.Tables, q.table) {
		return nil, fmt.Errorf("--table %q: %s is expected", q.table, strings.Join(report.Tables, ", "))
	}
	switch format {
	case "html":
		return func(r *report.SLA, b *bytes.Buffer) error { return r.WriteHTML(b, q.lang) }, nil
	case "json":
		return func(r *report.SLA, b *bytes.Buffer) error { return r.WriteJSON(b) }, nil
	case "csv":
		return func(r *report.SLA, b *bytes.Buffer) error { return r.WriteCSV(b, q.table) }, nil
	case "pdf":
		return func(r *report.SLA, b *bytes.Buffer) error { return r.WritePDF(b, q.lang) }, nil
	case "parquet":
		return func(r *report.SLA, b *bytes.Buffer) error { return r.WriteParquet(b, q.table) }, nil
	}
	return nil, fmt.Errorf("--format %q: html, pdf, json, csv or parquet is expected", q.format)
}

func (s *settings) reportSLA(cmd *cobra.Command, q *slaQuestion) error {
	o, err1 := q.options()
	write, err2 := q.writer()
	if err := errors.Join(err1, err2); err != nil {
		return usageError{err}
	}
	r, err := s.makeSLA(cmd.Context(), o)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(r, &b); err != nil {
		return err
	}
	if q.out == "" {
		_, err := cmd.OutOrStdout().Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(q.out, b.Bytes(), 0o644); err != nil { //nolint:gosec // to be handed on
		return fmt.Errorf("--out: %w", err)
	}
	if _, err := chain.PublicKey(s.path("keys")); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is not signed: %v\n", q.out, err)
		return nil
	}
	signer, err := chain.Signer(s.path("keys"))
	if err != nil {
		return err
	}
	signed, err := report.Sign(b.Bytes(), signer)
	if err != nil {
		return fmt.Errorf("sign the report: %w", err)
	}
	if err := os.WriteFile(q.out+report.SignatureSuffix, signed, 0o644); err != nil { //nolint:gosec // to be handed on
		return fmt.Errorf("--out: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s, and its signed digest %s\n", q.out, q.out+report.SignatureSuffix)
	return nil
}

func (s *settings) makeSLA(ctx context.Context, o report.Options) (*report.SLA, error) {
	kept, err := s.kept()
	if err != nil {
		return nil, err
	}
	db, err := warehouse.Open(ctx, kept)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return report.Make(ctx, db, o)
}

func verifyReportCommand() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Prove that a report is the one that was signed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				keys = []string{s.path("keys", chain.TrustedFile)}
			}
			trusted, _, err := chain.Trusted(keys...)
			if err != nil {
				return fmt.Errorf("%w; name the public key with --key (vigie verify key prints it)", err)
			}
			text, err1 := os.ReadFile(args[0])
			signed, err2 := os.ReadFile(args[0] + report.SignatureSuffix)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if err := report.Check(text, signed, trusted); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the report that was signed\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "file with public keys that may have signed (default: keys/checkpoints.pub below --data)")
	return cmd
}
