// Command vigie is the event-sourced core of an alarm receiving centre: one
// binary, one file a subcommand. See `vigie --help`.
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

	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitMissing = 3
)

func main() {
	err := newRoot().ExecuteContext(untilTold())
	if err != nil && !errors.As(err, new(usageError)) && strings.HasPrefix(err.Error(), "unknown command") {
		err = usageError{fmt.Errorf("%w; see `vigie --help`", err)} // found before any command could say so
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vigie: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	os.Exit(exitCode(err))
}

// errForGood is the cause of a stop by SIGUSR1: who is stopped will not be back soon.
var errForGood = errors.New("stopped for good")

// untilTold ends with the first signal to stop: SIGTERM and Ctrl-C, which a start may
// follow, or SIGUSR1, after which none does. A second one ends the process at once.
func untilTold() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		got := <-told
		signal.Stop(told)
		if got == syscall.SIGUSR1 {
			cancel(errForGood)
		}
		cancel(nil)
	}()
	return ctx
}

// usageError marks a command line that cannot be understood.
type usageError struct{ error }

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, broker.ErrMissing), errors.Is(err, engine.ErrNoLib):
		return exitMissing
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "vigie",
		Short: "The event-sourced core of an alarm receiving centre",
		Long: `Vigie takes what panels and people say into an immutable log (Kafka), derives
the state of every site and what is wrong from it, and shows both live.

Start with:
  vigie up --demo        everything on this machine, with a living fleet
  vigie panel send       send one alarm and see what the answer means
  vigie panel decode     explain a frame, or a capture of the network`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default ./vigie.yaml when it is there)")
	root.PersistentFlags().String("data", "", "directory of everything that vigie keeps (default ./.vigie)")
	root.PersistentFlags().String("log-level", "", "debug, info, warn or error (default info)")
	root.AddCommand(
		upCommand(), provisionCommand(), receiverCommand(), processorCommand(), archiverCommand(), consoleCommand(),
		demoCommand(), panelCommand(), keysCommand(), verifyCommand(), configCommand(), versionCommand(), engineCommand(),
		metricsCommand(), healthcheckCommand(), statusCommand(), doctorCommand(), replayCommand(), explainCommand(), baselineCommand(), reportCommand(), warehouseCommand(), eraseCommand(),
	)
	for _, c := range root.Commands() {
		strictArgs(c)
	}
	return root
}

// strictArgs makes a word too many a usage error that says where to look.
func strictArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
	if c.HasSubCommands() && !c.Runnable() {
		// Without this a mistyped subcommand prints help and succeeds: a proof that proved nothing.
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("%s does nothing by itself; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())}
		}
	}
	for _, sub := range c.Commands() {
		strictArgs(sub)
	}
}
