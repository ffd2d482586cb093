package alarm

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// maxIntervalMS is the longest supervision interval, 32 d (EN 50136-1, SP1).
const maxIntervalMS = 32 * day

// declare sets what a site is; a later declaration replaces an earlier one whole.
func (w *work) declare(b *vigiev1.SiteDeclared) decided {
	if reason := w.checkDeclaration(b); reason != "" {
		return refused(reason)
	}
	c := w.cold()
	c.declaration = encode(b)
	c.zone = b.GetTimeZone()
	c.highRisk = b.GetRisk() == "high"
	w.s.class = w.f.class(b.GetSiteClass())
	w.f.place(w.s)
	for _, name := range b.GetAreas() {
		if name = areaName(name); name != "" {
			w.areasOf(name)
		}
	}
	c.zoneFacts = factsOf(b.GetZones())
	w.declarePaths(b.GetPaths())
	w.regroup(b)
	w.judgeIntervals(b.GetPaths())
	w.declareCyclicTest(b.GetCyclicTestMs())
	w.unknownAccountKnown(closedDeclared)
	w.watchClosure()
	w.watchSchedule()
	w.judgeCommissioning()
	w.changed()
	w.putDirectory(b)
	return accepted("")
}

func factsOf(zones []*vigiev1.ZoneDeclared) []zoneFact {
	var facts []zoneFact
	for _, z := range zones[:min(len(zones), maxZoneFacts)] {
		facts = append(facts, zoneFact{
			point: pointOf(z.GetArea(), z.GetZone()), technology: clip(z.GetTechnology()), entry: z.GetEntryRoute(), outside: z.GetOutside(),
		})
	}
	return facts
}

func (w *work) checkDeclaration(b *vigiev1.SiteDeclared) string {
	switch {
	case w.s.number == 0 || w.s.number >= ids.FirstUndeclared:
		return "not-a-declared-site-number"
	case proto.Size(b) > maxDeclaration:
		return "declaration-too-large"
	case len(b.GetPaths()) > maxPaths:
		return "too-many-paths"
	case len(b.GetAreas()) > maxAreas:
		return "too-many-areas"
	case b.GetTimeZone() != "" && w.f.zones.Zone(b.GetTimeZone()) == nil:
		return "unknown-time-zone"
	}
	if b.GetCyclicTestMs() < 0 || b.GetCyclicTestMs() > maxIntervalMS {
		return "bad-interval"
	}
	seen := map[uint32]bool{}
	for _, p := range b.GetPaths() {
		if p.GetPath() == 0 || seen[p.GetPath()] {
			return "bad-path-number"
		}
		if p.GetIntervalMs() < 0 || p.GetIntervalMs() > maxIntervalMS {
			return "bad-interval"
		}
		seen[p.GetPath()] = true
	}
	return ""
}

// declarePaths lays the declared paths over those known; a path that was declared
// before and is not any more is no longer supervised.
func (w *work) declarePaths(declared []*vigiev1.PathDeclared) {
	w.stopSupervising(func(p *path) bool {
		for _, d := range declared {
			if d.GetPath() == p.number {
				return true
			}
		}
		return !p.declared
	}, closedNotSupervised)
	for _, d := range declared {
		p := w.s.path(d.GetPath())
		if p == nil {
			p = w.addPath(path{number: d.GetPath(), status: pathNeverHeard})
		}
		if p == nil {
			continue
		}
		p.interval = uint32(d.GetIntervalMs())
		p.declared = true
		g := w.f.groups.number(d.GetReceiverGroup())
		p.pinned = g != 0
		if p.pinned && p.group != g {
			p.group, p.due = g, 0
			p.heardS = w.env.SAt(d.GetReceiverGroup(), p.heardAt)
		}
	}
	w.s.eachPath(w.rearm)
}

// declaration is what the site was declared to be; nil when it was not.
func (w *work) declaration() *vigiev1.SiteDeclared { return declarationOf(w.s.cold) }

// encodedDeclaration is the same as it is kept.
func (c *cold) encodedDeclaration() []byte {
	if c == nil {
		return nil
	}
	return c.declaration
}

func declarationOf(c *cold) *vigiev1.SiteDeclared {
	encoded := c.encodedDeclaration()
	if encoded == nil {
		return nil
	}
	b := &vigiev1.SiteDeclared{}
	if err := proto.Unmarshal(encoded, b); err != nil {
		panic(fmt.Sprintf("alarm: a declaration that was encoded here cannot be decoded: %v", err))
	}
	return b
}

func (w *work) putDirectory(b *vigiev1.SiteDeclared) {
	c := w.cold()
	c.directoryVersion++
	w.put(topics.Directory, &vigiev1.DirectoryRecord{Site: w.s.number, Version: c.directoryVersion, Declared: b, Stage: c.stage}, false)
}

func encode(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("alarm: encoding %s: %v", m.ProtoReflect().Descriptor().Name(), err))
	}
	return b
}
