package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// noteHead is the first line of a signed digest.
const noteHead = "vigie-report v1"

// SignatureSuffix is what the name of a report's digest ends with.
const SignatureSuffix = ".sig"

// ErrChanged says that a report is not the one that was signed.
var ErrChanged = errors.New("the report is not the one that was signed")

// Sign gives the signed digest of a report's bytes: a signed note that holds their
// SHA-256, to be kept beside them.
func Sign(report []byte, signer note.Signer) ([]byte, error) {
	sum := sha256.Sum256(report)
	return note.Sign(&note.Note{Text: noteHead + "\n" + hex.EncodeToString(sum[:]) + "\n"}, signer)
}

// Check says whether a report is the one that one of the trusted keys has signed.
// The error says what is wrong: the signature, or ErrChanged.
func Check(report, signed []byte, trusted note.Verifiers) error {
	n, err := note.Open(signed, trusted)
	if err != nil {
		return fmt.Errorf("the digest: %w", err)
	}
	head, digest, _ := strings.Cut(n.Text, "\n")
	if head != noteHead {
		return fmt.Errorf("the digest is of something else: its first line is %q", head)
	}
	sum := sha256.Sum256(report)
	if strings.TrimSuffix(digest, "\n") != hex.EncodeToString(sum[:]) {
		return ErrChanged
	}
	return nil
}
