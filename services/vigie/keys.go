package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// keyringWait is how long a command waits for another one that changes the keyring.
const keyringWait = 30 * time.Second

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Keep the AES keys of panels: add, rotate, list, export, import, remove",
		Long: `Keep the AES keys of panels, by line and account. A running receiver on the same
data directory has a change within seconds.

A key is read from standard input, a file (--key-file), or made (--generate,
printed once). It is never an argument: those stand in the list of processes.`,
	}
	cmd.AddCommand(keysAddCommand(), keysRotateCommand(), keysRemoveCommand(), keysListCommand(), keysExportCommand(), keysImportCommand())
	return cmd
}

func (s *settings) keyringPath() string {
	return cmp.Or(s.cfg.Receiver.Keyring, s.path("keys", "panels.keyring"))
}

// keyring is where a command finds the keyring and what opens it.
func (s *settings) keyring(ctx context.Context) (path string, master []byte, err error) {
	path = s.keyringPath()
	if text := s.cfg.Receiver.MasterKey; text != "" {
		if master, err = hex.DecodeString(text); err != nil || len(master) != keyring.MasterSize {
			return path, nil, usageError{fmt.Errorf("receiver.master_key has %d characters: %d hexadecimal digits are expected", len(text), 2*keyring.MasterSize)}
		}
		return path, master, nil
	}
	file := s.cfg.Receiver.MasterKeyFile
	if file == "" {
		file = s.path("keys", "panels.master")
	}
	ctx, cancel := context.WithTimeout(ctx, keyringWait)
	defer cancel()
	master, err = keyring.LoadMaster(ctx, path, file)
	return path, master, err
}

// withKeyring runs a command that reads the keyring.
func withKeyring(cmd *cobra.Command, use func(*keyring.Ring) error) error {
	s, err := load(cmd)
	if err != nil {
		return err
	}
	path, master, err := s.keyring(cmd.Context())
	if err != nil {
		return err
	}
	ring, err := keyring.Read(path, master)
	if errors.Is(err, os.ErrNotExist) {
		ring, err = keyring.Empty(master)
	}
	if err != nil {
		return err
	}
	return use(ring)
}

// editKeyring runs a command that changes the keyring.
func editKeyring(cmd *cobra.Command, change func(*keyring.Editor) error) error {
	s, err := load(cmd)
	if err != nil {
		return err
	}
	path, master, err := s.keyring(cmd.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), keyringWait)
	defer cancel()
	return keyring.Edit(ctx, path, master, change)
}

// whose is the flags that name an account or a line.
type whose struct {
	account, line string
	all           bool
}

func (w *whose) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.account, "account", "", "account, as the panel sends it")
	cmd.Flags().StringVar(&w.line, "line", "0", "line (account prefix L), hexadecimal")
	cmd.Flags().BoolVar(&w.all, "all-accounts", false, "the key of every account of the line that has none of its own")
}

func (w *whose) name() (keyring.Name, error) {
	line, err := strconv.ParseUint(w.line, 16, 32)
	if err != nil {
		return keyring.Name{}, usageError{fmt.Errorf("--line %q: 1 to 6 hexadecimal digits are expected", w.line)}
	}
	if (w.account == "") != w.all {
		return keyring.Name{}, usageError{errors.New("name one account with --account, or every account of the line with --all-accounts")}
	}
	n, err := keyring.Name{Line: uint32(line), Account: w.account}.Check()
	if err != nil {
		return n, usageError{err}
	}
	return n, nil
}

func keysAddCommand() *cobra.Command {
	var who whose
	var from keySource
	cmd := &cobra.Command{
		Use: "add", Short: "Give an account, or all accounts of a line, a key",
		Example: `  vigie keys add --account 1234 --generate          make a key and print it once
  vigie keys add --account 1234 < key.txt           the key that the panel has
  vigie keys add --line 1F --all-accounts --key-file line.key`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := who.name()
			if err != nil {
				return err
			}
			key, err := from.key(cmd)
			if err != nil {
				return err
			}
			if err := editKeyring(cmd, func(e *keyring.Editor) error { return e.Add(n, key, time.Now()) }); err != nil {
				return err
			}
			return from.tell(cmd, n, key)
		},
	}
	who.flags(cmd)
	from.flags(cmd)
	return cmd
}

func keysRotateCommand() *cobra.Command {
	var who whose
	var from keySource
	var finish, cancel bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Change a key: old and new are both accepted until --finish",
		Long: `Change a key in three steps: rotate sets the next key; the panel is given it;
rotate --finish makes it the only one. Until then both open the account's frames,
so that no alarm is lost between. Once the new key was heard, a frame under the old
one is still taken, and told as a suspicion. --cancel forgets the next key.`,
		Example: `  vigie keys rotate --account 1234 --generate
  vigie keys rotate --account 1234 --finish`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := who.name()
			if err != nil {
				return err
			}
			switch {
			case finish && cancel, (finish || cancel) && from.given():
				return usageError{errors.New("--finish, --cancel and a new key exclude each other")}
			case finish:
				return editKeyring(cmd, func(e *keyring.Editor) error { return e.Finish(n) })
			case cancel:
				return editKeyring(cmd, func(e *keyring.Editor) error { return e.Cancel(n) })
			}
			key, err := from.key(cmd)
			if err != nil {
				return err
			}
			if err := editKeyring(cmd, func(e *keyring.Editor) error { return e.Rotate(n, key, time.Now()) }); err != nil {
				return err
			}
			return from.tell(cmd, n, key)
		},
	}
	who.flags(cmd)
	from.flags(cmd)
	cmd.Flags().BoolVar(&finish, "finish", false, "make the next key the only one")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "forget the next key")
	return cmd
}

func keysRemoveCommand() *cobra.Command {
	var who whose
	cmd := &cobra.Command{
		Use: "remove", Short: "Forget the keys of an account, or of all accounts of a line",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := who.name()
			if err != nil {
				return err
			}
			return editKeyring(cmd, func(e *keyring.Editor) error { return e.Remove(n) })
		},
	}
	who.flags(cmd)
	return cmd
}

func keysListCommand() *cobra.Command {
	var rotating bool
	cmd := &cobra.Command{
		Use: "list", Short: "List who has a key: its size, fingerprint and age, never the key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeyring(cmd, func(ring *keyring.Ring) error {
				out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(out, "LINE\tACCOUNT\tKEY\tFINGERPRINT\tSINCE\tNEXT KEY")
				ring.Each(func(e keyring.Entry) bool {
					if rotating && e.Next == "" {
						return true
					}
					account, next := e.Account, "-"
					if account == "" {
						account = "(all others)"
					}
					if e.Next != "" {
						next = e.Next + " since " + e.NextSince.UTC().Format(time.DateOnly)
					}
					fmt.Fprintf(out, "%X\t%s\tAES-%d\t%s\t%s\t%s\n", e.Line, account, e.Bits, e.Fingerprint, e.Since.UTC().Format(time.DateOnly), next)
					return true
				})
				return out.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&rotating, "rotating", false, "only keys that are being changed")
	return cmd
}
