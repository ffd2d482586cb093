package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/vault"
)

// eraseReason is a reference, never a sentence that could name a person.
var eraseReason = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// eraseQuestion is what `vigie erase` is asked.
type eraseQuestion struct {
	site, by, reason string
	yes              bool
}

func eraseCommand() *cobra.Command {
	var q eraseQuestion
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Make what a site's people wrote and its panels sent unreadable, everywhere and for ever",
		Long: `Destroys the key under which the texts and raw frames of a site are sealed. The log,
the topics, ClickHouse and every copy of them keep the sealed bytes, and nobody can
read them any more: not this program, not with a backup of the data. Alarms,
detections, times, codes and the names of operators stay, as the law asks of an
alarm receiving centre. What the site sends from now on is sealed under a new key.

Run it on every machine whose receiver or console has keys of its own. A backup of
the directory of keys keeps the old key for as long as the backup lives.`,
		Example: `  vigie erase --site S-4711 --reason request-2026-113 --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return s.erase(cmd, q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.site, "site", "", "the site: S-7 or 7")
	f.StringVar(&q.by, "by", userName(), "who does it")
	f.StringVar(&q.reason, "reason", "", "why, as a reference; it stands in the log for ever and names no person")
	f.BoolVar(&q.yes, "yes", false, "do it: there is no way back")
	clusterFlags(cmd)
	return cmd
}

func (s *settings) erase(cmd *cobra.Command, q eraseQuestion) error {
	site, err := parseSite(q.site)
	switch {
	case err != nil:
		return usageError{fmt.Errorf("--site: %w", err)}
	case site == 0:
		return usageError{errors.New("--site 0 is none: there stand the calls and shifts of the centre")}
	case q.by == "":
		return usageError{errors.New("--by is needed: an erasure is explained to an auditor")}
	case !eraseReason.MatchString(q.reason):
		return usageError{errors.New("--reason is needed, as a reference: up to 64 letters, digits, . _ and -, as request-2026-113")}
	case !q.yes:
		return usageError{fmt.Errorf("texts and frames of %s would be unreadable for ever; add --yes to do it", ids.Site(site))}
	}
	if err := s.findKafka(); err != nil {
		return err
	}
	dir := s.path("keys")
	if _, err := os.Stat(filepath.Join(dir, "keys.db")); err != nil {
		return fmt.Errorf("there are no keys in %s (%w); run it where the receiver or the console keeps its data (--data)", dir, err)
	}
	keys, err := s.openVault(vault.OpenShared)
	if err != nil {
		return err
	}
	defer keys.Close()
	key := vault.SiteKey(site)
	switch held, err := keys.Holds(key); {
	case err != nil:
		return err
	case !held:
		return fmt.Errorf("there is no key of %s in %s: nothing of it was ever sealed here", ids.Site(site), dir)
	}
	if err := keys.Shred(key); err != nil {
		return err
	}
	err = eventlog.AppendShredded(cmd.Context(), s.kafka, s.log, eventlog.Shredding{Site: site, KeyID: key, At: time.Now(), By: q.by, Reason: q.reason})
	if err != nil {
		return fmt.Errorf("the key of %s is destroyed, but the log does not say so yet; run the same command again: %w", ids.Site(site), err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "The key of %s is destroyed: its texts and frames cannot be read any more. Backups of %s keep it until they expire.\n", ids.Site(site), dir)
	return nil
}
