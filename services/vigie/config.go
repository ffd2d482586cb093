package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/internal/config"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check, show or document the configuration"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Read the configuration as every command does, and say what is wrong with it",
			RunE: func(cmd *cobra.Command, _ []string) error {
				if _, err := load(cmd); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), "the configuration is good")
				return nil
			},
		},
		&cobra.Command{
			Use: "show", Short: "Print the configuration in force as YAML, secrets masked",
			RunE: func(cmd *cobra.Command, _ []string) error {
				s, err := load(cmd)
				if err != nil {
					return err
				}
				fmt.Fprint(cmd.OutOrStdout(), s.cfg.Show())
				return nil
			},
		},
		&cobra.Command{
			Use: "docs", Short: "Print the reference of every key as Markdown",
			Run: func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), config.Docs()) },
		},
	)
	return cmd
}
