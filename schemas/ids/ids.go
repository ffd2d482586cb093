// Package ids makes and shows the identities that all processes agree on:
// event ids, fingerprints, numbers of undeclared sites, incident and detection
// ids. All are deterministic functions of their arguments.
package ids

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Size is the length of an id in bytes.
const Size = 16

// ID is 16 bytes, shown as 26 characters of Crockford base32.
type ID [Size]byte

// FirstUndeclared is the smallest number of an undeclared site; declared sites
// are below it, so that every site is < 2^53 and safe in JSON.
const FirstUndeclared uint64 = 1 << 52

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// String shows the id in Crockford base32.
func (id ID) String() string { return crockford.EncodeToString(id[:]) }

// Show shows the bytes of an id in Crockford base32; "" for none.
func Show(id []byte) string { return crockford.EncodeToString(id) }

// Parse reads an id as String shows it, in either case. The error says what is wrong.
func Parse(s string) (ID, error) {
	b, err := crockford.DecodeString(strings.ToUpper(s))
	if err != nil || len(b) != Size {
		return ID{}, fmt.Errorf("%q is not an id: 26 characters of Crockford base32 are expected", s)
	}
	return ID(b), nil
}

// Event is the id of what a writer took: unique per receipt by (boot,
// partition, counter), spread evenly because incident ids show its first 65 bits.
func Event(boot []byte, partition int32, counter uint64) ID {
	var room [64]byte
	b := append(append(room[:0], "vigie event\x00"...), boot...)
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	return sum(binary.BigEndian.AppendUint64(b, counter))
}

// sum is the first 16 bytes of SHA-256. What is hashed is laid out in one piece
// first: on the stack, where it is short, the hash allocates nothing.
func sum(b []byte) ID {
	full := sha256.Sum256(b)
	return ID(full[:Size])
}

// Act is the id of a person's act: the same for the same user, idempotency key
// and act, so that the log itself recognises a repeat.
func Act(user, idempotencyKey, act string) ID {
	return Hash("vigie act", user, idempotencyKey, act)
}

// Hash is the first 16 bytes of SHA-256 over the parts, each with its length.
func Hash(parts ...string) ID {
	var room [128]byte
	b := room[:0]
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(p))), p...)
	}
	return sum(b)
}

// Fingerprint recognises a retransmission: site, sequence, token, data and
// extended data, without stamp, receiver, line, path or CRC.
func Fingerprint(site uint64, seq uint32, token string, data []byte, xdata []byte) ID {
	var room [256]byte
	b := binary.BigEndian.AppendUint64(room[:0], site)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint64(b, uint64(len(token)))
	b = binary.BigEndian.AppendUint64(b, uint64(len(data)))
	b = append(append(append(b, token...), data...), xdata...)
	return sum(b)
}

// Account returns the normal form of an account: upper case.
func Account(account string) string { return strings.ToUpper(account) }

// UndeclaredSite is the number of the site that stands for an account that
// nobody bound: 2^52 plus 52 bits of SHA-256 over line and normal account.
func UndeclaredSite(line uint32, account string) uint64 {
	h := Hash("vigie account", strconv.FormatUint(uint64(line), 10), Account(account))
	return FirstUndeclared + binary.BigEndian.Uint64(h[:8])>>12
}

// AccountKey is the key of vigie.accounts: "<line>/<normal account>".
func AccountKey(line uint32, account string) string {
	return strconv.FormatUint(uint64(line), 10) + "/" + Account(account)
}

// Incident is the id of the incident that an event opened.
func Incident(site uint64, openingEvent []byte) string {
	return strconv.FormatUint(site, 10) + "-" + crockford.EncodeToString(openingEvent)[:13]
}

// IncidentSite reads the site out of an incident id. The error says what is wrong.
func IncidentSite(incident string) (uint64, error) {
	number, rest, ok := strings.Cut(incident, "-")
	site, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || len(rest) != 13 || site >= 1<<53 {
		return 0, fmt.Errorf("%q is not an incident id: <site>-<13 characters> is expected", incident)
	}
	return site, nil
}

// DetectionOfEvent is the id of a detection that an event opened.
func DetectionOfEvent(kind string, site uint64, event []byte) ID {
	return Hash("vigie detection", kind, strconv.FormatUint(site, 10), "event", string(event))
}

// DetectionOfTimer is the id of a detection that a deadline opened; what tells
// timers of one kind apart within the site (a path, a zone) is part of it.
func DetectionOfTimer(kind string, site uint64, what string, deadlineMS int64) ID {
	return Hash("vigie detection", kind, strconv.FormatUint(site, 10), "timer", what, strconv.FormatInt(deadlineMS, 10))
}

// Site shows a site as people see it: S-4711.
func Site(site uint64) string { return "S-" + strconv.FormatUint(site, 10) }

// GroupSite is the number under which what concerns a whole group of sites is
// handled: 2^52 plus 52 bits of SHA-256 over the group's kind and name.
func GroupSite(kind, group string) uint64 {
	h := Hash("vigie group", kind, group)
	return FirstUndeclared + binary.BigEndian.Uint64(h[:8])>>12
}

// DetectionOfGroup is the id of a detection that the fleet opened at a tick.
func DetectionOfGroup(kind, groupKind, group string, tickMS int64) ID {
	return Hash("vigie detection", kind, "group", groupKind, group, strconv.FormatInt(tickMS, 10))
}
