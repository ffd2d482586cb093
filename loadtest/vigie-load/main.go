// Command vigie-load is the load lab: it puts a running Vigie under a seeded
// load, checks that nothing was lost or doubled, and writes a report.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes: those of vigie.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	err := newRoot().ExecuteContext(ctx)
	if err != nil && !errors.As(err, new(usageError)) && strings.HasPrefix(err.Error(), "unknown command") {
		err = usageError{fmt.Errorf("%w; see `vigie-load --help`", err)} // found before any command could say so
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vigie-load: "+strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	}
	os.Exit(exitCode(err))
}

// usageError marks a command line that cannot be understood.
type usageError struct{ error }

// errInvalid: the run has a report, and it says INVALID.
var errInvalid = errors.New("the run is not valid; the report says why")

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "vigie-load",
		Short: "Put a Vigie under load, and report what it carries",
		Long: `The load lab plays a seeded fleet of alarm panels against a running Vigie, checks
that what was acknowledged is in the log exactly once in effect and that all that
was derived is what the log gives, and writes a report: one HTML page, one JSON.

Start with:
  vigie-load run lockdown --start bin/vigie     on an installation of its own
  vigie-load run normal-day --data .vigie       on a running ` + "`vigie up`",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	root.AddCommand(runCommand())
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("%s does nothing by itself; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())}
	}
	return root
}
