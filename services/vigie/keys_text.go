package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// maxKeyText is far above the 64 digits of the longest key.
const maxKeyText = 1 << 10

// keySource is where a command takes a key from.
type keySource struct {
	generate bool
	bits     int
	file     string
}

func (k *keySource) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&k.generate, "generate", false, "make a key and print it once")
	cmd.Flags().IntVar(&k.bits, "bits", 128, "size of a key that is made: 128, 192 or 256")
	cmd.Flags().StringVar(&k.file, "key-file", "", "file with the key (default: standard input): hexadecimal digits, or its characters")
}

func (k *keySource) given() bool { return k.generate || k.file != "" }

// key makes or reads the key. No error repeats what was read.
func (k *keySource) key(cmd *cobra.Command) ([]byte, error) {
	if k.generate {
		key := make([]byte, k.bits/8)
		if k.file != "" || k.bits%8 != 0 || keyring.CheckKey(key) != nil {
			return nil, usageError{errors.New("--generate makes a key of --bits 128, 192 or 256, and excludes --key-file")}
		}
		_, err := rand.Read(key)
		return key, err
	}
	text, err := k.text(cmd)
	if err != nil {
		return nil, err
	}
	key, err := keyring.ParseKey(string(bytes.TrimRight(text, "\r\n")))
	if err != nil {
		return nil, usageError{err}
	}
	return key, nil
}

func (k *keySource) text(cmd *cobra.Command) ([]byte, error) {
	if k.file != "" {
		f, err := os.Open(k.file)
		if err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxKeyText))
	}
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(cmd.ErrOrStderr(), "key (not shown): ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return text, err
	}
	return io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxKeyText))
}

// tell prints a key that was made: alone on standard output, so that it can go
// into a file or a programmer of panels.
func (k *keySource) tell(cmd *cobra.Command, n keyring.Name, key []byte) error {
	if !k.generate {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the key of %s, shown this once:\n", n)
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%X\n", key)
	return err
}

// The text of export and import: a line for each name, comma-separated, the key in
// hexadecimal digits. An empty account is every other account of the line.
const keysHeader = "line,account,key,next"

func keysExportCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "export", Short: "Write all keys in clear, for another receiver or a safe",
		Long: "Write all keys in clear, to a new file of mode 0600 or to standard output (--out -).\nTo back up, copy keyring and master key instead: the copy is encrypted.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("--out is missing: name a new file, or - for standard output; the keys are written in clear")}
			}
			return withKeyring(cmd, func(ring *keyring.Ring) error {
				if out == "-" {
					return exportKeys(cmd.OutOrStdout(), ring)
				}
				f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return fmt.Errorf("export the keys: %w", err)
				}
				return errors.Join(exportKeys(f, ring), f.Sync(), f.Close())
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new file, or - for standard output")
	return cmd
}

func exportKeys(w io.Writer, ring *keyring.Ring) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, keysHeader)
	ring.Export(func(r keyring.Record) bool {
		fmt.Fprintf(out, "%X,%s,%X,%X\n", r.Line, r.Account, r.Key, r.Next)
		return true
	})
	return out.Flush()
}

func keysImportCommand() *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Take many keys over from a file or standard input",
		Long: `Take many keys over, all or none, from text as export writes it:

  ` + keysHeader + `
  0,1234,00112233445566778899AABBCCDDEEFF,
  1F,,000102030405060708090A0B0C0D0E0F,

The first line is optional, and so is the next key. Keys are hexadecimal digits.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) == 1 {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("import keys: %w", err)
				}
				defer f.Close()
				in = f
			}
			records, err := parseKeys(in)
			if err != nil {
				return err
			}
			if err := editKeyring(cmd, func(e *keyring.Editor) error { return e.Import(records, replace, time.Now()) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d keys taken over\n", len(records))
			return nil
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "take the new key where there is another one")
	return cmd
}

// parseKeys reads text of keys. The error names the row, and repeats no key.
func parseKeys(in io.Reader) ([]keyring.Record, error) {
	var records []keyring.Record
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || n == 1 && text == keysHeader {
			continue
		}
		r, err := parseRecord(text)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", n, err)
		}
		records = append(records, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("import keys: %w", err)
	}
	return records, nil
}

func parseRecord(text string) (r keyring.Record, err error) {
	part := strings.Split(text, ",")
	if len(part) != 3 && len(part) != 4 {
		return r, fmt.Errorf("%d fields: %s is expected", len(part), keysHeader)
	}
	line, err := strconv.ParseUint(part[0], 16, 32)
	if err != nil {
		return r, errors.New("the line is not 1 to 6 hexadecimal digits")
	}
	if r.Name, err = (keyring.Name{Line: uint32(line), Account: part[1]}).Check(); err != nil {
		return r, err
	}
	if r.Key, err = hexKey(part[2]); err != nil {
		return r, fmt.Errorf("%s: the key: %w", r.Name, err)
	}
	if len(part) == 4 && part[3] != "" {
		if r.Next, err = hexKey(part[3]); err != nil {
			return r, fmt.Errorf("%s: the next key: %w", r.Name, err)
		}
	}
	return r, nil
}

// hexKey takes digits only: in a table, a key of 32 characters that is not
// hexadecimal is a typing error. It repeats none of them.
func hexKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%d characters that are not hexadecimal digits in pairs", len(text))
	}
	return key, keyring.CheckKey(key)
}
