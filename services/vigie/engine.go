package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/internal/config"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// engineUse is the child's side of the local ClickHouse engine.
const engineUse = "clickhouse-engine"

func engineCommand() *cobra.Command {
	return &cobra.Command{
		Use: engineUse, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		Short: "Serve the local ClickHouse engine (started by `vigie up`)",
		RunE: func(cmd *cobra.Command, args []string) error {
			log := newLogger(config.Log{Level: "info", Format: "text"}, os.Stderr)
			cfg, err := engine.ParseArgs(args, log)
			if err != nil {
				return err
			}
			return engine.Serve(cmd.Context(), cfg)
		},
	}
}
