package alarm

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// What is read out of an encoded declaration is what decoding all of it gives.
func TestStatesShowWhatWasDeclared(t *testing.T) {
	t.Parallel()
	var got declared
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 8, 32)
		b := &vigiev1.SiteDeclared{
			Label: text.Draw(t, "label"), SiteClass: text.Draw(t, "class"), TimeZone: text.Draw(t, "zone"),
			Groups: rapid.SliceOfN(text, 0, 3).Draw(t, "groups"), Areas: rapid.SliceOfN(text, 0, 3).Draw(t, "areas"),
			Region: text.Draw(t, "region"), CyclicTestMs: rapid.Int64().Draw(t, "test"),
			Zones: []*vigiev1.ZoneDeclared{{Zone: text.Draw(t, "zone"), Outside: true}},
		}
		for range rapid.IntRange(0, 3).Draw(t, "paths") {
			b.Paths = append(b.Paths, &vigiev1.PathDeclared{
				Path: rapid.Uint32().Draw(t, "path"), Name: text.Draw(t, "name"), IntervalMs: rapid.Int64().Draw(t, "interval"), Carrier: text.Draw(t, "carrier"),
			})
		}
		got.read(encode(b))
		same := slices.EqualFunc(got.paths, b.GetPaths(), func(p declaredPath, q *vigiev1.PathDeclared) bool {
			return p.number == q.GetPath() && p.name == q.GetName()
		})
		if got.label != b.GetLabel() || got.timeZone != b.GetTimeZone() || !slices.Equal(got.groups, b.GetGroups()) || !same {
			t.Fatalf("%+v was read from %v", got, b)
		}
	})
}
