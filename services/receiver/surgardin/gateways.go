package surgardin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Gateway is one that may send, by its address.
type Gateway struct {
	From netip.Prefix
	// Line under which its accounts are known, below 2^24. AsSent takes the digits
	// of receiver and line card in each message instead: 011 is line 11 (hexadecimal).
	Line   uint32
	AsSent bool
	// Path within the sites that its messages come by, 1 to 15.
	Path uint32
}

// String is its address, or network, as it stands in the log.
func (g Gateway) String() string {
	if g.From.IsSingleIP() {
		return g.From.Addr().String()
	}
	return g.From.String()
}

// ParseGateways reads ADDRESS, ADDRESS=LINE and ADDRESS=LINE/PATH: an address or a
// network, the line in hexadecimal, as panels send it, and the path.
func ParseGateways(text []string) ([]Gateway, error) {
	var out []Gateway
	for _, t := range text {
		g, err := parseGateway(strings.TrimSpace(t))
		if err != nil {
			return nil, fmt.Errorf("gateway %q: %w; ADDRESS, ADDRESS=LINE or ADDRESS=LINE/PATH is expected, as 192.0.2.10=1F/2", t, err)
		}
		for _, other := range out {
			if other.From.Overlaps(g.From) {
				return nil, fmt.Errorf("gateway %q: its addresses are those of %s", t, other)
			}
		}
		out = append(out, g)
	}
	return out, nil
}

func parseGateway(text string) (Gateway, error) {
	at, rest, numbered := strings.Cut(text, "=")
	g := Gateway{AsSent: !numbered, Path: 1}
	if a, err := netip.ParseAddr(at); err == nil {
		a = a.Unmap()
		g.From = netip.PrefixFrom(a, a.BitLen())
	} else if g.From, err = netip.ParsePrefix(at); err != nil {
		return g, errors.New("its address is none")
	}
	g.From = g.From.Masked()
	if !numbered {
		return g, nil
	}
	line, path, hasPath := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(line, 16, 24)
	if err != nil {
		return g, errors.New("its line is not 1 to 6 hexadecimal digits")
	}
	g.Line = uint32(n)
	if hasPath {
		p, err := strconv.ParseUint(path, 10, 8)
		if err != nil || p < 1 || p > 15 {
			return g, errors.New("its path is not 1 to 15")
		}
		g.Path = uint32(p)
	}
	return g, nil
}
